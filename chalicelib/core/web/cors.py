"""Cross-origin requests: which other sites' pages may call us (Fetch Standard, "CORS protocol")."""

from collections.abc import Sequence

from .message import Reply, Request, is_plain

_EXPOSED = "Allow, ETag, Retry-After, WWW-Authenticate, X-Request-Id"
_PREFLIGHT_SECONDS = "600"  # Chromium would keep one for two hours; ten minutes let a changed setting arrive


class Cors:
    """Answers for the configured origins; every other origin gets no CORS header at all.

    `vary` names the request headers that decide an answer; a cache needs to know them.

    Cookies are never asked for (`Access-Control-Allow-Credentials`): other sites send an API key or a token.
    """

    def __init__(self, origins: Sequence[str], methods: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self._methods = ", ".join(methods)
        self.vary = "Authorization, Cookie, Origin" if origins else "Authorization, Cookie"

    def headers(self, request: Request) -> dict[str, str]:
        """Return what an answer to this request carries, so that the calling page may read it."""
        origin = request.headers.get("origin", "")
        if origin not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}

    def preflight(self, request: Request) -> Reply | None:
        """Answer a preflight of a configured origin, None for any other request.

        A preflight never carries credentials, so this is the one answer given before asking who it is for. It is the
        same for every path, so it says nothing about any.
        """
        asks = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        if not asks or request.headers.get("origin", "") not in self._origins:
            return None
        headers = {
            "Allow": self._methods,
            "Access-Control-Allow-Methods": self._methods,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        }
        asked = request.headers.get("access-control-request-headers", "")
        if asked and is_plain(asked):
            headers["Access-Control-Allow-Headers"] = asked
        return Reply(204, headers)
