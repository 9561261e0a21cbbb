"""Sessions: a cookie that keeps a browser signed in with an API key for twelve hours, without holding the key."""

from typing import Final

from chalicelib.core.web.message import BLANKS, Request, origin_of
from chalicelib.core.web.problems import CookieInvalid, CrossSite
from chalicelib.core.web.times import Deadline

from .principals import ApiKey, ApiKeys, Principal
from .signing import MAC_BYTES, Signer, decode, encode

SESSION_SECONDS: Final = 12 * 3600

# RFC 6265bis §4.1.3.2: a name that browsers take from this host alone, over HTTPS and for the whole of it.
COOKIE_NAME: Final = "__Host-signpost"
_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"
CLOSING_COOKIE: Final = f"{COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES}"
"""The `Set-Cookie` that ends a session."""

_READS: Final = ("GET", "HEAD", "OPTIONS")
_FINGERPRINT: Final = 8  # bytes of a key's SHA-256: a key that was replaced signs its sessions out


class Sessions:
    """Authenticates the cookie, and makes it.

    Args:
        keys: a session ends with the key that it was opened with.
        signer: whose purpose is sessions alone.
    """

    def __init__(self, keys: ApiKeys, signer: Signer) -> None:
        self._keys = keys
        self._signer = signer

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return whose session it is, None without one, or with one that has ended.

        Raises:
            CookieInvalid: it was not made here.
            CrossSite: it comes with a write that is not from a page of our own.
        """
        value = _cookie(request)
        if value is None:
            return None
        data = decode(value) or b""
        promised, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not self._signer.verifies(request.deadline, signature, promised):
            raise CookieInvalid(CLOSING_COOKIE)
        key = self._keys.with_id(promised[4 + _FINGERPRINT :].decode())
        if now >= int.from_bytes(promised[:4]) or key is None or _fingerprint(key) != promised[4 : 4 + _FINGERPRINT]:
            return None
        if request.method not in _READS:
            check_same_origin(request)
        return self._keys.principal(key)

    def cookie(self, key: ApiKey, now: float, deadline: Deadline) -> str:
        """Return the `Set-Cookie` that opens a session."""
        promised = (int(now) + SESSION_SECONDS).to_bytes(4) + _fingerprint(key) + key.id.encode()
        value = encode(promised + self._signer.sign(deadline, promised))
        return f"{COOKIE_NAME}={value}; Max-Age={SESSION_SECONDS}; {_ATTRIBUTES}"


def check_same_origin(request: Request) -> None:
    """Raise CrossSite for a write that does not come from a page of our own.

    Browsers say where a write comes from (Fetch Standard, "append a request `Origin` header"), and no page can make
    them say something else.
    """
    if request.headers.get("origin") != origin_of(request.base_url):
        raise CrossSite()


def _cookie(request: Request) -> str | None:
    """Return the value of the session's cookie; None without one, and where two differ.

    The grammar is the browser's (RFC 6265 §5.4 makes the field, §5.2 reads its parts). Two cookies of this name differ
    where another site set one of them, so neither is trusted.
    """
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    found = {value.strip(BLANKS) for name, _, value in pairs if name.strip(BLANKS) == COOKIE_NAME}
    return found.pop() if len(found) == 1 else None


def _fingerprint(key: ApiKey) -> bytes:
    return bytes.fromhex(key.sha256)[:_FINGERPRINT]
