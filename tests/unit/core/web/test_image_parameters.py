"""Equal parameters give equal renditions, an image is known by its bytes, and a name tells what a derivative is."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import FITS, FORMATS, MAX_IMAGE_BYTES, MAX_SIDE_PIXELS, Image, Rendition
from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.problems.images import SizeNotAllowed

NAMES = ("w", "h", "fit", "format", "q")


def test_parameters_are_read_as_a_rendition() -> None:
    for query, expected in [
        ({"w": "320"}, (320, 0, "contain", "", 0)),
        ({"h": "240"}, (0, 240, "contain", "", 0)),
        ({"w": "0320", "fit": "contain", "v": "42"}, (320, 0, "contain", "", 0)),
        ({"w": "1", "h": "4096", "fit": "cover", "format": "avif", "q": "1"}, (1, 4096, "cover", "avif", 1)),
        ({"w": "4096", "h": "1", "fit": "fill", "format": "webp", "q": "100"}, (4096, 1, "fill", "webp", 100)),
        ({"w": "9", "format": "png", "q": "50"}, (9, 0, "contain", "png", 0)),
        ({"w": "9", "format": "jpeg", "q": "80"}, (9, 0, "contain", "jpeg", 0)),
        ({"w": "9", "format": "webp", "q": "80"}, (9, 0, "contain", "webp", 0)),
        ({"w": "9", "format": "avif", "q": "55"}, (9, 0, "contain", "avif", 0)),
        ({"w": "9", "format": "avif", "q": "80"}, (9, 0, "contain", "avif", 80)),
        ({"w": "9", "q": "80"}, (9, 0, "contain", "", 80)),
    ]:
        assert image_parameters.rendition(query) == expected, query


def test_a_missing_or_bad_parameter_is_named() -> None:
    both = {"w": "9", "h": "9"}
    side, quality = "it must be a whole number from 1 to 4,096.", "it must be a whole number from 1 to 100."
    for query, name, detail in [
        ({}, "w", "it is missing: say the width in pixels, 1 to 4,096, or the height as ?h."),
        ({"fit": "cover", "format": "png", "q": "5"}, "w", "it is missing: say the width"),
        ({"h": "9", "fit": "cover"}, "w", "it is missing: fit=cover needs both w and h."),
        ({"w": "9", "fit": "fill"}, "h", "it is missing: fit=fill needs both w and h."),
        *((both | {name: text}, name, side) for name in ("w", "h") for text in ("", "0", "4097", "00001", "1.5")),
        *((both | {"q": text, "format": "png"}, "q", quality) for text in ("", "0", "101", "80%")),
        *((both | {"fit": text}, "fit", "it must be one of contain, cover, fill.") for text in ("", "Cover", "crop")),
        *(
            (both | {"format": text}, "format", "it must be one of jpeg, png, webp, avif.")
            for text in ("", "jpg", "gif", "JPEG", "image/png", "\ud800")
        ),
    ]:
        with pytest.raises(BadParameter) as refused:
            image_parameters.rendition(query)
        assert refused.value.name == name, query
        assert refused.value.detail.startswith(f"?{name}: {detail}"), query


NUMBERS = st.integers(-5, 5_000).map(str) | st.sampled_from(["", "01", "1.0", "٣", "1_0", " 1", "+1"])
WORDS = st.sampled_from([*FITS, *FORMATS, "", "COVER", "gif"])
TEXTS = st.text(st.characters(), max_size=6)
QUERIES = st.dictionaries(st.sampled_from(NAMES) | TEXTS, NUMBERS | WORDS | TEXTS, max_size=6)


@given(QUERIES)
def test_any_query_is_one_rendition_or_names_the_bad_parameter(query: Mapping[str, str]) -> None:
    bad: BadParameter | None
    try:
        rendition = image_parameters.rendition(query)
    except BadParameter as problem:
        bad = problem
    else:
        bad = None
    if bad is not None:
        assert bad.name in NAMES
        assert bad.detail.startswith(f"?{bad.name}: it ")
        return
    assert rendition.fit in FITS
    assert rendition.format in ("", *FORMATS)
    assert max(rendition.width, rendition.height) in range(1, MAX_SIDE_PIXELS + 1)
    assert rendition.quality in range(101)
    assert image_parameters.rendition(shortest_query(rendition)) == rendition


def shortest_query(rendition: Rendition) -> dict[str, str]:
    width, height, fit, image_format, quality = rendition
    values = {"w": width, "h": height, "fit": "" if fit == "contain" else fit, "format": image_format, "q": quality}
    return {name: str(value) for name, value in values.items() if value}


@given(
    st.integers(1, MAX_SIDE_PIXELS), st.integers(1, MAX_SIDE_PIXELS), st.sampled_from(FITS), st.sampled_from(FORMATS)
)
def test_queries_with_one_meaning_are_one_rendition(width: int, height: int, fit: str, image_format: str) -> None:
    query = shortest_query(Rendition(width, height, fit, image_format, 0))
    longest = {"w": f"{width:04}", "h": f"{height:04}", "fit": fit, "format": image_format, "x": "1"}
    usual = image_parameters.usual_quality(image_format) or 7
    for other in (longest, longest | {"q": str(usual)}, longest | {"q": f"{usual:03}"}):
        assert image_parameters.rendition(query) == image_parameters.rendition(other)


def test_a_width_or_a_height_asks_for_an_image_even_a_bad_one() -> None:
    for query, asked in [({"w": ""}, True), ({"h": "x"}, True), ({"fit": "cover", "q": "1"}, False), ({}, False)]:
        assert image_parameters.are_in(query) is asked


# The sizes of a rule


def test_a_rule_lists_sizes_in_the_usual_quality() -> None:
    for query, sizes in [
        ({"w": "7", "q": "7"}, ()),
        ({"w": "320"}, ("96x96", "320x")),
        ({"h": "240"}, ("x240",)),
        ({"w": "96", "h": "96", "fit": "cover", "format": "avif"}, ("96x96",)),
        ({"w": "320", "format": "jpeg", "q": "80"}, ("320x",)),
        ({"w": "320", "format": "png", "q": "7"}, ("320x",)),
    ]:
        image_parameters.check_size(image_parameters.rendition(query), sizes)
    for query in (
        *({"w": "321"}, {"h": "320"}, {"w": "320", "h": "1"}),
        *({"w": "320", "q": "80"}, {"w": "320", "format": "webp", "q": "79"}),
    ):
        with pytest.raises(SizeNotAllowed, match="320x, x240") as refused:
            image_parameters.check_size(image_parameters.rendition(query), ("320x", "x240"))
        assert refused.value.sizes == ("320x", "x240")


def test_a_size_of_a_rule_is_a_width_a_height_or_both() -> None:
    for text, query in [("320x240", "w=320&h=240"), ("320x", "w=320"), ("x240", "h=240"), ("4096x1", "w=4096&h=1")]:
        assert image_parameters.is_size(text)
        assert image_parameters.query_of(text) == query
        assert image_parameters.rendition(dict(pair.split("=") for pair in query.split("&"))).size == text
    for other in ("", "x", "320", "0x1", "01x1", "4097x", "x4097", "99999x", "1x1x1", "1X1", " 1x", "1x\n"):
        assert not image_parameters.is_size(other), other
    assert not image_parameters.is_size(None)
    assert not image_parameters.is_size(320)


def test_a_thumbnail_is_a_small_still_image_that_the_rule_allows() -> None:
    usual = "w=96&h=96&format=jpeg"
    for name, size, sizes, query in [
        *((name, 1, (), usual) for name in ("/a.b/c.JPEG", *(f"/a.{kind}" for kind in ("jpg", "png", "avif", "gif")))),
        ("/a.webp", MAX_IMAGE_BYTES, (), usual),
        ("/a.jpg", MAX_IMAGE_BYTES + 1, (), ""),
        ("/a.jpg", 1, ("640x480", "320x", "x200", "1000x1"), "h=200&format=jpeg"),
        ("/a.jpg", 1, ("640x480", "320x", "x320"), "w=320&format=jpeg"),
        ("/a.jpg", 1, ("16x16", "64x48"), "w=64&h=48&format=jpeg"),
        *((name, 1, (), "") for name in ("/a.txt", "/a", "/jpg", "/a.jpg.txt", "/a.jpg/b", "/a.", "/a.svg", "/a.tiff")),
    ]:
        assert image_parameters.thumbnail(name, size, sizes) == query, (name, size, sizes)
    for sizes, query in (((), "w=400&h=400&fit=cover"), (("96x96", "320x", "x640"), "w=320")):
        assert image_parameters.thumbnail("/a.jpg", 1, sizes, is_tile=True) == f"{query}&format=jpeg"


# Kinds of images

KINDS = {
    "image/jpeg": [b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xdb"],
    "image/png": [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"],
    "image/gif": [b"GIF87a", b"GIF89a\x01\x00"],
    "image/webp": [b"RIFF\x1a\x00\x00\x00WEBPVP8 ", b"RIFF\xff\xff\xff\xffWEBPVP8X", b"RIFF\x00\x00\x00\x00WEBPVP8L"],
    "image/avif": [b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", b"\x00\x00\x00\x20ftypavis"],
}
BEGINNINGS = [beginning for beginnings in KINDS.values() for beginning in beginnings]
OTHERS = [
    *(b"", b"\x00", b"GIF88a", b"GIF", b"\x89PNG\n", b"\xff\xd8", b"\xff\xd8\xfe", b" \xff\xd8\xff", b"image/png"),
    *(b"RIFF\x00\x00\x00\x00WAVEfmt ", b"RIFX\x00\x00\x00\x00WEBPVP8 ", b"RIFF\x00\x00\x00\x00WEBP", b"%PDF-1.7"),
    *(b"\x00\x00\x00\x18ftypheic", b"\x00\x00\x00\x18ftypmp42", b"ftypavif", b"BM", b"II*\x00", b"MM\x00*", b"<html>"),
    *(b"\x00\x00\x00\x18moovavif", b"\x00\x00\x00\x18freeavis", b"\x00\x00\x00\x18FTYPavif", b"<svg/>"),
]


@given(st.binary(max_size=40))
def test_an_image_is_known_by_its_first_bytes(rest: bytes) -> None:
    for kind, beginnings in KINDS.items():
        for beginning in beginnings:
            assert image_parameters.kind_of(beginning + rest) == kind


def test_other_files_are_no_image() -> None:
    for data in OTHERS:
        assert image_parameters.kind_of(data) is None, data


@given(st.binary(max_size=40) | st.sampled_from(BEGINNINGS), st.integers(0, 40))
def test_any_bytes_are_an_image_or_not_and_32_bytes_decide(data: bytes, cut: int) -> None:
    assert image_parameters.kind_of(data[:cut]) in (None, *KINDS)
    assert image_parameters.kind_of(data) == image_parameters.kind_of(data[:32])


BRANDS = st.lists(st.sampled_from([b"mif1", b"miaf", b"heic", b"avif", b"avis", b"\0avi", b"favi"]), max_size=40)


@given(st.sampled_from([b"mif1", b"miaf", b"msf1", b"avif"]), BRANDS, st.binary(max_size=8))
def test_an_avif_is_known_by_any_brand_of_its_first_box(major: bytes, brands: list[bytes], rest: bytes) -> None:
    box = b"ftyp" + major + bytes(4) + b"".join(brands)
    data = (4 + len(box)).to_bytes(4) + box + rest + b"avif"
    is_avif = {b"avif", b"avis"} & {major, *brands}
    assert image_parameters.kind_of(data) == ("image/avif" if is_avif else None)


def test_an_image_does_not_print_its_bytes() -> None:
    assert repr(Image("image/png", b"canary")) == "Image(image/png, 6 bytes)"
