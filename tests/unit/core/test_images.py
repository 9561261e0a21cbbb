"""Parameters mean one thing in one way, an image is known by its bytes, and names tell all that a derivative is of."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import FITS, FORMATS, MAX_IMAGE_BYTES, MAX_SIDE_PIXELS, Image, Rendition
from chalicelib.core.web.problems import BadParameter, SizeNotAllowed

NAMES = ("w", "h", "fit", "format", "q")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"w": "320"}, (320, 0, "contain", "", 0)),
        ({"h": "240"}, (0, 240, "contain", "", 0)),
        ({"w": "320", "h": "240"}, (320, 240, "contain", "", 0)),
        ({"w": "0320", "fit": "contain", "v": "42"}, (320, 0, "contain", "", 0)),
        ({"w": "1", "h": "4096", "fit": "cover", "format": "avif", "q": "1"}, (1, 4096, "cover", "avif", 1)),
        ({"w": "4096", "h": "1", "fit": "fill", "format": "webp", "q": "100"}, (4096, 1, "fill", "webp", 100)),
        ({"w": "9", "format": "png"}, (9, 0, "contain", "png", 0)),
        ({"w": "9", "format": "png", "q": "50"}, (9, 0, "contain", "png", 0)),
        ({"w": "9", "format": "jpeg", "q": "80"}, (9, 0, "contain", "jpeg", 0)),
        ({"w": "9", "format": "avif", "q": "80"}, (9, 0, "contain", "avif", 80)),
        ({"w": "9", "q": "80"}, (9, 0, "contain", "", 80)),
    ],
)
def test_parameters_are_read_as_what_they_mean(query: dict[str, str], expected: tuple[object, ...]) -> None:
    assert image_parameters.rendition(query) == expected


@pytest.mark.parametrize(
    ("query", "name", "told"),
    [
        ({}, "w", "it is missing: say the width in pixels, 1 to 4,096, or the height as ?h."),
        ({"fit": "cover", "format": "png", "q": "5"}, "w", "it is missing: say the width"),
        ({"h": "9", "fit": "cover"}, "w", "it is missing: fit=cover needs both w and h."),
        ({"w": "9", "fit": "cover"}, "h", "it is missing: fit=cover needs both w and h."),
        ({"w": "9", "fit": "fill"}, "h", "it is missing: fit=fill needs both w and h."),
        *(
            ({"w": "9", "h": "9"} | {name: text}, name, "it must be a whole number from 1 to 4,096.")
            for name in ("w", "h")
            for text in ("", "0", "0000", "4097", "00001", "-1", "+1", "1.5", " 1", "1e2", "٣", "x", "\ud800", "9" * 99)
        ),
        *(
            ({"w": "9", "q": text}, "q", "it must be a whole number from 1 to 100.")
            for text in ("", "0", "101", "80%", "x")
        ),
        ({"w": "9", "q": "101", "format": "png"}, "q", "it must be a whole number"),
        *(
            ({"w": "9", "h": "9", "fit": text}, "fit", "it must be one of contain, cover, fill.")
            for text in ("", "Cover", "crop", "cover ", "\ud800")
        ),
        *(
            ({"w": "9", "format": text}, "format", "it must be one of jpeg, png, webp, avif.")
            for text in ("", "jpg", "gif", "JPEG", "svg", "image/png", "\ud800")
        ),
    ],
    ids=ascii,
)
def test_what_is_missing_or_bad_is_named(query: dict[str, str], name: str, told: str) -> None:
    with pytest.raises(BadParameter) as refused:
        image_parameters.rendition(query)
    assert refused.value.name == name
    assert refused.value.detail.startswith(f"?{name}: {told}")


NUMBERS = st.integers(-5, 5_000).map(str) | st.sampled_from(["", "01", "1.0", "٣", "1_0", " 1", "+1"])
WORDS = st.sampled_from([*FITS, *FORMATS, "", "COVER", "gif"])
TEXTS = st.text(st.characters(), max_size=6)
QUERIES = st.dictionaries(st.sampled_from(NAMES) | TEXTS, NUMBERS | WORDS | TEXTS, max_size=6)


def refused(query: Mapping[str, str]) -> BadParameter | None:
    """What is said against a query; None where nothing is."""
    try:
        image_parameters.rendition(query)
    except BadParameter as bad:
        return bad
    return None


@given(QUERIES)
def test_any_query_is_one_rendition_or_names_what_is_bad(query: Mapping[str, str]) -> None:
    bad = refused(query)
    if bad is not None:
        assert bad.name in NAMES
        assert bad.detail.startswith(f"?{bad.name}: it ")
        return
    found = image_parameters.rendition(query)
    assert found.fit in FITS
    assert found.format in ("", *FORMATS)
    assert max(found.width, found.height) in range(1, MAX_SIDE_PIXELS + 1)
    assert found.quality in range(101)
    assert image_parameters.rendition(written(found)) == found


def written(rendition: Rendition) -> dict[str, str]:
    """A rendition as a query, with no word more than it needs."""
    values = {"w": rendition.width, "h": rendition.height, "format": rendition.format, "q": rendition.quality}
    fit = {} if rendition.fit == "contain" else {"fit": rendition.fit}
    return {name: str(value) for name, value in values.items() if value} | fit


@st.composite
def spellings(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    """Two queries that mean the same."""
    sides = draw(st.sampled_from([("w",), ("h",), ("w", "h")]))
    numbers = {side: draw(st.integers(1, MAX_SIDE_PIXELS)) for side in sides}
    fit = draw(st.sampled_from(FITS)) if len(sides) == 2 else "contain"
    made = draw(st.sampled_from(["", *FORMATS]))
    quality = draw(st.integers(0, 100))
    first = {side: str(number) for side, number in numbers.items()} | {"fit": fit}
    second = {side: f"{number:04}" for side, number in numbers.items()} | {"x": "1"}
    if fit != "contain":
        second["fit"] = fit
    if made:
        first["format"] = second["format"] = made
    if quality:
        first["q"], second["q"] = str(quality), f"{quality:03}"
    if made == "png":
        second.pop("q", None)
    elif made and not quality:
        second["q"] = str(image_parameters.usual_quality(made))
    return first, second


@given(spellings())
def test_what_means_the_same_is_the_same(queries: tuple[dict[str, str], dict[str, str]]) -> None:
    first, second = queries
    assert image_parameters.rendition(first) == image_parameters.rendition(second)


@pytest.mark.parametrize(
    ("query", "asked"),
    [({"w": ""}, True), ({"h": "x"}, True), ({"fit": "cover", "format": "png", "q": "1"}, False), ({}, False)],
)
def test_a_width_or_a_height_asks_for_an_image(query: dict[str, str], asked: bool) -> None:
    """Good or bad: a parameter with a mistake in it is told, not passed over."""
    assert image_parameters.is_asked(query) is asked


# What a rule lists


@pytest.mark.parametrize(
    ("query", "sizes", "allowed"),
    [
        ({"w": "7"}, (), True),
        ({"w": "7", "q": "7"}, (), True),
        ({"w": "320"}, ("96x96", "320x"), True),
        ({"h": "240"}, ("x240",), True),
        ({"w": "96", "h": "96", "fit": "cover", "format": "avif"}, ("96x96",), True),
        ({"w": "320", "format": "jpeg", "q": "80"}, ("320x",), True),
        ({"w": "320", "format": "png", "q": "7"}, ("320x",), True),
        ({"w": "321"}, ("320x",), False),
        ({"h": "320"}, ("320x",), False),
        ({"w": "320", "h": "1"}, ("320x",), False),
        ({"w": "320", "q": "80"}, ("320x",), False),
        ({"w": "320", "format": "webp", "q": "79"}, ("320x",), False),
    ],
)
def test_a_rule_lists_the_sizes_in_the_usual_quality(
    query: dict[str, str], sizes: tuple[str, ...], allowed: bool
) -> None:
    rendition = image_parameters.rendition(query)
    if allowed:
        image_parameters.check_size(rendition, sizes)
    else:
        with pytest.raises(SizeNotAllowed) as refused:
            image_parameters.check_size(rendition, sizes)
        assert refused.value.sizes == sizes
        assert ", ".join(sizes) in refused.value.detail


@pytest.mark.parametrize(
    ("name", "size", "sizes", "query"),
    [
        ("/a.jpg", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.b/c.JPEG", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.png", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.avif", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.webp", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.gif", 1, (), "w=96&h=96&format=jpeg"),
        ("/a.jpg", MAX_IMAGE_BYTES, (), "w=96&h=96&format=jpeg"),
        ("/a.jpg", MAX_IMAGE_BYTES + 1, (), ""),
        ("/a.jpg", 1, ("640x480", "320x", "x200", "1000x1"), "h=200&format=jpeg"),
        ("/a.jpg", 1, ("640x480", "320x", "x320"), "w=320&format=jpeg"),
        ("/a.jpg", 1, ("64x48",), "w=64&h=48&format=jpeg"),
        *((name, 1, (), "") for name in ("/a.txt", "/a", "/jpg", "/a.jpg.txt", "/a.jpg/b", "/a.", "/a.svg", "/a.tiff")),
    ],
)
def test_a_thumbnail_is_a_small_still_image_that_the_rule_allows(
    name: str, size: int, sizes: tuple[str, ...], query: str
) -> None:
    assert image_parameters.thumbnail(name, size, sizes) == query
    if query:
        asked = dict(pair.split("=") for pair in query.split("&"))
        image_parameters.check_size(image_parameters.rendition(asked), sizes)


# What an image is

MAGIC = {
    "image/jpeg": [b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xdb"],
    "image/png": [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"],
    "image/gif": [b"GIF87a", b"GIF89a\x01\x00"],
    "image/webp": [b"RIFF\x1a\x00\x00\x00WEBPVP8 ", b"RIFF\xff\xff\xff\xffWEBPVP8X", b"RIFF\x00\x00\x00\x00WEBPVP8L"],
    "image/avif": [b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", b"\x00\x00\x00\x20ftypavis"],
}
OTHERS = [
    *(b"", b"\x00", b"GIF88a", b"GIF", b"\x89PNG\n", b"\xff\xd8", b"\xff\xd8\xfe", b" \xff\xd8\xff", b"image/png"),
    *(b"RIFF\x00\x00\x00\x00WAVEfmt ", b"RIFX\x00\x00\x00\x00WEBPVP8 ", b"RIFF\x00\x00\x00\x00WEBP"),
    *(
        b"\x00\x00\x00\x18ftypheic",
        b"\x00\x00\x00\x18ftypmp42",
        b"ftypavif",
        b"%PDF-1.7",
        b"BM",
        b"II*\x00",
        b"MM\x00*",
    ),
    *(b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?><svg/>", b"\x00\x00\x01\x00", b"<html>"),
]


@pytest.mark.parametrize(("kind", "data"), [(kind, data) for kind, each in MAGIC.items() for data in each])
@given(rest=st.binary(max_size=40))
def test_an_image_is_known_by_how_it_begins(kind: str, data: bytes, rest: bytes) -> None:
    assert image_parameters.kind_of(data + rest) == kind


@pytest.mark.parametrize("data", OTHERS)
def test_what_else_there_is_is_no_image(data: bytes) -> None:
    assert image_parameters.kind_of(data) is None


@given(st.binary(max_size=40) | st.sampled_from([data for each in MAGIC.values() for data in each]), st.integers(0, 40))
def test_any_bytes_are_an_image_or_not_and_32_of_them_tell(data: bytes, cut: int) -> None:
    assert image_parameters.kind_of(data[:cut]) in (None, *MAGIC)
    assert image_parameters.kind_of(data) == image_parameters.kind_of(data[:32])


BRANDS = st.lists(st.sampled_from([b"mif1", b"miaf", b"heic", b"avif", b"avis", b"\0avi", b"favi"]), max_size=40)


@given(st.sampled_from([b"mif1", b"miaf", b"msf1", b"avif"]), BRANDS, st.binary(max_size=8))
def test_an_avif_is_known_by_any_of_its_brands(major: bytes, brands: list[bytes], rest: bytes) -> None:
    """But by no others: not by those of the next box."""
    box = b"ftyp" + major + bytes(4) + b"".join(brands)
    known = {b"avif", b"avis"} & {major, *brands}
    data = (4 + len(box)).to_bytes(4) + box + rest + b"avif"
    assert image_parameters.kind_of(data) == ("image/avif" if known else None)


# Names

KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
ETAGS = st.text('"abc-1', max_size=5)
RENDITIONS = st.builds(
    Rendition,
    st.integers(0, 40),
    st.integers(0, 40),
    st.sampled_from(FITS),
    st.sampled_from(["", *FORMATS]),
    st.integers(0, 100),
)
MADE = st.tuples(KEYS, ETAGS, RENDITIONS)


@given(MADE, MADE)
def test_a_name_tells_key_content_and_rendition(
    one: tuple[str, str, Rendition], other: tuple[str, str, Rendition]
) -> None:
    assert (image_parameters.derivative_name(*one) == image_parameters.derivative_name(*other)) == (one == other)


@given(MADE, st.integers(0, 6))
def test_another_of_any_of_them_is_another_name(one: tuple[str, str, Rendition], part: int) -> None:
    key, etag, rendition = one
    key, etag = (key + "x" if part == 5 else key), (etag + "x" if part == 6 else etag)
    if part < 5:
        parts: list[Any] = [*rendition]
        parts[part] += 1 if isinstance(parts[part], int) else "x"
        rendition = Rendition(*parts)
    assert image_parameters.derivative_name(key, etag, rendition) != image_parameters.derivative_name(*one)


@given(MADE)
def test_a_name_is_letters_and_digits_and_always_the_same(one: tuple[str, str, Rendition]) -> None:
    name = image_parameters.derivative_name(*one)
    assert name == image_parameters.derivative_name(*one)
    assert (len(name), name.isalnum(), name.isascii()) == (64, True, True)


def test_names_are_those_of_the_release_before() -> None:
    """Other names leave all that was made before unused: change them only with how images are made."""
    made = Rendition(320, 0, "contain", "", 0)
    assert image_parameters.derivative_name("a.png", '"e"', made) == (
        "79b72625f9cb7ff53f3566b6ee730f820a6698d3aee06fe0f9300dd56d3b9247"
    )


def test_an_image_does_not_show_its_bytes() -> None:
    assert repr(Image("image/png", b"canary")) == "Image(image/png, 6 bytes)"
