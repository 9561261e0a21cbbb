"""Resize links: `POST /-/resize?link` makes a link to the images of one URL or one host, in some sizes."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS
from chalicelib.core.access.makers import Makers
from chalicelib.core.access.resize_tokens import OF_HOST, OF_URL, ResizeTokens, sides
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.web import image_parameters
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS, Rendition
from chalicelib.core.web.json_body import json_object, number_field
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.base import BadRequest

from .links import DEFAULT_LINK_SECONDS, end_of_link

if TYPE_CHECKING:
    from chalicelib.core.ports import ImageSource

MAX_SIZES: Final = 16

_EXAMPLE: Final = '{"u": "https://…", "sizes": ["320x"]}'


class ResizeLinks:
    """Makes links to `/-/resize`.

    Args:
        rules: decide who may make a link.
        makers: writes who makes a link.
        resize_tokens: makes the tokens.
        source: knows the host of a URL, and the hosts that the settings list.
    """

    def __init__(self, *, rules: RuleSet, makers: Makers, resize_tokens: ResizeTokens, source: "ImageSource") -> None:
        self._rules = rules
        self._makers = makers
        self._resize_tokens = resize_tokens
        self._source = source

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Make the link that the body of the request describes.

        The body is JSON: `{"u": URL}` or `{"host": NAME}`, with `"sizes": ["320x", "96x96"]` and
        `"expires_in": seconds`.

        Raises:
            BadRequest, BadParameter: the body cannot be used.
            SourceNotAllowed: the settings do not list the host.
            SizeNotAllowed: the rule of the caller lists sizes, and does not list a wanted size.
            CredentialsMissing, Forbidden: the caller may not read `/-/resize`.
            TooManyGroups: the groups of the caller do not fit into the token.
            NotOffered: the service cannot sign.
        """
        body = json_object(request.body, ("u", "host", "sizes", "expires_in"), _EXAMPLE)
        kind, source = self._kind_and_source(body)
        sizes = _sizes(body)
        rule = self._rules.require(grant, "read", grant.path).rule
        for size in sizes:
            image_parameters.check_size(Rendition(*sides(size), "contain", "", 0), rule.image_sizes)
        seconds = number_field(body, "expires_in", DEFAULT_LINK_SECONDS, 1, MAX_LINK_SECONDS)
        expires_at, maker = end_of_link(grant, now, seconds), self._makers.of(grant.principal, now)
        token = self._resize_tokens.make(kind, source, sizes, expires_at, maker, request.deadline)
        url = quote(source, safe="") if kind == OF_URL else ""
        query = f"token={token}&{image_parameters.query_of(sizes[0])}&u={url}"
        return replies.created_link(request, query, token, expires_at, {"sizes": sizes})

    def _kind_and_source(self, body: dict[str, Any]) -> tuple[int, str]:
        url, host = body.get("u"), body.get("host")
        if isinstance(url, str) and host is None:
            self._source.host(url)
            return OF_URL, url
        if isinstance(host, str) and url is None and self._source.host(f"https://{host}/") == host:
            return OF_HOST, host
        raise BadRequest('Say the URL of one image as "u", or the name of a host in lower case as "host".')


def _sizes(body: dict[str, Any]) -> tuple[str, ...]:
    sizes = body.get("sizes")
    if not (isinstance(sizes, list) and 1 <= len(sizes) <= MAX_SIZES and all(map(image_parameters.is_size, sizes))):
        raise BadRequest(
            f"sizes must be a list of 1 to {MAX_SIZES} widths, heights or both, up to {MAX_SIDE_PIXELS:,} pixels: "
            '["320x", "x240", "96x96"].'
        )
    return tuple(sizes)
