"""A derived image is rendered once for each key, content and rendition; later requests only look for it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.features import derived_images
from chalicelib.core.features.derived_images import DerivedImages, derivative_name
from chalicelib.core.ports import Metadata
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web.image_parameters import FITS, FORMATS, MAX_IMAGE_BYTES, Image, Rendition
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.problems.images import ImageTooLarge, NotAnImage
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, NOW, granted, mount
from tests.support.fakes import Renderer
from tests.support.store import MemoryStore, etag_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WIDE = Rendition(320, 0, "contain", "", 0)


class Container:
    """The derived images of one container of Lambda, which remembers between requests."""

    def __init__(self, store: MemoryStore, *mounts: Mount) -> None:
        self.store = store
        self.mounts = Mounts(mounts or [mount()])
        self.renderer = Renderer()
        self.images = DerivedImages(mounts=self.mounts, objects=store, renderer=self.renderer)

    def ask(self, path: str = "/a.png", width: int = 320, *, now: float = NOW) -> Target:
        grant, query = granted(path), {"w": str(width)}
        return self.images.of_stored(self.mounts.resolve(grant), query, grant, lambda: None, now, DEADLINE)

    def calls(self, path: str = "/a.png", width: int = 320, *, now: float = NOW) -> list[str]:
        """The calls of the store in one request."""
        self.store.calls = []
        self.ask(path, width, now=now)
        return self.store.calls


def name_of(key: str = "a.png") -> str:
    return f"-/derived/{derivative_name(key, etag_of(PNG), WIDE)}"


def test_the_first_request_renders_the_image_and_stores_it_below_the_prefix_of_the_mount() -> None:
    """A warm container then looks for the source alone, and a cold container looks once for the derived image."""
    store = MemoryStore({"t/a.png": PNG})
    container, cold = (Container(store, mount(prefix="t/")) for _ in range(2))
    name = f"t/{name_of('t/a.png')}"
    assert container.calls() == ["HEAD t/a.png", f"HEAD {name}", "GET t/a.png", f"PUT {name}"]
    assert container.calls() == ["HEAD t/a.png"]
    assert cold.calls() == ["HEAD t/a.png", f"HEAD {name}"]
    assert cold.calls() == ["HEAD t/a.png"]
    assert (container.renderer.asked, cold.renderer.asked) == ([(PNG, WIDE)], [])
    assert container.ask().key == cold.ask().key == name
    assert store.objects["acme-files", name] == (b"320x contain", "image/jpeg")


def test_a_container_forgets_after_five_minutes_because_the_folder_can_be_emptied() -> None:
    store = MemoryStore({"a.png": PNG})
    container = Container(store)
    name = container.ask().key
    del store.objects["acme-files", name]
    assert container.calls(now=NOW + 299) == ["HEAD a.png"]
    assert container.calls(now=NOW + 300) == ["HEAD a.png", f"HEAD {name}", "GET a.png", f"PUT {name}"]
    assert container.calls(now=NOW + 599) == ["HEAD a.png"]


def test_the_memory_is_bounded_and_forgets_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_images, "_MAX_REMEMBERED", 2)
    container = Container(MemoryStore({"a.png": PNG}))
    for width in (1, 2, 3):
        container.ask(width=width)
    assert [len(container.calls(width=width)) for width in (3, 2, 1)] == [1, 1, 2]
    for width, now in ((2, NOW), (1, NOW + 300), (3, NOW + 300)):  # 1 is the oldest, and is looked for again
        container.ask(width=width, now=now)
    assert container.calls(width=1, now=NOW + 301) == ["HEAD a.png"]


def test_two_stores_with_a_bucket_of_one_name_are_told_apart() -> None:
    """A copy of a bucket has the same keys and ETags, but not the derived images."""
    store = MemoryStore({"a.png": PNG})
    container = Container(store, mount("/one"), mount("/two", endpoint="https://s3.example.com"))
    container.ask("/one/a.png")
    assert container.calls("/two/a.png")[:2] == ["HEAD a.png", f"HEAD {name_of()}"]


class WithHeader(MemoryStore):
    """A store with one image, whose HEAD has another header."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__({"a.png": PNG})
        self._header = {name: value}

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        return Metadata(200, {**super().head(target, query, headers, deadline).headers, **self._header})


def test_a_source_that_changes_meanwhile_is_not_stored_under_the_old_name() -> None:
    container = Container(WithHeader("etag", '"of the old content"'))
    with pytest.raises(Unavailable):
        container.ask()
    assert (container.renderer.asked, container.store.derived()) == ([], {})


def test_a_source_that_is_too_large_is_not_fetched() -> None:
    store = WithHeader("content-length", str(MAX_IMAGE_BYTES + 1))
    with pytest.raises(ImageTooLarge, match="33,554,432 bytes"):
        Container(store).ask()
    assert store.calls == ["HEAD a.png", f"HEAD {name_of()}"]
    Container(WithHeader("content-length", str(MAX_IMAGE_BYTES))).ask()


def test_only_the_beginning_of_other_files_is_fetched() -> None:
    store = MemoryStore({"a.png": b"<svg>" + bytes(10_000), "empty.png": b""})
    for path in ("/a.png", "/empty.png"):
        with pytest.raises(NotAnImage):
            Container(store).ask(path)
    assert (store.bytes_read, store.derived()) == (64, {})


class Full(MemoryStore):
    """A store in which the service may not write."""

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        raise Unavailable("S3 does not let the service write here.")


def test_a_failed_write_is_not_remembered() -> None:
    container = Container(Full({"a.png": PNG}))
    for _ in range(2):
        with pytest.raises(Unavailable):
            container.ask()


# Names

RENDITIONS = st.builds(
    *(Rendition, st.integers(0, 40), st.integers(0, 40), st.sampled_from(FITS)),
    *(st.sampled_from(["", *FORMATS]), st.integers(0, 100)),
)
DERIVATIVES = st.tuples(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8), st.text('"abc-1', max_size=5), RENDITIONS
)


@given(DERIVATIVES, DERIVATIVES)
def test_a_name_is_unique_for_key_content_and_rendition(
    first: tuple[str, str, Rendition], second: tuple[str, str, Rendition]
) -> None:
    key, etag, rendition = first
    names = {derivative_name(*derivative) for derivative in (first, second)}
    assert len(names) == len({first, second})
    assert all(len(name) == 64 and name.isalnum() and name.isascii() for name in names)
    changed = [rendition._replace(width=41), rendition._replace(height=41), rendition._replace(fit="x")]
    changed += [rendition._replace(format="x"), rendition._replace(quality=101)]
    others = [(key, etag, other) for other in changed] + [(f"{key}x", etag, rendition), (key, f"{etag}x", rendition)]
    assert len({derivative_name(*derivative) for derivative in (first, *others)}) == 8


def test_names_are_the_same_as_in_the_release_before() -> None:
    """With new names all stored images become useless: change the names only together with the renderer."""
    rendition = Rendition(320, 0, "contain", "", 0)
    assert derivative_name("a.png", '"e"', rendition) == (
        "79b72625f9cb7ff53f3566b6ee730f820a6698d3aee06fe0f9300dd56d3b9247"
    )
