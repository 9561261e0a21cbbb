"""What a rule demands of an upload: refused in words that help, or promised under the signature."""

import base64
import hashlib

import pytest
from abnf import ParseError
from abnf.grammars import rfc9110
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import Link
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Grant, Rule, RuleSet
from chalicelib.core.s3.upload_limits import MEDIA_TYPE, check_media_type, required_headers
from chalicelib.core.web.multipart_parameters import ABORT, COMPLETE, CREATE, LIST, PART, max_part_bytes, part_bytes
from chalicelib.core.web.problems import (
    BadHeader,
    BadParameter,
    ChecksumRequired,
    HeaderRequired,
    LengthRequired,
    PartTooLarge,
    PayloadTooLarge,
    PreconditionRequired,
    Problem,
    SizeRequired,
    UnsupportedMediaType,
)
from tests.support.builders import allow, path, request

FREE = allow("/**", "write")
SMALL = FREE._replace(max_bytes=100)
IMAGES = FREE._replace(content_types=("image/*", "Text/Plain"))
ONCE = FREE._replace(overwrite=False)


def promised(
    rule: Rule, query: dict[str, str] | None = None, *, step: str | None = None, **headers: str
) -> dict[str, str]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return required_headers(request("PUT", query=query, headers=fields), granted(rule), step)


def granted(rule: Rule, link: Link | None = None) -> Grant:
    """The grant to upload under a rule."""
    return RuleSet([rule]).authorize(ANYONE, "write", path("/a"))._replace(link=link)


def test_a_rule_without_demands_wants_no_promise() -> None:
    assert promised(FREE, {"size": "x"}, content_type="a/b", content_length="5") == {}


@pytest.mark.parametrize(
    ("query", "headers", "size"),
    [
        ({"size": "100"}, {}, "100"),
        ({"size": "0"}, {}, "0"),
        ({"size": "007"}, {}, "7"),
        ({}, {"content_length": "99"}, "99"),
        ({"size": "42"}, {"content_length": "0"}, "42"),
    ],
)
def test_the_size_is_signed(query: dict[str, str], headers: dict[str, str], size: str) -> None:
    assert promised(SMALL, query, **headers) == {"content-length": size}


@pytest.mark.parametrize(
    ("query", "headers", "problem"),
    [
        ({}, {}, SizeRequired),
        ({"size": "101"}, {}, PayloadTooLarge),
        ({}, {"content_length": "101"}, PayloadTooLarge),
        ({"size": "9" * 19}, {}, PayloadTooLarge),
        *(({"size": said}, {}, BadParameter) for said in ("", "-1", "+1", "1.0", "1e1", " 1", "٣", "²", "9" * 20)),
        ({}, {"transfer_encoding": "Chunked"}, LengthRequired),
        ({"size": "5"}, {"transfer_encoding": "gzip, chunked"}, LengthRequired),
    ],
)
def test_a_size_that_is_refused(query: dict[str, str], headers: dict[str, str], problem: type[Problem]) -> None:
    with pytest.raises(problem):
        promised(SMALL, query, **headers)


@pytest.mark.parametrize(
    "said",
    ["image/png", "IMAGE/Png", "image/svg+xml; charset=utf-8", "text/plain", "text/plain;a=b", 'image/x;a="b, \\" c";'],
)
def test_the_type_is_signed_as_it_was_said(said: str) -> None:
    assert promised(IMAGES, content_type=said) == {"content-type": said}
    assert promised(IMAGES, {}, step=CREATE, content_type=said) == {"content-type": said}


# Each would be stored as it is, and a browser reads several types, of which the last decides (FACTS 8.12).
SEVERAL = ["image/png;,text/html", "image/png,text/html", "image/png, text/html", "image/png;a=b,text/html"]
SEVERAL += ['image/png;a="b",text/html', 'image/png;a="b\\",text/html', "image/png;a=',text/html;'", "image/png a/b"]
BROKEN = ["", "image", "image/", "/png", "image/;x", "x; image/png", "image /a", " image/png", "image/png\t;a=b"]
BROKEN += ["image/png;a", "image/png;a=", 'image/png;a="', "image/png;a=ü", "image/png;a=b;c d", "image/png\0"]
BROKEN += ["image/png\r\nx: y", "image/png "]


