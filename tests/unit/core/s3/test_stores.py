"""Clients reach a bucket by the URL that AWS gives the bucket, or below an endpoint."""

from typing import Literal

import boto3
from botocore.config import Config
from botocore.session import Session

from chalicelib.core.s3.stores import Credentials, bucket_url
from tests.support.builders import mount


def test_a_bucket_has_the_url_that_clients_can_reach() -> None:
    aws, other = "s3.eu-west-1.amazonaws.com", "http://10.0.0.1:9000"
    for at, origin, host, base in [
        (mount(), f"https://acme-files.{aws}", f"acme-files.{aws}", ""),
        (mount(bucket="a.b.c"), f"https://{aws}", aws, "/a.b.c"),
        (mount(bucket="Old_Name"), f"https://{aws}", aws, "/Old_Name"),
        (mount(endpoint=other), other, "10.0.0.1:9000", "/acme-files"),
        (mount(endpoint="https://[::1]:9000"), "https://[::1]:9000", "[::1]:9000", "/acme-files"),
        (mount(endpoint=other, public_endpoint="https://s3.acme"), "https://s3.acme", "s3.acme", "/acme-files"),
    ]:
        assert at.bucket_url == (origin, host, base)


def test_a_store_is_a_partition_of_aws_or_an_endpoint() -> None:
    for at, on_aws, store in [
        (mount(), True, "aws"),
        (mount(region="cn-north-1", public_endpoint="https://cdn.acme"), True, "aws-cn"),
        (mount(endpoint="http://minio:9000"), False, "http://minio:9000"),
    ]:
        assert (at.on_aws, at.store) == (on_aws, store)


def test_every_region_of_every_partition_has_the_host_of_botocore() -> None:
    for partition in Session().get_data("partitions")["partitions"]:
        for region in partition["regions"].keys() - {f"{partition['id']}-global"}:
            suffix = partition["outputs"]["dnsSuffix"]
            assert bucket_url("acme-files", region, None).host == f"acme-files.s3.{region}.{suffix}"
            assert mount(region=region).store == partition["id"]


def test_the_url_of_a_bucket_is_the_url_of_boto3() -> None:
    styles: dict[str, Literal["virtual", "path"]] = {"acme-files": "virtual", "files.acme.example": "path"}
    for bucket, style in styles.items():
        for region in ("us-east-1", "cn-north-1"):
            s3 = {"addressing_style": style, "us_east_1_regional_endpoint": "regional"}
            client = boto3.client(
                "s3",
                region_name=region,
                aws_access_key_id="AKID",
                aws_secret_access_key="secret",
                config=Config(signature_version="s3v4", s3=s3),  # type: ignore[arg-type]  # a literal in the stubs
            )
            url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü"})
            origin, _, base = bucket_url(bucket, region, None)
            assert url.startswith(f"{origin}{base}/a%20b/%C3%BC?")


def test_credentials_are_not_printed() -> None:
    credentials = Credentials("canary", "canary", "canary", 1.0)
    assert f"{credentials!r} {credentials}" == "Credentials(…) Credentials(…)"
