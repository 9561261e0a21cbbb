"""Languages: which of the languages of the pages a reader prefers."""

import re
from collections.abc import Sequence
from typing import Final

from .message import BLANKS

_RANGE: Final = re.compile(r"(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:[ \t]*;[ \t]*q=([01](?:\.[0-9]{0,3})?))?")
_MAX_RANGES: Final = 50  # browsers send fewer than ten


def preferred(accept_language: str, offered: Sequence[str]) -> str:
    """Return the language that a reader prefers, by the lookup of RFC 4647 §3.4. Any text is accepted.

    The first language is the default. `*` chooses the default, as the lookup says. A part that is no language range is
    left out.

    Args:
        accept_language: the field `Accept-Language`, RFC 9110 §12.5.4.
        offered: the languages in lower case (`de`, `pt-br`), one or more.
    """
    weights: dict[str, float] = {}
    for part in accept_language.lower().split(",")[:_MAX_RANGES]:
        if match := _RANGE.fullmatch(part.strip(BLANKS)):
            weights.setdefault(match[1], float(match[2] or 1))
    candidates = [language for language in offered if weights.get(language) != 0] or offered
    for language_range in sorted(weights, key=weights.__getitem__, reverse=True):
        while language_range and weights.get(language_range, 1):
            if language_range in candidates:
                return language_range
            language_range = language_range.rpartition("-")[0]
    return candidates[0]
