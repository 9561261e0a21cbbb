"""The language of a reader, from `Accept-Language`."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.languages import preferred

OFFERED = ("en", "de", "pt-br")
RANGES = st.sampled_from(["*", "en", "EN-us", "de", "de-AT-1996", "pt", "pt-BR", "fr", "d e", "", "de--x", "ü"])
WEIGHTS = st.sampled_from(["", ";q=0", "; q=0.000", ";Q=0.5", " ;\tq=1.000", ";q=2", ";q=", ";q=nan", ";v=1"])


def test_the_language_with_the_highest_weight_is_chosen() -> None:
    for field, language in {
        "de": "de",
        "DE-at, en;q=0.9": "de",
        "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5": "en",
        "en;q=0.5, de;q=0.75": "de",
        "fr, pt-BR-abl;q=0.1": "pt-br",
        "*": "en",
        "*;q=1, de;q=0.1": "de",
        "en;q=0": "de",
        "de;q=0, *": "en",
        "de-AT;q=0": "en",
        "de-AT, de;q=0, pt-br;q=0.1": "pt-br",
        "en;q=0, de;q=0, pt-br;q=0": "en",
        "x-klingon, , de ;q=0.001": "de",
        "deutsch-": "en",
    }.items():
        assert preferred(field, OFFERED) == language, field


@given(st.lists(st.tuples(RANGES, WEIGHTS).map("".join)).map(",".join) | st.text())
def test_any_field_chooses_a_language_that_is_offered(field: str) -> None:
    assert preferred(field, OFFERED) in OFFERED
    assert preferred(f"{field}, de;q=1", ("de",)) == "de"
