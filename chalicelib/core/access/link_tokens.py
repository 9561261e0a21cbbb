"""Links: tokens that open one path to someone without credentials.

A token is 60 characters, the base64 of 45 bytes: action, uses, end, id, issuer and a signature. The path is not in it
but under the signature, since it stands in the URL already; so are the other things that the token promises.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from chalicelib.core.web.paths import SERVICE_PATHS, Path, directories_above
from chalicelib.core.web.problems import LinkExpired, LinkInvalid
from chalicelib.core.web.times import Deadline

from .signing import MAC_BYTES, Signer, decode, encode, fingerprint

Random = Callable[[int], bytes]
"""Returns so many random bytes that nobody can guess."""

LINK_ACTIONS: Final = ("read", "write")
MAX_USES: Final = 1_000  # each is kept in the link's one item until the link ends, and is written with it at every use
MAX_FREE_RANGES: Final = 256  # of a file that are free for one use; each is kept in the link's item, too
MAX_LINK_SECONDS: Final = 366 * 86_400  # seconds

_TOKEN_BYTES: Final = 29 + MAC_BYTES


class Link(NamedTuple):
    """What a token promises.

    Attributes:
        id: sixteen characters that name the link: to the table, and in the log.
        path: what it opens; with a slash at its end everything below, too.
        action: `read`, which with a directory is `list` as well, or `write`.
        uses: how often it may be used; 0 for as often as one likes.
        expires_at: when it ends, a Unix time in whole seconds.
        issuer: the fingerprint of whoever made it, who can revoke it, and whose own rights it never exceeds.
    """

    id: str
    path: Path
    action: str
    uses: int
    expires_at: int
    issuer: bytes

    def opens(self, action: str, path: Path) -> bool:
        """Whether this action at this path is what the link is for. What is the service's own no link opens."""
        below = self.path.endswith("/") and path.startswith(self.path) and not path.startswith(SERVICE_PATHS)
        return (path == self.path or below) and (action == self.action or (action, self.action) == ("list", "read"))


class Reading(NamedTuple):
    """A GET of a file by a counted link, as the table knows it: nothing can be read from the two texts.

    Attributes:
        file: stands for the client, the link and the exact request without its `Range`.
        part: stands for the bytes of the file that are asked for; the whole file is a part like any other.
        resumes: whether a range is asked for, so that the GET may continue another GET of the same file.
    """

    file: str
    part: str
    resumes: bool


class LinkTokens:
    """Makes tokens and reads them; nothing is stored for either.

    Args:
        signer: whose purpose is links alone.
        random: for ids.
    """

    def __init__(self, signer: Signer, random: Random) -> None:
        self._signer = signer
        self._random = random

    def make(
        self, path: Path, action: str, uses: int, expires_at: int, issuer: str, deadline: Deadline
    ) -> tuple[Link, str]:
        """Return a new link and its token.

        Args:
            path: what it opens.
            action: one of `LINK_ACTIONS`.
            uses: 0 to `MAX_USES`.
            expires_at: Unix time in seconds, until 2106.
            issuer: the name of the principal who makes it.
            deadline: of the request.
        """
        found = (self._random(12), fingerprint(issuer))
        promised = b"".join((bytes([LINK_ACTIONS.index(action)]), uses.to_bytes(2), expires_at.to_bytes(4), *found))
        link = Link(encode(found[0]), path, action, uses, expires_at, found[1])
        return link, encode(promised + self._signer.sign(deadline, promised, path.encode()))

    def read(self, token: str, path: Path, deadline: Deadline) -> Link:
        """Return the link of a token that was made for this path, or for a directory above it.

        Whether it has ended is not asked: see `check_not_expired`.

        Raises:
            LinkInvalid: it was not made here, or for another path.
        """
        data = decode(token)
        if data is None or len(data) != _TOKEN_BYTES:
            raise LinkInvalid()
        promised, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        for place in (path, *directories_above(path)):
            if self._signer.verifies(deadline, signature, promised, place.encode()):
                uses, expires_at = int.from_bytes(promised[1:3]), int.from_bytes(promised[3:7])
                return Link(encode(promised[7:19]), place, LINK_ACTIONS[promised[0]], uses, expires_at, promised[19:])
        raise LinkInvalid()


def check_not_expired(link: Link, now: float) -> None:
    """Raise LinkExpired for a link that has ended."""
    if now >= link.expires_at:
        raise LinkExpired()
