"""Whois: names the callers whose marks the settings and the keys of the marks can tell."""

from collections.abc import Iterator, Sequence
from typing import Final

from .core.access.marks import Marks
from .core.access.principals import ANYONE
from .settings.checks import Check, pattern
from .settings.load import Settings

MARK: Final = Check(pattern(r"[a-z2-7]{16}"), "a mark, the 16 characters after x-signpost= in a URL")


def whois(settings: Settings, mark_keys: Sequence[bytes], mark: str | None) -> list[str]:
    """Return a line for each API key and for anyone, with the mark; where a mark is given, only of this mark.

    Args:
        settings: name the API keys.
        mark_keys: the keys of the marks, the newest last. A mark of an older key is recognised too.
        mark: 16 characters; None for all marks of the newest key.
    """
    keys = mark_keys if mark else mark_keys[-1:]
    callers = [ANYONE.name, *(key.principal().name for key in settings.keys)]
    return [f"{of} {caller}" for of, caller in _marks(keys, callers) if mark in (None, of)]


def not_named(mark: str) -> str:
    """Return the answer for a mark of no API key: a person or a link has it, and the log of the service names both."""
    return (
        f"No API key of these settings has the mark {mark}. The mark can belong to a person, to a link, "
        "or to another key of marks. Ask the log of the service, with this query of Logs Insights "
        '(docs/operating.md, "Who has this mark?"):\n'
        f'  filter mark = "{mark}" | stats count(*) as requests by principal, maker'
    )


def _marks(mark_keys: Sequence[bytes], callers: Sequence[str]) -> Iterator[tuple[str, str]]:
    for key in mark_keys:
        marks = Marks(key)
        yield from ((marks.of(caller), caller) for caller in callers)
