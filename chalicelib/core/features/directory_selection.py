"""Selections: which entries of a directory a request asks for, and in which order.

The parameters are `?recursive`, `?sort=`, `?q=` and `?versions`.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from chalicelib.core.access.rules import Grant
from chalicelib.core.web.message import Request
from chalicelib.core.web.problems.base import BadParameter

COLUMNS: Final = ("name", "size", "modified")
"""What entries are sorted by. A `-` before the column is the opposite order (JSON:API, "Sorting")."""

_SORTS: Final = (*COLUMNS, *(f"-{column}" for column in COLUMNS))
_MAX_TEXT: Final = 256  # characters of `?q=`

# The order of ASCII's punctuation in the root collation of Unicode's CLDR, which is before digits and letters. No path
# has a control character, so these characters take the place of control characters.
_PUNCTUATION: Final = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_IN_ORDER: Final = str.maketrans({character: chr(number) for number, character in enumerate(_PUNCTUATION, 1)})
_NUMBER: Final = re.compile("0*([0-9]+)")

SortKey = tuple[float, str, str, str]
"""The place of an entry in a sorted listing."""


class Selection(NamedTuple):
    """What a request asks for.

    Attributes:
        grant: to list the directory.
        recursive: true for everything below the directory; false for one level.
        sort: one of `COLUMNS`, or with a `-` before it; empty for the order of S3, the paths as UTF-8.
        text: a part of the names, as `folded` returns it; empty for all names.
        versions: whether the entries are versions of files, in the order of S3: by path, the newest version first.
    """

    grant: Grant
    recursive: bool = False
    sort: str = ""
    text: str = ""
    versions: bool = False

    def name(self, path: str) -> str:
        """Return the name of an entry, relative to the directory."""
        return path[len(self.grant.path) :]

    def matches(self, name: str) -> bool:
        """Whether a name has the text."""
        return not self.text or self.text in folded(name)

    @property
    def is_reversed(self) -> bool:
        """Whether a greater place comes first. For sizes and times, the places are negative numbers instead."""
        return self.sort == "-name"

    def sort_key(self, name: str, size: int | None, modified: float | None) -> SortKey:
        """Return the place of an entry. Entries of one size or one time are in the order of their names.

        Args:
            name: of the entry, as `name` returns it.
            size, modified: of a file; None for a directory, which is smaller and older than all files.
        """
        column = self.sort.removeprefix("-")
        number = {"size": size, "modified": modified}.get(column, 0.0)
        number = -1.0 if number is None else number
        is_negative = self.sort.startswith("-") and not self.is_reversed
        return -number if is_negative else number, _name_key(name.removesuffix("/")), name.swapcase(), name


def selection_of(request: Request, grant: Grant) -> Selection:
    """Return the selection of a request; raise BadParameter where a parameter cannot be used."""
    sort = request.query.get("sort", "")
    if sort and sort not in _SORTS:
        raise BadParameter("sort", f"it must be one of {', '.join(_SORTS)}.")
    text = request.query.get("q", "")
    if len(text) > _MAX_TEXT:
        raise BadParameter("q", f"it must have at most {_MAX_TEXT} characters.")
    if "versions" in request.query:
        return Selection(grant, text=folded(text), versions=True)
    return Selection(grant, "recursive" in request.query, sort, folded(text))


def folded(text: str) -> str:
    """Return a text without the differences that people do not mean: case, accents, and composition (UAX #15).

    A mark without a combining class stays: it is a letter of its own, such as a vowel of Devanagari.
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _name_key(name: str) -> str:
    """Return a text whose order by code points is the order of names: by letters, and by the values of numbers.

    The order is that of `Intl.Collator` of browsers with `numeric`, for names of ASCII and for the accents of Latin
    letters. PyICU would give the order of each language, and is as large as the rest of the zip; pyuca reads its table
    for a second.
    """
    return _NUMBER.sub(lambda match: f"0{chr(len(match[1]))}{match[1]}", folded(name).translate(_IN_ORDER))
