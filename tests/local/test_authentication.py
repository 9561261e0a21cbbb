"""The embedded S3 refuses the signatures that AWS S3 refuses, and accepts the requests of boto3."""

from __future__ import annotations

import io
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote_plus

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from local.embedded_s3 import ACCESS_KEY, REGION, SECRET_KEY
from local.embedded_s3.sigv4 import AUTH_PARAMETERS

from .embedded import BUCKET, DENIED, MALFORMED, MISMATCH, Embedded, with_parameter


@pytest.fixture
def stored(embedded: Embedded) -> Embedded:
    """The embedded S3 with an object at the key `k`."""
    embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=b"content")
    return embedded


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, 999), character=st.sampled_from("aZ09%+/&=.-_~#?;é \x00"))
def test_no_character_of_a_url_can_be_changed(embedded: Embedded, place: int, character: str) -> None:
    url = embedded.presign("get_object", "a+b/ü %41.txt", ResponseContentType="text/plain")
    path = len(embedded.endpoint) + 1
    position = path + place % (len(url) - path)
    changed = f"{url[:position]}{character}{url[position + 1 :]}"
    if unquote_plus(changed) != unquote_plus(url):
        answer = embedded.send_raw(embedded.request_bytes("GET", changed))
        assert re.match(rb"HTTP/1.1 40[03] |<!DOCTYPE HTML>", answer), answer


def test_a_url_is_valid_from_its_date_until_it_expires(stored: Embedded) -> None:
    url = stored.presign("get_object", expires=300)
    for seconds, status in [(-1000, 403), (-800, 200), (0, 200), (290, 200), (302, 403)]:
        stored.clock.offset = seconds
        answer = stored.send("GET", url)
        assert answer.status == status, seconds
    assert (answer.error, answer.element("Message")) == (DENIED, "Request has expired")


def test_every_parameter_must_be_well_formed(embedded: Embedded) -> None:
    url, today = embedded.presign("get_object"), f"{datetime.now(UTC):%Y%m%d}"
    for name, values in {
        "X-Amz-Algorithm": ["AWS4-HMAC-SHA1"],
        "X-Amz-Credential": [
            ACCESS_KEY,
            f"{ACCESS_KEY}/20200101/{REGION}/s3/aws4_request",
            f"{ACCESS_KEY}/{today}/{REGION}/sts/aws4_request",
            f"{ACCESS_KEY}/{today}/{REGION}/s3/aws5_request",
        ],
        "X-Amz-Date": ["20200101T000000", "20201301T000000Z"],
        "X-Amz-Expires": ["0", "-1", "604801", "٣٠٠"],
        "X-Amz-SignedHeaders": ["range", ""],
    }.items():
        for value in values:
            assert embedded.send("GET", with_parameter(url, name, value)).error == MALFORMED, value


def test_a_target_that_is_not_a_uri_is_refused(embedded: Embedded) -> None:
    for target in (f"/{BUCKET}/%zz", f"/{BUCKET}/%ff", f"/{BUCKET}/a#b", f"/{BUCKET}/é", "http://[x/", "//["):
        answer = embedded.send_raw(embedded.request_bytes("GET", target))
        assert b" 400 " in answer or b" 403 " in answer, target


@settings(max_examples=50, deadline=None)
@given(
    values=st.fixed_dictionaries(
        {}, optional={name: st.text(max_size=20) for name in (*AUTH_PARAMETERS, "X-Amz-Security-Token")}
    ).filter(bool),
    kept=st.sets(st.sampled_from(AUTH_PARAMETERS)),
)
def test_garbage_in_the_query_is_refused(embedded: Embedded, values: dict[str, str], kept: set[str]) -> None:
    url = embedded.presign("get_object")
    for name in set(AUTH_PARAMETERS) - kept:
        url = re.sub(f"([?&]){name}=[^&]*", r"\1", url)
    garbage = "&".join(f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in values.items())
    assert embedded.send("GET", f"{url}&{garbage}").status in (400, 403)


def test_the_key_its_secret_and_its_region_are_checked(embedded: Embedded) -> None:
    for client, error in [
        (embedded.client("s3", aws_access_key_id="AKIASOMEONEELSE"), (403, "InvalidAccessKeyId")),
        (embedded.client("s3", aws_secret_access_key="wrong"), MISMATCH),
        (embedded.client("s3", aws_session_token="invented"), (400, "InvalidToken")),
        (embedded.client("s3", region_name="us-west-2"), MALFORMED),
    ]:
        answer = embedded.get(client=client)
        assert answer.error == error
        if error != MALFORMED:
            with pytest.raises(client.exceptions.ClientError, match=error[1]):
                client.list_objects_v2(Bucket=BUCKET)
    assert answer.element("Region") == REGION


def test_the_key_of_a_session_needs_the_token_of_the_same_session(stored: Embedded) -> None:
    credentials, other = stored.assume_role(), stored.assume_role("other")
    for token, status in [(None, 400), (other["SessionToken"], 400), (credentials["SessionToken"], 200)]:
        url = stored.presign("get_object", expires=3600, client=stored.session_client(credentials, token))
        assert stored.send("GET", url).status == status
    stored.session_client(credentials, token).list_objects_v2(Bucket=BUCKET)
    stored.clock.offset = 901
    assert stored.send("GET", url).error == (400, "ExpiredToken")


