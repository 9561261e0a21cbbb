"""The site of `tasks`, the browsers of the people who use it, and what a task took."""

from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from playwright.sync_api import Browser, Page, StorageState

from .sites import MAX_WAIT, Directory, Site
from .visitor import sign_in


class Outcome(NamedTuple):
    """What a task took, and what it did."""

    actions: int
    seconds: float
    result: str
    limit: float = inf  # the seconds that the task may take


class Office:
    """The site, and the browsers of the people who use it."""

    def __init__(self, site: Site, chromium: Browser, folder: Path, mega_bytes: int, other: str | None) -> None:
        self.site = site
        self.folder = folder
        self.mega_bytes = mega_bytes
        self.other = other  # the URL of copyparty
        self._chromium = chromium
        self._session: StorageState | None = None
        page = self.visit(f"{site.url}/-/login")
        sign_in(page)
        page.wait_for_url(f"{site.url}/")
        self._session = page.context.storage_state()
        page.context.close()

    def visit(self, url: str, signed_in: bool = True, **options: object) -> Page:
        """Open a URL in a new profile."""
        context = self._chromium.new_context(storage_state=self._session if signed_in else None, **options)  # type: ignore[arg-type]
        context.set_default_timeout(MAX_WAIT)
        page = context.new_page()
        page.goto(url)
        return page

    def directory(self, files: dict[str, bytes], content_type: str = "text/plain") -> Directory:
        """A new directory with files."""
        directory = Directory(self.site, f"{uuid4().hex[:8]}/")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: directory.put(name, files[name], content_type), files))
        return directory
