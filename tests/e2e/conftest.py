"""The store, the table and the sites of the contract suite, which real programs reach over HTTP alone."""

import pytest

from tests.contract.conftest import name, session_site, site, store, table, unchanged, upload_site

__all__ = ("name", "session_site", "site", "store", "table", "unchanged", "upload_site")


@pytest.fixture(scope="session")
def driver() -> str:
    """The way in which requests reach the service."""
    return "curl"
