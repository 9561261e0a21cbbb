"""Uploads by an HTML form: the embedded S3 takes those that AWS S3 takes, and refuses what it refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import embedded_s3
from tests.local.embedded import BUCKET, Answer, Embedded
from tests.local.test_gate import assume_role, session_client

DENIED = (403, "AccessDenied")
Conditions = list[Any]


def signed(
    embedded: Embedded,
    key: str = "inbox/${filename}",
    more: Conditions | None = None,
    client: Any = None,
    **fields: str,
) -> dict[str, str]:
    """The fields of a form, as boto3 signs it."""
    conditions = [["starts-with", "$key", "inbox/"], *(more or [])]
    made = (client or embedded.s3).generate_presigned_post(BUCKET, key, fields, conditions, 300)
    assert made["url"].rstrip("/") == f"{embedded.endpoint}/{BUCKET}"
    found: dict[str, str] = made["fields"]
    return found


def encoded(fields: Iterable[tuple[str, str]], content: bytes, filename: str | None, after: bytes = b"") -> bytes:
    """A form's body, as browsers write it."""
    head = [
        f'--sep\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    named = b"" if filename is None else b'; filename="' + filename.encode() + b'"\r\nContent-Type: text/x-of-the-part'
    file = b'--sep\r\nContent-Disposition: form-data; name="file"' + named + b"\r\n\r\n" + content + b"\r\n"
    return b"".join([*head, file, after, b"--sep--\r\n"])


def post(
    embedded: Embedded,
    fields: Mapping[str, str],
    content: bytes = b"content",
    filename: str | None = "a.txt",
    bucket: str = BUCKET,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    body = encoded(fields.items(), content, filename)
    sent = {"Content-Type": "multipart/form-data; boundary=sep", **(headers or {})}
    return embedded.send("POST", f"{embedded.endpoint}/{bucket}/", body, sent)


def stored(embedded: Embedded, key: str) -> Any:
    return embedded.s3.get_object(Bucket=BUCKET, Key=key)


def test_a_form_uploads_a_file_as_it_is(embedded: Embedded) -> None:
    content = b"\x00\r\n--se\r\n--\xff--sep" + bytes(range(256))
    answer = post(embedded, signed(embedded), content, "ünï 日本+%.txt")
    assert (answer.status, answer.body) == (204, b"")
    found = stored(embedded, "inbox/ünï 日本+%.txt")
    assert found["Body"].read() == content
    assert (answer.headers["ETag"], found["ContentType"]) == (found["ETag"], "binary/octet-stream")


def test_a_form_gives_its_object_what_its_policy_allows(embedded: Embedded) -> None:
    fields = {
        "Content-Type": "image/png",
        "cache-control": "private",
        "content-disposition": "attachment; filename=отчёт.txt",
        "x-amz-meta-by": "me",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b + c</Value></Tag></TagSet></Tagging>",
    }
    sent = signed(embedded, more=[{name: value} for name, value in fields.items()], **fields)
    assert post(embedded, {**sent, "x-ignore-me": "1"}, filename="dressed").status == 204
    found = stored(embedded, "inbox/dressed")
    assert (found["ContentType"], found["CacheControl"], found["Metadata"]) == ("image/png", "private", {"by": "me"})
    assert found["ContentDisposition"].encode("latin-1").decode() == fields["content-disposition"]
    tags = embedded.s3.get_object_tagging(Bucket=BUCKET, Key="inbox/dressed")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b + c"}]


def test_a_form_tags_by_the_field_for_it_alone(embedded: Embedded) -> None:
    """So S3 does: what a PUT has as x-amz-tagging it stores untagged."""
    fields = signed(embedded, more=[{"x-amz-tagging": "a=b"}], **{"x-amz-tagging": "a=b"})
    assert post(embedded, fields, filename="untagged").status == 204
    assert embedded.s3.get_object_tagging(Bucket=BUCKET, Key="inbox/untagged")["TagSet"] == []


@pytest.mark.parametrize(("name", "digest"), [("Content-MD5", "md5"), ("x-amz-checksum-sha256", "sha256")])
def test_the_file_of_a_form_is_verified_by_its_checksum(embedded: Embedded, name: str, digest: str) -> None:
    value = base64.b64encode(hashlib.new(digest, b"content").digest()).decode()
    fields = signed(embedded, more=[{name: value}], **{name: value})
    assert post(embedded, fields).status == 204
    assert post(embedded, fields, b"changed").error == (400, "BadDigest")


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("C:\\\\Users\\\\me\\\\photo.jpg", "inbox/photo.jpg"),
        ("pictures/me/photo.jpg", "inbox/photo.jpg"),
        ("../../etc/passwd", "inbox/passwd"),
        (None, "inbox/"),
        ("", "inbox/"),
    ],
)
def test_the_file_is_named_by_the_last_part_of_its_path(embedded: Embedded, filename: str | None, key: str) -> None:
    content = uuid.uuid4().bytes.replace(b"\r", b"").replace(b"\n", b"")
    assert post(embedded, signed(embedded), content, filename).status == 204
    assert stored(embedded, key)["Body"].read() == content


