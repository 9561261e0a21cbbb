"""The values of a TOML file by their types: text, list, number. Every value of another type is a mistake."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from chalicelib.core.web.numbers import is_whole_number

from .checks import Check
from .mistakes import Mistakes, did_you_mean

_VARIABLE: Final = r"\$\{(\w+)\}"

_Default = TypeVar("_Default", int, None)


class Document:
    """The tables of a TOML file. Call `finish` after every table was read.

    Attributes:
        values: the content of the file.
        mistakes: collects the mistakes of the file.
    """

    def __init__(self, values: dict[str, Any], variables: Mapping[str, str], mistakes: Mistakes) -> None:
        self.values = values
        self.mistakes = mistakes
        self._variables = variables
        self._known: list[str] = []

    def table(self, name: str) -> "Table":
        """Return the `[name]` table, empty where the file has none."""
        self._known.append(name)
        values = self.values.get(name, {})
        if not isinstance(values, dict):
            self.mistakes.add((name, 0, None), f"must be one table: [{name}]")
            values = {}
        return Table(name, 0, values, self._variables, self.mistakes)

    def tables(self, name: str) -> "list[Table]":
        """Return the `[[name]]` tables."""
        self._known.append(name)
        tables = self.values.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(values, dict) for values in tables):
            self.mistakes.add((name, 0, None), f"must be written [[{name}]], with two brackets")
            tables = []
        return [Table(name, index, values, self._variables, self.mistakes) for index, values in enumerate(tables)]

    def check_unique(self, name: str, key: str, values: Sequence[tuple[str, ...]]) -> None:
        """Report each `[[name]]` table that has a value of a key twice, or a value which an earlier table has too.

        Args:
            name: the name of the tables.
            key: the key.
            values: for each table, the values of the key.
        """
        first_index: dict[str, int] = {}
        for index, value in ((index, value) for index, table in enumerate(values) for value in table):
            if value in first_index:
                first = first_index[value]
                same = "has a value twice" if first == index else f"is the same as in {name}[{first + 1}]"
                self.mistakes.add((name, index, key), same)
            elif value:
                first_index[value] = index

    def finish(self) -> None:
        """Report the tables that no method has read."""
        for name in self.values:
            if name not in self._known:
                self.mistakes.add((name, 0, None), f"is unknown{did_you_mean(name, self._known)}")


class Table:
    """One table of a TOML file. Call `finish` after every key was read.

    A method that reads a key returns a value of the right type even after a mistake, so that the next key is read too.

    Attributes:
        index: the number of the table among the tables of its name, from 0.
        values: the content of the table.
        mistakes: collects the mistakes of the file.
    """

    def __init__(
        self,
        name: str,
        index: int,
        values: dict[str, Any],
        variables: Mapping[str, str],
        mistakes: Mistakes,
        *,
        key: str | None = None,
    ) -> None:
        self.index = index
        self._key = key  # of this table in the outer table, where there is an outer table
        self.values = values
        self.mistakes = mistakes
        self._name = name
        self._variables = variables
        self._known: list[str] = []

    def mistake(self, key: str | None, text: str) -> None:
        """Report a mistake in this table; a key of None stands for the whole table."""
        self.mistakes.add((self._name, self.index, ".".join(filter(None, (self._key, key))) or None), text)

    def warn(self, key: str, text: Callable[[], str]) -> None:
        """Report a warning about this table."""
        self.mistakes.warn((self._name, self.index, key), text)

    def text(self, key: str, check: Check, *, default: str | None = None) -> str:
        """Return a text; without a default the key is required."""
        value = self._read(key, default)
        if value is None:
            self.mistake(key, f"is missing; give {check.wanted}")
            return ""
        return self._checked(key, value, check)

    def optional_text(self, key: str, check: Check) -> str | None:
        """Return a text, None where the table does not have the key."""
        value = self._read(key, None)
        return None if value is None else self._checked(key, value, check)

    def texts(self, key: str, check: Check) -> tuple[str, ...]:
        """Return a list of texts, empty where the table does not have the key."""
        values = self._read(key, None)
        if values is None:
            return ()
        if not isinstance(values, list):
            self.mistake(key, f'must be a list: {key} = ["…"]')
            return ()
        return tuple([self._checked(key, value, check) for value in values])

    def text_or_texts(self, key: str, check: Check) -> tuple[str, ...]:
        """Return a text or a list of texts as a tuple, empty where the table does not have the key."""
        if isinstance(self.values.get(key), str):
            return (self.text(key, check),)
        return self.texts(key, check)

    def table(self, key: str) -> "Table | None":
        """Return an inline table, None where this table does not have the key."""
        values = self._read(key, None)
        if values is None:
            return None
        if not isinstance(values, dict):
            self.mistake(key, f'must be a table: {key} = {{ … = "…" }}')
            return None
        return Table(self._name, self.index, values, self._variables, self.mistakes, key=key)

    def nested_texts(self, key: str, check: Check) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """Return the texts of a table, each with its path of names: a value is a text, a list, or a further table."""
        values = self._read(key, {})
        if not isinstance(values, dict):
            self.mistake(key, f'must be a table: {key} = {{ "…" = "…" }}')
            return ()
        return tuple(self._nested(key, (), values, check))

    def _nested(
        self, key: str, path: tuple[str, ...], values: dict[str, Any], check: Check
    ) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from self._nested(key, (*path, name), value, check)
            elif value == []:
                self.mistake(key, f"{name} has no value: give at least one value, or remove {name}")
            else:
                texts = value if isinstance(value, list) else [value]
                yield (*path, name), tuple(self._checked(key, text, check) for text in texts)

    def pairs(self, key: str, name_check: Check, value_check: Check) -> tuple[tuple[str, str], ...]:
        """Return a table of texts as pairs in the order of the file, empty where this table does not have the key."""
        pairs = self._read(key, {})
        if not isinstance(pairs, dict):
            self.mistake(key, f'must be a table: {key} = {{ "…" = "…" }}')
            return ()
        return tuple(
            (self._checked(key, name, name_check), self._checked(key, value, value_check))
            for name, value in pairs.items()
        )

    def whole_number(self, key: str, default: _Default, minimum: int, maximum: int) -> int | _Default:
        """Return a whole number from `minimum` to `maximum`."""
        value = self._read(key, default)
        if key not in self.values or is_whole_number(value, minimum, maximum):
            return value  # type: ignore[no-any-return]
        self.mistake(key, f"is {value!r} and must be a whole number from {minimum:,} to {maximum:,}")
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._read(key, default)
        if not isinstance(value, bool):
            self.mistake(key, f"is {value!r} and must be true or false")
            return default
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words; the first word is the default."""
        if key not in self.values:
            self._known.append(key)
            return choices[0]
        return self.text(key, Check(choices.__contains__, " or ".join(choices), choices))

    def secret(self, key: str, check: Check) -> str:
        """Return a secret, which must come from the environment, empty where the table does not have the key."""
        value = self._read(key, "")
        if not value:
            return ""
        if isinstance(value, str) and re.fullmatch(_VARIABLE, value):
            return self._checked(key, value, check)
        self.mistake(key, "is a secret, which must not be in this file: write ${NAME}, and set NAME")
        return ""

    def finish(self) -> None:
        """Report the keys that no method has read."""
        for key in self.values:
            if key not in self._known:
                self.mistake(key, f"is unknown{did_you_mean(key, self._known)}")

    def _read(self, key: str, default: object) -> Any:
        self._known.append(key)
        return self.values.get(key, default)

    def _checked(self, key: str, value: object, check: Check) -> str:
        """Return a text with its variables replaced. A mistake shows the text of the file, never a variable's value."""
        if not isinstance(value, str):
            self.mistake(key, f"{'' if check.is_secret else f'is {value!r} and '}must be a text: {check.wanted}")
            return ""
        text = value
        if "${" in value:
            missing = [name for name in re.findall(_VARIABLE, value) if name not in self._variables]
            for name in missing:
                self.mistake(key, f"the environment variable {name} is not set; set it, or write the value here")
            if missing:
                return ""
            text = re.sub(_VARIABLE, lambda variable: self._variables[variable[1]], value)
        if not check.passes(text):
            corrected = check.correction(value) if check.correction and text == value else ""
            hint = f'; write "{corrected}"' if corrected else did_you_mean(text, check.choices)
            shown = "the text here" if check.is_secret else f'"{value}"'
            self.mistake(key, f"{shown} is not {check.wanted}{hint}")
        return text
