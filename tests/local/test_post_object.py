"""The embedded S3 accepts the uploads by an HTML form that AWS S3 accepts, and refuses the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from local import embedded_s3

from .embedded import BUCKET, DENIED, MALFORMED, MISMATCH, Answer, Embedded

FORM = {"Content-Type": "multipart/form-data; boundary=sep"}
INVALID = (400, "InvalidArgument")
BAD_TOKEN = (400, "InvalidToken")
NOT_WELL_FORMED = (400, "MalformedPOSTRequest")
KEY_CONDITION = ["starts-with", "$key", "inbox/"]
EXPIRES = "2100-01-01T00:00:00Z"


def signed_fields(embedded: Embedded, more: Iterable[Any] = (), client: Any = None, **fields: str) -> dict[str, str]:
    """Return the fields of a form, signed by boto3, with `more` conditions."""
    conditions = [KEY_CONDITION, *more]
    form = (client or embedded.s3).generate_presigned_post(BUCKET, "inbox/${filename}", fields, conditions, 300)
    assert form["url"].rstrip("/") == f"{embedded.endpoint}/{BUCKET}"
    signed: dict[str, str] = form["fields"]
    return signed


def with_policy(fields: dict[str, str], document: object) -> dict[str, str]:
    """Return a form with another policy, correctly signed for the form's own time."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    policy = base64.b64encode(raw).decode()
    key = f"AWS4{embedded_s3.SECRET_KEY}".encode()
    for part in [*fields["x-amz-credential"].split("/")[1:], policy]:
        key = hmac.digest(key, part.encode(), "sha256")
    return {**fields, "policy": policy, "x-amz-signature": key.hex()}


def encoded(fields: Iterable[tuple[str, str]], content: bytes, filename: str | None, after: bytes = b"") -> bytes:
    """Return the body of a form, as browsers write it; `after` is a part behind the file."""
    head = [
        f'--sep\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields
    ]
    named = b"" if filename is None else b'; filename="' + filename.encode() + b'"\r\nContent-Type: text/x-of-the-part'
    file = b'--sep\r\nContent-Disposition: form-data; name="file"' + named + b"\r\n\r\n" + content + b"\r\n"
    return b"".join([*head, file, after, b"--sep--\r\n"])


def post(
    embedded: Embedded, fields: Mapping[str, str], content: bytes = b"content", filename: str | None = "a.txt"
) -> Answer:
    return post_body(embedded, encoded(fields.items(), content, filename))


