"""Revocable links in memory, which keep the contract of `ports.RevocableLinks`."""

from collections import defaultdict
from collections.abc import Sequence

from chalicelib.core.access.link_tokens import MAX_REVOCABLE_LINKS, Link, ListedLink
from chalicelib.core.web.problems.access import LinkRevoked, TooManyLinks
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline


class MemoryRevocableLinks:
    """The lists of all makers, and the live links.

    Attributes:
        reachable: False for a table that does not answer.
    """

    def __init__(self) -> None:
        self.reachable = True
        self._lists: dict[str, dict[str, ListedLink]] = defaultdict(dict)
        self._makers: dict[str, str] = {}
        self._revoked: set[str] = set()

    def add(self, maker: str, link: Link, shown_name: str, *, now: float, deadline: Deadline) -> None:
        """See `ports.RevocableLinks.add`."""
        if len(self.links_of(maker, now=now, deadline=deadline)) >= MAX_REVOCABLE_LINKS:
            raise TooManyLinks(MAX_REVOCABLE_LINKS)
        self._lists[maker][link.id] = ListedLink(link.id, link.path, link.action, link.expires_at)
        self._makers[link.id] = shown_name

    def check(self, link: Link, deadline: Deadline) -> str:
        """See `ports.RevocableLinks.check`."""
        self._check_reachable()
        if link.id in self._revoked or link.id not in self._makers:
            raise LinkRevoked()
        return self._makers[link.id]

    def links_of(self, maker: str, *, now: float, deadline: Deadline) -> Sequence[ListedLink]:
        """See `ports.RevocableLinks.links_of`."""
        self._check_reachable()
        live = (link for link in self._lists[maker].values() if link.expires_at > now)
        return sorted(live, key=lambda link: (link.path, link.id))

    def revoke(self, maker: str, link_id: str, expires_at: int, deadline: Deadline) -> None:
        """See `ports.RevocableLinks.revoke`."""
        self._check_reachable()
        self._revoked.add(link_id)
        self._lists[maker].pop(link_id, None)

    def _check_reachable(self) -> None:
        if not self.reachable:
            raise Unavailable("The table does not answer.")
