"""Links to `/-/resize`: tokens that show the images of one URL or one host, in some sizes, to a page without a key.

A token is the base64 of its kind, its end, its maker, its sizes and a signature. The URL or the host is not in the
token but under the signature, because the request names it. Nothing is stored.
"""

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS, Link
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.signing import MAC_BYTES, Signer, decode, encode, fingerprint
from chalicelib.core.web import image_parameters
from chalicelib.core.web.message import Request
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems import BadParameter, BadRequest, LinkInvalid, SourceNotAllowed

from .links import DEFAULT_LINK_SECONDS, number, wanted

if TYPE_CHECKING:
    from chalicelib.core.ports import ImageSource

MAX_SIZES: Final = 16

_URL, _HOST = 0, 1  # kinds of tokens
_ISSUER_BYTES: Final = 10
_HEAD_BYTES: Final = 1 + 4 + _ISSUER_BYTES  # kind, end, maker
_SIZE_BYTES: Final = 4  # two bytes for the width, two for the height; 0 for a side that is not given


class ResizeLink(NamedTuple):
    """A link to `/-/resize` that was made: its token, its end in Unix time, its sizes, and its query in a URL."""

    token: str
    expires_at: int
    sizes: tuple[str, ...]
    query: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"ResizeLink({self.expires_at}, {self.sizes})"


class ResizeLinks:
    """Makes links to `/-/resize`, and reads their tokens.

    Args:
        rules: say who may make a link.
        signer: whose purpose is these links alone.
        source: knows the host of a URL, and the hosts that are listed.
    """

    def __init__(self, *, rules: RuleSet, signer: Signer, source: "ImageSource") -> None:
        self._rules = rules
        self._signer = signer
        self._source = source

    def make(self, request: Request, grant: Grant, now: float) -> ResizeLink:
        """Make the link that a request's body describes, as JSON.

        Args:
            request: `{"u": URL}` or `{"host": NAME}`, with `"sizes": ["320x", "96x96"]` and `"expires_in": seconds`.
            grant: to share `/-/resize`.
            now: Unix time in seconds.

        Raises:
            BadRequest, BadParameter: the body cannot be used.
            SourceNotAllowed: the host is not listed.
            SizeNotAllowed: the maker's rule lists sizes, and not this size.
            CredentialsMissing, Forbidden: the maker may not read `/-/resize`.
            NotOffered: nothing can be signed.
        """
        body = wanted(request.body, ("u", "host", "sizes", "expires_in"), '{"u": "https://…", "sizes": ["320x"]}')
        kind, source = self._wanted_source(body)
        sizes = _wanted_sizes(body)
        rule = self._rules.require(grant, "read", grant.path).rule
        for size in sizes:
            image_parameters.check_size(_rendition(size), rule.image_sizes)
        expires_at = int(now) + number(body, "expires_in", DEFAULT_LINK_SECONDS, 1, MAX_LINK_SECONDS)
        promised = b"".join(
            (bytes([kind]), expires_at.to_bytes(4), fingerprint(grant.principal.name), *map(_packed, sizes))
        )
        token = encode(promised + self._signer.sign(request.deadline, promised, source.encode()))
        u = quote(source, safe="") if kind == _URL else ""
        return ResizeLink(token, expires_at, sizes, f"token={token}&{image_parameters.query_of(sizes[0])}&u={u}")

    def read(self, request: Request, path: Path) -> Link:
        """Return the link whose token a request shows; its end is not checked: see `links.check_not_expired`.

        Raises:
            BadParameter: `u` or the size is missing or cannot be used.
            LinkInvalid: the token was not made here, or for another URL or host.
            SizeNotAllowed: the token is for other sizes.
        """
        token = request.query["token"]
        data = decode(token) or b""
        promised, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        packed = promised[_HEAD_BYTES:]
        if len(promised) <= _HEAD_BYTES or len(packed) % _SIZE_BYTES:
            raise LinkInvalid()
        if not self._signer.verifies(request.deadline, signature, promised, self._source_of(request, promised[0])):
            raise LinkInvalid()
        sizes = tuple(_unpacked(packed[at : at + _SIZE_BYTES]) for at in range(0, len(packed), _SIZE_BYTES))
        image_parameters.check_size(image_parameters.rendition(request.query), sizes)
        link_id = encode(hashlib.sha256(token.encode()).digest()[:12])
        return Link(link_id, path, "read", 0, int.from_bytes(promised[1:5]), promised[5:_HEAD_BYTES])

    def _source_of(self, request: Request, kind: int) -> bytes:
        url = request.query.get("u")
        if not url:
            raise BadParameter("u", "it is missing: say the URL of the image, percent-encoded.")
        try:
            return (url if kind == _URL else self._source.host(url)).encode("utf-8", "surrogatepass")
        except SourceNotAllowed:  # the token decides; without one, nobody learns which hosts are listed
            raise LinkInvalid() from None

    def _wanted_source(self, body: dict[str, Any]) -> tuple[int, str]:
        url, host = body.get("u"), body.get("host")
        if isinstance(url, str) and host is None:
            self._source.host(url)
            return _URL, url
        if isinstance(host, str) and url is None and self._source.host(f"https://{host}/") == host:
            return _HOST, host
        raise BadRequest('Say the URL of one image as "u", or the name of a host in lower case as "host".')


def _wanted_sizes(body: dict[str, Any]) -> tuple[str, ...]:
    sizes = body.get("sizes")
    if not (isinstance(sizes, list) and 1 <= len(sizes) <= MAX_SIZES and all(map(image_parameters.is_size, sizes))):
        raise BadRequest(
            f"sizes must be a list of 1 to {MAX_SIZES} widths, heights or both, "
            f"up to {image_parameters.MAX_SIDE_PIXELS:,} pixels: "
            '["320x", "x240", "96x96"].'
        )
    return tuple(sizes)


def _rendition(size: str) -> image_parameters.Rendition:
    width, height = _sides(size)
    return image_parameters.Rendition(width, height, "contain", "", 0)


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width or 0), int(height or 0)


def _packed(size: str) -> bytes:
    return b"".join(side.to_bytes(2) for side in _sides(size))


def _unpacked(data: bytes) -> str:
    return f"{int.from_bytes(data[:2]) or ''}x{int.from_bytes(data[2:]) or ''}"
