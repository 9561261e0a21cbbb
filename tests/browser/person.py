"""A person at a page, whose actions are counted."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from playwright.sync_api import Download, Locator, Page


class Person:
    """Acts on a page. One action is one click, one text in a field, one choice of files, or one swipe.

    `actions` counts the actions; `loads` counts the whole pages and the downloads that the browser got.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0
        self.loads = 0
        page.on("domcontentloaded", self._count_load)
        page.on("download", self._count_load)
        self._start = monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since `start`."""
        return monotonic() - self._start

    def start(self) -> None:
        """Start the clock; without this call the clock starts with the person."""
        self._start = monotonic()

    def click(self, target: Locator, *modifiers: str) -> None:
        """Click an element, or tap it on a phone."""
        self.actions += 1
        target.click(modifiers=modifiers)  # type: ignore[arg-type]

    def press(self, name: str, within: Locator | None = None) -> None:
        """Click the button with a name."""
        self.click((within or self.page).get_by_role("button", name=name, exact=True))

    def write(self, text: str) -> None:
        """Type a text into the field that has the focus."""
        self.actions += 1
        self.page.keyboard.type(text)

    def choose(self, button: Locator, files: Sequence[Path]) -> None:
        """Click a button that opens a file dialog, and choose files. The clock starts with the choice."""
        with self.page.expect_file_chooser() as chooser:
            self.click(button)
        self.actions += 1
        self.start()
        chooser.value.set_files(files)

    def download(self, name: str) -> Path:
        """Click the button with a name, and wait for the file that the browser downloads."""
        with self.page.expect_download() as started:
            self.press(name)
        return started.value.path()

    def swipe(self) -> None:
        """Swipe from the right to the left, over the middle of the page."""
        self.actions += 1
        size = self.page.viewport_size
        assert size
        touches = self.page.context.new_cdp_session(self.page)
        height = size["height"] / 2
        for kind, places in (("touchStart", [0.8]), ("touchMove", [0.5]), ("touchMove", [0.2]), ("touchEnd", [])):
            points = [{"x": size["width"] * place, "y": height} for place in places]
            touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        touches.detach()

    def _count_load(self, loaded: Page | Download) -> None:
        self.loads += 1
