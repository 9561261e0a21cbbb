"""A derived image is rendered once from the source that its name tells, and is then looked for alone."""

from collections.abc import Mapping

import pytest

from chalicelib.core.features import derived_images
from chalicelib.core.features.derived_images import DerivedImages
from chalicelib.core.ports import Metadata, ObjectStore
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image, Rendition
from chalicelib.core.web.problems import ImageTooLarge, LinkUsedUp, NotAnImage, NotFound, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, NOW, granted, mount
from tests.support.fakes import Renderer
from tests.support.store import MemoryStore, etag_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WIDE = Rendition(320, 0, "contain", "", 0)
W320 = {"w": "320"}


def new_calls(store: MemoryStore) -> list[str]:
    """The calls of the store since the last time."""
    calls, store.calls = store.calls, []
    return calls


class Container:
    """The derived images of one container of Lambda, which remembers between requests."""

    def __init__(self, store: ObjectStore, *mounts: Mount) -> None:
        self.mounts = Mounts(mounts or [mount()])
        self.renderer = Renderer()
        self.images = DerivedImages(mounts=self.mounts, objects=store, renderer=self.renderer)
        self.rendered = 0

    def ask(self, path: str = "/a.png", query: Mapping[str, str] | None = None, *, now: float = NOW) -> Target:
        grant = granted(path)
        return self.images.of_stored(self.mounts.resolve(grant), query or W320, grant, self._count, now, DEADLINE)

    def _count(self) -> None:
        self.rendered += 1


def name_of(body: bytes = PNG, key: str = "a.png", rendition: Rendition = WIDE) -> str:
    return f"-/derived/{image_parameters.derivative_name(key, etag_of(body), rendition)}"


def test_the_first_request_renders_the_image_and_stores_it_below_the_prefix_of_the_mount() -> None:
    store = MemoryStore({"t/a.png": PNG})
    container = Container(store, mount(prefix="t/"))
    name = f"t/{name_of(key='t/a.png')}"
    assert container.ask().key == name
    assert new_calls(store) == ["HEAD t/a.png", f"HEAD {name}", "GET t/a.png", f"PUT {name}"]
    assert container.renderer.asked == [(PNG, WIDE)]
    assert store.derived() == {name: b"320x contain"}
    assert store.objects["acme-files", name].content_type == "image/jpeg"


def test_a_warm_container_looks_for_the_source_alone() -> None:
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    first = container.ask()
    new_calls(store)
    assert container.ask() == first
    assert new_calls(store) == ["HEAD a.png"]
    assert (len(container.renderer.asked), container.rendered) == (1, 1)


def test_a_cold_container_looks_once_for_the_derived_image() -> None:
    store = MemoryStore({"a.png": PNG})
    first = Container(store).ask()
    new_calls(store)
    cold = Container(store)
    for calls in (["HEAD a.png", f"HEAD {name_of()}"], ["HEAD a.png"]):
        assert cold.ask() == first
        assert new_calls(store) == calls
    assert (cold.renderer.asked, cold.rendered) == ([], 0)


def test_a_changed_source_has_another_image_and_the_old_image_stays() -> None:
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    first = container.ask()
    store.put("a.png", PNG + b"2")
    second = container.ask()
    assert (first.key, second.key) == (name_of(), name_of(PNG + b"2"))
    assert store.derived().keys() == {first.key, second.key}


def test_each_rendition_has_its_own_image() -> None:
    container = Container(MemoryStore({"a.png": PNG}))
    key = container.ask().key
    for query in ({"w": "0320", "fit": "contain"}, {"w": "320", "v": "42", "download": "", "presign": ""}):
        assert container.ask(query=query).key == key
    for query in ({"w": "321"}, {"h": "320"}, {"w": "320", "format": "png"}, {"w": "320", "q": "80"}):
        assert container.ask(query=query).key != key


def test_a_container_forgets_after_five_minutes_because_the_folder_can_be_emptied() -> None:
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    name = container.ask().key
    del store.objects["acme-files", name]
    new_calls(store)
    container.ask(now=NOW + 299)
    assert new_calls(store) == ["HEAD a.png"]
    container.ask(now=NOW + 300)
    assert new_calls(store) == ["HEAD a.png", f"HEAD {name}", "GET a.png", f"PUT {name}"]
    container.ask(now=NOW + 599)
    assert new_calls(store) == ["HEAD a.png"]


