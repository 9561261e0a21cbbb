"""Settings accept a URL only in the form that browsers and clients send."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.settings.urls import corrected_origin, is_origin
from tests.support.settings_files import MOUNT, loaded, mistakes

ORIGINS = [
    "https://app.example.com",
    "http://localhost:3000",
    "https://app.example.com:8443",
    "http://127.0.0.1:443",
    "https://a.example:65535",
    "https://[::1]",
    "http://[2001:db8::1]:8080",
    "https://xn--bcher-kva.example",
]
# URLs that are no origins, each with the origin that the mistake suggests.
CORRECTIONS = {
    "https://a.example:443": "https://a.example",
    "http://a.example:80": "http://a.example",
    "https://A.Example": "https://a.example",
    "HTTPS://a.example": "https://a.example",
    "https://a.example/": "https://a.example",
    "https://a.example/app": "https://a.example",
    "https://a.example?x": "https://a.example",
    "https://ann@a.example": "https://a.example",
    " https://a.example": "https://a.example",
    "https://a.example:08": "https://a.example:8",
    "https://[::1]/": "https://[::1]",
}
HTTP_URL = r"(?i)https?://(\[[0-9a-f:]{2,9}\]|[a-z0-9x.-]{1,9})(:\d{1,5})?/?"
NO_ORIGINS = [
    *("http://127.1", "http://0x7f000001", "http://127.0.0.01", "https://[0::1]", "https://bücher.example"),
    *("https://a.example:65536", "https://a.example:0x1", "https://*.example.com", "ftp://a.example", "a.example"),
    *("null", "*", "https://[::"),
]


def test_an_origin_that_no_browser_sends_is_a_mistake_that_suggests_the_right_one(tmp_path: Path) -> None:
    assert loaded(tmp_path, f"[service]\ncors_origins = {json.dumps(ORIGINS)}\n{MOUNT}").cors_origins == tuple(ORIGINS)
    for wrong, right in (CORRECTIONS | dict.fromkeys(NO_ORIGINS, "")).items():
        (mistake,) = mistakes(tmp_path, f'[service]\ncors_origins = ["{wrong}"]\n{MOUNT}')
        assert mistake.startswith(f':2: service.cors_origins: "{wrong}" is not an origin as browsers send it: ')
        assert mistake.endswith(f'; write "{right}"' if right else "80 for http")
    (mistake,) = mistakes(tmp_path, '[service]\ncors_origins = ["https://${A}/"]\n' + MOUNT, {"A": "c4n4ry"})
    assert "c4n4ry" not in mistake


@pytest.mark.slow
@settings(max_examples=4)  # each example starts Node
@given(st.lists(st.from_regex(HTTP_URL, fullmatch=True), min_size=20))
def test_each_accepted_origin_is_an_origin_for_node_too(texts: list[str]) -> None:
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    accepted = [*ORIGINS, *filter(is_origin, texts), *filter(None, map(corrected_origin, texts))]
    # A browser refuses some names that only a registry or punycode rules out. Such an origin matches no request.
    script = (
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(u => URL.canParse(u) ? new URL(u).origin : u)))"
    )
    run = subprocess.run(["node", "-e", script, json.dumps(accepted)], capture_output=True, check=True, timeout=30)
    assert json.loads(run.stdout) == accepted


def test_public_url_has_no_slash_at_its_end_and_no_usual_port(tmp_path: Path) -> None:
    """A browser leaves the usual port out of `Origin`, which the service compares with this URL."""
    for url, expected in {
        "https://a.example/": "https://a.example",
        "https://a.example:443": "https://a.example",
        "https://a.example:443/api/": "https://a.example/api",
        "http://localhost:8000/api/v1/": "http://localhost:8000/api/v1",
        "http://[::1]:80/x": "http://[::1]/x",
        "https://a.example:4430": "https://a.example:4430",
        "http://a.example:443": "http://a.example:443",
    }.items():
        assert loaded(tmp_path, f'[service]\npublic_url = "{url}"\n{MOUNT}').public_url == expected


def test_an_endpoint_has_the_form_that_clients_send_in_host(tmp_path: Path) -> None:
    for endpoint, origin in {
        "https://S3.Example.com:443/": "https://s3.example.com",
        "http://minio:80": "http://minio",
        "https://[::1]:9000": "https://[::1]:9000",
    }.items():
        mount = loaded(tmp_path, f'{MOUNT}endpoint = "{endpoint}"\n').mounts[0]
        assert (mount.endpoint, mount.bucket_url) == (origin, (origin, origin.partition("//")[2], "/acme"))
    mount = loaded(tmp_path, f'{MOUNT}public_endpoint = "https://s3.example.com"\n').mounts[0]
    assert (mount.endpoint, mount.bucket_url.origin) == (None, "https://s3.example.com")


def test_an_image_host_is_a_name_with_a_domain(tmp_path: Path) -> None:
    """An IP address is refused, because private addresses are IP addresses."""
    good = ["images.example.com", "*.cdn.example.com", "x-1.example.co.uk:8443", "a.example:65535"]
    assert loaded(tmp_path, f"{MOUNT}[images]\nhosts = {good}\n").image_hosts == tuple(good)
    for host in (
        *("", "localhost", "127.0.0.1", "[::1]", "169.254.169.254", "*", "*.", "*.com", "a.*.com", "a*.example.com"),
        *("https://images.example.com", "images.example.com/x", "Images.example.com", "images.example.com."),
        *("images..example.com", "images.example.com:0", "images.example.com:65536", "images.example.com:"),
        *("-a.example.com", "a@example.com", "a b.example.com", "1.2.3.4:443", "bücher.example"),
    ):
        assert mistakes(tmp_path, f'{MOUNT}[images]\nhosts = ["a.example.com", "{host}"]') == [
            f':6: images.hosts: "{host}" is not the name of a host: "images.example.com", or "*.example.com" for all '
            "hosts below it"
        ]
