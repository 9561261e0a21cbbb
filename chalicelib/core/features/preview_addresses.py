"""Preview addresses: the URL of the page of a file (`?view`), and the listing that the visitor of the page came from.

The address of a page has the order, the filter and the layout of the listing, and no cursor, because a cursor ends with
the secret that sealed it. A listing by name is the usual case, so its order is not in the address; `sort=` is the order
of S3.
"""

from typing import Final
from urllib.parse import quote, urlencode

from chalicelib.core.web.file_kinds import preview_of
from chalicelib.core.web.message import Request

from .directory_navigation import layout_of
from .directory_selection import Selection

_MAX_ENTRIES: Final = 1_000  # of a part of a listing


def view_query(request: Request, selection: Selection) -> str:
    """Return the query of the pages of the files in a listing.

    The page of a file knows the directory of the file alone, so a listing of all levels has another filter.
    """
    order = {} if selection.sort == "name" else {"sort": selection.sort}
    text = {"q": request.query["q"]} if selection.text and not selection.recursive else {}
    fields = order | text | layout_of(request)
    return "&".join(["view", *([urlencode(fields)] if fields else [])])


def view_url(request: Request, url: str, name: str, query: str) -> str:
    """Return the URL that a person opens for a file: the page of the file, else the download, but never S3's URL.

    The result is empty for a directory, and for a program that reads the page (wget, rclone): a program follows the URL
    of the file itself. All browsers of today send Fetch Metadata (W3C Fetch Metadata Request Headers §2.2).

    Args:
        request: the request for the listing.
        url: the URL of the file, with the token of a link or without.
        name: the name of the file.
        query: the result of `view_query`.
    """
    if name.endswith("/") or "sec-fetch-mode" not in request.headers:
        return ""
    return with_query(url, query if preview_of(name) else "download")


def with_query(url: str, query: str) -> str:
    """Return a URL with more parameters."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def directory_url(request: Request, selection: Selection) -> str:
    """Return the URL of the page of the listing that the visitor of a file's page came from.

    Args:
        request: the request for the page of the file.
        selection: the directory, and the order and the filter of the request.
    """
    return _listing_url(request, selection, request.query.get("sort", ""), layout_of(request))


def listing_url(request: Request, selection: Selection) -> str:
    """Return the URL of the same listing as JSON, for a script; the arguments are those of `directory_url`."""
    return _listing_url(request, selection, request.query.get("sort", "name"), {"limit": str(_MAX_ENTRIES)})


def _listing_url(request: Request, selection: Selection, sort: str, rest: dict[str, str]) -> str:
    token = {"token": request.query["token"]} if selection.grant.link else {}
    text = {"q": request.query["q"]} if selection.text else {}
    order = {"sort": sort} if sort else {}
    return with_query(request.base_url + quote(selection.grant.path), urlencode(token | text | order | rest))
