"""One store and one site for all end-to-end tests of a worker."""

from collections.abc import Iterator

import pytest

from .sites import Site, Store, open_site, open_store


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """The S3 that judges our signatures."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with a key's own credentials, redirecting HEAD."""
    with open_site(store, store.environ(), "redirect", tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="session")
def session_site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the credentials of an assumed role, answering HEAD inline."""
    with open_site(store, store.session_environ(), "inline", tmp_path_factory.mktemp("session")) as site:
        yield site
