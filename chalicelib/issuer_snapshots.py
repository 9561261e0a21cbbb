"""`python -m chalicelib issuers`: writes the snapshot of the keys of issuers, and says which keys are at hand."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from .backends.issuer_fetch import fetch_keys
from .backends.issuer_snapshot import SNAPSHOT, KeySet, is_url, read_snapshot, source_of
from .core.access.issuer_keys import as_jwks
from .core.access.issuers import Issuer, IssuerKey
from .core.web.problems.base import Unavailable
from .core.web.times import Deadline
from .settings.load import InvalidSettings

_FETCH_SECONDS: Final = 9.0  # the service itself takes less, see `issuer_fetch`


def fetch_snapshot(issuers: Sequence[Issuer], directory: str, clock: Callable[[], float]) -> list[str]:
    """Fetch the keys of each issuer that has a URL, write the snapshot, and return the failures.

    Where a fetch fails, the keys of the old snapshot stay. The keys of issuers that the settings no longer name go.

    Args:
        issuers: of the settings.
        directory: of the settings.
        clock: returns the Unix time in seconds.
    """
    try:
        key_sets = read_snapshot(directory)
    except ValueError:  # the new snapshot repairs a damaged snapshot
        key_sets = {}
    sources = {source: tables for source, tables in _by_source(issuers).items() if is_url(source)}
    failures = []
    for source, tables in sources.items():
        try:
            key_sets[source] = KeySet(fetch_keys(tables[0], directory, _deadline()), clock())
        except Unavailable as problem:
            failures.append(f"{_names(tables)}: {problem.reason}")
    write_snapshot(directory, {source: key_sets[source] for source in sources if source in key_sets})
    return failures


def write_snapshot(directory: str, key_sets: Mapping[str, KeySet]) -> None:
    """Write the keys of each source into the snapshot."""
    entries = {
        source: {"fetched_at": int(fetched_at), **as_jwks(keys)} for source, (keys, fetched_at) in key_sets.items()
    }
    file = Path(directory, SNAPSHOT)
    new_file = file.with_name(f"{SNAPSHOT}.new")  # the old snapshot stays until the new snapshot is complete
    new_file.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    new_file.replace(file)


def describe(issuers: Sequence[Issuer], directory: str, now: float) -> list[str]:
    """Return a line for each source of keys: the issuers, the source, and the ids and the age of the keys.

    Args:
        issuers: of the settings.
        directory: of the settings.
        now: Unix time in seconds.

    Raises:
        InvalidSettings: the snapshot or a file of keys cannot be used.
    """
    try:
        snapshot = read_snapshot(directory)
    except ValueError as error:
        raise InvalidSettings([str(error)]) from None
    lines, mistakes = [], []
    for source, tables in _by_source(issuers).items():
        try:
            keys = _in_snapshot(snapshot.get(source), now) if is_url(source) else _in_file(tables[0], directory)
            lines.append(f"{_names(tables)}: {source}: {keys}")
        except Unavailable as problem:
            mistakes.append(f"{_names(tables)}: {problem.reason}")
    if mistakes:
        raise InvalidSettings(mistakes)
    return lines


def _in_snapshot(key_set: KeySet | None, now: float) -> str:
    if key_set is None:
        return "no keys yet; run `python -m chalicelib issuers --fetch`"
    return f"{_ids(key_set.keys)}; {(now - key_set.fetched_at) / 3600:.1f} hours old"


def _in_file(issuer: Issuer, directory: str) -> str:
    return _ids(fetch_keys(issuer, directory, _deadline()))


def _ids(keys: Sequence[IssuerKey]) -> str:
    return ", ".join("a key without an id" if key.kid is None else key.kid for key in keys)


def _by_source(issuers: Sequence[Issuer]) -> dict[str, list[Issuer]]:
    sources: dict[str, list[Issuer]] = {}
    for issuer in issuers:
        sources.setdefault(source_of(issuer), []).append(issuer)
    return sources


def _names(tables: Sequence[Issuer]) -> str:
    return ", ".join(table.name for table in tables)


def _deadline() -> Deadline:
    return Deadline(time.monotonic, _FETCH_SECONDS)
