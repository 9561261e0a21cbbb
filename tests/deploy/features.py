"""The features of the service, each tried with the credentials of a role: the measure of a policy."""

import json
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import boto3
import pytest
from botocore.exceptions import ClientError
from urllib3 import encode_multipart_formdata

from chalicelib import bootstrap
from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.backends.secrets import secret_source
from chalicelib.core.access.link_tokens import Link
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.base import Unavailable
from local import embedded_s3
from tests.support.builders import allow, soon, url_event
from tests.support.entry_points import Answer, at_function_url, rule_table

from .aws_account import Account, open_account
from .http import send
from .stack import ARN, BUCKET, REFERENCES, TABLE, Stack

Document = dict[str, Any]

OTHER_BUCKET = "other-bucket"
SECRET = REFERENCES["Secret"]
PARAMETER = f"{ARN.format('ssm')}parameter/signpost/secret"
LINK = Link("0123456789abcdef", decode("/a"), "read", 1_000, 1_900_000_000, b"0123456789")
TAGS = {"x-amz-tagging": "a=b"}
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
    """The service with the credentials of a role (`environ`).

    `version` is an old version of /old.txt, and `upload` an upload in parts of /parts.bin that the owner began.
    """

    account: Account
    environ: dict[str, str]
    version: str
    upload: str
    secret: str
    folder: Path
    environment: pytest.MonkeyPatch

    def ask(self, method: str, path: str, query: str = "", *, head: str = "redirect", **headers: str) -> Answer:
        """Return the answer of the service itself."""
        self.environment.setenv("SIGNPOST_CONFIG", str(self.folder / f"{head}.toml"))
        bootstrap.application.cache_clear()
        return at_function_url(url_event(method, path, query, list(headers.items())))

    def follow(self, method: str, path: str, query: str = "", body: bytes | None = None, **headers: str) -> Answer:
        """Return the answer of the store, after the redirect of the service."""
        redirect = self.ask(method, path, query, **headers)
        assert redirect.status == 307, redirect
        return send(method, redirect.headers["location"], list(headers.items()), body)

    def status(self, *request: Any, **headers: Any) -> int:
        """Return the status of the answer of the store."""
        return self.follow(*request, **headers).status

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

    def uploads_with_tags(self) -> bool:
        """Whether an upload sets the tags that the client asks for."""
        if self.status("PUT", "/tagged.txt", "", b"", **TAGS) != 200:
            return False
        tags = self.account.client("s3").get_object_tagging(Bucket=BUCKET, Key="tagged.txt")["TagSet"]
        return bool(tags == [{"Key": "a", "Value": "b"}])

    def uploads_by_form(self) -> bool:
        """Whether a form uploads."""
        form = json.loads(self.ask("POST", "/inbox/", "form").body)
        body, content_type = encode_multipart_formdata([*form["fields"].items(), ("file", ("a.txt", b"a"))])
        return send("POST", form["url"], [("Content-Type", content_type)], body).status == 201

    def restores(self) -> bool:
        """Whether a version comes back."""
        return self.ask("POST", "/old.txt", f"restore&versionId={self.version}").status == 200

    def writes_logs(self) -> bool:
        """Whether Lambda can write a log with the role, from the first line on."""
        try:
            self.account.write_log(self.environ, f"/aws/lambda/signpost-{uuid.uuid4().hex}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return False
        return True


def available(call: Callable[[DynamoLinkUseCounter], object]) -> bool:
    """Whether a call of a backend succeeds."""
    try:
        call(DynamoLinkUseCounter(TABLE))
    except Unavailable:
        return False
    return True


REDEEM: dict[str, Any] = {"attempt": "a", "reading": None, "now": 0}
FEATURES: dict[str, Callable[[Site], bool]] = {
    "read": lambda site: site.status("GET", "/a.txt") == 200,
    "read a version": lambda site: site.status("GET", "/old.txt", f"versionId={site.version}") == 200,
    "head": lambda site: site.status("HEAD", "/a.txt") == 200,
    "head of a version": lambda site: site.status("HEAD", "/old.txt", f"versionId={site.version}") == 200,
    "head inline": lambda site: site.ask("HEAD", "/a.txt", head="inline").status == 200,
    "write": lambda site: site.status("PUT", "/new.txt", "", b"new") == 200,
    "write with tags": Site.uploads_with_tags,
    "write in parts": Site.uploads_in_parts,
    "begin with tags": lambda site: site.status("POST", "/big.bin", "uploads", b"", **TAGS) == 200,
    "list the parts": lambda site: site.status("GET", "/parts.bin", f"uploadId={site.upload}") == 200,
    "abort": lambda site: site.status("DELETE", "/parts.bin", f"uploadId={site.upload}") == 204,
    "write by a form": Site.uploads_by_form,
    "missing": lambda site: site.status("GET", "/missing.txt") == 404,
    "missing, inline": lambda site: site.ask("HEAD", "/missing.txt", head="inline").status == 404,
    "list": lambda site: site.ask("GET", "/").status == 200,
    "list the versions": lambda site: site.ask("GET", "/", "versions").status == 200,
    "bring a version back": Site.restores,
    "log": Site.writes_logs,
    "check a link": lambda site: available(lambda uses: uses.check(LINK, soon())),
    "redeem a link": lambda site: available(lambda uses: uses.redeem(LINK, **REDEEM, deadline=soon())),
    "revoke a link": lambda site: available(lambda uses: uses.revoke(LINK._replace(id="b"), soon())),
    "read the secret": lambda site: available(lambda _: secret_source(site.secret)(soon())),
    "read the parameter": lambda site: available(lambda _: secret_source(PARAMETER)(soon())),
    # Last, because other features need the objects that these two features delete.
    "delete a version": lambda site: site.status("DELETE", "/old.txt", f"versionId={site.version}") == 204,
    "delete": lambda site: site.status("DELETE", "/old.txt") == 204,
}

# The features that do not work without an action.
NEEDED_FOR = {
    "s3:GetObject": {"read", "head", "head inline", "missing", "missing, inline"},
    "s3:GetObjectVersion": {"read a version", "head of a version", "bring a version back"},
    "s3:PutObject": {
        *("write", "write with tags", "write in parts", "begin with tags", "write by a form", "bring a version back"),
    },
    "s3:PutObjectTagging": {"write with tags", "begin with tags"},
    "s3:AbortMultipartUpload": {"abort"},
    "s3:ListMultipartUploadParts": {"list the parts"},
    "s3:DeleteObject": {"delete"},
    "s3:DeleteObjectVersion": {"delete a version"},
    "s3:ListBucket": {"missing", "missing, inline", "list"},
    "s3:ListBucketVersions": {"list the versions"},
    "s3:GetBucketVersioning": {"bring a version back"},
    "logs:CreateLogGroup": {"log"},
    "logs:CreateLogStream": {"log"},
    "logs:PutLogEvents": {"log"},
    "dynamodb:GetItem": {"check a link"},
    "dynamodb:UpdateItem": {"redeem a link", "revoke a link"},
    "secretsmanager:GetSecretValue": {"read the secret"},
    "ssm:GetParameter": {"read the parameter"},
}


@contextmanager
def open_features_account(stack: Stack) -> Iterator[Account]:
    """An account with two buckets that keep versions, a.txt in each, the table of the stack, and a parameter."""
    with open_account() as account:
        s3 = account.client("s3")
        for bucket in (BUCKET, OTHER_BUCKET):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            s3.put_object(Bucket=bucket, Key="a.txt", Body=b"a")
        table = {name: stack.at("Table", name) for name in ("KeySchema", "AttributeDefinitions", "BillingMode")}
        account.client("dynamodb").create_table(TableName=TABLE, **table)
        account.client("ssm").put_parameter(Name="/signpost/secret", Value="s" * 32, Type="SecureString")
        yield account


def open_site(account: Account, policy: Document, environment: pytest.MonkeyPatch, folder: Path) -> Site:
    """Return the service with a role that has a policy and nothing else. `SECRET` in the policy means a new secret."""
    secret = account.client("secretsmanager").create_secret(Name=uuid.uuid4().hex, SecretString="s" * 32)["ARN"]
    environ = account.assume(json.loads(json.dumps(policy).replace(SECRET, secret)))
    for head in ("redirect", "inline"):
        text = SETTINGS.format(head=head, endpoint=account.endpoint, rules="".join(map(rule_table, RULES)))
        (folder / f"{head}.toml").write_text(text)
    place = {"AWS_REGION": embedded_s3.REGION, "AWS_DEFAULT_REGION": embedded_s3.REGION, "SIGNPOST_BUCKET": BUCKET}
    for name, value in {**environ, **place, "AWS_ENDPOINT_URL": account.endpoint}.items():
        environment.setenv(name, value)
    environment.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of the role before
    s3 = account.client("s3")
    version = s3.put_object(Bucket=BUCKET, Key="old.txt", Body=b"old")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="old.txt", Body=b"new")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts.bin")["UploadId"]
    return Site(account, environ, version, upload, secret, folder, environment)


def broken(site: Site, features: Collection[str] = FEATURES) -> set[str]:
    """The features that do not work."""
    return {name for name, works in FEATURES.items() if name in features and not works(site)}
