"""Claims that cannot be read are refused as AWS does, and calmly."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local import embedded_s3
from local.embedded_s3.sigv4 import AUTH_PARAMETERS
from tests.local.embedded import BUCKET, Embedded, replaced

MALFORMED = (400, "AuthorizationQueryParametersError")


@settings(max_examples=100, deadline=None)
@given(
    values=st.fixed_dictionaries(
        {}, optional={name: st.text(max_size=20) for name in (*AUTH_PARAMETERS, "X-Amz-Security-Token")}
    ).filter(bool),
    good=st.sets(st.sampled_from(AUTH_PARAMETERS)),
)
def test_garbage_in_the_query_is_refused_calmly(running: Embedded, values: dict[str, str], good: set[str]) -> None:
    url = running.presign("get_object")
    for name in set(AUTH_PARAMETERS) - good:
        url = re.sub(f"([?&]){name}=[^&]*", r"\1", url)
    garbage = "&".join(f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in values.items())
    assert running.send("GET", f"{url}&{garbage}").status in (400, 403)


@settings(max_examples=60, deadline=None)
@given(value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60))
def test_garbage_in_the_authorization_header_is_refused_calmly(running: Embedded, value: str) -> None:
    for authorization in (value, f"AWS4-HMAC-SHA256 {value}", f"AWS4-HMAC-SHA256 Credential={value},SignedHeaders="):
        head = f"GET /{BUCKET}/k HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n\r\n"
        assert re.match(rb"HTTP/1.1 40[03] ", running.send_raw(head.encode("latin-1")))


@pytest.mark.parametrize(
    "target", [f"/{BUCKET}/%zz", f"/{BUCKET}/%ff", f"/{BUCKET}/a#b", f"/{BUCKET}/é", "http://[x/", "//["]
)
def test_a_target_that_is_no_uri_is_refused(embedded: Embedded, target: str) -> None:
    answer = embedded.send_raw(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert b" 400 " in answer or b" 403 " in answer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA1"),
        ("X-Amz-Credential", embedded_s3.ACCESS_KEY),
        ("X-Amz-Credential", f"{embedded_s3.ACCESS_KEY}/20200101/eu-west-1/s3/aws4_request"),
        ("X-Amz-Credential", f"{embedded_s3.ACCESS_KEY}/{datetime.now(UTC):%Y%m%d}/eu-west-1/sts/aws4_request"),
        ("X-Amz-Credential", f"{embedded_s3.ACCESS_KEY}/{datetime.now(UTC):%Y%m%d}/eu-west-1/s3/aws5_request"),
        ("X-Amz-Date", "20200101T000000"),
        ("X-Amz-Date", "20201301T000000Z"),
        ("X-Amz-Expires", "0"),
        ("X-Amz-Expires", "-1"),
        ("X-Amz-Expires", "604801"),
        ("X-Amz-Expires", "٣٠٠"),
        ("X-Amz-SignedHeaders", "range"),
        ("X-Amz-SignedHeaders", ""),
    ],
)
def test_a_malformed_parameter_is_named_as_such(embedded: Embedded, name: str, value: str) -> None:
    assert embedded.send("GET", replaced(embedded.presign("get_object"), name, value)).error == MALFORMED


@pytest.mark.parametrize("name", AUTH_PARAMETERS)
def test_every_parameter_is_needed_once(embedded: Embedded, name: str) -> None:
    url = embedded.presign("get_object")
    parameter = re.search(f"[?&]({name}=[^&]*)", url)
    assert parameter
    assert embedded.send("GET", url.replace(parameter[1], "a=b")).error == MALFORMED
    assert embedded.send("GET", f"{url}&{parameter[1]}").error == MALFORMED
