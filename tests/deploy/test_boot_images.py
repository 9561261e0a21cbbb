"""The zip renders with the libvips that is in it, and what it answers in binary reaches a browser and curl."""

import subprocess
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import gallery
from tests.browser.sites import PATIENCE, Watch
from tests.e2e.sites import Store, client_of
from tests.support.fake_internet import HOST, FakeInternet
from tests.support.pictures import quarters, shows_quarters

from .conftest import Door, Lambda
from .front import serve

# Strangers may have images rendered, for a rule says so.
IMAGES = """
[images]
hosts = ["images.example.com"]
[[rules]]
path = "/-/thumbnail"
allow = ["read"]
to = ["anyone"]
[[rules]]
path = "/-/resize"
allow = ["read"]
to = ["anyone"]
"""


def test_images_of_all_three_ways(
    machine: Lambda, door: Door, toml: str, store: Store, chromium: Browser, tmp_path: Path
) -> None:
    client_of(store).put_object(Bucket=store.bucket, Key="tenant/public/a b.png", Body=quarters())
    settings = toml.replace("[[rules]]", f"{IMAGES}[[rules]]", 1)
    photo, small = tmp_path / "photo.png", tmp_path / "small.png"
    photo.write_bytes(quarters())
    with FakeInternet() as internet:
        internet.serve("/a.jpg", quarters("jpeg"), "image/jpeg")
        with machine.run(door, settings, **internet.environ) as running, serve(running) as url:
            context = chromium.new_context(bypass_csp=True)
            context.set_default_timeout(PATIENCE)
            watch = Watch(context)
            gallery.check(context.new_page(), url, "/public/a%20b.png", f"https://{HOST}/a.jpg")
            context.close()
            assert watch.seen == []
            command = ["curl", "-sSf", "--data-binary", f"@{photo}", "-o", str(small), f"{url}/-/thumbnail?w=64"]
            subprocess.run(command, check=True, timeout=60)
    assert small.read_bytes().startswith(b"\x89PNG")
    assert shows_quarters(small.read_bytes())
