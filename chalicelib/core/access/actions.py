"""Actions: the action of a request, in the words that rules use."""

from collections.abc import Mapping
from typing import Final

from chalicelib.core.web.multipart_parameters import step_of
from chalicelib.core.web.paths import IMAGE_ENDPOINTS, RESIZE, Path
from chalicelib.core.web.problems.base import MethodNotAllowed

METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")

_OF_LISTINGS: Final = frozenset({"list", "recursive", "limit", "cursor", "links", "sort", "manifest"})


def asks_for_listing(query: Mapping[str, str]) -> bool:
    """Whether a query has a parameter of listings, so that no index file answers."""
    return not _OF_LISTINGS.isdisjoint(query)


def action_of(method: str, path: Path, query: Mapping[str, str]) -> str:
    """Return the action of a request. OPTIONS has the action of GET, so OPTIONS never tells more than GET.

    Every call of an upload in parts is `write`: a client that uploads parts may also list the parts and abort.

    Raises:
        MethodNotAllowed: the path does not take this method, or not with this query.
        BadParameter: the parameters name no multipart call of S3.
    """
    if path in IMAGE_ENDPOINTS:
        return _action_of_image_endpoint(method, path, query)
    if revokes(method, query):
        return "share"
    if method == "PUT" or step_of(method, query):
        return "write"
    if method == "POST":
        if "link" in query:
            return "share"
        if ("form" in query) if path.endswith("/") else ("restore" in query):
            return "write"
        raise _post_not_allowed(METHODS)
    if method == "DELETE":
        return "delete"
    if not path.endswith("/"):
        return "read"
    return "versions" if "versions" in query else "list"


def _action_of_image_endpoint(method: str, path: Path, query: Mapping[str, str]) -> str:
    methods = IMAGE_ENDPOINTS[path]
    if method not in methods:
        raise MethodNotAllowed(method, methods)
    if (path, method) != (RESIZE, "POST"):
        return "read"
    if "link" not in query:
        raise _post_not_allowed(methods)
    return "share"


def _post_not_allowed(methods: tuple[str, ...]) -> MethodNotAllowed:
    return MethodNotAllowed("POST", tuple(method for method in methods if method != "POST"))


def revokes(method: str, query: Mapping[str, str]) -> bool:
    """Whether a request revokes the link of its token. All other requests with a token use the link."""
    return method == "DELETE" and "token" in query and "uploadId" not in query
