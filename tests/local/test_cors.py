"""The embedded S3 answers browsers by the bucket's CORS rules."""

from __future__ import annotations

import pytest

from tests.local.embedded import BUCKET, Embedded

APP = "https://app.example.com"
REFUSED = (403, "AccessForbidden")


@pytest.mark.parametrize(
    ("origin", "method", "headers", "allowed"),
    [
        (APP, "PUT", "Content-Type, x-amz-meta-a", APP),
        (APP, "PUT", "x-other", None),
        (APP, "DELETE", "", None),
        ("https://other.example.com", "GET", "", "*"),
        ("https://other.example.com", "PUT", "", None),
        ("https://app.example.com.evil.example", "PUT", "", None),
        ("https://appXexample.com", "PUT", "", None),
        ("https://APP.example.com", "PUT", "", None),
        ("null", "GET", "", "*"),
    ],
)
def test_preflights(embedded: Embedded, origin: str, method: str, headers: str, allowed: str | None) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    answer = embedded.send("OPTIONS", f"{embedded.endpoint}/{BUCKET}/any", headers=asked)
    if allowed is None:
        assert answer.error == REFUSED
    else:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == allowed
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers.get("Access-Control-Allow-Headers", "") == headers.lower()


def test_a_bucket_without_rules_refuses_preflights(embedded: Embedded) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "GET"}
    assert embedded.send("OPTIONS", f"{embedded.endpoint}/none/any", headers=asked).error == REFUSED
    assert embedded.send("OPTIONS", f"{embedded.endpoint}/{BUCKET}/any").error == (400, "BadRequest")


def test_the_actual_answer_is_for_a_configured_origin_only(embedded: Embedded) -> None:
    put = embedded.presign("put_object")
    answer = embedded.send("PUT", put, b"x", {"Origin": APP})
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [APP]
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert "Origin" in answer.headers["Vary"]
    for headers in ({}, {"Origin": "https://other.example.com"}):
        assert "Access-Control-Allow-Origin" not in embedded.send("PUT", put, b"x", headers).headers


def test_a_page_may_read_a_refusal(embedded: Embedded) -> None:
    answer = embedded.send("GET", f"{embedded.endpoint}/{BUCKET}/k", headers={"Origin": APP})
    assert (answer.error, answer.headers["Access-Control-Allow-Origin"]) == ((403, "AccessDenied"), APP)
