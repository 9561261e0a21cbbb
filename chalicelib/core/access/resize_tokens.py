"""Resize tokens: they open `/-/resize` for the images of one URL or one host, in some sizes, without a key.

A token is the base64 of these bytes, with four bytes for each size:

    kind 1 byte · end 4 bytes · length of the maker 2 bytes · maker · sizes · signature 16 bytes

The signature also covers the URL or the host that the request names. The service stores nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from chalicelib.core.web import image_parameters
from chalicelib.core.web.message import Request
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems.access import LinkInvalid
from chalicelib.core.web.problems.images import SourceNotAllowed
from chalicelib.core.web.times import Deadline

from .link_tokens import MAX_TOKEN_CHARACTERS, Link
from .sign_ins import check_fits
from .signing import MAC_BYTES, Signer, decode, encode

OF_URL: Final = 0
OF_HOST: Final = 1
"""The kinds of tokens: for the images of one URL, and for the images of one host."""

_END_BYTES: Final = 5  # kind and end
_MAKER_START: Final = _END_BYTES + 2
_SIZE_BYTES: Final = 4  # two bytes for the width, two for the height; 0 for a side that is not given


class ResizeTokens:
    """Makes and reads resize tokens.

    Args:
        signer: signs these tokens and nothing else.
        host: returns the host of an image's URL; raises BadParameter or SourceNotAllowed.
    """

    def __init__(self, signer: Signer, host: Callable[[str], str]) -> None:
        self._signer = signer
        self._host = host

    def make(
        self, kind: int, source: str, sizes: Sequence[str], expires_at: int, maker: bytes, deadline: Deadline
    ) -> str:
        """Return a token.

        Args:
            kind: `OF_URL` or `OF_HOST`.
            source: the URL or the host.
            sizes: the sizes, each written as a rule lists it: `320x240`, `320x` or `x240`.
            expires_at: the end of the token, Unix time in seconds.
            maker: who makes the token, from `Makers.of`.
            deadline: of the request.

        Raises:
            TooManyGroups: the maker is a person whose groups do not fit into the token.
        """
        head = bytes([kind]) + expires_at.to_bytes(4) + len(maker).to_bytes(2)
        fields = b"".join((head, maker, *map(_packed, sizes)))
        token = encode(fields + self._signer.sign(deadline, fields, source.encode()))
        check_fits("a link", token, MAX_TOKEN_CHARACTERS)
        return token

    def read(self, request: Request, path: Path) -> Link:
        """Return the link of the token in a request. `authorization.check_not_expired` checks the end of the link.

        Raises:
            BadParameter: `u` or the size is missing or cannot be used.
            LinkInvalid: the service did not make the token, or made it for another URL or host.
            SizeNotAllowed: the token is for other sizes.
        """
        token = request.query["token"]
        data = decode(token) or b""
        fields, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not fields:
            raise LinkInvalid()
        if not self._signer.verifies(request.deadline, signature, fields, self._source(request, fields[0])):
            raise LinkInvalid()
        expires_at, maker_bytes = int.from_bytes(fields[1:_END_BYTES]), int.from_bytes(fields[_END_BYTES:_MAKER_START])
        maker_end = _MAKER_START + maker_bytes
        places = range(maker_end, len(fields), _SIZE_BYTES)
        sizes = tuple(_unpacked(fields[place : place + _SIZE_BYTES]) for place in places)
        image_parameters.check_size(image_parameters.rendition(request.query), sizes)
        link_id = encode(hashlib.sha256(token.encode()).digest()[:12])
        return Link(link_id, path, "read", 0, expires_at, fields[_MAKER_START:maker_end])

    def _source(self, request: Request, kind: int) -> bytes:
        url = image_parameters.source_url(request.query)
        try:
            return (url if kind == OF_URL else self._host(url)).encode("utf-8", "surrogatepass")
        except SourceNotAllowed:  # without a good token, nobody learns which hosts the settings list
            raise LinkInvalid() from None


def sides(size: str) -> tuple[int, int]:
    """Return the width and the height of a size in pixels; 0 for a side that is not given."""
    width, _, height = size.partition("x")
    return int(width or 0), int(height or 0)


def _packed(size: str) -> bytes:
    return b"".join(side.to_bytes(2) for side in sides(size))


def _unpacked(data: bytes) -> str:
    return f"{int.from_bytes(data[:2]) or ''}x{int.from_bytes(data[2:]) or ''}"
