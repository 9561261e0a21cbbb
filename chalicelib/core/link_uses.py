"""The uses of links: a request redeems a use, or checks that a use is left, or that a revocable link is live."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .access.client_address import ClientAddresses
from .access.link_tokens import Link, Random, Reading
from .access.rules import Grant
from .access.signing import Signer, encode
from .web.byte_ranges import byte_ranges
from .web.message import BLANKS, Request
from .web.problems.access import Prefetched
from .web.problems.base import Unavailable
from .web.times import Deadline

if TYPE_CHECKING:
    from .ports import LinkUseCounter, RevocableLinks

FREE_SECONDS: Final = 60  # after a GET took a use, other ranges of the same file are free for this time
MAX_FREE_RANGES: Final = 256  # of a file that are free after one use: the table keeps each range


class LinkUses:
    """Redeems uses of links.

    Args:
        counter: factory of the counter; the factory returns None where the service has no table.
        revocable_links: factory of the table of revocable links; the factory returns None without a table.
        client_addresses: names the address of a client.
        readings: signs the client and the bytes that it reads, so that the counter can compare them, and nobody can
            read them.
        random: makes the id of each attempt.
    """

    def __init__(
        self,
        *,
        counter: "Callable[[], LinkUseCounter | None]",
        revocable_links: "Callable[[], RevocableLinks | None]",
        client_addresses: ClientAddresses,
        readings: Signer,
        random: Random,
    ) -> None:
        self._counter = counter
        self._revocable_links = revocable_links
        self._client_addresses = client_addresses
        self._readings = readings
        self._random = random

    def redeem(self, request: Request, grant: Grant, link: Link, now: float) -> None:
        """Redeem a use for a GET or a PUT. For HEAD and OPTIONS, only check that a use is left.

        The upload page of a link is free, and each upload from the page redeems a use.

        Args:
            request: the request that the service has already answered.
            grant: the grant of the request.
            link: the link of the grant, which has a number of uses.
            now: Unix time in seconds.

        Raises:
            LinkUsedUp, LinkRevoked: no use is left.
            Prefetched: the browser fetches the link before the user opens the link.
            Unavailable: the table does not answer.
        """
        if request.method in ("HEAD", "OPTIONS") or (request.method == "GET" and link.action == "write"):
            self.check(link, request.deadline)
            return
        if _is_prefetch(request):
            raise Prefetched()
        reading = self._reading(request, grant, link) if (request.method, grant.action) == ("GET", "read") else None
        attempt = encode(self._random(9))
        self._required_counter().redeem(link, attempt=attempt, reading=reading, now=now, deadline=request.deadline)

    def check(self, link: Link, deadline: Deadline) -> int:
        """Return how many uses are left, and redeem none; raise the refusal of `redeem` for a new client."""
        return self._required_counter().check(link, deadline)

    def name_of_maker(self, link: Link, deadline: Deadline) -> str:
        """Return the name of the maker of a live revocable link, as pages show the name.

        Raises:
            LinkRevoked: the link is not live.
            Unavailable: the table does not answer.
        """
        revocable_links = self._revocable_links()
        if revocable_links is None:
            raise Unavailable("Nobody knows whether this link is revoked.")
        return revocable_links.check(link, deadline)

    def _reading(self, request: Request, grant: Grant, link: Link) -> Reading:
        """Return the file and the bytes that a GET reads. The query can name a version and a size, so it counts."""
        address, agent = self._client_addresses.address_of(request), request.headers.get("user-agent", "")
        query = (text for parameter in sorted(request.query.items()) for text in parameter)
        byte_range = byte_ranges(request.headers.get("range", ""))

        def sign(*texts: str) -> str:
            parts = (text.encode("utf-8", "surrogatepass") for text in texts)
            return encode(self._readings.sign(request.deadline, *parts))

        return Reading(sign(link.id, address, agent, grant.path, *query), sign(byte_range or ""), bool(byte_range))

    def _required_counter(self) -> "LinkUseCounter":
        counter = self._counter()
        if counter is None:
            raise Unavailable("The uses of links cannot be counted.")
        return counter


def _is_prefetch(request: Request) -> bool:
    """Whether a browser fetches before its user opens the URL (Fetch Standard, `Sec-Purpose`, and its older names)."""
    purposes = ",".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    tokens = purposes.lower().replace(";", ",").split(",")
    return not {"prefetch", "prerender", "preview"}.isdisjoint(token.strip(BLANKS) for token in tokens)
