"""Service tokens: a person who is signed in in a browser makes a token at `/-/token`, for curl and other programs.

A token is signed, and stored nowhere. After the prefix `spt_`, the token is the base64 of these bytes:

    end 4 bytes · actions 1 byte, a bit for each · length of the path 2 bytes · path · sign-in · signature 16 bytes
"""

from typing import Final

from chalicelib.core.web.problems.access import CredentialsInvalid
from chalicelib.core.web.times import Deadline

from .principals import SERVICE_TOKEN_PREFIX, Principal, Scope
from .rules import ACTIONS
from .sign_ins import SignIns
from .signing import MAC_BYTES, Signer, decode, encode

MAX_SECONDS_AFTER_SIGN_IN: Final = 12 * 3600
"""The end of a token is at most this long after the sign-in of its maker."""

_END_BYTES: Final = 4
_LENGTH_START: Final = _END_BYTES + 1
_PATH_START: Final = _LENGTH_START + 2


class ServiceTokens:
    """Makes and reads service tokens.

    Args:
        signer: a signer whose purpose is service tokens alone.
        sign_ins: judges the sign-in in a token, at each use.
    """

    def __init__(self, signer: Signer, sign_ins: SignIns) -> None:
        self._signer = signer
        self._sign_ins = sign_ins

    def make(self, sign_in: bytes, scope: Scope, deadline: Deadline) -> str:
        """Return a new token.

        Args:
            sign_in: of the session that makes the token, as `SignIns` wrote it.
            scope: the bounds of the token. The caller checks that the end is no more than `MAX_SECONDS_AFTER_SIGN_IN`
                after the sign-in, and that the rules allow the person each action at the path.
            deadline: of the request.
        """
        path = scope.path.encode()
        actions = sum(1 << ACTIONS.index(action) for action in scope.actions)
        head = scope.ends_at.to_bytes(_END_BYTES) + bytes([actions]) + len(path).to_bytes(2)
        content = head + path + sign_in
        return SERVICE_TOKEN_PREFIX + encode(content + self._signer.sign(deadline, content))

    def principal(self, text: str, now: float, deadline: Deadline) -> Principal:
        """Return the maker of a token, with the scope of the token. The settings of this moment judge the sign-in.

        Raises:
            CredentialsInvalid: the service did not make the token, or the token or the sign-in has ended.
            Unavailable: the signing secret cannot be fetched.
        """
        data = decode(text.removeprefix(SERVICE_TOKEN_PREFIX)) or b""
        content, signature = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not self._signer.verifies(deadline, signature, content):
            raise CredentialsInvalid("The service did not make this service token.")
        ends_at = int.from_bytes(content[:_END_BYTES])
        if now >= ends_at:
            raise CredentialsInvalid("The service token has expired.")
        path_end = _PATH_START + int.from_bytes(content[_LENGTH_START:_PATH_START])
        principal = self._sign_ins.read(content[path_end:]).principal
        if principal is None:
            raise CredentialsInvalid("The sign-in that made the service token has ended.")
        bits = content[_END_BYTES]
        actions = tuple(action for place, action in enumerate(ACTIONS) if bits >> place & 1)
        scope = Scope(content[_PATH_START:path_end].decode(), actions, ends_at)
        return principal._replace(scope=scope, ends_at=ends_at)
