"""A derivative is made once, of the image that its name says, and found again without being made."""

from collections.abc import Mapping

import pytest

from chalicelib.core.features import derived_images, stored_images
from chalicelib.core.features.derived_images import DerivedImages
from chalicelib.core.ports import Metadata, ObjectStore
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image, Rendition
from chalicelib.core.web.problems import ImageTooLarge, LinkUsedUp, NotAnImage, NotFound, SizeNotAllowed, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, NOW, granted, mount, request
from tests.support.builders import path as decoded
from tests.support.fakes import Failing, Renderer
from tests.support.file_store import Files, etag_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WIDE = Rendition(320, 0, "contain", "", 0)
W320 = {"w": "320"}


class Container:
    """What a container of Lambda keeps between requests."""

    def __init__(self, store: ObjectStore, *mounts: Mount) -> None:
        self.mounts = Mounts(mounts or [mount()])
        self.renderer = Renderer()
        self.derivatives = DerivedImages(mounts=self.mounts, objects=store, renderer=self.renderer)
        self.permitted = 0

    def ask(
        self, path: str = "/a.png", query: Mapping[str, str] | None = None, *, sizes: str = "", now: float = NOW
    ) -> Target:
        grant = granted(path)
        grant = grant._replace(rule=grant.rule._replace(image_sizes=tuple(sizes.split())))
        return self.derivatives.of_stored(self.mounts.resolve(grant), query or W320, grant, self._permit, now, DEADLINE)

    def _permit(self) -> None:
        self.permitted += 1


def name_of(body: bytes = PNG, key: str = "a.png", rendition: Rendition = WIDE) -> str:
    return f"-/derived/{image_parameters.derivative_name(key, etag_of(body), rendition)}"


def test_the_first_request_makes_it_and_stores_it_below_the_mounts_prefix() -> None:
    store = Files({"t/a.png": PNG})
    container = Container(store, mount(prefix="t/"))
    name = f"t/{name_of(key='t/a.png')}"
    assert container.ask().key == name
    assert store.asked_for() == ["HEAD t/a.png", f"HEAD {name}", "GET t/a.png", f"PUT {name}"]
    assert container.renderer.asked == [(PNG, WIDE)]
    assert store.derived() == {name: b"320x contain"}
    assert store.types["acme-files", name] == "image/jpeg"


def test_a_warm_container_asks_for_the_source_alone() -> None:
    store = Files({"a.png": PNG})
    container = Container(store)
    first = container.ask()
    store.asked_for()
    assert container.ask() == first
    assert store.asked_for() == ["HEAD a.png"]
    assert (len(container.renderer.asked), container.permitted) == (1, 1)


def test_a_cold_container_looks_once_whether_it_is_there() -> None:
    store = Files({"a.png": PNG})
    first = Container(store).ask()
    store.asked_for()
    cold = Container(store)
    for said in (["HEAD a.png", f"HEAD {name_of()}"], ["HEAD a.png"]):
        assert cold.ask() == first
        assert store.asked_for() == said
    assert (cold.renderer.asked, cold.permitted) == ([], 0)


def test_a_changed_source_has_another_one_and_the_old_is_left() -> None:
    store = Files({"a.png": PNG})
    container = Container(store)
    first = container.ask()
    store.put("a.png", PNG + b"2")
    second = container.ask()
    assert (first.key, second.key) == (name_of(), name_of(PNG + b"2"))
    assert store.derived().keys() == {first.key, second.key}


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ({"w": "0320", "fit": "contain"}, True),
        ({"w": "320", "v": "42", "download": "", "presign": ""}, True),
        ({"w": "321"}, False),
        ({"h": "320"}, False),
        ({"w": "320", "format": "png"}, False),
        ({"w": "320", "q": "80"}, False),
    ],
)
def test_each_rendition_has_one_of_its_own(query: dict[str, str], same: bool) -> None:
    container = Container(Files({"a.png": PNG}))
    assert (container.ask().key == container.ask(query=query).key) is same