def test_a_type_that_is_refused() -> None:
    for said in (*SEVERAL, *BROKEN, "text/html", "imagex/png", "*/*"):
        for step in (None, CREATE):
            with pytest.raises(UnsupportedMediaType, match=r"image/\* or Text/Plain"):
                promised(IMAGES, None, step=step, content_type=said)
    with pytest.raises(UnsupportedMediaType):
        promised(IMAGES)


def test_a_type_is_one_media_type_whatever_the_rule_takes() -> None:
    for said in (*SEVERAL, *BROKEN):
        with pytest.raises(UnsupportedMediaType, match="text/plain"):
            promised(FREE, content_type=said)
    assert promised(FREE, content_type="text/html") == {}


def is_media_type(text: str) -> bool:
    """What the grammar of RFC 9110 says of a text, as others read it."""
    try:
        rfc9110.Rule("media-type").parse_all(text)
    except ParseError:
        return False
    return True


@given(st.from_regex(MEDIA_TYPE, fullmatch=True) | st.text('ab/;=," \\*', max_size=12).map("a/b;".__add__))
def test_a_type_is_what_the_rfc_calls_one(text: str) -> None:
    try:
        check_media_type(text, ())
    except UnsupportedMediaType:
        assert not is_media_type(text)
    else:
        assert is_media_type(text)


def test_a_long_type_is_read_at_once() -> None:
    for more in ("; " * 50_000, ' ;a="' + "\\x" * 50_000, ";a=b" * 50_000, " " * 50_000):
        with pytest.raises(UnsupportedMediaType):
            check_media_type(f"a/b{more}\0", ())


@pytest.mark.parametrize("said", [None, "", '"etag"', "*, *", '"*"'])
def test_overwriting_must_be_ruled_out(said: str | None) -> None:
    headers = {} if said is None else {"if_none_match": said}
    with pytest.raises(PreconditionRequired, match="If-None-Match"):
        promised(ONCE, None, **headers)


def test_overwriting_ruled_out() -> None:
    assert promised(ONCE, if_none_match="*") == {}


def test_a_link_that_may_not_read_replaces_nothing() -> None:
    for where in ("/a", "/"):
        grant = granted(FREE, Link("i", path(where), "write", 0, 9, b""))
        for step in (None, COMPLETE):
            assert required_headers(request("PUT", headers={"if-none-match": "*"}), grant, step) == {}
            for headers in ({}, {"if-match": '"etag"'}, {"if-none-match": '"etag"'}):
                with pytest.raises(PreconditionRequired):
                    required_headers(request("PUT", headers=headers), grant, step)
        for step in (CREATE, PART, ABORT, LIST):
            assert required_headers(request("PUT"), grant, step) == {}


# Checksums and fixed headers


SUM = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
MD5 = base64.b64encode(hashlib.md5(b"x").digest()).decode()
SUMMED = FREE._replace(checksum=True)
KEPT = FREE._replace(require_headers=(("cache-control", "private, max-age=60"), ("x-amz-meta-from", "ci")))


def test_a_checksum_is_signed() -> None:
    assert promised(SUMMED, x_amz_checksum_sha256=SUM) == {"x-amz-checksum-sha256": SUM}
    assert promised(SUMMED, content_md5=MD5) == {"content-md5": MD5}
    assert promised(SUMMED, {}, step=PART, x_amz_checksum_sha256=SUM) == {"x-amz-checksum-sha256": SUM}


@pytest.mark.parametrize(
    "headers", [{}, {"x_amz_checksum_crc32": "AAAAAA=="}, {"x_amz_sdk_checksum_algorithm": "SHA256"}]
)
def test_a_checksum_must_be_said(headers: dict[str, str]) -> None:
    with pytest.raises(ChecksumRequired, match="x-amz-checksum-sha256"):
        promised(SUMMED, None, **headers)


@pytest.mark.parametrize(
    "said", ["", "x", SUM[:-1], SUM + "A", MD5, SUM.replace("=", ""), SUM + "\n", "ü" * 44, hex(5) * 11]
)
def test_a_checksum_that_is_none(said: str) -> None:
    with pytest.raises(BadHeader):
        promised(SUMMED, x_amz_checksum_sha256=said)


