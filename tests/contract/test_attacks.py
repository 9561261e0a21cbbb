"""Attacks with a presigned URL, which the check of the store refuses."""

import time

import pytest

from . import probes
from .drivers import over_http
from .sites import REFUSED, Site, Store
from .upload_sites import form_call


@pytest.fixture(scope="module")
def target(site: Site) -> str:
    """A presigned URL that works, which each test changes."""
    site.put("target.txt", b"treasure")
    site.put("other.txt", b"other")
    location = site.location(site.of("target.txt"))
    assert site.curl(location, user=None).body == b"treasure"
    return location


@over_http
def test_the_store_refuses_a_url_that_was_changed(site: Site, target: str) -> None:
    changes = (
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("target.txt", "other.txt"),
        ("X-Amz-Expires=300", "X-Amz-Expires=301"),
        ("%2Fs3%2F", "%2Fsts%2F"),
        ("?", "?response-content-type=text%2Fhtml&"),
        ("?", "?versionId=null&"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
    )
    assert all(old in target for old, _ in changes)
    answers = site.curl_all([(target.replace(old, new, 1),) for old, new in changes], user=None)
    for answer, change in zip(answers, changes, strict=True):
        assert answer.status in REFUSED, change
        assert b"treasure" not in answer.body


@over_http
def test_a_url_for_get_is_for_no_other_method(site: Site, target: str) -> None:
    """A URL for GET is not even for HEAD, so the service signs another URL for HEAD."""
    methods = (("-I",), *(("-X", method, "-d", "") for method in ("PUT", "DELETE", "POST")))
    *refused, read = site.curl_all([(*method, target) for method in (*methods, ())], user=None)
    assert {answer.status for answer in refused} <= REFUSED
    assert read.body == b"treasure"


@over_http
@pytest.mark.usefixtures("unchanged")
def test_a_url_and_a_form_expire(upload_site: Site, store: Store, name: str) -> None:
    """The URL is to read or to upload."""
    store.client().put_object(Bucket=store.bucket, Key="brief/soon.txt", Body=b"gone")
    read = upload_site.location(upload_site.at("/brief/soon.txt"))
    assert upload_site.curl(read, user=None).body == b"gone"
    upload = upload_site.location(upload_site.at(f"/brief/{name}"), "-X", "PUT", "-d", "")
    calls = [(read,), ("-T", upload_site.file(b"hello"), upload)]
    if probes.takes_forms(store):
        form = upload_site.curl("-d", "", f"{upload_site.at('/brief/forms/')}?form").json()
        calls.append(form_call(upload_site, form["url"], form["fields"], b"x", name))
    time.sleep(3.2)  # no test can set the store's clock
    statuses = [answer.status for answer in upload_site.curl_all(calls, user=None)]
    assert set(statuses) <= REFUSED, statuses
    store.client().delete_object(Bucket=store.bucket, Key="brief/soon.txt")


def test_no_method_redirects_a_client_without_a_key(site: Site) -> None:
    """The answer asks for credentials."""
    methods = (("-I",), *(("-X", method) for method in ("GET", "PUT", "DELETE", "OPTIONS")))
    for user in (None, "ci:wrong", "nobody:the-secret-of-the-builders-key", ":"):
        for answer in site.curl_all([("-L", *method, site.of("target.txt")) for method in methods], user=user):
            assert (answer.status, "location" in answer.headers) == (401, False), user
            challenge = answer.headers.get("www-authenticate") or answer.headers["x-amzn-remapped-www-authenticate"]
            assert challenge.startswith("Basic ")


def test_nothing_secret_is_in_the_log(site: Site) -> None:
    """Neither keys nor tokens nor presigned URLs reach the log."""
    site.location(site.of("target.txt"))
    site.curl("-L", site.at("/public/x?token=tok-en-canary"), user=None)
    log = site.log.read_text().replace('": ', '":')
    assert '"status":307' in log
    for secret in ("X-Amz-", "the-secret-of-the-builders-key", "tok-en-canary", "Authorization"):
        assert secret not in log
