"""The parts of a contract test: a store that verifies signatures, a table, Signpost in front of both, and curl."""

import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import boto3
from botocore.config import Config
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client

from chalicelib import environment
from local import dev_server, embedded_s3
from tests.support.entry_points import Answer

from . import drivers

# The statuses with which a store refuses; stores choose different statuses.
REFUSED = frozenset({400, 403, 405, 501})

SECRET = "the-secret-of-the-builders-key"
GUEST = "guest:the-secret-of-the-guests-key"  # the key `guest`, which may do less than `ci` below /team/ and /versions/
READERS_KEY = ("READERSKEY", "the-secret-of-the-reader")  # of a user of local/ceph-rgw.sh who owns no bucket
SIGNING_SECRET = "the-signing-secret-of-the-end-to-end-tests"

SETTINGS = """
[service]
head = "{head}"

[[mounts]]
path = "/"
bucket = "{bucket}"
prefix = "tenant/"
endpoint = "{endpoint}"
region = "{region}"
lfs = true

[[mounts]]
path = "/brief"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
url_seconds = 1

[[mounts]]
path = "/versions"
bucket = "{bucket}-versions"
endpoint = "{endpoint}"
region = "{region}"

[[mounts]]
path = "/own"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
access_key = "${{OWN_ACCESS_KEY}}"
secret_key = "${{OWN_SECRET_KEY}}"

[[mounts]]
path = "/team/archive"
bucket = "{bucket}"
prefix = "archive/"
endpoint = "{endpoint}"
region = "{region}"
cache_seconds = 60

[[mounts]]
path = "/shows"
bucket = "{bucket}"
prefix = "shows/"
endpoint = "{endpoint}"
region = "{region}"
inline = ["*.m3u8", "*.mpd"]
index = "index.html"

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[keys]]
id = "guest"
sha256 = "396252a90b568e756b7a060aa5cd88ae28291d5064b05e56827b58186acfb211"

[[rules]]
path = "/secret/**"
deny = ["read", "write", "delete", "list"]
to = ["anyone"]

[[rules]]
path = "/team/private/**"
deny = ["read", "write", "delete", "list"]
to = ["anyone"]

[[rules]]
path = "/team/ours/**"
allow = ["share"]
to = ["key:guest"]

[[rules]]
path = "/team/**"
allow = ["read", "list", "write"]
to = ["key:guest"]

[[rules]]
path = "/versions/**"
allow = ["read", "list", "write", "delete"]
to = ["key:guest"]

[[rules]]
path = "/shows/open/**"
allow = ["read"]
to = ["key:guest"]

[[rules]]
path = "/public/**"
allow = ["read"]
to = ["anyone"]

[[rules]]
path = "/limited/**"
allow = ["write"]
to = ["key:ci"]
max_bytes = 10
content_types = ["text/*"]
overwrite = false

[[rules]]
path = "/**"
allow = ["read", "write", "delete", "list", "versions", "purge", "share"]
to = ["key:ci"]

[[rules]]
path = "/inbox/*"
allow = ["write"]
to = ["key:guest"]

[[rules]]
path = "/notices/2026/**"
allow = ["read", "list"]
to = ["anyone"]
"""


class Store(NamedTuple):
    """An S3: the embedded S3, or the store that S3_ENDPOINT names."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    bucket: str

    def session(self) -> boto3.Session:
        """A boto3 session with the owner's key, without the environment."""
        return boto3.Session(self.access_key, self.secret_key, region_name=self.region)

    def client(self) -> S3Client:
        """A boto3 client of this store."""
        return client_of(self)

    def environ(self) -> dict[str, str]:
        """The environment variables with the credentials of the service."""
        return {
            **self.own_environ(),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": "",
        }

    def own_environ(self) -> dict[str, str]:
        """The environment variables with the credentials of the mount `/own`."""
        return {"OWN_ACCESS_KEY": self.access_key, "OWN_SECRET_KEY": self.secret_key}

    def session_environ(self, **policy: Any) -> dict[str, str]:
        """The environment variables with the credentials of an assumed role: with a session token, as on Lambda."""
        sts = self.session().client("sts", endpoint_url=self.endpoint)
        role = os.environ.get("S3_ROLE", "arn:aws:iam:::role/S3Access")
        found = sts.assume_role(RoleArn=role, RoleSessionName="e2e", **policy)["Credentials"]
        return {
            **self.own_environ(),
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }


class Table(NamedTuple):
    """The table that counts the uses of links: in the embedded DynamoDB, whichever the store is."""

    endpoint: str
    name: str
    client: DynamoDBClient

    def environ(self) -> dict[str, str]:
        """The environment variables by which the service finds the table and signs links."""
        return {
            "SIGNPOST_SECRET": SIGNING_SECRET,
            "SIGNPOST_TABLE": self.name,
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint,
            "AWS_REGION": embedded_s3.REGION,
            "AWS_DEFAULT_REGION": embedded_s3.REGION,
        }

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def create(self) -> None:
        """Make the table, as the stack does."""
        self.client.create_table(
            TableName=self.name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Delete the table while a block runs, and make a new table after the block."""
        self.client.delete_table(TableName=self.name)
        yield
        self.create()


class Site(NamedTuple):
    """A running Signpost."""

    url: str
    log: Path
    folder: Path
    run_curl: Callable[[Iterable[drivers.Call]], list[Answer]]

    def at(self, path: str) -> str:
        """The URL of a path that is already encoded."""
        return self.url + path

    def of(self, key: str) -> str:
        """The URL of a key."""
        return f"{self.url}/{quote(key, safe='/')}"

    def curl(self, *arguments: str, user: str | None = f"ci:{SECRET}") -> Answer:
        """Run curl with the credentials `user`, None for no credentials, and return the last answer."""
        return self.curl_all([arguments], user=user)[0]

    def curl_all(self, calls: Iterable[drivers.Call], user: str | None = f"ci:{SECRET}") -> list[Answer]:
        """Run curl for each call, in order, and return the last answer of each call."""
        return self.run_curl([(*call, *(("-u", user) if user else ())) for call in calls])

    def put(self, key: str, body: bytes, *arguments: str) -> Answer:
        """Upload with `curl -L -T`."""
        return self.curl("-L", "-T", self.file(body), *arguments, self.of(key))

    def link(self, path: str, **wanted: object) -> str:
        """The URL of a new link, made with the key, to a path that is already encoded."""
        answer = self.curl("-d", json.dumps(wanted), f"{self.at(path)}?link")
        assert answer.status == 201, answer
        return str(answer.json()["url"])

    def open(self, url: str, *arguments: str) -> Answer:
        """Follow a link with `curl -L`, without any key."""
        return self.curl("-L", *arguments, url, user=None)

    def location(self, url: str, *arguments: str) -> str:
        """The URL to which a request is redirected."""
        answer = self.curl(*arguments, url)
        assert answer.status == 307, answer
        return answer.headers["location"]

    def file(self, body: bytes) -> str:
        """The name of a file with this content."""
        path = self.folder / hashlib.sha256(body).hexdigest()
        path.write_bytes(body)
        return str(path)


@contextmanager
def open_store(port: int = 0) -> Iterator[Store]:
    """The store that S3_ENDPOINT names, with the keys of the environment, else the embedded S3; with two buckets.

    Args:
        port: of the embedded S3; 0 chooses a free port.
    """
    bucket = f"signpost-e2e-{uuid4().hex[:12]}"
    endpoint = os.environ.get("S3_ENDPOINT")
    if endpoint:
        region = os.environ.get("AWS_REGION", "us-east-1")
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        store = Store(endpoint.rstrip("/"), region, *keys, bucket)
        _make_buckets(store)
        yield store
        _delete_buckets(store)
    else:
        with embedded_s3.serve(port) as embedded:
            store = Store(embedded, embedded_s3.REGION, embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, bucket)
            _make_buckets(store)
            yield store  # the buckets end with the process


def _make_buckets(store: Store) -> None:
    s3 = store.client()
    for name in (store.bucket, f"{store.bucket}-versions"):
        if store.region == "us-east-1":  # S3 does not accept the name of this region
            s3.create_bucket(Bucket=name)
        else:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": store.region})  # type: ignore[typeddict-item]
    s3.put_bucket_versioning(Bucket=f"{store.bucket}-versions", VersioningConfiguration={"Status": "Enabled"})


def _delete_buckets(store: Store) -> None:
    s3 = store.client()
    for name in (store.bucket, f"{store.bucket}-versions"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=name, Key=item["Key"], VersionId=item["VersionId"])
        s3.delete_bucket(Bucket=name)


@contextmanager
def open_table(name: str) -> Iterator[Table]:
    """An empty table."""
    with embedded_s3.serve() as endpoint:
        owner = boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION)
        table = Table(endpoint, name, owner.client("dynamodb", endpoint_url=endpoint))
        table.create()
        yield table
        table.client.delete_table(TableName=name)


@contextmanager
def open_site(
    store: Store,
    table: Table,
    folder: Path,
    environ: Mapping[str, str],
    *,
    settings: str = SETTINGS,
    head: str = "redirect",
    entry_point: tuple[str, ...] = dev_server.REST_API,
    driver: str = "curl",
) -> Iterator[Site]:
    """Signpost in front of a store and a table; `environ` has more environment variables, such as credentials."""
    file, log = folder / "signpost.toml", folder / "log"
    sha256 = hashlib.sha256(SECRET.encode()).hexdigest()
    file.write_text(
        settings.format(head=head, bucket=store.bucket, endpoint=store.endpoint, region=store.region, sha256=sha256)
    )
    variables = {**table.environ(), **environ, environment.CONFIG: str(file)}
    is_rest_api = entry_point == dev_server.REST_API
    if driver == "curl":
        port = free_port()
        with log.open("w") as output, dev_server.serve(port, variables, output, entry_point=entry_point):
            yield Site(f"http://localhost:{port}", log, folder, partial(drivers.curl, folder))
        return
    log.touch()
    service = drivers.application(file, log, variables)
    base_url = "http://localhost:1" + ("/api" if driver == "event" and is_rest_api else "")
    if driver == "event":
        handle = drivers.by_event(service, is_rest_api=is_rest_api)
    else:
        handle = drivers.in_process(service, base_url, is_rest_api=is_rest_api)
    yield Site(base_url, log, folder, drivers.Client(base_url, handle, folder).curl)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def virtual_endpoint(store: Store) -> str:
    """The endpoint below which each bucket has a host: curl finds each host below `localhost` on this machine."""
    return re.sub(r"//(127\.0\.0\.1|localhost)\b", "//s3.localhost", store.endpoint)


@cache
def client_of(store: Store) -> S3Client:
    """A boto3 client of a store, made once: to make a client takes longer than a request."""
    config = Config(s3={"addressing_style": "path"}, signature_version="s3v4")
    return store.session().client("s3", endpoint_url=store.endpoint, config=config)