def test_headers_that_the_rule_fixes_are_signed() -> None:
    fixed = dict(KEPT.require_headers)
    assert promised(KEPT, cache_control="private, max-age=60", x_amz_meta_from="ci") == fixed
    assert promised(KEPT, {}, step=CREATE, cache_control="private, max-age=60", x_amz_meta_from="ci") == fixed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cache_control": "private, max-age=60"},
        {"cache_control": "private, max-age=61", "x_amz_meta_from": "ci"},
        {"cache_control": "private, max-age=60", "x_amz_meta_from": "CI"},
        {"cache_control": "private, max-age=60", "x_amz_meta_from": ""},
    ],
)
def test_headers_that_the_rule_fixes_must_be_so(headers: dict[str, str]) -> None:
    with pytest.raises(HeaderRequired, match=r"-H '(cache-control|x-amz-meta-from): "):
        promised(KEPT, None, **headers)


def test_in_two_steps_the_answer_says_what_the_rule_fixes() -> None:
    assert promised(KEPT, {"presign": ""}, cache_control="public") == dict(KEPT.require_headers)


# Parts


def test_each_call_promises_what_is_its_own() -> None:
    rule = SMALL._replace(
        content_types=("image/*",), overwrite=False, checksum=True, require_headers=(("cache-control", "private"),)
    )
    kind = {"content-type": "image/png", "cache-control": "private"}
    body = {"content-length": "5", "x-amz-checksum-sha256": SUM}
    said = {
        "content_type": "image/png",
        "cache_control": "private",
        "x_amz_checksum_sha256": SUM,
        "if_none_match": "*",
    }
    query = {"size": "5", "partNumber": "1", "uploadId": "u"}
    assert promised(rule, query, **said) == kind | body
    begin = {"content_type": "image/png", "cache_control": "private"}
    algorithm = {"x-amz-checksum-algorithm": "SHA256"}
    assert promised(rule, query, step=CREATE, **begin, x_amz_checksum_algorithm="SHA256") == kind | algorithm
    assert promised(rule, query | {"presign": ""}, step=CREATE, **begin) == kind | algorithm
    with pytest.raises(HeaderRequired, match="x-amz-checksum-algorithm: SHA256"):
        promised(rule, query, step=CREATE, **begin)
    with pytest.raises(ChecksumRequired):
        promised(rule, query, step=PART, content_md5=MD5)
    assert promised(rule, query, step=PART, x_amz_checksum_sha256=SUM) == body
    assert promised(rule, query, step=COMPLETE, if_none_match="*") == {}
    assert promised(rule, query, step=ABORT) == promised(rule, query, step=LIST) == {}
    with pytest.raises(PreconditionRequired, match="--data-binary"):
        promised(rule, query, step=COMPLETE)


def test_all_parts_together_are_no_larger_than_the_whole_may_be() -> None:
    limit = 12 * 1024**2
    rule = FREE._replace(max_bytes=limit)
    sizes = {1: 5 * 1024**2, 2: 5 * 1024**2, 3: 2 * 1024**2}
    for number, size in sizes.items():
        query = {"partNumber": str(number), "uploadId": "u", "size": str(size)}
        assert promised(rule, query, step=PART) == {"content-length": str(size)}
        with pytest.raises(PartTooLarge, match="parts of 5,242,880 bytes"):
            promised(rule, query | {"size": str(size + 1)}, step=PART)
    for beyond in ("4", "10000"):
        with pytest.raises(PartTooLarge):
            promised(rule, {"partNumber": beyond, "uploadId": "u", "size": "1"}, step=PART)


@given(st.integers(0, 5 * 1024**4))
def test_the_parts_of_any_limit_are_what_s3_takes_and_add_up_to_it(limit: int) -> None:
    size = part_bytes(limit)
    full, rest = divmod(limit, size)
    assert 5 * 1024**2 <= size <= 5 * 1024**3
    assert full + (rest > 0) <= 10_000
    assert max_part_bytes(limit, full + 1) == rest
    assert max_part_bytes(limit, full + 2) == 0
    if full:
        assert max_part_bytes(limit, 1) == max_part_bytes(limit, full) == size


@given(
    st.integers(0, 200).map(str) | st.text(max_size=25),
    st.sampled_from(["image/png", "image/x; a=b"]) | st.text(max_size=30),
    st.just("*") | st.text(max_size=5),
)
def test_whatever_is_said_is_promised_or_refused(size: str, media_type: str, condition: str) -> None:
    """A promise is within the limits; anything else is a refusal, never another exception."""
    rule = SMALL._replace(content_types=("image/*",), overwrite=False)
    try:
        found = promised(rule, {"size": size}, content_type=media_type, if_none_match=condition)
    except Problem:
        return
    assert int(found["content-length"]) <= 100
    assert found["content-type"].lower().startswith("image/")
    assert condition.strip() == "*"
