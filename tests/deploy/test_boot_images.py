"""The zip renders with the libvips in the zip; tests/browser shows the same answers to a browser."""

from urllib.parse import quote

from tests.contract.sites import Store, client_of
from tests.support.fake_internet import HOST, FakeInternet
from tests.support.pictures import quarters, shows_quarters

from .conftest import FUNCTION_URL, REST_API, Machine

# Strangers may have images rendered, because a rule allows this.
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


def test_stored_fetched_and_posted_images(machine: Machine, settings: str, store: Store) -> None:
    client_of(store).put_object(Bucket=store.bucket, Key="tenant/public/a b.png", Body=quarters())
    with FakeInternet() as internet:
        internet.serve("/a.jpg", quarters("jpeg"), "image/jpeg")
        settings = settings.replace("[[rules]]", f"{IMAGES}[[rules]]", 1)
        for entry_point in (REST_API, FUNCTION_URL):
            with machine.run(entry_point, settings, **internet.environ) as container:
                stored = container.fetch("GET", "/public/a%20b.png", "w=64")
                fetched = container.ask("GET", "/-/resize", f"w=64&u={quote(f'https://{HOST}/a.jpg', safe='')}")
                posted = container.ask("POST", "/-/thumbnail", "w=64", body=quarters())
            for answer in (stored, fetched, posted):
                assert answer.status == 200
                assert shows_quarters(answer.body)
            assert posted.body.startswith(b"\x89PNG")
