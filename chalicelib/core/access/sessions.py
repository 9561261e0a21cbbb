"""Sessions: a cookie that keeps a browser signed in, with an API key or as a person, and does not hold the key."""

from typing import Final, NamedTuple

from chalicelib.core.web.message import BLANKS, Request, origin_of
from chalicelib.core.web.problems.access import CookieInvalid, CrossSite
from chalicelib.core.web.times import Deadline

from .principals import Principal
from .sign_ins import SignIns, check_fits
from .signing import MAC_BYTES, Signer, decode, encode

KEY_SESSION_SECONDS: Final = 12 * 3600  # nothing renews the session of an API key
PERSON_SESSION_SECONDS: Final = 3600
_REMEMBERED_SECONDS: Final = 7 * 86_400  # the time in which a person who was signed in is signed in again by itself

MAX_COOKIE_CHARACTERS: Final = (
    3_500  # browsers keep cookies of 4,096 bytes, name and attributes included (RFC 6265 §6.1)
)

# RFC 6265bis §4.1.3.2: browsers accept this name from this host alone, over HTTPS, and for the whole host.
COOKIE_NAME: Final = "__Host-signpost"
ATTRIBUTES: Final = "Path=/; Secure; HttpOnly; SameSite=Lax"
CLOSING_COOKIE: Final = f"{COOKIE_NAME}=; Max-Age=0; {ATTRIBUTES}"
"""The `Set-Cookie` that ends a session."""

_NAME_START: Final = 2
_READ_METHODS: Final = ("GET", "HEAD", "OPTIONS")


class Session(NamedTuple):
    """The session in a cookie that the service made.

    Attributes:
        sign_in: the sign-in of the session, as `SignIns` wrote it.
        time: the time of the sign-in, Unix time in whole seconds.
        issuer: the name of the issuer with which the person signed in; empty for an API key.
        automatic: the number of sign-ins in a row that no person asked for, with the last of which the session began.
        principal: the principal of the session; None where the session has ended.
    """

    sign_in: bytes
    time: int
    issuer: str
    automatic: int
    principal: Principal | None


class Sessions:
    """Authenticates the session cookie, and makes the cookie.

    The cookie is the base64 of these bytes:

        automatic sign-ins 1 byte · length of the display name 1 byte · display name · sign-in · signature 16 bytes

    Args:
        sign_ins: reads the sign-ins in cookies; a session ends with its sign-in.
        signer: a signer whose purpose is sessions alone.
    """

    def __init__(self, sign_ins: SignIns, signer: Signer) -> None:
        self._sign_ins = sign_ins
        self._signer = signer

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the principal of the session, None without a session, or with a session that has ended.

        Raises:
            CookieInvalid: the service did not make the cookie.
            CrossSite: the cookie comes with a write that is not from a page of this service.
        """
        session = self.read(request, now)
        if session is None or session.principal is None:
            return None
        if request.method not in _READ_METHODS:
            check_same_origin(request)
        return session.principal

    def read(self, request: Request, now: float) -> Session | None:
        """Return the session of a request, also a session that has ended; None without a session.

        Raises:
            CookieInvalid: the service did not make the cookie.
        """
        value = cookie_of(request, COOKIE_NAME)
        if value is None:
            return None
        data = decode(value) or b""
        content, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not self._signer.verifies(request.deadline, signature, content):
            raise CookieInvalid(CLOSING_COOKIE)
        automatic, name_end = content[0], _NAME_START + content[1]
        time, issuer, principal = self._sign_ins.read(content[name_end:])
        ends_at = time + (PERSON_SESSION_SECONDS if issuer else KEY_SESSION_SECONDS)
        if principal is None or now >= ends_at:
            return Session(content[name_end:], time, issuer, automatic, None)
        principal = principal._replace(display_name=content[_NAME_START:name_end].decode(), ends_at=ends_at)
        return Session(content[name_end:], time, issuer, automatic, principal)

    def cookie_of_key(self, sign_in: bytes, deadline: Deadline) -> str:
        """Return the `Set-Cookie` that opens a session with the sign-in of an API key."""
        return f"{COOKIE_NAME}={self._value(sign_in, '', 0, deadline)}; Max-Age={KEY_SESSION_SECONDS}; {ATTRIBUTES}"

    def cookie_of_person(self, sign_in: bytes, display_name: str, automatic: int, deadline: Deadline) -> str:
        """Return the `Set-Cookie` that opens a session with the sign-in of a person.

        The browser keeps the cookie longer than the session lasts: the cookie then names the issuer with which the
        person signs in again.

        Args:
            sign_in: as `SignIns.of_person` wrote it.
            display_name: as in Principal, at most 255 bytes.
            automatic: as in Session.
            deadline: of the request.

        Raises:
            TooManyGroups: the groups of the person do not fit into a cookie.
        """
        value = self._value(sign_in, display_name, automatic, deadline)
        check_fits("a session", value, MAX_COOKIE_CHARACTERS)
        return f"{COOKIE_NAME}={value}; Max-Age={_REMEMBERED_SECONDS}; {ATTRIBUTES}"

    def _value(self, sign_in: bytes, display_name: str, automatic: int, deadline: Deadline) -> str:
        name = display_name.encode()
        content = bytes([automatic, len(name)]) + name + sign_in
        return encode(content + self._signer.sign(deadline, content))


def check_same_origin(request: Request) -> None:
    """Raise CrossSite for a write that does not come from a page of this service.

    A browser sends the origin of the page with every write (Fetch Standard, "append a request `Origin` header"), and
    no page can change the header.
    """
    if request.headers.get("origin") != origin_of(request.base_url):
        raise CrossSite()


def cookie_of(request: Request, name: str) -> str | None:
    """Return the value of a cookie; None without the cookie, and for two cookies with different values.

    The field is split as browsers write the field (RFC 6265 §5.4 and §5.2). Where two cookies of this name differ,
    another site set one of the two cookies, so the service trusts no cookie.
    """
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    values = {value.strip(BLANKS) for key, _, value in pairs if key.strip(BLANKS) == name}
    return values.pop() if len(values) == 1 else None
