"""States: the signed texts that go to an issuer with a browser and come back (`state`, RFC 6749 §4.1.1).

A state belongs to the browser that began the sign-in: one cookie of the browser, which serves all tabs, is part of a
second signature. The nonce and the PKCE verifier of a sign-in are computed from the state and the cookie again, so the
service stores nothing (RFC 9700 §2.1: each sign-in has a nonce and a verifier of its own).

    time 4 bytes · 16 random bytes · automatic 1 byte · restarts 1 byte · issuer, NUL, path · 2 signatures
"""

from hashlib import sha256
from typing import Final, NamedTuple

from chalicelib.core.web.message import Request
from chalicelib.core.web.times import Deadline

from .link_tokens import Random
from .sessions import ATTRIBUTES, cookie_of
from .signing import MAC_BYTES, Signer, decode, encode

YOUNG_SECONDS: Final = 600  # a person may have to find a password and a second factor

_COOKIE_NAME: Final = "__Host-signpost-flow"
_COOKIE_BYTES: Final = 32
_HEAD_BYTES: Final = 4 + 16 + 2


class State(NamedTuple):
    """A sign-in that has begun.

    Attributes:
        text: the value of the parameter `state`.
        issuer: the name of the issuer.
        next_path: the path after the sign-in, percent-encoded, with its query.
        time: the time when the sign-in began, Unix time in whole seconds.
        automatic: the number of sign-ins in a row that no person asked for, with this sign-in.
        restarts: how often this sign-in began again, because it came back to another cookie.
    """

    text: str
    issuer: str
    next_path: str
    time: int
    automatic: int
    restarts: int

    def __repr__(self) -> str:
        """Show the issuer only, because the text is a secret of one browser."""
        return f"State({self.issuer!a})"

    def is_young(self, now: float) -> bool:
        """Whether the sign-in began in the last ten minutes."""
        return 0 <= now - self.time < YOUNG_SECONDS


class SignInStates:
    """Makes states and reads states.

    Args:
        signer: a signer whose purpose is these states alone.
        random: makes the random bytes of states and cookies.
    """

    def __init__(self, signer: Signer, random: Random) -> None:
        self._signer = signer
        self._random = random

    def new_cookie(self) -> str:
        """Return the value of a cookie for a browser that has none."""
        return encode(self._random(_COOKIE_BYTES))

    def make(
        self,
        issuer: str,
        next_path: str,
        cookie: str,
        now: float,
        deadline: Deadline,
        *,
        automatic: int = 0,
        restarts: int = 0,
    ) -> State:
        """Return the state of a sign-in that begins now; the arguments are as in State."""
        head = int(now).to_bytes(4) + self._random(16) + bytes([automatic, restarts])
        content = head + f"{issuer}\0{next_path}".encode()
        own = self._signer.sign(deadline, b"state", content)
        of_browser = self._signer.sign(deadline, b"browser", content, cookie.encode())
        return State(encode(content + own + of_browser), issuer, next_path, int(now), automatic, restarts)

    def read(self, text: str, deadline: Deadline) -> State | None:
        """Return the state of any browser, also an old state; None for a text that the service did not make."""
        content, own, _ = _parts(text)
        if not self._signer.verifies(deadline, own, b"state", content):
            return None
        issuer, _, next_path = content[_HEAD_BYTES:].decode().partition("\0")
        time, (automatic, restarts) = int.from_bytes(content[:4]), content[_HEAD_BYTES - 2 : _HEAD_BYTES]
        return State(text, issuer, next_path, time, automatic, restarts)

    def is_of_browser(self, state: State, cookie: str, deadline: Deadline) -> bool:
        """Whether the browser with this cookie began the sign-in."""
        content, _, of_browser = _parts(state.text)
        return self._signer.verifies(deadline, of_browser, b"browser", content, cookie.encode())

    def nonce(self, state: State, cookie: str, deadline: Deadline) -> str:
        """Return the nonce, which the ID token of the sign-in must have (OpenID Connect Core §3.1.2.1)."""
        return encode(self._signer.sign(deadline, b"nonce", state.text.encode(), cookie.encode()))

    def verifier(self, state: State, cookie: str, deadline: Deadline) -> str:
        """Return the code verifier: 43 characters (RFC 7636 §4.1)."""
        halves = (self._signer.sign(deadline, half, state.text.encode(), cookie.encode()) for half in (b"1", b"2"))
        return encode(b"".join(halves))


def challenge_of(verifier: str) -> str:
    """Return the code challenge of a verifier, by the method S256 (RFC 7636 §4.2)."""
    return encode(sha256(verifier.encode()).digest())


def browser_cookie(request: Request) -> str | None:
    """Return the cookie of the browser; None without a cookie that `new_cookie` could have made."""
    value = cookie_of(request, _COOKIE_NAME)
    return value if value and len(decode(value) or b"") == _COOKIE_BYTES else None


def set_browser_cookie(cookie: str) -> str:
    """Return the `Set-Cookie` of a cookie that `new_cookie` made."""
    return f"{_COOKIE_NAME}={cookie}; Max-Age={YOUNG_SECONDS}; {ATTRIBUTES}"


def _parts(text: str) -> tuple[bytes, bytes, bytes]:
    """Return the content of a state and its two signatures, which are wrong for a text that is no state."""
    data = decode(text) or b""
    return data[: -2 * MAC_BYTES], data[-2 * MAC_BYTES : -MAC_BYTES], data[-MAC_BYTES:]
