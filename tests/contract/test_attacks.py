"""What a presigned URL does not allow: each attempt ends at the store's own check."""

import time

import pytest
from botocore.exceptions import ClientError

from .sites import REFUSED, Site, Store


@pytest.fixture(scope="module")
def target(site: Site) -> str:
    """A redirect that works, before anyone tampers with it."""
    site.put("target.txt", b"treasure")
    site.put("other.txt", b"other")
    location = site.location(site.of("target.txt"))
    assert site.curl(location, user=None).body == b"treasure"
    return location


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("target.txt", "other.txt"),
        ("X-Amz-Expires=300", "X-Amz-Expires=301"),
        ("/s3/", "/sts/"),
        ("?", "?response-content-type=text%2Fhtml&"),
        ("?", "?versionId=null&"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
    ],
)
def test_tampered_url(site: Site, target: str, old: str, new: str) -> None:
    """Changing any part of the URL is refused."""
    tampered = target.replace(old, new, 1)
    assert tampered != target or old == "/s3/"
    if old == "/s3/":
        tampered = target.replace("%2Fs3%2F", "%2Fsts%2F")
    answer = site.curl(tampered, user=None)
    assert answer.status in REFUSED
    assert b"treasure" not in answer.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_other_method(site: Site, target: str, method: str) -> None:
    """A URL for GET is for nothing else."""
    assert site.curl("-X", method, "-d", "", target, user=None).status in REFUSED
    assert site.curl(target, user=None).body == b"treasure"


def test_head_on_a_get_url(site: Site, target: str) -> None:
    """Not even for HEAD, which is why HEAD is redirected to a URL of its own."""
    assert site.curl("-I", target, user=None).status in REFUSED


def test_signed_header_left_out_or_changed(site: Site, store: Store) -> None:
    """What the client promised, it must send."""
    url = site.of("promised.txt")
    location = site.location(url, "-X", "PUT", "-d", "", "-H", "x-amz-meta-owner: me")
    body = site.file(b"x")
    assert site.curl("-T", body, location, user=None).status in REFUSED
    assert site.curl("-T", body, "-H", "x-amz-meta-owner: you", location, user=None).status in REFUSED
    with pytest.raises(ClientError):
        store.client().head_object(Bucket=store.bucket, Key="tenant/promised.txt")
    assert site.curl("-T", body, "-H", "x-amz-meta-owner: me", location, user=None).status == 200


@pytest.mark.parametrize("header", ["x-amz-copy-source: {bucket}/tenant/target.txt", "x-amz-acl: public-read"])
def test_headers_that_go_past_the_rules(site: Site, store: Store, target: str, header: str) -> None:
    """A copy would read what the rules refuse; an ACL would open what they close."""
    answer = site.put("stolen.txt", b"", "-H", header.format(bucket=store.bucket))
    assert answer.status == 400
    with pytest.raises(ClientError):
        store.client().head_object(Bucket=store.bucket, Key="tenant/stolen.txt")


def test_expired(site: Site, store: Store) -> None:
    """A URL works for its life, and no longer."""
    store.client().put_object(Bucket=store.bucket, Key="soon.txt", Body=b"gone")
    location = site.location(site.at("/brief/soon.txt"))
    time.sleep(1.2)  # the clock is the store's own
    assert site.curl(location, user=None).status in REFUSED


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("user", [None, "ci:wrong", "nobody:the-secret-of-the-builders-key", ":"])
def test_refused_without_the_key(site: Site, method: str, user: str | None) -> None:
    """No method redirects someone without the key, and the answer is a challenge."""
    arguments = ("-I",) if method == "HEAD" else ("-X", method)
    answer = site.curl("-L", *arguments, site.of("target.txt"), user=user)
    assert answer.status == 401
    assert answer.headers["x-amzn-remapped-www-authenticate"].startswith("Basic ")
    assert "location" not in answer.headers


def test_denied_to_the_key(site: Site) -> None:
    """A deny rule above an allow rule decides, for every method."""
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert site.curl("-X", method, site.at("/secret/x")).status == 403


def test_nothing_secret_in_the_log(site: Site) -> None:
    """Neither keys nor presigned URLs reach it, here with the real server's own output."""
    site.location(site.of("target.txt"))
    site.curl("-L", site.at("/public/x?token=tok-en-canary"), user=None)
    log = site.log.read_text()
    assert '"status":307' in log
    for secret in ("X-Amz-", "the-secret-of-the-builders-key", "tok-en-canary", "Authorization"):
        assert secret not in log
