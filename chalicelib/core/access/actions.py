"""Actions: what a request does, in the words that rules use."""

from collections.abc import Mapping
from typing import Final

from chalicelib.core.web.multipart_parameters import step_of
from chalicelib.core.web.paths import IMAGE_ENDPOINTS, RESIZE, Path
from chalicelib.core.web.problems import MethodNotAllowed

METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")


def action_of(method: str, path: Path, query: Mapping[str, str]) -> str:
    """Name what a request does at a path; OPTIONS asks for what GET would, so that it never says more.

    Whoever uploads in parts may also look at them and take them back: all of it is `write`.

    Raises:
        MethodNotAllowed: a POST that asks for nothing that there is; a path below `/-/` is not for that.
        BadParameter: a call of an upload in parts that there is not.
    """
    if path in IMAGE_ENDPOINTS:
        if method not in IMAGE_ENDPOINTS[path]:
            raise MethodNotAllowed(method, IMAGE_ENDPOINTS[path])
        if (path, method) != (RESIZE, "POST"):
            return "read"
        if "link" not in query:
            raise MethodNotAllowed("POST", tuple(method for method in IMAGE_ENDPOINTS[path] if method != "POST"))
        return "share"
    if revokes(method, query):
        return "share"
    if method == "PUT" or step_of(method, query):
        return "write"
    if method == "POST":
        if "link" in query:
            return "share"
        if "form" in query and path.endswith("/"):
            return "write"
        raise MethodNotAllowed("POST", tuple(method for method in METHODS if method != "POST"))
    if method == "DELETE":
        return "delete"
    return "list" if path.endswith("/") else "read"


def revokes(method: str, query: Mapping[str, str]) -> bool:
    """Whether a request that has a token revokes its link, rather than comes by it."""
    return method == "DELETE" and "token" in query and "uploadId" not in query
