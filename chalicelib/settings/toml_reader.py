"""Reading a TOML file by kinds of value, noting every mistake with its place and what would be right."""

import re
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_TABLE_LINE = re.compile(r"\s*\[\[?\s*([\w-]+)\s*\]\]?")
_KEY_LINE = re.compile(r"\s*[\"']?([\w-]+)[\"']?\s*=")


class Check(NamedTuple):
    """A test that a text must pass, and what to say where it does not.

    Attributes:
        passes: the test.
        wanted: what would be right, in words.
        choices: the words to choose from, where there are few.
        secret: whether the text may be a secret, pasted in the wrong place, that no message may repeat.
        meant: makes the right text of a wrong one; empty where that cannot be known.
    """

    passes: Callable[[str], object]
    wanted: str
    choices: tuple[str, ...] = ()
    secret: bool = False
    meant: Callable[[str], str] | None = None

    def shown(self, value: str) -> str:
        """The text as a message may show it: as it stands in the file, never what the environment made of it."""
        return "the text here" if self.secret else f'"{value}"'


def pattern(text: str) -> Callable[[str], object]:
    """Return a test whether a whole text matches a regular expression.

    The first test compiles the expression: most settings files use few expressions, and every cold start would pay for
    all of them.
    """
    return lambda value: re.fullmatch(text, value)


def optional(text: str) -> Callable[[str], object]:
    """Return the test of `pattern`, which the empty text passes too: it stands for a setting that is left out."""
    return lambda value: not value or re.fullmatch(text, value)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return a hint at the choice that is most like a name, empty where none is."""
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(name, list(choices), 1)
    return f'; did you mean "{close[0]}"?' if close else ""


Place = tuple[str, int, str | None]
"""Where something stands: the table's name, which of its kind from 0, and the key in it."""


