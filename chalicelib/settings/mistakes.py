"""The mistakes in a settings file: each has the file's name, the line, the table and the key, and says what to do."""

import re
from collections.abc import Callable, Iterable
from typing import Final

_TABLE_LINE: Final = r"\s*\[\[?\s*([\w-]+)\s*\]\]?"  # only a mistake compiles these two expressions
_KEY_LINE: Final = r"""\s*(?:([\w-]+)|"([^"]*)"|'([^']*)')\s*="""

Place = tuple[str, int, str | None]
"""The place of a setting: the name of its table, the number of the table among the tables of this name
from 0, and the key.

The key is None where the place is the whole table.
"""


class Mistakes:
    """Collects the mistakes and the warnings about one file.

    Args:
        file: the name of the file.
        text: the content of the file.
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._mistakes: list[tuple[Place, str]] = []
        self._tables: set[tuple[str, int]] = set()
        self._warnings: list[tuple[Place, Callable[[], str]]] = []

    def add(self, place: Place, text: str) -> None:
        """Add a mistake: with any mistake, the file gives no settings."""
        self._mistakes.append((place, text))
        self._tables.add(place[:2])

    def warn(self, place: Place, text: Callable[[], str]) -> None:
        """Add a warning: a setting that cannot be intended, but does no harm.

        The service never shows warnings, so the text is a function, which only `warnings` calls.
        """
        self._warnings.append((place, text))

    def in_tables(self, name: str) -> bool:
        """Whether any table of this name has a mistake."""
        return any(table == name for table, _ in self._tables)

    def in_table(self, name: str, index: int) -> bool:
        """Whether one table has a mistake."""
        return (name, index) in self._tables

    def texts(self) -> tuple[str, ...]:
        """Return all mistakes, each with its place."""
        lines = _lines(self._text) if self._mistakes else {}
        return tuple(f"{self._where(place, lines)}: {text}" for place, text in self._mistakes)

    def warnings(self) -> tuple[str, ...]:
        """Return all warnings, each with its place."""
        lines = _lines(self._text) if self._warnings else {}
        return tuple(f"{self._where(place, lines)}: warning: {text()}" for place, text in self._warnings)

    def _where(self, place: Place, lines: dict[Place, int]) -> str:
        table, index, key = place
        outer = None if key is None else key.partition(".")[0]  # a key of an inline table has no line of its own
        line = lines.get(place) or lines.get((table, index, outer)) or lines.get((table, index, None))
        is_single = table in ("service", "images", "groups", "revoked") or (index == 0 and key is None and not line)
        name = table if is_single else f"{table}[{index + 1}]"
        return f"{self._file}{f':{line}' if line else ''}: {name}{f'.{key}' if key else ''}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a hint with the choice that resembles a name most; empty where no choice resembles the name."""
    from difflib import get_close_matches  # only a mistake needs difflib

    close = get_close_matches(name, list(choices), 1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _lines(text: str) -> dict[Place, int]:
    """Map each table and each key to its line, from 1, which `tomllib` does not tell."""
    lines: dict[Place, int] = {}
    count: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(_TABLE_LINE, line):
            table = header[1]
            count[table] = count.get(table, -1) + 1
            lines[table, count[table], None] = number
        elif key := re.match(_KEY_LINE, line):
            lines.setdefault((table, count.get(table, 0), key[1] or key[2] or key[3]), number)
    return lines