def test_an_unsigned_amz_header_is_refused(embedded: Embedded) -> None:
    answer = embedded.put("k", b"", {"x-amz-acl": "public-read"})
    assert (answer.error, answer.element("HeadersNotSigned")) == (DENIED, "x-amz-acl")


def test_a_signed_header_must_be_sent_unchanged(embedded: Embedded) -> None:
    url = embedded.presign("put_object", ContentType="text/plain", Metadata={"a_b": "c"}, ContentLength=2)
    headers = {"Content-Type": "text/plain", "x-amz-meta-a_b": "c"}
    assert embedded.send("PUT", url, b"ab", headers).status == 200
    assert embedded.stored("k")["Metadata"] == {"a_b": "c"}
    for body, changed in [(b"abc", headers), (b"ab", {**headers, "Content-Type": "text/html"}), (b"ab", {})]:
        assert embedded.send("PUT", url, body, changed).error == MISMATCH


def test_the_list_of_signed_headers_must_be_sorted_and_complete(embedded: Embedded) -> None:
    url = f"{embedded.endpoint}/{BUCKET}?list-type=2"
    request = AWSRequest("GET", url, headers={"Host": embedded.host})
    S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION).add_auth(request)
    headers = dict(request.headers.items())
    assert embedded.send("GET", url, headers=headers).status == 200
    for names in ("host;x-amz-content-sha256;x-amz-date;zzz", "x-amz-date;host;x-amz-content-sha256"):
        authorization = headers["Authorization"].replace("host;x-amz-content-sha256;x-amz-date", names)
        assert embedded.send("GET", url, headers={**headers, "Authorization": authorization}).error == MISMATCH


@settings(max_examples=30, deadline=None)
@given(value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60))
def test_garbage_in_the_authorization_header_is_refused(embedded: Embedded, value: str) -> None:
    for authorization in (value, f"AWS4-HMAC-SHA256 {value}", f"AWS4-HMAC-SHA256 Credential={value},SignedHeaders="):
        message = f"GET /{BUCKET}/k HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n\r\n"
        assert re.match(rb"HTTP/1.1 40[03] ", embedded.send_raw(message.encode("latin-1")))


def test_a_request_needs_exactly_one_signature(stored: Embedded) -> None:
    url = f"{stored.endpoint}/{BUCKET}/k"
    for method in ("GET", "PUT", "DELETE", "POST"):
        assert stored.send(method, url).error == DENIED
    assert stored.send_raw(stored.request_bytes("HEAD", url)).endswith(b"\r\n\r\n"), "an answer to HEAD has no body"
    assert stored.send("GET", f"{stored.endpoint}/").error == DENIED
    assert stored.send("GET", url, headers={"X-Amz-Target": "S3.Get"}).error == DENIED
    both = stored.get(headers={"Authorization": "Basic YTpi"})
    assert both.error == (400, "InvalidArgument")
    assert both.element("Message").startswith("Only one auth mechanism allowed;")
    other_service = "AWS4-HMAC-SHA256 Credential=a/b/c/sts/aws4_request, SignedHeaders=host, Signature=d"
    assert stored.send("GET", url, headers={"Authorization": other_service}).status == 404


def test_an_upload_needs_a_length(embedded: Embedded) -> None:
    url = embedded.presign("put_object")
    chunked = embedded.send_raw(
        embedded.request_bytes("PUT", url, "Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n")
    )
    assert chunked.startswith(b"HTTP/1.1 501 ")
    assert b"<Code>NotImplemented</Code>" in chunked
    assert embedded.send_raw(embedded.request_bytes("PUT", url)).startswith(b"HTTP/1.1 411 ")
    assert embedded.send_raw(embedded.request_bytes("PUT", url, "Content-Length: x")).startswith(b"HTTP/1.1 400 ")


def test_curl_shows_the_refusal_of_an_upload_and_sends_no_body_where_it_waits(
    embedded: Embedded, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    url = with_parameter(embedded.presign("put_object"), "X-Amz-Expires", "200")
    for options, size in [([], r"0"), (["-H", "Expect:"], r"\d+")]:
        command = ["curl", "-sS", "-T", "file", *options, "-w", "%{http_code} %{size_upload}", url]
        output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert re.search(f"SignatureDoesNotMatch.*>403 {size}$", output, re.DOTALL)


def test_the_requests_of_boto3_are_accepted_in_time(embedded: Embedded) -> None:
    s3, big = embedded.s3, b"x" * 9_000_000
    s3.upload_fileobj(io.BytesIO(big), BUCKET, "a b+c", ExtraArgs={"Metadata": {"k": "v"}})
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a b+c"})
    assert embedded.stored("a b+c")["Body"].read() == big
    assert embedded.stored("copy")["Metadata"] == {"k": "v"}
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": "a b+c"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="a b+")
    embedded.clock.offset = 901
    with pytest.raises(s3.exceptions.ClientError, match="RequestTimeTooSkewed"):
        s3.list_objects_v2(Bucket=BUCKET)
