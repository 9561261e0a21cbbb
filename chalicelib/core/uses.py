"""Uses: what a request takes of a link that has a number of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .links import Link, Random
from .message import BLANKS, Request
from .problems import Prefetched, Unavailable
from .signatures import Signer, encode

if TYPE_CHECKING:
    from .ports import TokenStore


class Uses:
    """Takes uses of links.

    Args:
        tokens: returns what counts them, None where there is no table.
        clients: whose purpose is to tell the clients of a link apart.
        random: tells requests apart.
    """

    def __init__(self, *, tokens: "Callable[[], TokenStore | None]", clients: Signer, random: Random) -> None:
        self._tokens = tokens
        self._clients = clients
        self._random = random

    def take(self, request: Request, link: Link, now: float) -> None:
        """Take a use of a link for a GET or a PUT; only look whether there is one for what must not take it.

        To see the page that it uploads from takes none of a link to write: what is uploaded does.

        Raises:
            LinkUsedUp, LinkRevoked: no use is left.
            Prefetched: nobody has asked for this yet.
            Unavailable: the table does not answer.
        """
        if request.method in ("HEAD", "OPTIONS") or (request.method == "GET" and link.action == "write"):
            return self.check(link)
        if _is_prefetch(request):
            raise Prefetched()
        agent = request.headers.get("user-agent", "")
        client = self._clients.sign(link.id.encode(), request.address.encode(), agent.encode("utf-8", "surrogatepass"))
        return self._counted().redeem(
            link,
            client=encode(client),
            attempt=encode(self._random(9)),
            resumes="range" in request.headers,
            now=now,
        )

    def check(self, link: Link) -> None:
        """Raise what `take` would of a client that has taken none, and take nothing."""
        self._counted().check(link)

    def _counted(self) -> "TokenStore":
        tokens = self._tokens()
        if tokens is None:
            raise Unavailable("The uses of links cannot be counted.")
        return tokens


def _is_prefetch(request: Request) -> bool:
    """Whether a browser fetches ahead of its user (Fetch Standard, `Sec-Purpose`, and its older names)."""
    purposes = ",".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    tokens = purposes.lower().replace(";", ",").split(",")
    return not {"prefetch", "prerender", "preview"}.isdisjoint(token.strip(BLANKS) for token in tokens)
