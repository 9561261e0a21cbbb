"""The method and the parameters name each multipart call of S3, and no other request passes for a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.multipart_parameters import PARAMETERS, max_part_bytes, part_bytes, step_of
from chalicelib.core.web.problems.base import BadParameter

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE"]
UPLOAD = {"uploadId": "u"}


def test_each_call_has_its_method_and_its_parameters() -> None:
    for method, query, step, passed in [
        ("POST", {"uploads": ""}, "create", {"uploads"}),
        ("PUT", UPLOAD | {"partNumber": "1"}, "part", {"partNumber", "uploadId"}),
        ("PUT", UPLOAD | {"partNumber": "10000", "size": "5"}, "part", {"partNumber", "uploadId"}),
        ("POST", UPLOAD, "complete", {"uploadId"}),
        ("DELETE", UPLOAD | {"versionId": "v"}, "abort", {"uploadId"}),
        ("GET", UPLOAD, "list", {"uploadId"}),
        (
            *("GET", UPLOAD | {"max-parts": "5", "part-number-marker": "7", "download": ""}, "list"),
            {"uploadId", "max-parts", "part-number-marker"},
        ),
    ]:
        assert step_of(method, query) == step
        assert query.keys() & {*PARAMETERS[step]} == passed


def test_other_requests_are_no_call() -> None:
    for method in (*METHODS, "OPTIONS"):
        for query in ({}, {"size": "5"}, {"presign": ""}, {"part-number-marker": "1"}, {"UPLOADS": ""}):
            assert step_of(method, query) is None
    for query in ({"uploads": ""}, UPLOAD, {"partNumber": "x"}):
        assert step_of("OPTIONS", query) is None


def test_a_request_that_is_nearly_a_call_is_refused() -> None:
    """S3 would replace or delete the whole object, if the parameters were left out."""
    refused = {
        "uploads": [
            *((method, {"uploads": ""}) for method in METHODS if method != "POST"),
            *(("POST", {"uploads": "", name: "1"}) for name in ("uploadId", "partNumber")),
        ],
        "uploadId": [
            *((method, {"uploadId": ""}) for method in METHODS),
            *((method, {"partNumber": "1"}) for method in METHODS),
            *(("HEAD", query) for query in (UPLOAD, UPLOAD | {"partNumber": "1"})),
        ],
        "partNumber": [
            ("PUT", UPLOAD),
            *((method, UPLOAD | {"partNumber": "1"}) for method in ("GET", "POST", "DELETE")),
            *(("PUT", UPLOAD | {"partNumber": number}) for number in ("", "0", "-1", "10001", "1.0", "²", "9" * 5_000)),
        ],
    }
    for name, requests in refused.items():
        for method, query in requests:
            with pytest.raises(BadParameter) as problem:
                step_of(method, query)
            assert problem.value.name == name, (method, query)


@given(
    st.sampled_from(METHODS),
    st.dictionaries(st.sampled_from(["uploads", "uploadId", "partNumber", "size"]), st.text(max_size=6)),
)
def test_any_request_with_such_a_parameter_is_a_call_or_refused(method: str, query: dict[str, str]) -> None:
    try:
        step = step_of(method, query)
    except BadParameter:
        return
    assert (step is None) == (not query.keys() & {"uploads", "uploadId", "partNumber"})


@given(st.integers(0, 5 * 1024**4))
def test_s3_takes_the_parts_of_any_limit_and_together_they_reach_the_limit(limit: int) -> None:
    size = part_bytes(limit)
    full, rest = divmod(limit, size)
    assert 5 * 1024**2 <= size <= 5 * 1024**3
    assert full + (rest > 0) <= 10_000
    assert max_part_bytes(limit, full + 1) == rest
    assert max_part_bytes(limit, full + 2) == 0
    if full:
        assert max_part_bytes(limit, 1) == max_part_bytes(limit, full) == size
