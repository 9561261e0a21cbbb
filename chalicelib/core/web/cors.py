"""Cross-origin requests: the other sites whose pages may call the service (Fetch Standard, "CORS protocol")."""

from collections.abc import Sequence

from .message import Reply, Request, is_plain

_EXPOSED = "Allow, ETag, Retry-After, WWW-Authenticate, X-Request-Id"
_PREFLIGHT_SECONDS = "600"  # Chromium would cache a preflight for two hours; after ten minutes a new setting works


class Cors:
    """The CORS headers for the configured origins; every other origin gets no CORS header.

    `vary` names the request headers that decide an answer; a cache needs these names.

    Pages of other sites never send the session cookie (no `Access-Control-Allow-Credentials`): such pages send an API
    key or a token.
    """

    def __init__(self, origins: Sequence[str], methods: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self._methods = ", ".join(methods)
        self.vary = "Authorization, Cookie, Origin" if origins else "Authorization, Cookie"

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers that let the calling page read the answer to this request."""
        origin = request.headers.get("origin", "")
        if origin not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}

    def preflight(self, request: Request) -> Reply | None:
        """Return the answer to a preflight of a configured origin, None for any other request.

        A preflight never has credentials, so this is the only answer before the principal is known. The answer is the
        same for every path, so it tells nothing about a path.
        """
        is_preflight = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        if not is_preflight or request.headers.get("origin", "") not in self._origins:
            return None
        headers = {
            "Allow": self._methods,
            "Access-Control-Allow-Methods": self._methods,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
        }
        requested = request.headers.get("access-control-request-headers", "")
        if requested and is_plain(requested):
            headers["Access-Control-Allow-Headers"] = requested
        return Reply(204, headers)
