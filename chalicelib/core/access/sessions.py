"""Sessions: a cookie that keeps a browser signed in for twelve hours with an API key, and does not hold the key."""

from typing import Final

from chalicelib.core.web.message import BLANKS, Request, origin_of
from chalicelib.core.web.problems.access import CookieInvalid, CrossSite
from chalicelib.core.web.times import Deadline

from .principals import ApiKey, ApiKeys, Principal, sha256_of
from .signing import MAC_BYTES, Signer, decode, encode

SESSION_SECONDS: Final = 12 * 3600

# RFC 6265bis §4.1.3.2: browsers accept this name from this host alone, over HTTPS, and for the whole host.
COOKIE_NAME: Final = "__Host-signpost"
_ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"
CLOSING_COOKIE: Final = f"{COOKIE_NAME}=; Max-Age=0; {_ATTRIBUTES}"
"""The `Set-Cookie` that ends a session."""

_READ_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_END_BYTES: Final = 4
_FINGERPRINT_BYTES: Final = 8  # of a secret's SHA-256: a session ends when the key loses the secret that signed in


class Sessions:
    """Authenticates the session cookie, and makes the cookie.

    The cookie holds the end of the session, the fingerprint of the secret that signed in, the id of the key, and a
    signature.

    Args:
        keys: the API keys; a session ends when its key is removed, or its key loses the secret that signed in.
        signer: a signer whose purpose is sessions alone.
    """

    def __init__(self, keys: ApiKeys, signer: Signer) -> None:
        self._keys = keys
        self._signer = signer

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the principal of the session, None without a session, or with a session that has ended.

        Raises:
            CookieInvalid: the service did not make the cookie.
            CrossSite: the cookie comes with a write that is not from a page of this service.
        """
        value = _cookie(request)
        if value is None:
            return None
        data = decode(value) or b""
        content, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not self._signer.verifies(request.deadline, signature, content):
            raise CookieInvalid(CLOSING_COOKIE)
        end, rest = content[:_END_BYTES], content[_END_BYTES:]
        fingerprint, key_id = rest[:_FINGERPRINT_BYTES], rest[_FINGERPRINT_BYTES:].decode()
        key = self._keys.with_id(key_id)
        if now >= int.from_bytes(end) or key is None or fingerprint not in map(_fingerprint, key.sha256):
            return None
        if request.method not in _READ_METHODS:
            check_same_origin(request)
        return self._keys.principal(key)

    def cookie(self, key: ApiKey, secret: str, now: float, deadline: Deadline) -> str:
        """Return the `Set-Cookie` that opens a session of a key with one of the key's secrets."""
        content = (int(now) + SESSION_SECONDS).to_bytes(_END_BYTES) + _fingerprint(sha256_of(secret)) + key.id.encode()
        value = encode(content + self._signer.sign(deadline, content))
        return f"{COOKIE_NAME}={value}; Max-Age={SESSION_SECONDS}; {_ATTRIBUTES}"


def check_same_origin(request: Request) -> None:
    """Raise CrossSite for a write that does not come from a page of this service.

    A browser sends the origin of the page with every write (Fetch Standard, "append a request `Origin` header"), and
    no page can change the header.
    """
    if request.headers.get("origin") != origin_of(request.base_url):
        raise CrossSite()


def _cookie(request: Request) -> str | None:
    """Return the value of the session cookie; None without a cookie, and for two cookies with different values.

    The field is split as browsers write the field (RFC 6265 §5.4 and §5.2). Where two cookies of this name differ,
    another site set one of the two cookies, so the service trusts no cookie.
    """
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    values = {value.strip(BLANKS) for name, _, value in pairs if name.strip(BLANKS) == COOKIE_NAME}
    return values.pop() if len(values) == 1 else None


def _fingerprint(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:_FINGERPRINT_BYTES]
