"""How real clients behave: curl's upload and its parallel requests, requests, session tokens, and HEAD inline."""

import subprocess
from urllib.parse import quote

import requests

from tests.contract import probes
from tests.contract.sites import REFUSED, SECRET, Site, Store

AUTH = ("ci", SECRET)


def test_upload_waits_for_the_redirect(site: Site) -> None:
    """curl sends `Expect: 100-continue`, and gets the 307 before it sends a byte of the body."""
    big = site.file(b"0123456789abcdef" * 2**20)
    arguments = ["curl", "-sS", "-u", f"ci:{SECRET}", "-T", big, "-o", "/dev/null", "-w", "%{http_code} %{size_upload}"]
    first = subprocess.run([*arguments, site.of("big.bin")], check=True, capture_output=True, text=True)
    assert first.stdout == "307 0"
    followed = subprocess.run([*arguments, "-L", site.of("big.bin")], check=True, capture_output=True, text=True)
    assert followed.stdout == f"200 {16 * 2**20}"
    assert int(site.curl("-L", "-I", site.of("big.bin")).headers["content-length"]) == 16 * 2**20


def test_requests_library(site: Site) -> None:
    """requests follows the redirect with the body and without the key."""
    url = site.of("library.txt")
    put = requests.put(url, auth=AUTH, data=b"from python", timeout=10)
    assert (put.status_code, [step.status_code for step in put.history]) == (200, [307])
    assert "Authorization" not in put.request.headers
    assert requests.get(url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=10).content == b"from python"
    assert requests.head(url, auth=AUTH, allow_redirects=True, timeout=10).headers["content-length"] == "11"
    assert requests.delete(url, auth=AUTH, timeout=10).status_code == 204


def test_session_token(session_site: Site, store: Store) -> None:
    """A URL signed by a role has a session token; the store refuses the URL without the token."""
    probes.need(probes.has_roles(store), "STS")
    assert session_site.put("session.txt", b"with a token").status == 200
    location = session_site.location(session_site.of("session.txt"))
    assert session_site.curl(location, user=None).body == b"with a token"
    name, _, rest = location.partition("X-Amz-Security-Token=")
    without_token = name + rest.partition("&")[2]
    assert session_site.curl(without_token, user=None).status in REFUSED


def test_head_inline(session_site: Site, store: Store) -> None:
    """The service itself answers HEAD, with the headers of S3."""
    put = session_site.put("inline.txt", b"twelve bytes", "-H", "Content-Type: text/x-test", "-H", "x-amz-meta-a: b")
    url = session_site.of("inline.txt")
    head = session_site.curl("-I", url)
    assert head.status == 200
    assert head.headers["etag"] == put.headers["etag"]
    assert (head.headers["content-length"], head.headers["content-type"]) == ("12", "text/x-test")
    assert head.headers["x-amz-meta-a"] == "b"
    assert session_site.curl("-I", "-H", f"If-None-Match: {put.headers['etag']}", url).status == 304
    assert session_site.curl("-I", "-H", 'If-Match: "other"', url).status == 412
    assert session_site.curl("-I", "-r", "0-3", url).status == 206
    assert session_site.curl("-I", session_site.of("missing.txt")).status == 404
    assert session_site.curl("-I", url, user=None).status == 401
    assert session_site.curl("-I", session_site.at("/secret/x")).status == 403


def test_concurrent_requests_keep_their_answers(site: Site) -> None:
    """Each of several parallel transfers on shared connections gets its own object."""
    names = [f"parallel-{number}.txt" for number in range(20)]
    for name in names:
        assert site.put(name, name.encode()).status == 200
    outputs = [argument for name in names for argument in ("-o", f"{site.folder}/{name}", site.of(name))]
    subprocess.run(["curl", "-sSLZ", "-u", f"ci:{SECRET}", *outputs], check=True, timeout=60)
    assert [(site.folder / name).read_text() for name in names] == names


def test_a_mount_with_credentials_of_its_own(session_site: Site, store: Store) -> None:
    """The mount signs, and asks S3, with its own credentials, whatever credentials the service has."""
    assert session_site.put("own/x.txt", b"mine").status == 200
    location = session_site.location(session_site.of("own/x.txt"))
    assert "X-Amz-Security-Token" not in location
    assert f"X-Amz-Credential={quote(store.access_key, safe='')}%2F" in location
    assert session_site.curl(location, user=None).body == b"mine"
    assert session_site.curl("-I", session_site.of("own/x.txt")).headers["content-length"] == "4"
