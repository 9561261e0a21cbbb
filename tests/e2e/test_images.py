"""Images in other sizes: stored once and redirected to, posted, and fetched from another site."""

import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from PIL import Image

from tests.support.fake_internet import HOST, FakeInternet

from .sites import SECRET, SETTINGS, Answer, Site, Store, Table, client_of, open_site

COLOURS = ((200, 30, 40), (20, 160, 60), (30, 60, 190), (230, 200, 40))  # of the quarters of an image, row by row

SITE_SECRET = "a publishable key, in clear"
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
sha256 = "{hashlib.sha256(SITE_SECRET.encode()).hexdigest()}"
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


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    """Another site, with one image, and a name that leads into our own network."""
    with FakeInternet() as internet:
        internet.add("inside.example.com", "169.254.169.254")
        internet.serve("/a.jpg?key=hidden", encoded("JPEG"), "text/plain")
        internet.serve("/page", b"<html>", "image/png")
        internet.redirect("/inside", "https://inside.example.com/latest/meta-data/")
        internet.redirect("/plain", f"http://{HOST}/a.jpg")
        yield internet


@pytest.fixture(scope="module")
def images(
    store: Store, table: Table, internet: FakeInternet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Signpost, which may fetch from that site."""
    first_rule = SETTINGS.index("[[rules]]")
    settings = SETTINGS[:first_rule] + IMAGES + SETTINGS[first_rule:]
    environ = {**store.environ(), **internet.environ}
    with open_site(store, table, tmp_path_factory.mktemp("images"), environ, settings=settings) as site:
        yield site


@pytest.fixture
def folder() -> str:
    """A directory that is no other test's."""
    return f"{uuid4().hex}/"


def quarters(size: tuple[int, int] = (640, 400)) -> Image.Image:
    """An image of four colours."""
    image = Image.new("RGB", size)
    width, height = size[0] // 2, size[1] // 2
    for number, colour in enumerate(COLOURS):
        image.paste(colour, ((number % 2) * width, number // 2 * height, size[0], size[1]))
    return image


def encoded(kind: str, size: tuple[int, int] = (640, 400)) -> bytes:
    """The same as a file."""
    file = io.BytesIO()
    quarters(size).save(file, kind)
    return file.getvalue()


def shown(body: bytes, kind: str, size: tuple[int, int]) -> None:
    """Assert that a body is the image of four colours, in this format and size."""
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == (kind, size)
        for number, colour in enumerate(COLOURS):
            at = (size[0] * (1 + number % 2 * 2) // 4, size[1] * (1 + number // 2 * 2) // 4)
            pixel = image.convert("RGB").getpixel(at)
            assert isinstance(pixel, tuple)
            assert max(abs(one - other) for one, other in zip(pixel, colour, strict=True)) < 12, (at, pixel)


def derivatives(store: Store) -> set[str]:
    """The keys that the service made."""
    found = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix="tenant/-/derived/")
    return {item["Key"] for item in found.get("Contents", ())}


@pytest.mark.parametrize(
    ("query", "kind", "size"),
    [
        ("w=320", "JPEG", (320, 200)),
        ("h=100", "JPEG", (160, 100)),
        ("w=100&h=100", "JPEG", (100, 63)),
        ("w=2000", "JPEG", (640, 400)),
        ("w=100&h=100&fit=cover&format=webp", "WEBP", (100, 100)),
        ("w=100&h=100&fit=fill&format=png", "PNG", (100, 100)),
        ("w=320&format=avif&q=70", "AVIF", (320, 200)),
    ],
)
def test_an_image_in_another_size(images: Site, folder: str, query: str, kind: str, size: tuple[int, int]) -> None:
    assert images.put(f"{folder}a b+ü.jpg", encoded("JPEG")).status == 200
    answer = images.curl("-L", f"{images.of(f'{folder}a b+ü.jpg')}?{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, f"image/{kind.lower()}")
    shown(answer.body, kind, size)


def test_it_is_made_once_and_anew_for_another_content(images: Site, store: Store, folder: str) -> None:
    url = f"{images.of(f'{folder}a.png')}?w=64"
    images.put(f"{folder}a.png", encoded("PNG"))
    before = derivatives(store)
    first, again = (urlsplit(images.location(url)).path for _ in range(2))
    assert first == again
    assert len(derivatives(store) - before) == 1
    images.put(f"{folder}a.png", encoded("PNG", (400, 400)))
    assert urlsplit(images.location(url)).path != first
    shown(images.curl("-L", url).body, "PNG", (64, 64))
    assert len(derivatives(store) - before) == 2


def test_many_at_once_make_one(images: Site, store: Store, folder: str) -> None:
    images.put(f"{folder}a.png", encoded("PNG", (1200, 800)))
    before = derivatives(store)
    command = ["curl", "-sSL", "-o", "-", "-u", f"ci:{SECRET}", f"{images.of(f'{folder}a.png')}?w=600"]
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda _: subprocess.run(command, capture_output=True, check=True).stdout, range(8)))
    assert len(set(bodies)) == 1
    shown(bodies[0], "PNG", (600, 400))
    assert len(derivatives(store) - before) == 1


def test_the_rules_of_the_source_decide(images: Site, store: Store, folder: str) -> None:
    """Nothing is made for someone who may not read it, nor said whether it is there."""
    images.put(f"{folder}a.png", encoded("PNG"))
    before = derivatives(store)
    for path in (f"{folder}a.png", f"{folder}none.png"):
        assert images.curl(f"{images.of(path)}?w=64", user=None).code == "credentials-missing"
        assert images.curl(f"{images.of(path)}?w=nonsense", user=None).code == "credentials-missing"
    assert images.curl(f"{images.of('secret/a.png')}?w=64").code == "forbidden"
    assert images.curl(f"{images.of(f'{folder}none.png')}?w=64").code == "not-found"
    assert derivatives(store) == before


def test_strangers_get_the_sizes_that_a_rule_lists(images: Site, store: Store, folder: str) -> None:
    key = f"public/sizes/{folder}a.png"
    images.put(key, encoded("PNG"))
    before = derivatives(store)
    refused = [images.curl(f"{images.of(key)}?{query}", user=None) for query in ("w=64", "w=320&q=1", "h=320")]
    assert [answer.code for answer in refused] == ["size-not-allowed"] * 3
    assert "96x96, 320x" in refused[0].json()["detail"]
    assert derivatives(store) == before
    shown(images.curl("-L", f"{images.of(key)}?w=320&v=42", user=None).body, "PNG", (320, 200))
    assert len(derivatives(store) - before) == 1


def test_what_is_made_has_no_path(images: Site, store: Store, folder: str) -> None:
    """Not by the mount that it is in, nor by another of the same bucket; nor can it be replaced."""
    images.put(f"{folder}a.png", encoded("PNG"))
    made = urlsplit(images.location(f"{images.of(f'{folder}a.png')}?w=64")).path.partition(store.bucket)[2]
    for path in (made.removeprefix("/tenant"), f"/brief{made}"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert images.curl("-X", method, *(["-I"] if method == "HEAD" else []), images.at(path)).status == 404


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        (b"no image", "w=10", 415, "not-an-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "w=10", 415, "not-an-image"),
        (encoded("PNG")[:900], "w=10", 422, "image-broken"),
        (encoded("PNG")[:16] + b"\0\0\xc3\x50" * 2 + encoded("PNG")[24:], "w=10", 413, "image-too-large"),
        (encoded("PNG"), "w=0", 400, "bad-parameter"),
        (encoded("PNG"), "h=4097", 400, "bad-parameter"),
        (encoded("PNG"), "w=10&fit=cover", 400, "bad-parameter"),
        (encoded("PNG"), "w=10&format=svg", 400, "bad-parameter"),
        (encoded("PNG"), "w=", 400, "bad-parameter"),
    ],
)
def test_what_cannot_be_rendered(images: Site, body: bytes, query: str, status: int, code: str) -> None:
    answer = images.curl("--data-binary", f"@{images.file(body)}", images.at(f"/-/thumbnail?{query}"))
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("accept", ["image/avif,image/webp,image/*;q=0.8", "*/*", "", "application/json", "text/html"])
def test_an_image_that_is_posted_comes_back_smaller(images: Site, accept: str) -> None:
    """Byte for byte, whatever the client says it takes; with an empty text curl sends no such header."""
    body, url = f"@{images.file(encoded('PNG'))}", images.at("/-/thumbnail?w=64&h=64")
    answer = images.curl("--data-binary", body, "-H", f"Accept: {accept}".rstrip(" "), url)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert int(answer.headers["content-length"]) == len(answer.body)
    shown(answer.body, "PNG", (64, 40))


def test_what_is_too_large_for_an_answer_is_redirected_to(images: Site) -> None:
    """By 303, after which curl asks for it with GET."""
    noise = Image.effect_noise((1600, 1500), 90).convert("RGB")
    file = io.BytesIO()
    Image.merge("RGB", [*noise.split()[:2], noise.getchannel(0).rotate(90, expand=False)]).save(file, "JPEG")
    body, url = f"@{images.file(file.getvalue())}", images.at("/-/thumbnail?w=1600&format=png")
    first = images.curl("--data-binary", body, url)
    assert (first.status, first.body) == (303, b"")
    answer = images.curl("-L", "--data-binary", body, url)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert len(answer.body) > 4_500_000
    with Image.open(io.BytesIO(answer.body)) as image:
        assert image.size == (1600, 1500)


def resized(images: Site, url: str, *arguments: str, query: str = "w=64", user: str | None = "") -> Answer:
    """Ask for an image of another site."""
    options = {} if user == "" else {"user": user}
    return images.curl(*arguments, images.at(f"/-/resize?u={quote(url, safe='')}&{query}"), **options)


def test_an_image_of_another_site(images: Site, internet: FakeInternet) -> None:
    """What its site calls it does not matter; its URL, which may hold a secret, is not in the log."""
    answer = resized(images, f"https://{HOST}/a.jpg?key=hidden")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"] == "private, max-age=3600"
    shown(answer.body, "JPEG", (64, 40))
    assert resized(images, f"https://{HOST}/page").code == "not-an-image"
    assert "hidden" not in images.log.read_text()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.org/a.jpg", "source-not-allowed"),
        (f"http://{HOST}/a.jpg", "source-not-allowed"),
        (f"https://{HOST}./a.jpg", "source-not-allowed"),
        (f"https://{HOST}:8443/a.jpg", "source-not-allowed"),
        (f"https://user@{HOST}/a.jpg", "bad-parameter"),
        ("https://inside.example.com/latest/meta-data/", "source-not-allowed"),
        (f"https://{HOST}/inside", "source-not-allowed"),
        (f"https://{HOST}/plain", "source-not-allowed"),
        ("https://127.0.0.1/a.jpg", "source-not-allowed"),
        ("https://2130706433/a.jpg", "source-not-allowed"),
        ("https://0177.0.0.1/a.jpg", "source-not-allowed"),
        ("https://0/a.jpg", "source-not-allowed"),
        ("https://[::ffff:169.254.169.254]/a.jpg", "source-not-allowed"),
        ("https://localhost/a.jpg", "source-not-allowed"),
        ("file:///etc/passwd", "source-not-allowed"),
        ("a.jpg", "bad-parameter"),
        (f"https://{HOST}/none.jpg", "not-found"),
    ],
)
def test_what_is_not_fetched(images: Site, url: str, code: str) -> None:
    assert resized(images, url).code == code