def post_body(embedded: Embedded, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    return embedded.send("POST", f"{embedded.endpoint}/{BUCKET}/", body, {**FORM, **(headers or {})})


def test_a_form_stores_its_file_unchanged(embedded: Embedded) -> None:
    content = b"\x00\r\n--se\r\n--\xff--sep" + bytes(range(256))
    answer = post(embedded, signed_fields(embedded), content, "ünï 日本+%.txt")
    assert (answer.status, answer.body) == (204, b"")
    stored = embedded.stored("inbox/ünï 日本+%.txt")
    assert stored["Body"].read() == content
    assert (answer.headers["ETag"], stored["ContentType"]) == (stored["ETag"], "binary/octet-stream")


def test_the_fields_become_headers_and_tags_of_the_object(embedded: Embedded) -> None:
    fields = {
        "Content-Type": "image/png",
        "cache-control": "private",
        "content-disposition": "attachment; filename=отчёт.txt",
        "x-amz-meta-by": "me",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b + c</Value></Tag></TagSet></Tagging>",
    }
    sent = signed_fields(embedded, [{name: value} for name, value in fields.items()], **fields)
    assert post(embedded, {**sent, "x-ignore-me": "1"}, filename="labelled").status == 204
    stored = embedded.stored("inbox/labelled")
    assert (stored["ContentType"], stored["CacheControl"], stored["Metadata"]) == ("image/png", "private", {"by": "me"})
    assert stored["ContentDisposition"].encode("latin-1").decode() == fields["content-disposition"]
    tags = embedded.s3.get_object_tagging(Bucket=BUCKET, Key="inbox/labelled")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b + c"}]
    # S3 ignores the header of a PUT for tags, and reads only the field for tags.
    fields = {"x-amz-tagging": "a=b"}
    assert post(embedded, signed_fields(embedded, [fields], **fields), filename="untagged").status == 204
    assert embedded.s3.get_object_tagging(Bucket=BUCKET, Key="inbox/untagged")["TagSet"] == []


def test_the_last_part_of_the_files_path_completes_the_key(embedded: Embedded) -> None:
    for filename, key in [
        ("C:\\\\Users\\\\me\\\\photo.jpg", "inbox/photo.jpg"),
        ("pictures/me/photo.jpg", "inbox/photo.jpg"),
        ("../../etc/passwd", "inbox/passwd"),
        (None, "inbox/"),
        ("", "inbox/"),
    ]:
        content = uuid.uuid4().hex.encode()
        assert post(embedded, signed_fields(embedded), content, filename).status == 204
        assert embedded.stored(key)["Body"].read() == content


def test_the_fields_choose_the_answer(embedded: Embedded) -> None:
    location = f"{embedded.endpoint}/{BUCKET}/inbox/a%20%26.txt"
    for field, status in [("200", 200), ("201", 201), ("204", 204), ("418", 204)]:
        fields = {"success_action_status": field}
        answer = post(embedded, signed_fields(embedded, [fields], **fields), filename="a &.txt")
        assert (answer.status, answer.headers["Location"]) == (status, location)
        if status == 201:
            assert answer.headers["Content-Type"] == "application/xml"
            for element in (f"<Location>{location}</Location>", "<Key>inbox/a &amp;.txt</Key>"):
                assert element in answer.body.decode()
    fields = {"success_action_redirect": "https://app.example.com/done?a=1"}
    answer = post(embedded, signed_fields(embedded, [fields], **fields), filename="a &.txt")
    assert answer.status == 303
    assert answer.headers["Location"].startswith(
        f"https://app.example.com/done?a=1&bucket={BUCKET}&key=inbox%2Fa+%26.txt&etag=%22"
    )


def test_a_client_that_expects_100_gets_it_once(embedded: Embedded) -> None:
    body = encoded(signed_fields(embedded).items(), b"content", "expected")
    fields = ("Connection: close", "Expect: 100-continue", f"Content-Length: {len(body)}")
    form = f"Content-Type: {FORM['Content-Type']}"
    answer = embedded.send_raw(embedded.request_bytes("POST", f"/{BUCKET}/", *fields, form, body=body))
    assert answer.count(b"100 Continue") == 1
    assert b"HTTP/1.1 204 " in answer


def test_the_file_must_have_an_allowed_size_and_the_digest_of_its_field(embedded: Embedded) -> None:
    for size, error in [(0, "EntityTooSmall"), (1, None), (10, None), (11, "EntityTooLarge")]:
        answer = post(embedded, signed_fields(embedded, [["content-length-range", 1, 10]]), b"x" * size)
        if error is None:
            assert answer.status == 204
        else:
            assert (answer.error, answer.element("ProposedSize")) == ((400, error), str(size))
    for name, digest in [("Content-MD5", "md5"), ("x-amz-checksum-sha256", "sha256")]:
        field = {name: base64.b64encode(hashlib.new(digest, b"content").digest()).decode()}
        fields = signed_fields(embedded, [field], **field)
        assert post(embedded, fields).status == 204
        assert post(embedded, fields, b"changed").error == (400, "BadDigest")


def test_a_malformed_policy_allows_nothing(embedded: Embedded) -> None:
    conditions = [
        {},
        [{}],
        [{"a": "1", "b": "2"}],
        [{"a": 1}],
        [["ends-with", "$key", ""]],
        [["eq", "key", ""]],
        [["content-length-range", "0", "1"]],
        ["key"],
    ]
    documents = [{"expiration": EXPIRES, "conditions": condition} for condition in conditions]
    for document in [b"{", b"\xff", [], {}, {"expiration": EXPIRES}, {"expiration": "x", "conditions": []}, *documents]:
        answer = post(embedded, with_policy(signed_fields(embedded), document))
        assert answer.error == (400, "InvalidPolicyDocument"), document


def test_a_policy_is_read_as_aws_reads_it(embedded: Embedded) -> None:
    """Names and operators may be in any case, a time may have a fraction, and every field needs a condition."""
    fields = signed_fields(embedded)
    names = [name for name in fields if name.startswith("x-amz-") and name != "x-amz-signature"]
    conditions: list[Any] = [{"Bucket": BUCKET}, ["Starts-With", "$Key", "inbox/"]]
    conditions += [["eq", f"${name.upper()}", fields[name]] for name in names]
    document = {"expiration": "2100-01-01T00:00:00.000Z", "conditions": conditions}
    assert post(embedded, with_policy(fields, document)).status == 204
    for missing in conditions:
        less = {**document, "conditions": [condition for condition in conditions if condition != missing]}
        refused = post(embedded, with_policy(fields, less))
        assert refused.error == DENIED
        assert "Invalid according to Policy: Extra input fields: " in refused.element("Message")


def test_the_credentials_are_checked(embedded: Embedded) -> None:
    for change, error in [({"aws_secret_access_key": "wrong"}, MISMATCH), ({"region_name": "us-east-2"}, MALFORMED)]:
        assert post(embedded, signed_fields(embedded, client=embedded.client("s3", **change))).error == error
    credentials = embedded.assume_role()
    client = embedded.session_client(credentials, credentials["SessionToken"])
    fields = signed_fields(embedded, client=client)
    assert post(embedded, fields).status == 204
    assert post(embedded, {**signed_fields(embedded), "x-amz-security-token": "invented"}).error == BAD_TOKEN
    embedded.clock.offset = 901
    assert post(embedded, fields).error == (400, "ExpiredToken")


def test_a_body_that_is_not_a_form_is_refused(embedded: Embedded) -> None:
    field = b'--sep\r\nContent-Disposition: form-data; name="key"\r\n\r\n'
    for body, error in [
        (b"", NOT_WELL_FORMED),
        (b"key=a", NOT_WELL_FORMED),
        (field + b"a", NOT_WELL_FORMED),
        (field + b"\xff\r\n--sep--\r\n", NOT_WELL_FORMED),
        (b"--sep\r\nContent-Type: text/plain\r\n\r\na\r\n--sep--\r\n", NOT_WELL_FORMED),
        (b"--sep--\r\n", INVALID),
        (encoded([("key", "a"), ("KEY", "b")], b"", "a"), INVALID),
        (encoded([("key", "a"), ("x-ignore-it", "x" * 20_001)], b"", "a"), (400, "MaxPostPreDataLengthExceeded")),
    ]:
        assert post_body(embedded, body).error == error, body[:80]


def test_fields_after_the_file_are_ignored(embedded: Embedded) -> None:
    fields = signed_fields(embedded)
    acl = b'--sep\r\nContent-Disposition: form-data; name="acl"\r\n\r\npublic-read\r\n'
    assert post_body(embedded, encoded(fields.items(), b"x", "a", acl)).status == 204
    policy = f'--sep\r\nContent-Disposition: form-data; name="policy"\r\n\r\n{fields.pop("policy")}\r\n'.encode()
    assert post_body(embedded, encoded(fields.items(), b"x", "a", policy)).error == DENIED


def test_a_form_does_not_replace_the_signature_of_another_request(embedded: Embedded) -> None:
    """Only a POST to a bucket is a form. A form has a length, and no second signature in its head."""
    body = encoded(signed_fields(embedded).items(), b"x", "a")
    for method, path in [("POST", f"{BUCKET}/inbox/a"), ("PUT", f"{BUCKET}/"), ("POST", ""), ("PUT", f"{BUCKET}/k")]:
        assert embedded.send(method, f"{embedded.endpoint}/{path}", body, FORM).status == 403
    assert post_body(embedded, body, {"Authorization": "Basic eDp5"}).status == 400
    fields = (f"Content-Type: {FORM['Content-Type']}", "Connection: close", "Transfer-Encoding: chunked")
    answer = embedded.send_raw(embedded.request_bytes("POST", f"/{BUCKET}/", *fields, body=b"0\r\n\r\n"))
    assert b"501 Not Implemented" in answer
