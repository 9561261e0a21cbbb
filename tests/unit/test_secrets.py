"""No secret of a request gets into a log line or a refusal, whatever the place of the secret."""

import base64
import itertools
import logging
import re
from urllib.parse import quote

import pytest

from chalicelib.backends.templates import HtmlPages
from tests.support.builders import CREDENTIALS, Fields, basic, secret_of
from tests.support.entry_points import at_both, entry_points
from tests.support.fakes import signpost

CANARY = "c4n4ry"
GOOD = basic("ann")["authorization"]
WRONG = "Basic " + base64.b64encode(f"ann:{CANARY}".encode()).decode()
SECRETS = re.compile(
    "|".join(
        [
            *(CANARY, base64.b64encode(f"ann:{CANARY}".encode()).decode(), quote(WRONG)),
            *(re.escape(secret_of("ann")), re.escape(GOOD.removeprefix("Basic ")), re.escape(CREDENTIALS.secret_key)),
            *("X-Amz-Signature", "X-Amz-Credential"),
        ]
    )
)

# Each place of a secret: the query, the headers and the body of a request.
AUTHORIZATIONS = [GOOD, WRONG, f"Bearer {CANARY}", f"Bearer eyJhbGciOiJIUzI1NiJ9.{CANARY}.x", f"Digest {CANARY}"]
ANONYMOUS_HEADERS = {
    "Proxy-Authorization": f"Basic {CANARY}",
    "Cookie": f"session={CANARY}; b={CANARY}",
    "X-Api-Key": CANARY,
    "Referer": f"https://files.example.com/a?token={CANARY}",
    "Host": f"ann:{CANARY}@files.example.com",
    "Origin": f"https://{CANARY}.example.com",
    "Accept": f"text/html, {CANARY}",
}
HEADERS = {"X-Signpost-Cdn-Secret": CANARY, "If-Match": f"ü{CANARY}", "x-amz-meta-a": f"ü{CANARY}"}
HEADERS |= {f"x-amz-{name}": CANARY for name in ("security-token", "acl", "server-side-encryption-customer-key")}
SIGNATURE = f"X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}&X-Amz-Security-Token={CANARY}"
AS_ANN = ("Authorization", GOOD)
PLACES: list[tuple[str, Fields, bytes]] = [
    *(("", [("Authorization", value)], b"") for value in [*AUTHORIZATIONS, f"{CANARY}\r\n\x00ü"]),
    *(("", [header], b"") for header in ANONYMOUS_HEADERS.items()),
    *(("", [AS_ANN, header], b"") for header in HEADERS.items()),
    *((query, [], b"") for query in (f"token={CANARY}", SIGNATURE)),
    *((f"{query}{CANARY}", [AS_ANN], b"") for query in ("token=", "download=%00", "versionId=%0D")),
    ("", [AS_ANN, ("Content-Type", "application/json")], f'{{"a": "{CANARY}"'.encode()),
]
METHODS = ("GET", "HEAD", "PUT", "OPTIONS", "POST", "BREW")
RAW_PATHS = ("/users/ann/a", "/public/a", "/nothing", "/%zz", "/public/")


def test_no_secret_is_in_the_log_or_in_a_refusal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service = signpost(pages=HtmlPages())
    of = entry_points(service.application)
    accepts = itertools.cycle(("*/*", "text/html", "text/html"))
    for query, headers, body in PLACES:
        for method, raw_path in itertools.product(METHODS, RAW_PATHS):
            accept = ("Accept", next(accepts))
            for answer in at_both(method, raw_path, query, [*headers, accept], body, of=of):
                assert answer.status < 400 or not SECRETS.search(f"{answer.body!r} {answer.headers}")
    out, err = capfd.readouterr()
    assert len(service.log) == 2 * len(PLACES) * len(METHODS) * len(RAW_PATHS)
    assert not SECRETS.search(f"{service.log} {out} {err} {caplog.text}")


def test_the_client_gets_the_headers_for_s3_and_the_log_does_not() -> None:
    service = signpost()
    headers = [AS_ANN, ("x-amz-server-side-encryption-customer-key", CANARY)]
    for answer in at_both("PUT", "/users/ann/a", "presign", headers, of=entry_points(service.application)):
        assert CANARY.encode() in answer.body
        assert b"X-Amz-Signature" in answer.body
    assert len(service.log) == 2
    assert not SECRETS.search(str(service.log))