def test_what_is_missing_is_named(images: Site) -> None:
    assert images.curl(images.at("/-/resize?w=64")).json()["detail"].startswith("?u:")
    assert resized(images, f"https://{HOST}/a.jpg", query="q=3").json()["detail"].startswith("?w:")


def test_nobody_renders_for_strangers(images: Site, internet: FakeInternet) -> None:
    """Not even what is missing is said to them, and nothing is fetched."""
    asked = len(internet.seen)
    assert resized(images, f"https://{HOST}/a.jpg?key=hidden", user=None).code == "credentials-missing"
    assert images.curl(images.at("/-/resize"), user=None).status == 401
    assert images.curl("-d", "x", images.at("/-/thumbnail"), user=None).status == 401
    token = images.link("/", uses=None).partition("?")[2]
    assert images.curl(images.at(f"/-/resize?u=https://{HOST}/a.jpg&w=9&{token}"), user=None).code == "link-invalid"
    assert len(internet.seen) == asked


def test_a_page_shows_images_by_a_publishable_key_and_by_a_link(images: Site) -> None:
    """Both are in the URL of an `<img>`, and in no log."""
    source = quote(f"https://{HOST}/a.jpg?key=hidden", safe="")
    key = quote(SITE_SECRET)
    urls = [images.at(f"/-/resize?k={key}&w=64&u={source}")]
    for wanted in ({"u": f"https://{HOST}/a.jpg?key=hidden"}, {"host": HOST}):
        body = json.dumps({**wanted, "sizes": ["64x"]})
        made = images.curl("-d", body, images.at("/-/resize?link")).json()
        urls.append(made["url"] + ("" if "u" in wanted else source))
    for url in urls:
        answer = images.curl(url, user=None)
        assert (answer.status, answer.headers["cache-control"]) == (200, "public, max-age=3600")
        shown(answer.body, "JPEG", (64, 40))
        assert images.curl(url.replace("w=64", "w=65"), user=None).code == "size-not-allowed"
        secret = url.partition("?")[2].partition("&")[0].partition("=")[2]
        assert secret not in images.log.read_text()
    assert images.curl(images.at(f"/public/a.txt?k={key}"), user=None).status == 307
    assert images.curl(images.at("/-/resize?w=64"), user=f"site:{SITE_SECRET}").code == "credentials-invalid"
    assert SITE_SECRET not in images.log.read_text()