def test_the_memory_is_bounded_and_forgets_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_images, "_MAX_REMEMBERED", 2)
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    for width in ("1", "2", "3"):
        container.ask(query={"w": width})
    new_calls(store)
    for width, calls in (("3", 1), ("2", 1), ("1", 2)):
        container.ask(query={"w": width})
        assert len(new_calls(store)) == calls
    for width, now in (("2", NOW), ("1", NOW), ("2", NOW + 300), ("3", NOW + 300)):  # 2 is looked for again
        container.ask(query={"w": width}, now=now)
    new_calls(store)
    container.ask(query={"w": "2"}, now=NOW + 301)
    assert new_calls(store) == ["HEAD a.png"]


def test_two_stores_with_a_bucket_of_one_name_are_told_apart() -> None:
    """A copy of a bucket has the same keys and ETags, but not the derived images."""
    store = MemoryStore({"a.png": PNG})
    container = Container(store, mount("/one"), mount("/two", endpoint="https://s3.example.com"))
    container.ask("/one/a.png")
    new_calls(store)
    container.ask("/two/a.png")
    assert new_calls(store)[:2] == ["HEAD a.png", f"HEAD {name_of()}"]


def test_a_missing_source_is_not_found() -> None:
    for missing in ("/b.png", "/a.PNG", "/a.png/"):
        store = MemoryStore({"a.png": PNG})
        with pytest.raises(NotFound):
            Container(store).ask(missing)
        assert len(store.calls) == 1


class Changing(MemoryStore):
    """A store in which an object is replaced right after its HEAD."""

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        metadata = super().head(target, query, headers, deadline)
        self.put(target.key, PNG + b"2")
        return metadata


def test_a_source_that_changes_meanwhile_is_not_stored_under_the_old_name() -> None:
    store = Changing({"a.png": PNG})
    container = Container(store)
    with pytest.raises(Unavailable):
        container.ask()
    assert (container.renderer.asked, store.derived()) == ([], {})


class WithHeaders(MemoryStore):
    """A store whose objects have some other headers.

    Args:
        objects: the objects by key.
        headers: replace the headers of every HEAD.
    """

    def __init__(self, objects: Mapping[str, bytes], headers: Mapping[str, str]) -> None:
        super().__init__(objects)
        self._headers = headers

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        return Metadata(200, {**super().head(target, query, headers, deadline).headers, **self._headers})


def test_a_source_that_is_too_large_is_not_fetched() -> None:
    store = WithHeaders({"a.png": PNG}, {"content-length": str(MAX_IMAGE_BYTES + 1)})
    with pytest.raises(ImageTooLarge, match="33,554,432 bytes"):
        Container(store).ask()
    assert store.calls == ["HEAD a.png", f"HEAD {name_of()}"]
    Container(WithHeaders({"a.png": PNG}, {"content-length": str(MAX_IMAGE_BYTES)})).ask()


def test_only_the_beginning_of_other_files_is_fetched() -> None:
    store = MemoryStore({"a.png": b"<svg>" + bytes(10_000), "empty.png": b""})
    for path in ("/a.png", "/empty.png"):
        with pytest.raises(NotAnImage):
            Container(store).ask(path)
    assert (store.bytes_read, store.derived()) == (64, {})


def test_the_bytes_tell_an_image_whatever_its_name_and_type() -> None:
    store = WithHeaders({"notes.txt": PNG}, {"content-type": "text/plain"})
    assert Container(store).ask("/notes.txt").key in store.derived()


def test_a_refusal_before_rendering_stops_the_fetch_too() -> None:
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    grant = granted("/a.png")

    def refuse() -> None:
        raise LinkUsedUp()

    with pytest.raises(LinkUsedUp):
        container.images.of_stored(container.mounts.resolve(grant), W320, grant, refuse, NOW, DEADLINE)
    assert (store.calls, container.renderer.asked) == (["HEAD a.png", f"HEAD {name_of()}"], [])
    target = container.ask()
    assert container.images.of_stored(container.mounts.resolve(grant), W320, grant, refuse, NOW, DEADLINE) == target


def test_a_failed_write_is_not_remembered() -> None:
    class Full(MemoryStore):
        is_full = True

        def create(self, target: Target, image: Image, deadline: Deadline) -> None:
            if self.is_full:
                raise Unavailable("S3 does not let the service write here.")
            super().create(target, image, deadline)

    store = Full({"a.png": PNG})
    container = Container(store)
    with pytest.raises(Unavailable):
        container.ask()
    store.is_full = False
    assert container.ask().key in store.derived()
    store.error = Unavailable("S3 does not answer.")
    with pytest.raises(Unavailable):
        Container(store).ask()
