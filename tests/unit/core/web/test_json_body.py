"""A JSON body is an object with known fields, and each field has a value that the service accepts."""

import pytest

from chalicelib.core.web.json_body import choice_field, json_object, number_field
from chalicelib.core.web.problems.base import BadRequest


def test_a_body_is_an_object_with_known_fields() -> None:
    for body, expected in [
        (b"", {}),
        (b"{}", {}),
        (b'{"a": 1}', {"a": 1}),
        (b'{"a": null, "b": "x"}', {"a": None, "b": "x"}),
    ]:
        assert json_object(body, ("a", "b"), "EXAMPLE") == expected
    long = b'{"a": "' + b"x" * 4_096 + b'"}'
    for body in (b"x", b"[]", b"null", b"1", b'"a"', b"{", b"\xff", b"[" * 2_000, long):
        with pytest.raises(BadRequest, match="EXAMPLE"):
            json_object(body, ("a", "b"), "EXAMPLE")
    with pytest.raises(BadRequest, match=r"unknown field 'c'. It takes a, b\."):
        json_object(b'{"a": 1, "d": 1, "c": 1}', ("a", "b"), "EXAMPLE")


def test_a_field_is_a_whole_number_or_a_choice() -> None:
    assert number_field({"uses": 7}, "uses", 1, 1, 1_000) == 7
    assert number_field({}, "uses", 1, 1, 1_000) == 1
    for value in (0, 1_001, True, 1.0, "7", None):
        with pytest.raises(BadRequest, match="uses must be a whole number from 1 to 1,000"):
            number_field({"uses": value}, "uses", 1, 1, 1_000)
    assert choice_field({}, "allow", ("read", "write")) == "read"
    assert choice_field({"allow": "write"}, "allow", ("read", "write")) == "write"
    for other in ("", "Read", None, 1, ["read"]):
        with pytest.raises(BadRequest, match="allow must be one of read, write"):
            choice_field({"allow": other}, "allow", ("read", "write"))
