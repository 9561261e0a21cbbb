"""One site for all browser tests of a worker; a fresh profile for each test."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.contract.sites import Store, open_store
from tests.support.fake_internet import FakeInternet

from .sites import PATIENCE, Site, Watch, open_site, sign_in

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def store(chromium: Browser) -> Iterator[Store]:
    """The S3 that files go to; none is opened where there is no browser."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def internet() -> Iterator[FakeInternet]:
    """Another site, which has images."""
    with FakeInternet() as internet:
        yield internet


@pytest.fixture(scope="session")
def site(store: Store, internet: FakeInternet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with its pages."""
    with open_site(store, tmp_path_factory.mktemp("site"), environ=internet.environ) as site:
        yield site


@pytest.fixture(scope="session")
def session(chromium: Browser, site: Site) -> StorageState:
    """The cookie of someone who signed in."""
    with chromium.new_context() as context:
        sign_in(context.new_page(), site)
        return context.storage_state()


@pytest.fixture
def place() -> str:
    """A directory that is no other test's."""
    return f"{uuid4().hex[:8]}/"


@pytest.fixture
def visit(chromium: Browser, session: StorageState) -> Iterator[Visit]:
    """Open a page in a profile of its own, signed in and watched unless said otherwise."""
    opened: list[BrowserContext] = []
    watches: list[Watch] = []

    def visit(signed_in: bool = True, watched: bool = True, **options: object) -> Page:
        context = chromium.new_context(storage_state=session if signed_in else None, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        opened.append(context)
        if watched:
            watches.append(Watch(context))
        return context.new_page()

    yield visit
    for context in opened:
        context.close()
    assert [line for watch in watches for line in watch.seen] == []
