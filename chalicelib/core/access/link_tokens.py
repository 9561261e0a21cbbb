"""Links: tokens that open one path to a client without credentials.

A token is the base64 of these bytes, and has 64 characters, or more where the maker is a person (see `makers`):

    head 2 bytes · end 4 bytes · id 12 bytes · maker · signature 16 bytes

The bits of the head, from the lowest: uses 10 bits · action 1 bit · revocable 1 bit.

The signature also covers the path, which the token does not hold, because the URL of the link has the path already.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from chalicelib.core.web.paths import SERVICE_PATHS, Path, directories_above
from chalicelib.core.web.problems.access import LinkInvalid
from chalicelib.core.web.times import Deadline

from .makers import MIN_MAKER_BYTES
from .sign_ins import check_fits
from .signing import MAC_BYTES, Signer, decode, encode

Random = Callable[[int], bytes]
"""Returns a given number of random bytes, which nobody can guess."""

LINK_ACTIONS: Final = ("read", "write")
MAX_USES: Final = 1_000  # of one link: its item in the table keeps each use until the link ends
MAX_LINK_SECONDS: Final = 366 * 86_400
MAX_REVOCABLE_LINKS: Final = 300  # of one maker: each takes up to 1,130 of the 409,600 bytes of an item
MAX_TOKEN_CHARACTERS: Final = 512  # so that mail, chat and access logs take the whole URL

_ID_BYTES: Final = 12
_USES_BITS: Final = 10  # of the head
_REVOCABLE: Final = 1 << 11  # of the head
_ID_START: Final = 2 + 4
_MAKER_START: Final = _ID_START + _ID_BYTES


class Link(NamedTuple):
    """The content of a token.

    Attributes:
        id: sixteen characters that name the link in the table and in the log.
        path: the path that the link opens; a path that ends in a slash also opens everything below.
        action: `read`, which for a directory includes `list`, or `write`.
        uses: how many times the link may be used; 0 for no limit.
        expires_at: when the link ends, a Unix time in whole seconds.
        maker: who made the link, as `Makers` writes it. The maker can revoke the link, and the link never allows more
            than the rights of the maker.
        revocable: whether the table must know the link at each use. A link with a number of uses is not `revocable`:
            its maker can revoke it anyway.
    """

    id: str
    path: Path
    action: str
    uses: int
    expires_at: int
    maker: bytes
    revocable: bool = False

    def opens(self, action: str, path: Path) -> bool:
        """Whether the link is for this action at this path. No link opens a path of the service itself."""
        below = self.path.endswith("/") and path.startswith(self.path) and not path.startswith(SERVICE_PATHS)
        return (path == self.path or below) and (action == self.action or (action, self.action) == ("list", "read"))


class Reading(NamedTuple):
    """A GET of a file by a counted link, as the table knows the GET. Nobody can read the two texts.

    Attributes:
        file: stands for the client, the link and the exact request without its `Range`.
        part: stands for the bytes of the file that the request asks for; the whole file is a part, too.
        resumes: whether the request asks for a range, so that the GET may continue another GET of the same file.
    """

    file: str
    part: str
    resumes: bool


class ListedLink(NamedTuple):
    """A revocable link in the list of its maker: the id, path, action and end of `Link`."""

    id: str
    path: str
    action: str
    expires_at: int


class LinkTokens:
    """Makes tokens and reads tokens. Nothing is stored for a token.

    Args:
        signer: a signer whose purpose is links alone.
        random: makes the ids of links.
    """

    def __init__(self, signer: Signer, random: Random) -> None:
        self._signer = signer
        self._random = random

    def make(
        self,
        path: Path,
        action: str,
        uses: int,
        expires_at: int,
        maker: bytes,
        deadline: Deadline,
        *,
        revocable: bool = False,
    ) -> tuple[Link, str]:
        """Return a new link and its token.

        Args:
            path: the path that the link opens.
            action: one of `LINK_ACTIONS`.
            uses: 0 to `MAX_USES`.
            expires_at: Unix time in seconds, until 2106.
            maker: who makes the link, from `Makers.of`.
            deadline: the deadline of the request.
            revocable: true only for a link without a number of uses. The caller must add the link to the table.

        Raises:
            TooManyGroups: the maker is a person whose groups do not fit into the token.
        """
        link_id = self._random(_ID_BYTES)
        head = LINK_ACTIONS.index(action) << _USES_BITS | uses | (_REVOCABLE if revocable else 0)
        content = head.to_bytes(2) + expires_at.to_bytes(4) + link_id + maker
        token = encode(content + self._signer.sign(deadline, content, path.encode()))
        check_fits("a link", token, MAX_TOKEN_CHARACTERS)
        return Link(encode(link_id), path, action, uses, expires_at, maker, revocable), token

    def read(self, token: str, path: Path, deadline: Deadline) -> Link:
        """Return the link of a token that was made for this path, or for a directory above the path.

        The link may have ended: see `authorization.check_not_expired`.

        Raises:
            LinkInvalid: the token was not made here, or was made for another path.
        """
        data = decode(token) if len(token) <= MAX_TOKEN_CHARACTERS else None
        if data is None or len(data) < _MAKER_START + MIN_MAKER_BYTES + MAC_BYTES:
            raise LinkInvalid()
        content, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        for opened in (path, *directories_above(path)):
            if self._signer.verifies(deadline, signature, content, opened.encode()):
                head, expires_at = int.from_bytes(content[:2]), int.from_bytes(content[2:_ID_START])
                action, uses = LINK_ACTIONS[head >> _USES_BITS & 1], head % (1 << _USES_BITS)
                link_id, maker = encode(content[_ID_START:_MAKER_START]), content[_MAKER_START:]
                return Link(link_id, opened, action, uses, expires_at, maker, bool(head & _REVOCABLE))
        raise LinkInvalid()
