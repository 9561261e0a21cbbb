"""Uploads in parts: each of S3's calls is known by its method and parameters, and nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web import multipart_parameters
from chalicelib.core.web.problems import BadParameter

CALLS = [
    ("POST", {"uploads": ""}, "create", {"uploads": ""}),
    ("PUT", {"partNumber": "1", "uploadId": "u"}, "part", {"partNumber": "1", "uploadId": "u"}),
    ("PUT", {"partNumber": "10000", "uploadId": "u", "size": "5"}, "part", {"partNumber": "10000", "uploadId": "u"}),
    ("POST", {"uploadId": "u"}, "complete", {"uploadId": "u"}),
    ("DELETE", {"uploadId": "u", "versionId": "v"}, "abort", {"uploadId": "u"}),
    ("GET", {"uploadId": "u"}, "list", {"uploadId": "u"}),
    (
        "GET",
        {"uploadId": "u", "max-parts": "5", "part-number-marker": "7", "download": ""},
        "list",
        {"uploadId": "u", "max-parts": "5", "part-number-marker": "7"},
    ),
]


@pytest.mark.parametrize(("method", "query", "step", "passed"), CALLS)
def test_each_call_is_known_and_passed_on(
    method: str, query: dict[str, str], step: str, passed: dict[str, str]
) -> None:
    assert multipart_parameters.step_of(method, query) == step
    assert {name: query[name] for name in multipart_parameters.PARAMETERS[step] if name in query} == passed


@pytest.mark.parametrize("query", [{}, {"size": "5"}, {"presign": ""}, {"part-number-marker": "1"}, {"UPLOADS": ""}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"])
def test_other_requests_are_none(method: str, query: dict[str, str]) -> None:
    assert multipart_parameters.step_of(method, query) is None


@pytest.mark.parametrize(
    ("method", "query"),
    [
        *((method, {"uploads": ""}) for method in ("GET", "HEAD", "PUT", "DELETE")),
        ("POST", {"uploads": "", "uploadId": "u"}),
        ("POST", {"uploads": "", "partNumber": "1"}),
        *((method, {"uploadId": ""}) for method in ("GET", "PUT", "POST", "DELETE")),
        ("HEAD", {"uploadId": "u"}),
        ("PUT", {"uploadId": "u"}),
        *((method, {"partNumber": "1"}) for method in ("GET", "HEAD", "PUT", "POST", "DELETE")),
        *((method, {"partNumber": "1", "uploadId": "u"}) for method in ("GET", "POST", "DELETE", "HEAD")),
        *(
            ("PUT", {"partNumber": number, "uploadId": "u"})
            for number in ("", "0", "-1", "10001", "1.0", "x", "²", "٣", "000001", "9" * 5_000)
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_there_is_not_is_refused_rather_than_taken_for_a_whole_object(method: str, query: dict[str, str]) -> None:
    with pytest.raises(BadParameter):
        multipart_parameters.step_of(method, query)


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
    st.dictionaries(st.sampled_from(["uploads", "uploadId", "partNumber", "size"]), st.text(max_size=6)),
)
def test_no_request_with_such_a_parameter_is_taken_for_another(method: str, query: dict[str, str]) -> None:
    try:
        step = multipart_parameters.step_of(method, query)
    except BadParameter:
        return
    assert (step is None) == (not query.keys() & {"uploads", "uploadId", "partNumber"})
