"""Uses: what a request takes of a link that has a number of them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .access.client_address import ClientAddresses
from .access.link_tokens import Link, Random, Reading
from .access.rules import Grant
from .access.signing import Signer, encode
from .web.message import BLANKS, Request
from .web.problems import Prefetched, Unavailable
from .web.times import Deadline

if TYPE_CHECKING:
    from .ports import LinkUseCounter


class LinkUses:
    """Takes uses of links.

    Args:
        tokens: returns what counts them, None where there is no table.
        addresses: where the clients are.
        clients: whose purpose is to tell the readers of a link apart, and the parts that they read.
        random: tells requests apart.
    """

    def __init__(
        self,
        *,
        tokens: "Callable[[], LinkUseCounter | None]",
        addresses: ClientAddresses,
        clients: Signer,
        random: Random,
    ) -> None:
        self._tokens = tokens
        self._addresses = addresses
        self._clients = clients
        self._random = random

    def take(self, request: Request, grant: Grant, link: Link, now: float) -> None:
        """Take a use of a link for a GET or a PUT; only look whether a use is left for a request that takes none.

        To see the page that it uploads from takes none of a link to write: what is uploaded does.

        Raises:
            LinkUsedUp, LinkRevoked: no use is left.
            Prefetched: nobody has asked for this yet.
            Unavailable: the table does not answer.
        """
        if request.method in ("HEAD", "OPTIONS") or (request.method == "GET" and link.action == "write"):
            return self.check(link, request.deadline)
        if _is_prefetch(request):
            raise Prefetched()
        reading = self._reading(request, grant, link) if (request.method, grant.action) == ("GET", "read") else None
        attempt = encode(self._random(9))
        self._counted().redeem(link, attempt=attempt, reading=reading, now=now, deadline=request.deadline)

    def _reading(self, request: Request, grant: Grant, link: Link) -> Reading:
        """Say what a GET reads. Its query decides the version and the derivative, so the whole query counts."""
        address, agent = self._addresses.client(request), request.headers.get("user-agent", "")
        query = (text for parameter in sorted(request.query.items()) for text in parameter)
        part = _range(request.headers.get("range", ""))

        def sign(*texts: str) -> str:
            parts = (text.encode("utf-8", "surrogatepass") for text in texts)
            return encode(self._clients.sign(request.deadline, *parts))

        return Reading(sign(link.id, address, agent, grant.path, *query), sign(part or ""), bool(part))

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise what `take` would of a client that has taken none, and take nothing."""
        self._counted().check(link, deadline)

    def _counted(self) -> "LinkUseCounter":
        tokens = self._tokens()
        if tokens is None:
            raise Unavailable("The uses of links cannot be counted.")
        return tokens


def _range(field: str) -> str | None:
    """Return the ranges of bytes that a `Range` field asks for, in one spelling; None for what is not well-formed.

    Source: RFC 9110 §14.1.1 and §14.1.2, without the empty elements that §5.6.1.2 lets a list have, and without `-0`,
    which asks for no bytes.
    """
    unit, _, ranges = field.partition("=")
    found = []
    for text in re.split(r"[ \t]*,[ \t]*", ranges):
        match = re.fullmatch(r"([0-9]{0,19})-([0-9]{0,19})", text)
        first, last = match.groups() if match else ("", "")
        is_empty = int(first) > int(last) if first and last else not first and not int(last or 0)
        if unit.lower() != "bytes" or not match or is_empty:
            return None
        found.append(f"{first and int(first)}-{last and int(last)}")
    return ",".join(found)


def _is_prefetch(request: Request) -> bool:
    """Whether a browser fetches ahead of its user (Fetch Standard, `Sec-Purpose`, and its older names)."""
    purposes = ",".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    tokens = purposes.lower().replace(";", ",").split(",")
    return not {"prefetch", "prerender", "preview"}.isdisjoint(token.strip(BLANKS) for token in tokens)