def test_a_form_says_how_it_is_answered(embedded: Embedded) -> None:
    location = f"{embedded.endpoint}/{BUCKET}/inbox/a%20%26.txt"
    for status, expected in [("200", 200), ("201", 201), ("204", 204), ("418", 204)]:
        fields = signed(embedded, more=[{"success_action_status": status}], success_action_status=status)
        answer = post(embedded, fields, filename="a &.txt")
        assert (answer.status, answer.headers["Location"]) == (expected, location)
        if status == "201":
            assert answer.headers["Content-Type"] == "application/xml"
            for element in (f"<Location>{location}</Location>", "<Key>inbox/a &amp;.txt</Key>"):
                assert element in answer.body.decode()
    site = {"success_action_redirect": "https://app.example.com/done?a=1"}
    answer = post(embedded, signed(embedded, more=[site], **site), filename="a &.txt")
    assert answer.status == 303
    assert answer.headers["Location"].startswith(
        f"https://app.example.com/done?a=1&bucket={BUCKET}&key=inbox%2Fa+%26.txt&etag=%22"
    )


def test_curl_sends_a_form(embedded: Embedded, tmp_path: Path) -> None:
    path = tmp_path / "big file"
    path.write_bytes(b"x" * 3_000_000)
    options = [option for name, value in signed(embedded).items() for option in ("--form-string", f"{name}={value}")]
    command = ["curl", "-sS", *options, "-F", f"file=@{path}", "-w", "%{http_code}", f"{embedded.endpoint}/{BUCKET}/"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "204"
    assert stored(embedded, "inbox/big file")["ContentLength"] == 3_000_000


def test_a_client_that_expects_100_is_told_once_to_send_its_form(embedded: Embedded) -> None:
    body = encoded(signed(embedded).items(), b"content", "expected")
    head = (
        f"POST /{BUCKET}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: multipart/form-data; boundary=sep\r\n\r\n"
    )
    answer = embedded.send_raw(head.encode() + body)
    assert answer.count(b"100 Continue") == 1
    assert b"HTTP/1.1 204 " in answer


def test_a_page_may_read_the_answer_where_the_bucket_says_so(embedded: Embedded) -> None:
    page = {"Origin": "https://app.example.com"}
    assert "Access-Control-Allow-Origin" not in post(embedded, signed(embedded), headers=page).headers
    rules = embedded.s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    rule = {"AllowedOrigins": [page["Origin"]], "AllowedMethods": ["POST"]}
    embedded.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    try:
        refused = {**signed(embedded), "x-amz-signature": "0"}
        for fields in (signed(embedded), refused):
            answer = post(embedded, fields, headers=page)
            assert answer.headers.get_all("Access-Control-Allow-Origin") == [page["Origin"]]
    finally:
        embedded.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": rules})


@pytest.mark.parametrize("size", [0, 1, 10, 11])
def test_a_file_has_the_size_that_the_policy_allows(embedded: Embedded, size: int) -> None:
    answer = post(embedded, signed(embedded, more=[["content-length-range", 1, 10]]), b"x" * size)
    if size in (1, 10):
        assert answer.status == 204
    else:
        assert answer.error == (400, "EntityTooLarge" if size else "EntityTooSmall")
        assert answer.element("ProposedSize") == str(size)


def failed(answer: Answer) -> str:
    """What of the policy was not met."""
    assert answer.error == DENIED
    before, _, rest = answer.element("Message").partition("Invalid according to Policy: ")
    assert not before
    return rest


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"key": "other/${filename}"}, 'Policy Condition failed: ["starts-with", "$key", "inbox/"]'),
        ({"key": "inbox"}, 'Policy Condition failed: ["starts-with", "$key", "inbox/"]'),
        ({"Content-Type": "text/html"}, 'Policy Condition failed: ["eq", "$Content-Type", "image/png"]'),
        ({"Content-Type": None}, 'Policy Condition failed: ["eq", "$Content-Type", "image/png"]'),
        ({"x-amz-date": None}, None),
        ({"acl": "public-read"}, "Extra input fields: acl"),
        ({"X-Amz-Meta-More": "1"}, "Extra input fields: x-amz-meta-more"),
        ({"cache-control": "public"}, "Extra input fields: cache-control"),
        ({"success_action_redirect": "https://evil.example"}, "Extra input fields: success_action_redirect"),
        ({"anything": ""}, "Extra input fields: anything"),
        ({"x-amz-security-token": "invented"}, None),
    ],
)
def test_a_form_is_held_to_its_policy(embedded: Embedded, changed: dict[str, str | None], reason: str | None) -> None:
    fields = signed(embedded, more=[{"Content-Type": "image/png"}], **{"Content-Type": "image/png"})
    sent = {name: value for name, value in {**fields, **changed}.items() if value is not None}
    answer = post(embedded, sent, filename="held")
    if reason is None:
        assert answer.status == 400
    else:
        assert failed(answer) == reason
    with pytest.raises(embedded.s3.exceptions.NoSuchKey):
        stored(embedded, "inbox/held")


