"""The routes of a REST API, and the choice among them."""

import re
from urllib.parse import parse_qs

from chalice import local

from .errors import MissingAuthenticationToken


class Routes(local.RouteMatcher):
    """The routes of an app. Of the routes that match a path, API Gateway chooses the most specific.

    A segment `{name}` matches one segment of the path. `{name+}` at the end matches all remaining segments. Both values
    stay encoded.

    Args:
        route_urls: the routes, as Chalice writes routes.
    """

    def __init__(self, route_urls: list[str]) -> None:
        super().__init__(route_urls)
        self._patterns = [(route, _pattern(route)) for route in sorted(route_urls, key=_vagueness)]

    def match_route(self, url: str) -> local.MatchResult:
        """Return the route of a request target, with its path parameters and its query.

        Raises:
            MissingAuthenticationToken: no route matches.
        """
        path, _, query = url.partition("?")
        path = path.removesuffix("/") or "/"  # FACTS 1.2
        for route, pattern in self._patterns:
            if match := pattern.fullmatch(path):
                names = [name.rstrip("+") for name in re.findall(r"{(.+?)}", route)]
                captured = dict(zip(names, match.groups(), strict=True))
                return local.MatchResult(route, captured, parse_qs(query, keep_blank_values=True))
        raise MissingAuthenticationToken


def _vagueness(route: str) -> list[int]:
    """Return a sort key: a literal segment comes before `{name}`, and `{name}` before `{name+}`."""
    return [segment.startswith("{") + segment.endswith("+}") for segment in route.split("/")]


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile("/".join(_segment_pattern(segment) for segment in route.split("/")))


def _segment_pattern(segment: str) -> str:
    if not segment.startswith("{"):
        return re.escape(segment)
    return "(.+)" if segment.endswith("+}") else "([^/]+)"
