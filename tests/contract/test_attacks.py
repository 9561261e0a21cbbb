"""Attacks with a presigned URL, which the check of the store refuses."""

import time

import pytest

from .sites import REFUSED, Site, Store


@pytest.fixture(scope="module")
def target(site: Site) -> str:
    """A presigned URL that works, which each test changes."""
    site.put("target.txt", b"treasure")
    site.put("other.txt", b"other")
    location = site.location(site.of("target.txt"))
    assert site.curl(location, user=None).body == b"treasure"
    return location


def test_the_store_refuses_a_url_that_was_changed(site: Site, target: str) -> None:
    for old, new in (
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("target.txt", "other.txt"),
        ("X-Amz-Expires=300", "X-Amz-Expires=301"),
        ("%2Fs3%2F", "%2Fsts%2F"),
        ("?", "?response-content-type=text%2Fhtml&"),
        ("?", "?versionId=null&"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
    ):
        assert old in target
        answer = site.curl(target.replace(old, new, 1), user=None)
        assert answer.status in REFUSED, (old, new)
        assert b"treasure" not in answer.body


def test_a_url_for_get_is_for_no_other_method(site: Site, target: str) -> None:
    """A URL for GET is not even for HEAD, so the service signs another URL for HEAD."""
    for method in (("-I",), *(("-X", method, "-d", "") for method in ("PUT", "DELETE", "POST"))):
        assert site.curl(*method, target, user=None).status in REFUSED, method
    assert site.curl(target, user=None).body == b"treasure"


def test_a_url_to_read_expires(site: Site, store: Store) -> None:
    store.client().put_object(Bucket=store.bucket, Key="soon.txt", Body=b"gone")
    location = site.location(site.at("/brief/soon.txt"))
    time.sleep(1.2)  # no test can set the store's clock
    assert site.curl(location, user=None).status in REFUSED


def test_no_method_redirects_a_client_without_a_key(site: Site) -> None:
    """The answer asks for credentials."""
    for user in (None, "ci:wrong", "nobody:the-secret-of-the-builders-key", ":"):
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            arguments = ("-I",) if method == "HEAD" else ("-X", method)
            answer = site.curl("-L", *arguments, site.of("target.txt"), user=user)
            assert (answer.status, "location" in answer.headers) == (401, False), (user, method)
            challenge = answer.headers.get("www-authenticate") or answer.headers["x-amzn-remapped-www-authenticate"]
            assert challenge.startswith("Basic ")


def test_a_deny_rule_above_an_allow_rule_decides_for_every_method(site: Site) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert site.curl("-X", method, site.at("/secret/x")).status == 403


def test_nothing_secret_is_in_the_log(site: Site) -> None:
    """Neither keys nor tokens nor presigned URLs reach the log."""
    site.location(site.of("target.txt"))
    site.curl("-L", site.at("/public/x?token=tok-en-canary"), user=None)
    log = site.log.read_text().replace('": ', '":')
    assert '"status":307' in log
    for secret in ("X-Amz-", "the-secret-of-the-builders-key", "tok-en-canary", "Authorization"):
        assert secret not in log
