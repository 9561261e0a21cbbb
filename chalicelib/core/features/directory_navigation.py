"""Navigation: the URLs from one part of a listing to the other parts, orders and layouts, which keep the query."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from chalicelib.core.web.message import Request, wants_page
from chalicelib.core.web.page_views import Column, NavigationView

from .directory_selection import COLUMNS, Selection

GRID: Final = "grid"  # the parameter of a page that shows tiles in place of rows
_KEPT: Final = ("token", "recursive", "limit", "links", "sort", "versions", "list", GRID)
_DESCENDING_FIRST: Final = ("size", "modified")  # people look for the largest and the newest files


def navigation_of(
    request: Request, selection: Selection, *, previous: str | None, following: str | None, is_complete: bool
) -> NavigationView:
    """Return the navigation of the page of a listing.

    Args:
        request: the request for the page.
        selection: what is listed.
        previous: the cursor of the part before: empty for the first part, None where no part before is known.
        following: the cursor of the next part; None after the last part.
        is_complete: as in `Listing`.
    """
    fields = {name: request.query[name] for name in _KEPT if name in request.query}
    text = request.query["q"] if selection.text else ""
    query = fields | ({"q": text} if text else {}) | ({"sort": selection.sort} if selection.sort else {})

    def address(**changed: str) -> str:
        return _relative(query | changed)

    return NavigationView(
        first_url=address() if "cursor" in request.query else "",
        previous_url="" if previous is None else address(cursor=previous) if previous else address(),
        next_url=address(cursor=following) if following else "",
        is_complete=is_complete or not selection.sort,
        columns=tuple(
            Column(column, address(sort=_other_sort(column, selection.sort)), _direction(column, selection.sort))
            for column in COLUMNS
        ),
        text=text,
        fields=tuple(fields.items()),
        is_grid=GRID in request.query,
        layout_url=_url_of_other_layout(request),
    )


def query_of_directory(request: Request, token: str | None) -> str:
    """Return the query, with its question mark, of the URL of another directory, which keeps `layout_of`.

    Args:
        request: the request for the page.
        token: of a link to the other directory; None without a link.
    """
    fields = ({"token": token} if token else {}) | layout_of(request)
    return f"?{urlencode(fields)}" if fields else ""


def layout_of(request: Request) -> dict[str, str]:
    """Return the parameters that lead to listings of the same kind: the grid of pages, and `?list`."""
    names = (GRID, "list") if wants_page(request) else ("list",)
    return {name: "" for name in names if name in request.query}


def _url_of_other_layout(request: Request) -> str:
    fields = {name: request.query[name] for name in (*_KEPT, "q", "cursor") if name in request.query}
    if fields.pop(GRID, None) is None:
        fields[GRID] = ""
    return _relative(fields)


def _relative(fields: Mapping[str, str]) -> str:
    """Return the URL of the same directory with other parameters, relative to the page."""
    return f"?{urlencode(fields)}" if fields else "./"


def _direction(column: str, sort: str) -> str:
    return {column: "ascending", f"-{column}": "descending"}.get(sort, "")


def _other_sort(column: str, sort: str) -> str:
    """Return the order that the heading of a column leads to."""
    orders = (f"-{column}", column) if column in _DESCENDING_FIRST else (column, f"-{column}")
    return orders[1] if sort == orders[0] else orders[0]
