"""AWS keys: SDKs get them from the service as containers do, and reach the store itself within the rules."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from tests.contract import probes
from tests.contract.sites import SECRET, Site, Store, Table, client_of, open_site

from .test_docs import blocks

SETTINGS = """
[service]
head = "{head}"

[credentials]
enabled = true

[[mounts]]
path = "/"
bucket = "{bucket}"
prefix = "keys/"
endpoint = "{endpoint}"
region = "{region}"
role = "arn:aws:iam:::role/S3Access"

[[mounts]]
path = "/inner"
bucket = "{bucket}-versions"
endpoint = "{endpoint}"
region = "{region}"

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[rules]]
path = "/no/**"
deny = ["write"]
to = ["anyone"]

[[rules]]
path = "/**"
allow = ["read", "list", "write"]
to = ["key:ci"]
"""

# An SDK finds the keys by the variables of a container, and the store by its endpoint.
SDK = """
import boto3, sys
s3 = boto3.client("s3")
s3.put_object(Bucket=sys.argv[1], Key="keys/a/b.txt", Body=b"direct")
print(s3.get_object(Bucket=sys.argv[1], Key="keys/a/b.txt", Range="bytes=0-2")["Body"].read().decode())
print([item["Key"] for item in s3.list_objects_v2(Bucket=sys.argv[1], Prefix="keys/a/")["Contents"]])
"""


@pytest.fixture(scope="module")
def keys_site(store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost that gives AWS keys from a role of the store."""
    probes.need(probes.has_roles(store), "STS")
    folder = tmp_path_factory.mktemp("keys")
    with open_site(store, table, folder, store.environ(), settings=SETTINGS) as site:
        yield site


def run_sdk(store: Store, **environ: str) -> None:
    """Run an SDK that must read, write and list with the keys that it finds."""
    own = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_CONFIG_FILE": "/dev/null",
    }
    command = [sys.executable, "-c", SDK, store.bucket]
    done = subprocess.run(command, env=own | environ, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("dir\n['keys/a/b.txt']\n", "")


def test_an_sdk_finds_keys_as_docs_credentials_tells_and_reaches_the_store_itself(
    keys_site: Site, store: Store, tmp_path: Path
) -> None:
    def shown(language: str) -> str:
        (text,) = blocks("credentials.md", language)
        text = text.replace("https://files.example.com", keys_site.url).replace("eu-west-1", store.region)
        return text.replace("files.example.com login ID", "localhost login ci").replace("SECRET", SECRET)

    run_sdk(store, **dict(re.findall(r'export (\w+)="?([^"\n]*)', shown("sh"))))
    assert keys_site.curl("-L", keys_site.of("a/b.txt")).body == b"direct"
    (tmp_path / "config").write_text(shown("ini"))
    (tmp_path / ".netrc").write_text(shown("text"))
    run_sdk(store, AWS_CONFIG_FILE=str(tmp_path / "config"), HOME=str(tmp_path))


def test_an_sdk_at_the_wrong_address_says_what_to_do(keys_site: Site, store: Store) -> None:
    s3 = client_of(store._replace(endpoint=keys_site.url))
    with pytest.raises(ClientError, match="take AWS keys from /-/credentials"):
        s3.put_object(Bucket=store.bucket, Key="a", Body=b"x")


def test_the_store_holds_the_keys_to_the_rules(keys_site: Site, store: Store) -> None:
    own = client_of(store)
    for key in ("keys/x", "other", "keys/inner/x", "keys/-/derived/x"):
        own.put_object(Bucket=store.bucket, Key=key, Body=b"x")
    s3 = client_with(keys_site, store)
    bucket = store.bucket
    assert s3.get_object(Bucket=bucket, Key="keys/x")["Body"].read() == b"x"
    assert s3.put_object(Bucket=bucket, Key="keys/a", Body=b"x")
    top = s3.list_objects_v2(Bucket=bucket, Prefix="keys/", Delimiter="/")
    assert "keys/x" in [item["Key"] for item in top["Contents"]]
    if not probes.holds_to_session_policies(store):
        assert "S3_ENDPOINT" not in os.environ  # the embedded S3 knows no session policies, Ceph does
        return
    for refused in (
        lambda: s3.get_object(Bucket=bucket, Key="other"),
        lambda: s3.get_object(Bucket=bucket, Key="keys/inner/x"),
        lambda: s3.get_object(Bucket=bucket, Key="keys/-/derived/x"),
        lambda: s3.put_object(Bucket=bucket, Key="keys/no/x", Body=b"x"),
        lambda: s3.put_object(Bucket=bucket, Key="keys/y", Body=b"x", ACL="public-read"),
        lambda: s3.copy_object(Bucket=bucket, Key="keys/y", CopySource=f"{store.bucket}/keys/x"),
        lambda: s3.delete_object(Bucket=bucket, Key="keys/x"),
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="keys/"),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="keys/-/", Delimiter="/"),
        lambda: s3.list_objects_v2(Bucket=f"{store.bucket}-versions"),
    ):
        with pytest.raises(ClientError) as raised:
            refused()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def client_with(site: Site, store: Store) -> S3Client:
    """A client with the keys that the service gives to a `credential_process`."""
    keys = json.loads(site.curl(site.at("/-/credentials")).body)
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return session.client("s3", endpoint_url=store.endpoint, region_name=store.region)
