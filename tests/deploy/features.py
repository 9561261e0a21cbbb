"""The features of the service, each tried with the credentials of a role: what a policy is measured by."""

import http.client
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError
from urllib3 import encode_multipart_formdata

from chalicelib import bootstrap
from local import embedded_s3
from tests.deploy.deployments import BUCKET, Account, open_account
from tests.deploy.policies import Document
from tests.support.builders import allow, url_event
from tests.support.entry_points import Answer, at_function_url, rule_table

OTHER = "other-bucket"
RULES = [allow("/**", "read list write delete versions purge")._replace(pass_headers=("x-amz-tagging",))]
SETTINGS = """
[service]
head = "{head}"
[[mounts]]
path = "/"
bucket = "${{SIGNPOST_BUCKET}}"
endpoint = "{endpoint}"
[[mounts]]
path = "/elsewhere"
bucket = "other-bucket"
endpoint = "{endpoint}"
{rules}"""


class Site(NamedTuple):
    """The service with the credentials of a role, wired anew.

    `version` is an old one of /old.txt, and `upload` one in parts of /parts.bin that someone else has begun.
    """

    account: Account
    environ: dict[str, str]
    version: str
    upload: str
    settings: Path
    environment: pytest.MonkeyPatch

    def ask(self, method: str, path: str, query: str = "", *, head: str = "redirect", **headers: str) -> Answer:
        """What the service itself answers."""
        self.settings.write_text(
            SETTINGS.format(head=head, endpoint=self.account.endpoint, rules="".join(map(rule_table, RULES)))
        )
        bootstrap.application.cache_clear()
        return at_function_url(url_event(method, path, query, list(headers.items())))

    def follow(self, method: str, path: str, query: str = "", body: bytes | None = None, **headers: str) -> Answer:
        """What the client ends with, that follows the redirect."""
        redirect = self.ask(method, path, query, **headers)
        assert redirect.status == 307, redirect
        return sent(method, redirect.headers["location"], body, headers)

    def status(self, method: str, path: str, query: str = "", body: bytes | None = None, **headers: str) -> int:
        """The status of that."""
        return self.follow(method, path, query, body, **headers).status

    def uploads_in_parts(self) -> bool:
        """Whether an upload can be begun, given a part and completed."""
        begun = self.follow("POST", "/big.bin", "uploads")
        if begun.status != 200:
            return False
        upload = ElementTree.fromstring(begun.body).findtext("{*}UploadId")
        etag = self.follow("PUT", "/big.bin", f"partNumber=1&uploadId={upload}", b"part").headers["etag"]
        part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
        return self.status("POST", "/big.bin", f"uploadId={upload}", body) == 200

    def takes_forms(self) -> bool:
        """Whether a form uploads."""
        form = json.loads(self.ask("POST", "/inbox/", "form").body)
        fields = [*form["fields"].items(), ("file", ("a.txt", b"a"))]
        body, content_type = encode_multipart_formdata(fields)
        return sent("POST", form["url"], body, {"Content-Type": content_type}).status == 201

    def logs(self) -> bool:
        """Whether Lambda can write a log with the role, from the first line on."""
        try:
            self.account.write_log(self.environ, f"/aws/lambda/signpost-{uuid.uuid4().hex}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True


def sent(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    """What a store answers."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


@contextmanager
def open_buckets() -> Iterator[Account]:
    """An account with two buckets that keep versions, a.txt in each."""
    with open_account() as account:
        s3 = account.client("s3")
        for bucket in (BUCKET, OTHER):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            s3.put_object(Bucket=bucket, Key="a.txt", Body=b"a")
        yield account


def site(account: Account, document: Document, environment: pytest.MonkeyPatch, folder: Path) -> Site:
    """The service with a role that has this policy and nothing else."""
    environ = account.assume(account.make_role(document))
    settings = folder / "signpost.toml"
    for name, value in environ.items():
        environment.setenv(name, value)
    environment.setenv("AWS_REGION", embedded_s3.REGION)
    environment.setenv("SIGNPOST_BUCKET", BUCKET)
    environment.setenv("SIGNPOST_CONFIG", str(settings))
    put = account.client("s3").put_object
    version = put(Bucket=BUCKET, Key="old.txt", Body=b"old")["VersionId"]
    put(Bucket=BUCKET, Key="old.txt", Body=b"new")
    upload = account.client("s3").create_multipart_upload(Bucket=BUCKET, Key="parts.bin")["UploadId"]
    return Site(account, environ, version, upload, settings, environment)


TAGS = {"x-amz-tagging": "a=b"}
FEATURES: dict[str, Callable[[Site], bool]] = {
    "read": lambda site: site.status("GET", "/a.txt") == 200,
    "read a version": lambda site: site.status("GET", "/old.txt", f"versionId={site.version}") == 200,
    "head": lambda site: site.status("HEAD", "/a.txt") == 200,
    "head of a version": lambda site: site.status("HEAD", "/old.txt", f"versionId={site.version}") == 200,
    "head inline": lambda site: site.ask("HEAD", "/a.txt", head="inline").status == 200,
    "write": lambda site: site.status("PUT", "/new.txt", body=b"new") == 200,
    "write with tags": lambda site: site.status("PUT", "/tagged.txt", "", b"", **TAGS) == 200,
    "write in parts": lambda site: site.uploads_in_parts(),
    "begin with tags": lambda site: site.status("POST", "/big.bin", "uploads", b"", **TAGS) == 200,
    "list the parts": lambda site: site.status("GET", "/parts.bin", f"uploadId={site.upload}") == 200,
    "abort": lambda site: site.status("DELETE", "/parts.bin", f"uploadId={site.upload}") == 204,
    "write by a form": lambda site: site.takes_forms(),
    "missing": lambda site: site.status("GET", "/missing.txt") == 404,
    "missing, inline": lambda site: site.ask("HEAD", "/missing.txt", head="inline").status == 404,
    "list": lambda site: site.ask("GET", "/").status == 200,
    "log": lambda site: site.logs(),
    # The last, as the others need what they delete.
    "delete a version": lambda site: site.status("DELETE", "/old.txt", f"versionId={site.version}") == 204,
    "delete": lambda site: site.status("DELETE", "/old.txt") == 204,
}

# What breaks without each action; those of `BEYOND` are asked for by rules that the shipped settings do not have.
BEYOND = {"s3:GetObjectVersion", "s3:PutObjectTagging", "s3:DeleteObjectVersion"}
NEEDED_FOR = {
    "s3:GetObject": {"read", "head", "head inline", "missing", "missing, inline"},
    "s3:GetObjectVersion": {"read a version", "head of a version"},
    "s3:PutObject": {"write", "write with tags", "write in parts", "begin with tags", "write by a form"},
    "s3:PutObjectTagging": {"write with tags", "begin with tags"},
    "s3:AbortMultipartUpload": {"abort"},
    "s3:ListMultipartUploadParts": {"list the parts"},
    "s3:DeleteObject": {"delete"},
    "s3:DeleteObjectVersion": {"delete a version"},
    "s3:ListBucket": {"missing", "missing, inline", "list"},
    "logs:CreateLogGroup": {"log"},
    "logs:CreateLogStream": {"log"},
    "logs:PutLogEvents": {"log"},
}


def broken(site: Site) -> set[str]:
    """The features that do not work."""
    return {name for name, works in FEATURES.items() if not works(site)}
