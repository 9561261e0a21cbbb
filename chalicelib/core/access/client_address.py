"""The IP address of a client: the address that connected, or behind a CDN the address that the CDN saw."""

import hmac
from collections.abc import Sequence
from typing import Final

from chalicelib.core.web.message import BLANKS, Request
from chalicelib.core.web.problems.base import Unavailable

from .signing import Secrets

CDN_HEADER: Final = "x-signpost-cdn-secret"
"""The header in which the CDN proves that a request came through the CDN. It is never logged, signed or passed on."""


class ClientAddresses:
    """Finds the IP address of a client.

    Anyone who knows the service's own host can write `X-Forwarded-For`. So this header counts only together with the
    secret of the CDN.

    Args:
        secrets: the secrets of the CDN, each of which is accepted; None without a CDN.
    """

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets

    def address_of(self, request: Request) -> str:
        """Return the address of the client of a request.

        The CDN appends the address that it saw to `X-Forwarded-For`. API Gateway then appends the address of the CDN,
        which is the address that connected (FACTS 1.14).

        Raises:
            Unavailable: the CDN's secret cannot be fetched.
        """
        secret = request.headers.get(CDN_HEADER)
        if self._secrets is None or secret is None or not _is_one_of(secret, self._secrets(request.deadline)):
            return request.client_address
        addresses = [part.strip(BLANKS) for part in request.headers.get("x-forwarded-for", "").split(",")]
        *_, before, last = ("", *addresses)
        seen_by_cdn = before if last == request.client_address else last
        return seen_by_cdn or request.client_address

    def address_for_log(self, request: Request) -> str | None:
        """Return the address of the client; None where nobody can tell it, because the CDN's secret is out of reach."""
        try:
            return self.address_of(request)
        except Unavailable:
            return None


def _is_one_of(text: str, secrets: Sequence[bytes]) -> bool:
    """Whether a text is one of the secrets; each secret is compared, so the time tells nothing."""
    matches = False
    for secret in secrets:
        matches |= hmac.compare_digest(text.encode("utf-8", "surrogatepass"), secret)
    return matches
