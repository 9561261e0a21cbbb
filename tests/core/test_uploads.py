"""What a rule demands of an upload: refused in words that help, or promised under the signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.problems import (
    BadHeader,
    BadParameter,
    LengthRequired,
    PayloadTooLarge,
    PreconditionRequired,
    Problem,
    SizeRequired,
    UnsupportedMediaType,
)
from chalicelib.core.rules import Rule
from chalicelib.core.uploads import promises
from tests.builders import allow, request

FREE = allow("/**", "write")
SMALL = FREE._replace(max_bytes=100)
IMAGES = FREE._replace(content_types=("image/*", "Text/Plain"))
ONCE = FREE._replace(overwrite=False)


def promised(rule: Rule, query: dict[str, str] | None = None, **headers: str) -> dict[str, str]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return promises(request("PUT", query=query, headers=fields), rule)


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
    "said", ["image/png", "IMAGE/Png", "image/svg+xml; charset=utf-8", "text/plain", "text/plain;a=b"]
)
def test_the_type_is_signed_as_it_was_said(said: str) -> None:
    assert promised(IMAGES, content_type=said) == {"content-type": said}


@pytest.mark.parametrize("said", ["", "image", "image/", "image/;x", "text/html", "imagex/png", "x; image/png", "*/*"])
def test_a_type_that_is_refused(said: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"image/\* or Text/Plain"):
        promised(IMAGES, content_type=said)


def test_a_type_that_is_not_said_or_cannot_be_signed() -> None:
    with pytest.raises(UnsupportedMediaType):
        promised(IMAGES)
    with pytest.raises(BadHeader):
        promised(IMAGES, content_type="image/png\r\nx: y")


@pytest.mark.parametrize("said", [None, "", '"etag"', "*, *", '"*"'])
def test_overwriting_must_be_ruled_out(said: str | None) -> None:
    headers = {} if said is None else {"if_none_match": said}
    with pytest.raises(PreconditionRequired, match="If-None-Match"):
        promised(ONCE, None, **headers)


def test_overwriting_ruled_out() -> None:
    assert promised(ONCE, if_none_match="*") == {}


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