def test_a_link_that_opens_once_opens_one_image(images: Site, folder: str) -> None:
    images.put(f"{folder}a.png", encoded("PNG"))
    images.put(f"{folder}b.png", encoded("PNG")[:900])
    url = images.link(f"/{folder}a.png", uses=1)
    assert images.open(f"{url}&w=0").code == "bad-parameter"
    shown(images.open(f"{url}&w=64").body, "PNG", (64, 40))
    assert [images.open(f"{url}&w={width}").code for width in (64, 65)] == ["link-used-up"] * 2
    broken = images.link(f"/{folder}b.png", uses=1)
    assert images.open(f"{broken}&w=64").code == "image-broken"
    assert images.open(broken).status == 200


def test_head_presign_and_download(images: Site, folder: str) -> None:
    images.put(f"{folder}a.jpg", encoded("JPEG"))
    url = images.of(f"{folder}a.jpg")
    head = images.curl("-L", "-I", f"{url}?w=64&format=webp")
    assert (head.status, head.headers["content-type"]) == (200, "image/webp")
    said = images.curl(f"{url}?w=64&presign").json()
    shown(images.curl(said["url"], user=None).body, "JPEG", (64, 40))
    saved = images.curl("-L", f"{url}?w=64&format=webp&download")
    assert saved.headers["content-disposition"] == 'attachment; filename="a.webp"'


def test_a_version_of_an_image(images: Site, folder: str) -> None:
    key = f"versions/{folder}a.png"
    old = images.put(key, encoded("PNG")).headers["x-amz-version-id"]
    images.put(key, encoded("PNG", (300, 300)))
    shown(images.curl("-L", f"{images.of(key)}?w=64").body, "PNG", (64, 64))
    shown(images.curl("-L", f"{images.of(key)}?w=64&versionId={old}").body, "PNG", (64, 40))
