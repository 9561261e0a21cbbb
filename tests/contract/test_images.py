"""Images in other sizes, end to end: stored images, posted images, and images of other sites."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from PIL import Image

from tests.support.entry_points import Answer
from tests.support.fake_internet import HOST, FakeInternet
from tests.support.pictures import opened, quarters, shows_quarters, written

from .drivers import over_http
from .sites import SECRET, SETTINGS, Site, Store, Table, client_of, open_site

PUBLISHABLE_KEY = "a publishable key, in clear"
IMAGES = f"""
[images]
hosts = ["images.example.com", "inside.example.com", "*.cdn.example.com"]

[[rules]]
path = "/public/sizes/**"
allow = ["read"]
to = ["anyone"]
image_sizes = ["96x96", "320x"]

[[keys]]
id = "site"
sha256 = "{hashlib.sha256(PUBLISHABLE_KEY.encode()).hexdigest()}"
in_urls = true

[[rules]]
path = "/-/resize"
allow = ["read"]
to = ["key:site"]
image_sizes = ["64x"]

[[rules]]
path = "/-/resize"
allow = ["share"]
to = ["key:ci"]
"""
SOURCE = f"https://{HOST}/a.jpg?key=hidden"


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    """Another site with one image, and a host whose address is internal."""
    with FakeInternet() as internet:
        internet.add("inside.example.com", "169.254.169.254")
        internet.serve("/a.jpg?key=hidden", quarters("jpeg"), "text/plain")
        internet.serve("/page", b"<html>", "image/png")
        internet.redirect("/inside", "https://inside.example.com/latest/meta-data/")
        yield internet


@pytest.fixture(scope="module")
def images(
    driver: str, store: Store, table: Table, internet: FakeInternet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Signpost, which may fetch images of the fake internet."""
    first_rule = SETTINGS.index("[[rules]]")
    settings = SETTINGS[:first_rule] + IMAGES + SETTINGS[first_rule:]
    environ, folder = {**store.environ(), **internet.environ}, tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patch:
        if driver != "curl":
            internet.patch(patch)  # the service runs in this process
        with open_site(store, table, folder, environ, settings=settings, driver=driver) as site:
            yield site


@pytest.fixture
def folder() -> str:
    """A directory that no other test uses."""
    return f"{uuid4().hex}/"


def shows(answer: Answer, kind: str, size: tuple[int, int]) -> bool:
    """Whether an answer is the image of four colours, in this format and size."""
    image = opened(answer.body)
    assert (answer.status, image.format, image.size) == (200, kind, size)
    return shows_quarters(answer.body)


def derivatives(store: Store) -> set[str]:
    """The keys of the images that the service stored."""
    listing = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix="tenant/-/derived/")
    return {item["Key"] for item in listing.get("Contents", ())}


# -- stored images --


def test_a_stored_image_is_shown_in_another_size(images: Site, folder: str) -> None:
    assert images.put(f"{folder}a b+ü.jpg", quarters("jpeg")).status == 200
    url = images.of(f"{folder}a b+ü.jpg")
    for query, kind, size in (
        ("w=320", "JPEG", (320, 200)),
        ("h=100", "JPEG", (160, 100)),
        ("w=100&h=100", "JPEG", (100, 63)),
        ("w=2000", "JPEG", (640, 400)),
        ("w=100&h=100&fit=cover&format=webp", "WEBP", (100, 100)),
        ("w=100&h=100&fit=fill&format=png", "PNG", (100, 100)),
        ("w=320&format=avif&q=70", "AVIF", (320, 200)),
    ):
        answer = images.curl("-L", f"{url}?{query}")
        assert answer.headers["content-type"] == f"image/{kind.lower()}"
        assert shows(answer, kind, size), query
    head = images.curl("-L", "-I", f"{url}?w=64&format=webp")
    assert (head.status, head.headers["content-type"]) == (200, "image/webp")
    presigned = images.curl(f"{url}?w=64&presign").json()
    assert shows(images.curl(presigned["url"], user=None), "JPEG", (64, 40))
    saved = images.curl("-L", f"{url}?w=64&format=webp&download")
    assert saved.headers["content-disposition"].endswith("filename*=UTF-8''a%20b+%C3%BC.webp")


@over_http
def test_clients_that_ask_at_once_get_one_derived_image(images: Site, store: Store, folder: str) -> None:
    images.put(f"{folder}a.png", quarters(size=(1200, 800)))
    before = derivatives(store)
    command = ["curl", "-sSL", "-o", "-", "-u", f"ci:{SECRET}", f"{images.of(f'{folder}a.png')}?w=600"]
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=True).stdout, range(8)))
    assert len(set(bodies)) == 1
    assert len(derivatives(store) - before) == 1


