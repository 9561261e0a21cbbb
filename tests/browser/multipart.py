"""The requests of multipart uploads that a page sends."""

from collections.abc import Callable
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request

from .sites import MAX_WAIT, Site


class SentParts:
    """The parts that a page sends to the store: a number, and the headers, for each request in order."""

    def __init__(self, page: Page, site: Site) -> None:
        self.numbers: list[int] = []
        self.headers: list[dict[str, str]] = []
        self._requests: list[Request] = []
        self._endpoint = site.store.endpoint
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        number = part_number(request)
        if request.url.startswith(self._endpoint) and request.method == "PUT" and number is not None:
            self.numbers.append(number)
            self.headers.append(request.headers)
            self._requests.append(request)

    def bytes(self) -> int:
        """The bytes of all bodies."""
        return sum(int(request.all_headers()["content-length"]) for request in self._requests)


def part_number(request: Request) -> int | None:
    """The number of the part that a request is about."""
    numbers = parse_qs(urlsplit(request.url).query).get("partNumber")
    return int(numbers[0]) if numbers else None


def hold_back(page: Page, site: Site, *numbers: int) -> None:
    """Let Signpost sign no URL for some parts, so the page never sends the parts."""
    page.route(f"{site.url}/**", lambda route: None if part_number(route.request) in numbers else route.continue_())


def wait_for(page: Page, condition: Callable[[], bool], seconds: float = MAX_WAIT / 1000) -> None:
    """Wait until a condition is true, while the scripts of the page run."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end
        page.wait_for_timeout(100)
    page.wait_for_timeout(100)  # the requests of the page that came during the last check are noted now
