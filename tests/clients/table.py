"""The table of docs/clients.md: written between two marks from the results, and read back for a comparison."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from local.dev_server import PROJECT

from .catalogue import Client
from .cells import Cell, Result
from .columns import AUTHENTICATION, COLUMNS

PAGE: Final = PROJECT / "docs/clients.md"
_MARKS: Final = re.compile(r"(?<=<!-- make clients: begin -->\n).*?(?=<!-- make clients: end -->)", re.DOTALL)
NO_FUNCTION: Final = "–"  # noqa: RUF001 the sign of the page
_PARTS: Final = ([key for key in COLUMNS if key not in AUTHENTICATION], [*AUTHENTICATION])


class Row(NamedTuple):
    """A row: the version of a client, and the text of each cell by the heading of its column."""

    version: str
    cells: Mapping[str, str]


def row(client: Client, version: str, results: Iterable[tuple[Cell, Result]]) -> Row:
    """Make the row of a client."""
    texts = {column.heading: NO_FUNCTION for column in COLUMNS.values()}
    for cell, result in results:
        if cell.client is client:
            texts[COLUMNS[cell.column].heading] = "✓" if result.works else f"✗ {client.why.get(cell.column, '?')}"
    return Row(version, texts)


def write(names: Sequence[str], measured: Mapping[str, Row]) -> None:
    """Write the table: a part for what clients do, and a part for how they authenticate.

    Args:
        names: of all clients, in their order.
        measured: the new rows; the page keeps its rows of other clients.
    """
    known = {**read(), **measured}
    rows = {name: known[name] for name in names if name in known}
    parts = []
    for keys in _PARTS:
        headings = [COLUMNS[key].heading for key in keys]
        lines = [["client", *headings], ["---"] * (len(headings) + 1)]
        lines += [[f"{name} {it.version}", *(it.cells[heading] for heading in headings)] for name, it in rows.items()]
        parts.append("".join(f"| {' | '.join(line)} |\n" for line in lines))
    missing = [name for name in names if name not in rows]
    if missing:
        parts.append(f"Not installed where the table was made: {', '.join(missing)}.\n")
    PAGE.write_text(_MARKS.sub(lambda _: "\n" + "\n".join(parts) + "\n", PAGE.read_text()))


def read() -> dict[str, Row]:
    """Read the rows of the page."""
    found = _MARKS.search(PAGE.read_text())
    rows: dict[str, Row] = {}
    headings: list[str] = []
    for line in found[0].splitlines() if found else []:
        first, *texts = line.strip("| ").split(" | ")
        if first == "client":
            headings = texts
        elif line.startswith("|") and first != "---":
            name, _, version = first.rpartition(" ")
            cells = {**rows[name].cells} if name in rows else {}
            rows[name] = Row(version, {**cells, **dict(zip(headings, texts, strict=True))})
    return rows


def differences(measured: Mapping[str, Row]) -> list[str]:
    """What the page says otherwise than the clients, a line for each cell. A version may be another."""
    written = read()
    return [
        f"{name}, {heading}: the table says {said}, and the client {text}."
        for name, it in measured.items()
        for heading, text in it.cells.items()
        if (said := written[name].cells.get(heading, "nothing") if name in written else "nothing") != text
    ]
