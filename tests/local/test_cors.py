"""The embedded S3 answers browsers by the CORS rules of the bucket."""

from __future__ import annotations

from .embedded import BUCKET, DENIED, ORIGIN, Embedded

REFUSED = (403, "AccessForbidden")
OTHER = "https://other.example.com"


def test_a_preflight_is_answered_by_the_first_rule_that_applies(embedded: Embedded) -> None:
    for origin, method, names, allowed_origin in [
        (ORIGIN, "PUT", "Content-Type, x-amz-meta-a", ORIGIN),
        (ORIGIN, "PUT", "x-other", None),
        (ORIGIN, "DELETE", "", None),
        (OTHER, "GET", "", "*"),
        (OTHER, "PUT", "", None),
        (f"{ORIGIN}.evil.example", "PUT", "", None),
        ("https://appXexample.com", "PUT", "", None),
        ("https://APP.example.com", "PUT", "", None),
        ("null", "GET", "", "*"),
    ]:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        if names:
            headers["Access-Control-Request-Headers"] = names
        answer = embedded.send("OPTIONS", f"{embedded.endpoint}/{BUCKET}/any", headers=headers)
        if allowed_origin is None:
            assert answer.error == REFUSED, origin
        else:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == allowed_origin
            assert method in answer.headers["Access-Control-Allow-Methods"]
            assert answer.headers.get("Access-Control-Allow-Headers", "") == names.lower()
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    assert embedded.send("OPTIONS", f"{embedded.endpoint}/none/any", headers=headers).error == REFUSED
    assert embedded.send("OPTIONS", f"{embedded.endpoint}/{BUCKET}/any").error == (400, "BadRequest")


def test_only_pages_of_an_allowed_origin_may_read_an_answer_or_an_error(embedded: Embedded) -> None:
    answer = embedded.put("k", b"x", {"Origin": ORIGIN})
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [ORIGIN]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    assert "Origin" in answer.headers["Vary"]
    for headers in ({}, {"Origin": OTHER}):
        assert "Access-Control-Allow-Origin" not in embedded.put("k", b"x", headers).headers
    refused = embedded.send("GET", f"{embedded.endpoint}/{BUCKET}/k", headers={"Origin": ORIGIN})
    assert (refused.error, refused.headers["Access-Control-Allow-Origin"]) == (DENIED, ORIGIN)