def test_what_is_remembered_is_forgotten_for_someone_may_empty_the_folder() -> None:
    store = Files({"a.png": PNG})
    container = Container(store)
    name = container.ask().key
    del store.files["acme-files", name]
    store.asked_for()
    container.ask(now=NOW + 299)
    assert store.asked_for() == ["HEAD a.png"]
    container.ask(now=NOW + 300)
    assert store.asked_for() == ["HEAD a.png", f"HEAD {name}", "GET a.png", f"PUT {name}"]
    container.ask(now=NOW + 599)
    assert store.asked_for() == ["HEAD a.png"]


def test_the_memory_is_bounded_and_forgets_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_images, "_MAX_REMEMBERED", 2)
    store = Files({"a.png": PNG})
    container = Container(store)
    for width in ("1", "2", "3"):
        container.ask(query={"w": width})
    store.asked_for()
    for width, calls in (("3", 1), ("2", 1), ("1", 2)):
        container.ask(query={"w": width})
        assert len(store.asked_for()) == calls


def test_what_was_looked_for_again_is_not_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_images, "_MAX_REMEMBERED", 2)
    store = Files({"a.png": PNG})
    container = Container(store)
    for width, now in (("1", NOW), ("2", NOW), ("1", NOW + 300), ("3", NOW + 300)):
        container.ask(query={"w": width}, now=now)
    store.asked_for()
    container.ask(query={"w": "1"}, now=NOW + 301)
    assert store.asked_for() == ["HEAD a.png"]


def test_two_stores_with_a_bucket_of_one_name_are_told_apart() -> None:
    """A copy of a bucket has the same keys and ETags, and not what was made of them here."""
    store = Files({"a.png": PNG})
    container = Container(store, mount("/one"), mount("/two", endpoint="https://s3.example.com"))
    container.ask("/one/a.png")
    store.asked_for()
    container.ask("/two/a.png")
    assert store.asked_for()[:2] == ["HEAD a.png", f"HEAD {name_of()}"]


def test_a_version_is_that_of_the_source_alone() -> None:
    store = Files({"a.png": PNG})
    Container(store).ask(query={**W320, "versionId": "v1", "response-expires": "x"})
    assert store.queries == [("HEAD", {"versionId": "v1"}), ("HEAD", {}), ("GET", {"versionId": "v1"})]


@pytest.mark.parametrize("missing", ["/b.png", "/a.PNG", "/a.png/"])
def test_without_a_source_there_is_none(missing: str) -> None:
    store = Files({"a.png": PNG})
    with pytest.raises(NotFound):
        Container(store).ask(missing)
    assert len(store.said) == 1


class Changing(Files):
    """A store in which a file is replaced as soon as it was looked at."""

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        found = super().head(target, query, headers, deadline)
        self.put(target.key, PNG + b"2")
        return found


def test_a_source_that_changes_meanwhile_makes_nothing_of_the_wrong_name() -> None:
    store = Changing({"a.png": PNG})
    container = Container(store)
    with pytest.raises(Unavailable):
        container.ask()
    assert (container.renderer.asked, store.derived()) == ([], {})


class Saying(Files):
    """A store that says of every file what it is told to."""

    def __init__(self, files: Mapping[str, bytes], said: Mapping[str, str]) -> None:
        super().__init__(files)
        self._said = said

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        return Metadata(200, {**super().head(target, query, headers, deadline).headers, **self._said})


def test_more_bytes_than_are_rendered_are_not_fetched() -> None:
    store = Saying({"a.png": PNG}, {"content-length": str(MAX_IMAGE_BYTES + 1)})
    with pytest.raises(ImageTooLarge, match="33,554,432 bytes"):
        Container(store).ask()
    assert store.said == ["HEAD a.png", f"HEAD {name_of()}"]
    Container(Saying({"a.png": PNG}, {"content-length": str(MAX_IMAGE_BYTES)})).ask()


