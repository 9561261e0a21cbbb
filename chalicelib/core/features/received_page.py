"""The page at `/-/received`, to which S3 sends a browser after the upload by a form."""

from typing import TYPE_CHECKING

from chalicelib.core import replies
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.page_views import ReceivedView, visitor_of
from chalicelib.core.web.paths import Path

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages


class ReceivedPage:
    """Answers with the same page to everyone.

    The URL of this page goes to S3 and into the logs of S3, so the URL has no token of a link. The page shows nothing
    of the bucket, key and ETag that S3 adds to the URL, because anyone can write another URL.

    Args:
        pages: renders the page.
    """

    def __init__(self, pages: "Pages") -> None:
        self._pages = pages

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the page."""
        return replies.page(200, self._pages.received(ReceivedView(visitor_of(request, "", sign_in=False))))
