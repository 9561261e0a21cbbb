"""The embedded S3 refuses what AWS S3 refuses, and admits what boto3 sends."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from local import embedded_s3
from tests.local.embedded import BUCKET, Embedded, replaced

MALFORMED = (400, "AuthorizationQueryParametersError")
MISMATCH = (403, "SignatureDoesNotMatch")
DENIED = (403, "AccessDenied")


def assume_role(embedded: Embedded, session: str = "tests") -> dict[str, str]:
    role = "arn:aws:iam::123456789012:role/signpost"
    answer = embedded.client("sts").assume_role(RoleArn=role, RoleSessionName=session, DurationSeconds=900)
    credentials: dict[str, str] = answer["Credentials"]
    return credentials


def session_client(embedded: Embedded, credentials: dict[str, str], token: str | None) -> Any:
    return embedded.client("s3", credentials["AccessKeyId"], credentials["SecretAccessKey"], token)


@pytest.fixture
def stored(embedded: Embedded) -> Embedded:
    embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    return embedded


def test_a_presigned_url_opens_its_object(stored: Embedded) -> None:
    answer = stored.send("GET", stored.presign("get_object"))
    assert (answer.status, answer.body) == (200, b"content")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "POST"])
def test_a_url_is_bound_to_its_method(stored: Embedded, method: str) -> None:
    answer = stored.send(method, stored.presign("get_object"))
    assert answer.status == 403
    assert answer.body == b"" if method == "HEAD" else answer.error == MISMATCH


def test_a_head_is_refused_without_a_body(embedded: Embedded) -> None:
    answer = embedded.send_raw(f"HEAD /{BUCKET}/k HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/k?", "/l?"),
        ("/k?", "/k/?"),
        ("/k?", "//k?"),
        ("/k?", "/k%2F?"),
        ("versionId=v", "versionId=w"),
        ("versionId=v", "versionId="),
        ("&versionId=v", ""),
        ("versionId=v", "versionId=v&versionId=v"),
        ("X-Amz-Signature=", "response-content-type=text%2Fhtml&X-Amz-Signature="),
        ("X-Amz-Expires=300", "X-Amz-Expires=301"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
    ],
)
def test_a_changed_target_is_refused(stored: Embedded, old: str, new: str) -> None:
    # The version last, so that a parameter can be cut off with the ampersand before it: order is not signed.
    url = re.sub(r"\?(versionId=v)&(.*)$", r"?\2&\1", stored.presign("get_object", VersionId="v"))
    assert old in url
    assert stored.send("GET", url.replace(old, new)).error == MISMATCH


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 999), character=st.sampled_from("aZ09%+/&=.-_~#?;é \x00"))
def test_no_character_of_a_url_can_be_changed(running: Embedded, place: int, character: str) -> None:
    url = running.presign("get_object", "a+b/ü %41.txt", ResponseContentType="text/plain")
    path = len(running.endpoint) + 1
    at = path + place % (len(url) - path)
    changed = f"{url[:at]}{character}{url[at + 1 :]}"
    if unquote_plus(changed) == unquote_plus(url):
        return
    target = changed[len(running.endpoint) :].encode()
    answer = running.send_raw(b"GET " + target + b" HTTP/1.1\r\nHost: " + urlsplit(url).netloc.encode() + b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 40[03] |<!DOCTYPE HTML>", answer), answer


@pytest.mark.parametrize(("seconds", "status"), [(-1000, 403), (-800, 200), (0, 200), (290, 200), (302, 403)])
def test_a_url_lives_from_its_date_to_its_expiry(stored: Embedded, seconds: float, status: int) -> None:
    url = stored.presign("get_object", expires=300)
    stored.clock.offset = seconds
    answer = stored.send("GET", url)
    assert answer.status == status
    if seconds > 300:
        assert (answer.error, answer.element("Message")) == (DENIED, "Request has expired")


def test_the_key_and_its_secret_are_checked(embedded: Embedded) -> None:
    unknown = embedded.client("s3", key="AKIASOMEONEELSE")
    wrong = embedded.client("s3", secret="wrong")
    assert embedded.send("GET", embedded.presign("get_object", client=unknown)).error == (403, "InvalidAccessKeyId")
    assert embedded.send("GET", embedded.presign("get_object", client=wrong)).error == MISMATCH


def test_session_credentials_come_with_their_token_and_end_with_it(stored: Embedded) -> None:
    credentials, other = assume_role(stored), assume_role(stored, "other")
    for token, expected in [(None, 400), (other["SessionToken"], 400), (credentials["SessionToken"], 200)]:
        url = stored.presign("get_object", expires=3600, client=session_client(stored, credentials, token))
        assert stored.send("GET", url).status == expected
    stored.clock.offset = 901
    assert stored.send("GET", url).error == (400, "ExpiredToken")


def test_the_region_of_the_scope_is_that_of_the_bucket(embedded: Embedded) -> None:
    elsewhere = embedded.client("s3", region="us-west-2")
    answer = embedded.send("GET", embedded.presign("get_object", client=elsewhere))
    assert (answer.error, answer.element("Region")) == (MALFORMED, embedded_s3.REGION)


def test_an_unsigned_amz_header_is_refused(embedded: Embedded) -> None:
    answer = embedded.send("PUT", embedded.presign("put_object"), b"", {"x-amz-acl": "public-read"})
    assert (answer.error, answer.element("HeadersNotSigned")) == (DENIED, "x-amz-acl")


def test_a_signed_header_is_sent_as_it_was_signed(embedded: Embedded) -> None:
    url = embedded.presign("put_object", ContentType="text/plain", Metadata={"a_b": "c"}, ContentLength=2)
    headers = {"Content-Type": "text/plain", "x-amz-meta-a_b": "c"}
    assert embedded.send("PUT", url, b"ab", headers).status == 200
    assert embedded.s3.head_object(Bucket=BUCKET, Key="k")["Metadata"] == {"a_b": "c"}
    assert embedded.send("PUT", url, b"abc", headers).error == MISMATCH
    assert embedded.send("PUT", url, b"ab", {**headers, "Content-Type": "text/html"}).error == MISMATCH
    assert embedded.send("PUT", url, b"ab", {"x-amz-meta-a_b": "c"}).error == MISMATCH


def test_one_mechanism_only(stored: Embedded) -> None:
    answer = stored.send("GET", stored.presign("get_object"), headers={"Authorization": "Basic YTpi"})
    assert answer.error == (400, "InvalidArgument")
    assert answer.element("Message").startswith("Only one auth mechanism allowed;")


def test_no_mechanism_is_denied(stored: Embedded) -> None:
    for method in ("GET", "PUT", "DELETE", "POST"):
        assert stored.send(method, f"{stored.endpoint}/{BUCKET}/k").error == DENIED
    assert stored.send("GET", f"{stored.endpoint}/").error == DENIED
    assert stored.send("GET", f"{stored.endpoint}/{BUCKET}/k", headers={"X-Amz-Target": "S3.Get"}).error == DENIED


def test_an_authorization_for_another_service_opens_no_object(stored: Embedded) -> None:
    forged = "AWS4-HMAC-SHA256 Credential=a/b/c/sts/aws4_request, SignedHeaders=host, Signature=d"
    assert stored.send("GET", f"{stored.endpoint}/{BUCKET}/k", headers={"Authorization": forged}).status == 404


def test_an_upload_without_a_length_is_refused(embedded: Embedded) -> None:
    url = urlsplit(embedded.presign("put_object"))
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
    chunked = embedded.send_raw(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".encode())
    assert b" 501 " in chunked.splitlines()[0]
    assert b"<Code>NotImplemented</Code>" in chunked
    assert b" 411 " in embedded.send_raw(f"{head}\r\n".encode()).splitlines()[0]
    assert b" 400 " in embedded.send_raw(f"{head}Content-Length: x\r\n\r\n".encode()).splitlines()[0]


def test_curl_sees_the_refusal_of_an_upload_and_keeps_the_body(embedded: Embedded, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 3_000_000)
    url = replaced(embedded.presign("put_object"), "X-Amz-Expires", "200")
    for options in [], ["-H", "Expect:"]:
        form = "%{http_code} %{size_upload}"
        command = ["curl", "-sS", "-T", str(file), *options, "-o", str(tmp_path / "out"), "-w", form, url]
        status, sent = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert status == "403"
        assert options or sent == "0"
        assert b"SignatureDoesNotMatch" in (tmp_path / "out").read_bytes()


def test_what_boto3_sends_is_admitted(embedded: Embedded) -> None:
    s3, big = embedded.s3, b"x" * 9_000_000
    s3.put_object(Bucket=BUCKET, Key="a b+c", Body=b"1", Metadata={"k": "v"}, ContentType="text/plain")
    s3.upload_fileobj(io.BytesIO(big), BUCKET, "big")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a b+c"})
    assert s3.get_object(Bucket=BUCKET, Key="big")["Body"].read() == big
    assert s3.head_object(Bucket=BUCKET, Key="copy")["Metadata"] == {"k": "v"}
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="a b+")["Contents"]]
    assert keys == ["a b+c"]
    s3.delete_object(Bucket=BUCKET, Key="copy")
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "big"}, {"Key": "a b+c"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="a b+")
    credentials = assume_role(embedded)
    session_client(embedded, credentials, credentials["SessionToken"]).list_objects_v2(Bucket=BUCKET)


def test_the_signed_headers_are_those_that_were_signed(embedded: Embedded) -> None:
    url = f"{embedded.endpoint}/{BUCKET}?list-type=2"
    request = AWSRequest("GET", url, headers={"Host": urlsplit(url).netloc})
    S3SigV4Auth(Credentials(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY), "s3", embedded_s3.REGION).add_auth(request)
    headers = dict(request.headers.items())
    assert embedded.send("GET", url, headers=headers).status == 200
    for names in ("host;x-amz-content-sha256;x-amz-date;zzz", "x-amz-date;host;x-amz-content-sha256"):
        authorization = headers["Authorization"].replace("host;x-amz-content-sha256;x-amz-date", names)
        assert embedded.send("GET", url, headers={**headers, "Authorization": authorization}).error == MISMATCH


def test_what_boto3_sends_is_verified(embedded: Embedded) -> None:
    for client, code in [
        (embedded.client("s3", secret="wrong"), "SignatureDoesNotMatch"),
        (embedded.client("s3", key="AKIASOMEONEELSE"), "InvalidAccessKeyId"),
        (embedded.client("s3", token="invented"), "InvalidToken"),
    ]:
        with pytest.raises(client.exceptions.ClientError, match=code):
            client.list_objects_v2(Bucket=BUCKET)
    embedded.clock.offset = 901
    with pytest.raises(embedded.s3.exceptions.ClientError, match="RequestTimeTooSkewed"):
        embedded.s3.list_objects_v2(Bucket=BUCKET)