def test_the_bucket_is_that_of_the_policy(embedded: Embedded) -> None:
    location = {"LocationConstraint": embedded_s3.REGION}
    embedded.s3.create_bucket(Bucket="another-bucket", CreateBucketConfiguration=location)
    for said in ({}, {"bucket": BUCKET}):
        answer = post(embedded, {**signed(embedded), **said}, bucket="another-bucket")
        assert failed(answer) == f'Policy Condition failed: ["eq", "$bucket", "{BUCKET}"]'


def test_a_form_ends(embedded: Embedded) -> None:
    fields = signed(embedded)
    embedded.clock.offset = 301
    assert failed(post(embedded, fields)) == "Policy expired."


def with_policy(fields: dict[str, str], document: object) -> dict[str, str]:
    """A form with another policy, properly signed for the form's own time."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    policy = base64.b64encode(raw).decode()
    key = f"AWS4{embedded_s3.SECRET_KEY}".encode()
    for part in [*fields["x-amz-credential"].split("/")[1:], policy]:
        key = hmac.digest(key, part.encode(), "sha256")
    return {**fields, "policy": policy, "x-amz-signature": key.hex()}


ENDS = "2100-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"\xff",
        [],
        {},
        {"expiration": ENDS},
        {"expiration": ENDS, "conditions": {}},
        {"expiration": "tomorrow", "conditions": []},
        {"expiration": ENDS, "conditions": [{}]},
        {"expiration": ENDS, "conditions": [{"a": "1", "b": "2"}]},
        {"expiration": ENDS, "conditions": [{"a": 1}]},
        {"expiration": ENDS, "conditions": [["ends-with", "$key", ""]]},
        {"expiration": ENDS, "conditions": [["eq", "key", ""]]},
        {"expiration": ENDS, "conditions": [["content-length-range", "0", "1"]]},
        {"expiration": ENDS, "conditions": ["key"]},
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_read_allows_nothing(embedded: Embedded, document: object) -> None:
    assert post(embedded, with_policy(signed(embedded), document)).error == (400, "InvalidPolicyDocument")


def test_a_policy_is_read_as_aws_reads_it(embedded: Embedded) -> None:
    """Names in any case, operators too, a time with a fraction; and each field is in it."""
    fields = signed(embedded)
    names = [name for name in fields if name.startswith("x-amz-") and name != "x-amz-signature"]
    conditions: list[Any] = [{"Bucket": BUCKET}, ["Starts-With", "$Key", "inbox/"]]
    conditions += [["eq", f"${name.upper()}", fields[name]] for name in names]
    document = {"expiration": "2100-01-01T00:00:00.000Z", "conditions": conditions}
    assert post(embedded, with_policy(fields, document)).status == 204
    for condition in conditions:
        less = {**document, "conditions": [one for one in conditions if one != condition]}
        assert failed(post(embedded, with_policy(fields, less))).startswith("Extra input fields: ")


def test_there_is_one_algorithm(embedded: Embedded) -> None:
    fields = with_policy(signed(embedded), {"expiration": ENDS, "conditions": []})
    answer = post(embedded, {**fields, "x-amz-algorithm": "AWS4-HMAC-SHA1"})
    assert answer.error == (400, "AuthorizationQueryParametersError")


@pytest.mark.parametrize("name", ["policy", "x-amz-signature", "x-amz-credential", "x-amz-date", "x-amz-algorithm"])
def test_any_byte_of_what_is_signed_counts(embedded: Embedded, name: str) -> None:
    fields = signed(embedded)
    for place in range(0, len(fields[name]), 7):
        old = fields[name][place]
        value = f"{fields[name][:place]}{'1' if old != '1' else '2'}{fields[name][place + 1 :]}"
        assert post(embedded, {**fields, name: value}).status in (400, 403)


def test_a_form_needs_a_policy_and_its_signature(embedded: Embedded) -> None:
    fields = signed(embedded)
    for name, error in [
        ("policy", DENIED),
        ("x-amz-signature", (400, "InvalidArgument")),
        ("x-amz-credential", (400, "InvalidArgument")),
        ("x-amz-algorithm", (400, "InvalidArgument")),
        ("key", (400, "InvalidArgument")),
    ]:
        assert post(embedded, {n: value for n, value in fields.items() if n != name}).error == error
    unsigned = {"key": "inbox/free"}
    assert post(embedded, unsigned).error == DENIED


def test_the_key_and_its_secret_are_checked(embedded: Embedded) -> None:
    for client, error in [
        (embedded.client("s3", key="AKIASOMEONEELSE"), (403, "InvalidAccessKeyId")),
        (embedded.client("s3", secret="wrong"), (403, "SignatureDoesNotMatch")),
        (embedded.client("s3", region="us-east-2"), (400, "AuthorizationQueryParametersError")),
    ]:
        assert post(embedded, signed(embedded, client=client)).error == error


def test_a_session_needs_its_token(embedded: Embedded) -> None:
    credentials = assume_role(embedded)
    fields = signed(embedded, client=session_client(embedded, credentials, credentials["SessionToken"]))
    assert post(embedded, fields).status == 204
    assert post(embedded, {**fields, "x-amz-security-token": "other"}).error == (400, "InvalidToken")
    less = {name: value for name, value in fields.items() if name != "x-amz-security-token"}
    assert post(embedded, less).error == (400, "InvalidToken")
    embedded.clock.offset = 901
    assert post(embedded, fields).error == (400, "ExpiredToken")


NOT_WELL_FORMED = (400, "MalformedPOSTRequest")
NO_FILE = (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NOT_WELL_FORMED),
        (b"key=a", NOT_WELL_FORMED),
        (b'--sep\r\nContent-Disposition: form-data; name="key"\r\n\r\na', NOT_WELL_FORMED),
        (b"--sep\r\nContent-Type: text/plain\r\n\r\na\r\n--sep--\r\n", NOT_WELL_FORMED),
        (b'--sep\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n--sep--\r\n', NOT_WELL_FORMED),
        (b"--sep--\r\n", NO_FILE),
        (encoded([("key", "a"), ("KEY", "b")], b"", "a"), NO_FILE),
        (encoded([("key", "a"), ("x-ignore-it", "x" * 20_001)], b"", "a"), (400, "MaxPostPreDataLengthExceeded")),
    ],
)
def test_what_is_no_form(embedded: Embedded, body: bytes, error: tuple[int, str]) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=sep"}
    assert embedded.send("POST", f"{embedded.endpoint}/{BUCKET}", body, headers).error == error


def test_what_comes_after_the_file_does_not_count(embedded: Embedded) -> None:
    fields = signed(embedded)
    after = b'--sep\r\nContent-Disposition: form-data; name="acl"\r\n\r\npublic-read\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=sep"}
    url = f"{embedded.endpoint}/{BUCKET}/"
    assert embedded.send("POST", url, encoded(fields.items(), b"x", "a", after), headers).status == 204
    policy = f'--sep\r\nContent-Disposition: form-data; name="policy"\r\n\r\n{fields.pop("policy")}\r\n'.encode()
    assert embedded.send("POST", url, encoded(fields.items(), b"x", "a", policy), headers).error == DENIED


def test_a_form_is_no_way_past_the_gate(embedded: Embedded) -> None:
    """Only a POST to a bucket is one; a chunked one AWS does not take; and one signature is enough."""
    fields = signed(embedded)
    body, headers = encoded(fields.items(), b"x", "a"), {"Content-Type": "multipart/form-data; boundary=sep"}
    for method, path in [("POST", f"{BUCKET}/inbox/a"), ("PUT", f"{BUCKET}/"), ("POST", ""), ("PUT", f"{BUCKET}/k")]:
        assert embedded.send(method, f"{embedded.endpoint}/{path}", body, headers).status == 403
    url = f"{embedded.endpoint}/{BUCKET}/"
    assert embedded.send("POST", url, body, {**headers, "Authorization": "Basic eDp5"}).status == 400
    chunked = f"POST /{BUCKET}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    message = f"{chunked}Content-Type: multipart/form-data; boundary=sep\r\n\r\n0\r\n\r\n".encode()
    assert b"501 Not Implemented" in embedded.send_raw(message)
