"""One store, one table and one site for all end-to-end tests of a worker."""

from collections.abc import Iterator

import pytest

from .sites import Site, Store, Table, open_site, open_store, open_table


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """The S3 that judges our signatures."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """Where the uses of links are counted."""
    with open_table("signpost-e2e") as table:
        yield table


@pytest.fixture(scope="session")
def site(store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with a key's own credentials, redirecting HEAD."""
    with open_site(store, table, tmp_path_factory.mktemp("site"), store.environ()) as site:
        yield site


@pytest.fixture(scope="session")
def session_site(store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the credentials of an assumed role, answering HEAD inline."""
    folder = tmp_path_factory.mktemp("session")
    with open_site(store, table, folder, store.session_environ(), head="inline") as site:
        yield site
