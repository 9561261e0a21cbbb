"""One site for all browser tests of a worker; a new profile of the browser for each visit."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, StorageState

from tests.contract.sites import Store, open_store
from tests.support.fake_internet import FakeInternet

from .sites import MAX_WAIT, Directory, Site, open_site
from .visitor import sign_in

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def store(chromium: Browser) -> Iterator[Store]:
    """The S3 with the files. It needs the browser, so nothing starts where the browser is missing."""
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
    """The cookie of a visitor who signed in."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{site.url}/-/login")
        sign_in(page)
        page.wait_for_url(f"{site.url}/")
        return context.storage_state()


@pytest.fixture
def directory(site: Site) -> Directory:
    """A directory that no other test uses."""
    return Directory(site, f"{uuid4().hex[:8]}/")


@pytest.fixture
def visit(chromium: Browser, session: StorageState) -> Iterator[Visit]:
    """Open a URL in a new profile: signed in, and watched, unless the caller chooses otherwise.

    A test fails if a watched page opens a dialog of the browser, has an error in a script, or violates the
    Content-Security-Policy.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        if dialog.type != "beforeunload":  # our pages ask before they are left; a dismissal stays on the page
            problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note(kind: str, text: str) -> None:
        # Chromium reports a status of 400 and above as an error, but tests expect such answers.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            problems.append(f"{kind}: {text}")

    def visit(url: str, signed_in: bool = True, watched: bool = True, **options: object) -> Page:
        context = chromium.new_context(storage_state=session if signed_in else None, **options)  # type: ignore[arg-type]
        context.set_default_timeout(MAX_WAIT)
        contexts.append(context)
        if watched:
            context.on("dialog", dismiss)
            context.on("weberror", lambda error: note("error", str(error.error)))
            context.on("console", lambda message: note(message.type, message.text))
        page = context.new_page()
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert problems == []
