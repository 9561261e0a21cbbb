"""Clients reach a bucket by the URL that AWS gives the bucket, or below an endpoint."""

import re

from botocore.session import Session
from hypothesis import event, given
from hypothesis import strategies as st

from chalicelib.core.s3.presign import presign
from chalicelib.core.s3.stores import Credentials, access_point_of, bucket_url
from tests.support.builders import CREDENTIALS, NOW, mount, target
from tests.support.oracles import BucketPlace, aws_places, botocore_base, botocore_url, store_places


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


def test_every_region_is_in_the_partition_of_botocore() -> None:
    for partition in Session().get_data("partitions")["partitions"]:
        for region in partition["regions"].keys() - {f"{partition['id']}-global"}:
            assert mount(region=region).store == partition["id"]


def test_every_kind_of_url_has_the_host_and_the_signature_of_botocore() -> None:
    """`settings/test_bucket_urls.py` shows that no mount has a kind of URL that botocore refuses."""
    places = [*aws_places(), *store_places()]
    bases = [(place, base) for place in places if (base := botocore_base(place))]
    assert len(bases) > 700
    for place, base in bases:
        if place.addressing == "virtual" and (base.endswith(f"/{place.bucket}") or "[" in base):
            continue  # botocore falls back to the path, or gives no URL
        at = mount(**place._asdict())
        assert at.bucket_url.origin + at.bucket_url.base == base
        signed = presign(target("a b/ü", at), "GET", query={}, headers={}, credentials=CREDENTIALS, now=NOW)
        assert signed.url == botocore_url(
            *("GET", base, "a b/ü"),
            query={},
            headers={},
            credentials=CREDENTIALS,
            region=place.region,
            expires=300,
            signed_at=NOW,
        )


@given(
    name=st.text("ab0-", min_size=1, max_size=8).map("x".__add__) | st.text("aA0-./:%é", max_size=52),
    account=st.from_regex(r"\A[0-9]{11,13}\Z") | st.just("111122223333"),
    region=st.sampled_from(["eu-west-1", "us-gov-west-1", "", "EU", "a.b", "e/u"]),
    separator=st.sampled_from(["/", ":"]),
)
def test_every_access_point_has_the_host_of_botocore(name: str, account: str, region: str, separator: str) -> None:
    bucket = f"arn:aws:s3:{region}:{account}:accesspoint{separator}{name}"
    access_point = access_point_of(bucket)
    event("an access point" if access_point else "none")
    if access_point:
        assert access_point == (region, account, name)
        url = botocore_base(BucketPlace(bucket, "eu-west-1")) if region == "eu-west-1" else None
        assert url in (None, bucket_url(bucket, region, None).origin)
    sound = (
        re.fullmatch(r"[a-z0-9][a-z0-9-]+[a-z0-9]", name)
        and len(account) == 12
        and region in ("eu-west-1", "us-gov-west-1")
    )
    assert bool(access_point) == bool(sound and separator == "/" and len(name) <= 50)


def test_credentials_are_not_printed() -> None:
    credentials = Credentials("canary", "canary", "canary", 1.0)
    assert f"{credentials!r} {credentials}" == "Credentials(…) Credentials(…)"