def test_a_derived_image_is_stored_once_for_each_content(images: Site, store: Store, folder: str) -> None:
    """No path of any mount leads to a derived image, and nobody can replace a derived image."""
    url = f"{images.of(f'{folder}a.png')}?w=600"
    images.put(f"{folder}a.png", quarters(size=(1200, 800)))
    before = derivatives(store)
    first = urlsplit(images.location(url)).path
    assert urlsplit(images.location(url)).path == first
    assert len(derivatives(store) - before) == 1
    images.put(f"{folder}a.png", quarters(size=(400, 400)))
    assert urlsplit(images.location(url)).path != first
    assert shows(images.curl("-L", url), "PNG", (400, 400))
    assert len(derivatives(store) - before) == 2
    path = first.partition(store.bucket)[2]
    for hidden in (path.removeprefix("/tenant"), f"/brief{path}"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert images.curl("-X", method, *(["-I"] if method == "HEAD" else []), images.at(hidden)).status == 404


def test_a_version_of_an_image(images: Site, folder: str) -> None:
    key = f"versions/{folder}a.png"
    old = images.put(key, quarters()).headers["x-amz-version-id"]
    images.put(key, quarters(size=(300, 300)))
    assert shows(images.curl("-L", f"{images.of(key)}?w=64"), "PNG", (64, 64))
    assert shows(images.curl("-L", f"{images.of(key)}?w=64&versionId={old}"), "PNG", (64, 40))


# -- posted images --


def test_a_posted_image_comes_back_smaller_or_is_refused(images: Site) -> None:
    """The bytes do not depend on the header `Accept`; curl sends no such header for an empty value."""
    png = quarters()
    for accept in ("image/avif,image/webp,image/*;q=0.8", "*/*", "", "application/json", "text/html"):
        header, url = f"Accept: {accept}".rstrip(" "), images.at("/-/thumbnail?w=64&h=64")
        answer = images.curl("--data-binary", f"@{images.file(png)}", "-H", header, url)
        assert answer.headers["content-type"] == "image/png"
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert shows(answer, "PNG", (64, 40)), accept
    for body, query, status, code in (
        (b"no image", "w=10", 415, "not-an-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "w=10", 415, "not-an-image"),
        (png[:900], "w=10", 422, "image-broken"),
        (png[:16] + b"\0\0\xc3\x50" * 2 + png[24:], "w=10", 413, "image-too-large"),
        *((png, query, 400, "bad-parameter") for query in ("w=0", "h=4097", "w=10&fit=cover", "w=10&format=svg", "w=")),
    ):
        answer = images.curl("--data-binary", f"@{images.file(body)}", images.at(f"/-/thumbnail?{query}"))
        assert (answer.status, answer.code) == (status, code), query


def test_an_image_too_large_for_an_answer_is_stored(images: Site) -> None:
    """The answer is a 303, after which curl asks for the image with GET."""
    noise = Image.effect_noise((1600, 1500), 90).convert("RGB")
    noise = Image.merge("RGB", [*noise.split()[:2], noise.getchannel(0).rotate(90, expand=False)])
    body, url = f"@{images.file(written(noise, 'jpeg', quality=75))}", images.at("/-/thumbnail?w=1600&format=png")
    first = images.curl("--data-binary", body, url)
    assert (first.status, first.body) == (303, b"")
    answer = images.curl(first.headers["location"], user=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert len(answer.body) > 4_500_000
    assert opened(answer.body).size == (1600, 1500)


# -- images of other sites --


def resized(images: Site, url: str, query: str = "w=64", user: str | None = f"ci:{SECRET}") -> Answer:
    """Ask for an image of another site."""
    return images.curl(images.at(f"/-/resize?u={quote(url, safe='')}&{query}"), user=user)


def test_an_image_of_another_site(images: Site, internet: FakeInternet) -> None:
    """The media type of the other site does not matter. The log has no URL, because a URL may hold a secret."""
    answer = resized(images, SOURCE)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert shows(answer, "JPEG", (64, 40))
    for url, code in (
        (f"https://{HOST}/page", "not-an-image"),
        (f"https://{HOST}/none.jpg", "not-found"),
        (f"https://user@{HOST}/a.jpg", "bad-parameter"),
        ("https://example.org/a.jpg", "source-not-allowed"),
        ("https://inside.example.com/latest/meta-data/", "source-not-allowed"),
        (f"https://{HOST}/inside", "source-not-allowed"),
        ("https://2130706433/a.jpg", "source-not-allowed"),
    ):
        assert resized(images, url).code == code, url
    assert images.curl(images.at("/-/resize?w=64")).json()["detail"].startswith("?u:")
    assert resized(images, SOURCE, query="q=3").json()["detail"].startswith("?w:")
    assert "hidden" not in images.log.read_text()


def test_a_page_shows_images_by_a_publishable_key_and_by_a_link(images: Site) -> None:
    """The key and the token stand in the URL of an `<img>`, and in no log."""
    source, key = quote(SOURCE, safe=""), quote(PUBLISHABLE_KEY)
    urls = [images.at(f"/-/resize?k={key}&w=64&u={source}")]
    for wanted in ({"u": SOURCE}, {"host": HOST}):
        body = json.dumps({**wanted, "sizes": ["64x"]})
        link = images.curl("-d", body, images.at("/-/resize?link")).json()
        urls.append(link["url"] + ("" if "u" in wanted else source))
    for url in urls:
        answer = images.curl(url, user=None)
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert shows(answer, "JPEG", (64, 40))
        assert images.curl(url.replace("w=64", "w=65"), user=None).code == "size-not-allowed"
        secret = url.partition("?")[2].partition("&")[0].partition("=")[2]
        assert secret not in images.log.read_text()
    assert images.curl(images.at(f"/public/a.txt?k={key}"), user=None).status == 307
    assert images.curl(images.at("/-/resize?w=64"), user=f"site:{PUBLISHABLE_KEY}").code == "credentials-invalid"
    assert PUBLISHABLE_KEY not in images.log.read_text()