def test_of_what_is_no_image_only_the_beginning_is_fetched() -> None:
    store = Files({"a.png": b"<svg>" + bytes(10_000), "empty.png": b""})
    for path in ("/a.png", "/empty.png"):
        with pytest.raises(NotAnImage):
            Container(store).ask(path)
    assert (store.pieces, store.derived()) == (1, {})


def test_an_image_is_told_by_its_bytes_whatever_it_is_called() -> None:
    store = Saying({"notes.txt": PNG}, {"content-type": "text/plain"})
    assert Container(store).ask("/notes.txt").key in store.derived()


def test_a_size_that_the_rule_does_not_list_asks_nothing_of_the_store() -> None:
    store = Files({"a.png": PNG})
    for query in ({"w": "321"}, {"w": "320", "q": "9"}):
        with pytest.raises(SizeNotAllowed):
            Container(store).ask(query=query, sizes="96x96 320x")
    assert store.said == []
    Container(store).ask(sizes="96x96 320x")


def test_what_is_not_permitted_is_not_made_and_not_fetched() -> None:
    store = Files({"a.png": PNG})
    container = Container(store)
    grant = granted("/a.png")

    def refuse() -> None:
        raise LinkUsedUp()

    with pytest.raises(LinkUsedUp):
        container.derivatives.of_stored(container.mounts.resolve(grant), W320, grant, refuse, NOW, DEADLINE)
    assert (store.said, container.renderer.asked) == (["HEAD a.png", f"HEAD {name_of()}"], [])
    made = container.ask()
    assert container.derivatives.of_stored(container.mounts.resolve(grant), W320, grant, refuse, NOW, DEADLINE) == made


def test_a_store_that_fails_is_remembered_by_nobody() -> None:
    class Full(Files):
        full = True

        def create(self, target: Target, image: Image, deadline: Deadline) -> None:
            if self.full:
                raise Unavailable("S3 does not let the service write here.")
            super().create(target, image, deadline)

    store = Full({"a.png": PNG})
    container = Container(store)
    with pytest.raises(Unavailable):
        container.ask()
    store.full = False
    assert container.ask().key in store.derived()
    with pytest.raises(Unavailable):
        Container(Failing(Unavailable("S3 does not answer."))).ask()


def test_what_is_kept_is_named_by_its_bytes() -> None:
    store = Files()
    container = Container(store, mount("/docs", prefix="v2/"))
    kept = container.derivatives.store(Image("image/png", b"one"), granted("/elsewhere"), DEADLINE)
    assert store.derived() == {kept.key: b"one"}
    assert kept.key.startswith("v2/-/derived/")
    assert container.derivatives.store(Image("image/png", b"one"), granted("/elsewhere"), DEADLINE) == kept
    assert container.derivatives.store(Image("image/png", b"two"), granted("/elsewhere"), DEADLINE) != kept


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/a.jpg", {"w": "1", "versionId": "v"}, {"w": "1"}),
        ("/a.jpg", {"download": "", "versionId": "v"}, {"download": ""}),
        ("/b/a.x.jpg", {"download": "", "format": "webp"}, {"download": "a.x.webp", "format": "webp"}),
        ("/b/a", {"download": "", "format": "webp"}, {"download": "a.webp", "format": "webp"}),
        ("/.jpg", {"download": "", "format": "png"}, {"download": ".jpg.png", "format": "png"}),
        ("/ü b.jpg", {"download": "", "format": "jpeg"}, {"download": "ü b.jpeg", "format": "jpeg"}),
        ("/a\\b.jpg", {"download": "", "format": "png"}, {"download": "a_b.png", "format": "png"}),
        ("/a.jpg", {"download": "me.jpg", "format": "webp"}, {"download": "me.jpg", "format": "webp"}),
        ("/a.jpg", {"format": "webp", "response-expires": "x"}, {"format": "webp", "response-expires": "x"}),
    ],
)
def test_a_derivative_is_asked_for_under_a_name_that_fits_its_format(
    path: str, query: dict[str, str], expected: dict[str, str]
) -> None:
    asked = request(query=query)
    assert stored_images._request_of_derived(asked, decoded(path)) == asked._replace(query=expected)
