"""Secrets sent wherever a request can carry one appear in no log and no answer, whether it is refused or not."""

import base64
import logging
import re
from urllib.parse import quote

import pytest

from tests.support.builders import CREDENTIALS, Fields, basic, secret_of
from tests.support.entry_points import at_both

pytestmark = pytest.mark.usefixtures("empty_buckets")

CANARY = "c4n4ry"
GOOD = basic("ann")["authorization"]
WRONG = "Basic " + base64.b64encode(f"ann:{CANARY}".encode()).decode()

# Each place of a request that may hold a secret: query, headers, body.
PLACES: dict[str, tuple[str, Fields, bytes]] = {
    "Basic, good": ("", [("Authorization", GOOD)], b""),
    "Basic, wrong": ("", [("Authorization", WRONG)], b""),
    "Bearer": ("", [("Authorization", f"Bearer {CANARY}")], b""),
    "Bearer, a JWT": ("", [("Authorization", f"Bearer eyJhbGciOiJIUzI1NiJ9.{CANARY}.x")], b""),
    "another scheme": ("", [("Authorization", f"Digest {CANARY}")], b""),
    "garbage": ("", [("Authorization", f"{CANARY}\r\n\x00ü")], b""),
    "Proxy-Authorization": ("", [("Proxy-Authorization", f"Basic {CANARY}")], b""),
    "the CDN's secret": ("", [("Authorization", GOOD), ("X-Signpost-Cdn-Secret", CANARY)], b""),
    "Cookie": ("", [("Cookie", f"session={CANARY}; b={CANARY}")], b""),
    "X-Api-Key": ("", [("X-Api-Key", CANARY)], b""),
    "Referer": ("", [("Referer", f"https://files.example.com/a?token={CANARY}")], b""),
    "Host with userinfo": ("", [("Host", f"ann:{CANARY}@files.example.com")], b""),
    "Origin": ("", [("Origin", f"https://{CANARY}.example.com")], b""),
    "Accept": ("", [("Accept", f"text/html, {CANARY}")], b""),
    "?token": (f"token={CANARY}", [], b""),
    "?token with a key": (f"token={CANARY}", [("Authorization", GOOD)], b""),
    "?X-Amz-Signature": (f"X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}&X-Amz-Security-Token={CANARY}", [], b""),
    "?download": (f"download=%00{CANARY}", [("Authorization", GOOD)], b""),
    "?versionId": (f"versionId=%0D{CANARY}", [("Authorization", GOOD)], b""),
    "x-amz-security-token": ("", [("Authorization", GOOD), ("x-amz-security-token", CANARY)], b""),
    "x-amz-meta": ("", [("Authorization", GOOD), ("x-amz-meta-a", f"ü{CANARY}")], b""),
    "x-amz-acl": ("", [("Authorization", GOOD), ("x-amz-acl", CANARY)], b""),
    "If-Match": ("", [("Authorization", GOOD), ("If-Match", f"ü{CANARY}")], b""),
    "a key for S3": ("", [("Authorization", GOOD), ("x-amz-server-side-encryption-customer-key", CANARY)], b""),
    "the body": ("", [("Authorization", GOOD), ("Content-Type", "application/json")], f'{{"a": "{CANARY}"'.encode()),
}
SECRETS = re.compile(
    "|".join(
        [
            *(CANARY, base64.b64encode(f"ann:{CANARY}".encode()).decode(), quote(WRONG)),
            *(re.escape(secret_of("ann")), re.escape(GOOD.removeprefix("Basic ")), re.escape(CREDENTIALS.secret_key)),
            *("X-Amz-Signature", "X-Amz-Credential"),
        ]
    )
)


WAYS = [
    (method, raw_path, accept)
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "POST", "BREW")
    for raw_path in ("/users/ann/a", "/public/a", "/nothing", "/%zz", "/public/")
    for accept in ("*/*", "text/html")
]


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_logged_and_no_refusal_repeats_one(
    place: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    query, headers, body = PLACES[place]
    caplog.set_level(logging.DEBUG)
    for method, raw_path, accept in WAYS:
        for answer in at_both(method, raw_path, query, [*headers, ("Accept", accept)], body):
            assert answer.status < 400 or not SECRETS.search(f"{answer.body!r} {answer.headers}")
    out, err = capfd.readouterr()
    beyond_chalice = sum(method == "BREW" for method, _, _ in WAYS)
    assert out.count("\n") == 2 * len(WAYS) - beyond_chalice
    assert not SECRETS.search(out + err + caplog.text)


def test_what_s3_must_be_sent_is_told_to_the_client_and_never_logged(capfd: pytest.CaptureFixture[str]) -> None:
    headers = [("Authorization", GOOD), ("x-amz-server-side-encryption-customer-key", CANARY)]
    for answer in at_both("PUT", "/users/ann/a", "presign", headers):
        assert CANARY.encode() in answer.body
        assert b"X-Amz-Signature" in answer.body
    out, err = capfd.readouterr()
    assert not SECRETS.search(out + err)
