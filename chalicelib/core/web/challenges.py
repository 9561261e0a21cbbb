"""Challenges: the `WWW-Authenticate` of a 401, which tells a client how to send credentials (RFC 9110 §11.6.1)."""

from .message import Request


def challenge_for(request: Request, realm: str, *, sign_in: bool) -> str:
    """Return the challenge for the client of a request: without Basic for a browser that can sign in on a page.

    Every request of a browser has the header `Sec-Fetch-Mode` (Fetch Metadata Request Headers §2.2). Programs such as
    wget -r and lftp send `Accept: text/html` too, and send a password only where Basic is offered.

    Args:
        request: the request that is refused.
        realm: the name that browsers show when they ask for credentials (RFC 9110 §11.5).
        sign_in: whether people can sign in on a page.
    """
    return challenge(realm, basic=not (sign_in and "sec-fetch-mode" in request.headers))


def challenge(realm: str, *, basic: bool) -> str:
    """Return a challenge. With `Basic`, a browser asks for a password in its own dialog before a page is shown."""
    bearer = f'Bearer realm="{realm}"'
    return f'Basic realm="{realm}", charset="UTF-8", {bearer}' if basic else bearer
