"""Whose address counts: the address that connected, or behind a CDN the address that the CDN saw."""

import hmac
from collections.abc import Sequence
from typing import Final

from chalicelib.core.web.message import BLANKS, Request

from .signing import Secrets

CDN_HEADER: Final = "x-signpost-cdn-secret"
"""The header in which the CDN proves that a request came through it. It is never logged, signed or passed on."""


class ClientAddresses:
    """Says where the client of a request is.

    Anyone who knows the service's own host can write `X-Forwarded-For`. So this header counts only beside the CDN's
    secret.

    Args:
        secrets: the CDN's, of which any is right; None where no CDN is set up.
    """

    def __init__(self, secrets: Secrets | None) -> None:
        self._secrets = secrets

    def client(self, request: Request) -> str:
        """Return the client's address; raise Unavailable where the CDN's secret is out of reach.

        The CDN appends the address that it saw to `X-Forwarded-For`. API Gateway appends the address of the CDN after
        it, which is the address that connected (FACTS 1.14).
        """
        shown = request.headers.get(CDN_HEADER)
        if self._secrets is None or shown is None or not _is_one_of(shown, self._secrets(request.deadline)):
            return request.client_address
        *_, before, last = ("", *(part.strip(BLANKS) for part in request.headers.get("x-forwarded-for", "").split(",")))
        seen = before if last == request.client_address else last
        return seen or request.client_address


def _is_one_of(shown: str, secrets: Sequence[bytes]) -> bool:
    """Whether a text is one of the secrets; the time taken does not tell how nearly."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), secret)
    return found
