"""The table of docs/clients.md, without a run of the clients: `make clients CHECK=1` runs them."""

from . import catalogue, table
from .columns import COLUMNS


def test_the_page_has_each_client_and_the_reason_of_each_failure() -> None:
    rows = table.read()
    for client in catalogue.read():
        cells = rows[client.name].cells
        for key, column in COLUMNS.items():
            failure = f"✗ {client.why[key]}" if key in client.why else "✓"
            assert cells[column.heading] == (failure if client.command(key) else table.NO_FUNCTION), (client.name, key)
