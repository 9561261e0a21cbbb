"""Names with characters that a person cannot see."""

import sys
import unicodedata

from chalicelib.core.web.visible_text import visible

# The explicit directional formatting characters, and the separators of paragraphs (UAX #9, table 4).
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B"}
MARKS = "\u061c\u200e\u200f"  # the implicit directional marks


def test_no_character_that_controls_the_direction_or_the_line_is_left() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        is_control = (
            character in MARKS
            or unicodedata.bidirectional(character) in DIRECTIONS
            or unicodedata.category(character) == "Cc"
        )
        assert not is_control or visible(character) == f"[U+{ord(character):04X}]", hex(ord(character))


def test_a_disguised_name_shows_its_end_and_words_of_all_scripts_stay() -> None:
    assert visible("annexe\u202egpj.exe") == "annexe[U+202E]gpj.exe"
    for name in ("ü ß.txt", "سلام\u200cعلیکم", "👩\u200d🚀", "a\u00a0b", "[U+202E]", "\ud800"):
        assert visible(name) == name