def _is_endpoint(text: str) -> bool:
    try:
        port = urlsplit(text).port  # raises where the port or an IPv6 address is none
    except ValueError:
        return False
    return port != 0 and bool(re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/?", text))


_ENDPOINT = Check(_is_endpoint, 'an address without a path: "https://s3.example.com"')


class Reader:
    """The file while it is being read: where everything stands, and what is wrong.

    Attributes:
        mistakes: each with its place; no settings come from a file with a mistake.
        flawed: the tables that have a mistake, by name and number from 0.
    """

    def __init__(self, file: str | PathLike[str], text: str, environ: Mapping[str, str]) -> None:
        self.mistakes: list[str] = []
        self._warnings: list[Callable[[], str]] = []
        self.flawed: set[tuple[str, int]] = set()
        self.environ = environ
        self.region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        self._file = file
        self._lines = _lines(text)

    def mistake(self, place: Place, what: str) -> None:
        """Note a mistake."""
        self.mistakes.append(f"{self._where(place)}: {what}")
        self.flawed.add(place[:2])

    def warning(self, place: Place, what: Callable[[], str]) -> None:
        """Note a setting that cannot be intended, and does no harm.

        The service reads no warnings, so the words of a warning are made when `warnings` is called.
        """
        self._warnings.append(lambda: f"{self._where(place)}: warning: {what()}")

    def warnings(self) -> tuple[str, ...]:
        """Return all warnings, each with its place."""
        return tuple(warning() for warning in self._warnings)

    def _where(self, place: Place) -> str:
        table, index, key = place
        line = self._lines.get(place) or self._lines.get((table, index, None))
        where = f"{self._file}:{line}" if line else str(self._file)
        name = table if table in ("service", "images") else f"{table}[{index + 1}]"
        if (table, index, key) == (table, 0, None) and not line:
            name = table
        return f"{where}: {name}{f'.{key}' if key else ''}"

    def table(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        """Return a `[name]` table, empty where there is none."""
        value = document.get(name, {})
        if not isinstance(value, dict):
            self.mistake((name, 0, None), f"must be one table: [{name}]")
            return {}
        return value

    def tables(self, document: dict[str, Any], name: str) -> "list[Table]":
        """Return the `[[name]]` tables."""
        value = document.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.mistake((name, 0, None), f"must be written [[{name}]], with two brackets")
            return []
        return [Table(self, name, index, item) for index, item in enumerate(value)]

    def unique(self, table: str, key: str, values: list[str]) -> None:
        """Note each value that an earlier table has too."""
        first: dict[str, int] = {}
        for index, value in enumerate(values):
            if value and first.setdefault(value, index) != index:
                self.mistake((table, index, key), f"is the same as that of {table}[{first[value] + 1}]")


class Table:
    """One table; each value is taken by its kind, and finish() reports those that nobody took."""

    def __init__(self, reader: Reader, name: str, index: int, values: dict[str, Any]) -> None:
        self.reader, self.name, self.index, self.values = reader, name, index, values
        self._known: list[str] = []

    def mistake(self, key: str | None, what: str) -> None:
        """Note a mistake in this table."""
        self.reader.mistake((self.name, self.index, key), what)

    def warning(self, key: str | None, what: Callable[[], str]) -> None:
        """Note a warning about this table."""
        self.reader.warning((self.name, self.index, key), what)

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self.values.get(key, default)

    def text(self, key: str, default: str | None, check: Check) -> str:
        """Return a text; a default of None makes it required."""
        value = self._take(key, default)
        if value is None:
            self.mistake(key, f"is missing; give {check.wanted}")
            return ""
        return self._checked(key, value, check)

    def texts(self, key: str, default: tuple[str, ...], check: Check) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._take(key, default)
        if not isinstance(value, list | tuple):
            self.mistake(key, f'must be a list: {key} = ["…"]')
            return ()
        return tuple(self._checked(key, item, check) for item in value)

    def pairs(self, key: str, name: Check, value: Check) -> tuple[tuple[str, str], ...]:
        """Return a table of texts as pairs, in the order of the file."""
        found = self._take(key, {})
        if not isinstance(found, dict):
            self.mistake(key, f'must be a table: {key} = {{ "…" = "…" }}')
            return ()
        return tuple((self._checked(key, one, name), self._checked(key, other, value)) for one, other in found.items())

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        value = self._take(key, default)
        if key in self.values and (not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most):
            self.mistake(key, f"is {value!r} and must be a whole number from {least:,} to {most:,}")
            return default
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.mistake(key, f"is {value!r} and must be true or false")
            return default
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words."""
        return self.text(key, default, Check(choices.__contains__, " or ".join(choices), choices))

    def endpoint(self, key: str) -> str | None:
        """Return an endpoint as scheme, host and port, as clients send them in `Host`; None for none."""
        if key not in self.values:
            self._take(key, None)
            return None
        value = self.text(key, None, _ENDPOINT)
        if not _ENDPOINT.passes(value):
            return None
        parts = urlsplit(value)
        default_port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default_port)}"

    def secret(self, key: str, check: Check) -> str:
        """Return a secret, which must come from the environment; empty where there is none."""
        value = self._take(key, "")
        name = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if value and name is None:
            self.mistake(key, "is a secret, which is not kept in this file: write ${NAME}, and set NAME")
        return self._checked(key, value, check) if name else ""

    def _checked(self, key: str, value: object, check: Check) -> str:
        if not isinstance(value, str):
            self.mistake(key, f"{'this' if check.secret else f'is {value!r} and'} must be a text: {check.wanted}")
            return ""
        missing = [name for name in _VARIABLE.findall(value) if name not in self.reader.environ]
        if missing:
            for name in missing:
                self.mistake(key, f"the environment variable {name} is not set; set it, or write the value here")
            return ""
        text = _VARIABLE.sub(lambda found: self.reader.environ[found[1]], value)
        if not check.passes(text):
            meant = check.meant(value) if check.meant and text == value else ""
            hint = f'; write "{meant}"' if meant else did_you_mean(text, check.choices)
            self.mistake(key, f"{check.shown(value)} is not {check.wanted}{hint}")
        return text

    def finish(self) -> None:
        """Note the keys that mean nothing."""
        for key in [key for key in self.values if key not in self._known]:
            self.mistake(key, f"is unknown{did_you_mean(key, self._known)}")


def _lines(text: str) -> dict[Place, int]:
    """Map each table and key to its line, from 1; tomllib does not tell."""
    found: dict[Place, int] = {}
    count: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE_LINE.match(line):
            table = header[1]
            count[table] = count.get(table, -1) + 1
            found[table, count[table], None] = number
        elif key := _KEY_LINE.match(line):
            found.setdefault((table, count.get(table, 0), key[1]), number)
    return found
