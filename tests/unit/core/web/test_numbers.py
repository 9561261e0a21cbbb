"""Whole numbers within bounds."""

from chalicelib.core.web.numbers import is_whole_number, whole_number


def test_a_text_is_a_whole_number_of_ascii_digits_within_bounds() -> None:
    numbers = {"1": 1, "07": 7, "320": 320}
    assert {text: whole_number(text, 1, 320) for text in numbers} == numbers
    for text in ("", "0", "321", "0007", "-1", "+1", "1.5", " 1", "1e2", "1_0", "٣", "²", "x", "\ud800", "9" * 5_000):
        assert whole_number(text, 1, 320) is None, text
    assert whole_number("0", 0, 320) == 0


def test_a_value_is_a_whole_number_within_bounds() -> None:
    assert all(is_whole_number(value, 1, 320) for value in (1, 7, 320))
    assert not any(is_whole_number(value, 1, 320) for value in (0, 321, True, 1.0, "7", None, [7]))
