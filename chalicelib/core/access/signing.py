"""Signing of texts that clients send back: tokens, cookies, cursors. HMAC-SHA256, with a key for each purpose.

The last secret makes new signatures, and the signatures of all secrets are accepted. So a secret is replaced in two
steps: add the new secret at the end; remove the old secret when nobody uses its signatures any more.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NoReturn

from chalicelib.core.web.problems.base import NotOffered
from chalicelib.core.web.times import Deadline

Secrets = Callable[[Deadline], Sequence[bytes]]
"""Returns the signing secrets, at least one.

Raises NotOffered where no signing secret is set, and Unavailable where the secrets cannot be fetched."""


def no_secrets(deadline: Deadline) -> NoReturn:
    """Take the place of the signing secrets in a service without secrets: raise NotOffered."""
    raise NotOffered(
        "Nothing can be signed here, because this service has no signing secret. So there are no links and no long "
        "listings."
    )


MAC_BYTES: Final = 16  # RFC 2104 §5: half of the hash's own length, and no less than 80 bits


class Signer:
    """Signs for one purpose. A signature for another purpose does not verify.

    Each method takes the deadline of the request, because the secrets may have to be fetched first.

    Args:
        secrets: returns the secrets, and is called at every use.
        purpose: the name of one kind of text, such as `link` or `session`.
    """

    def __init__(self, secrets: Secrets, purpose: str) -> None:
        self._secrets = secrets
        self._salt = f"signpost {purpose}".encode()

    def sign(self, deadline: Deadline, *parts: bytes) -> bytes:
        """Return the signature of some texts in this order, which has `MAC_BYTES` bytes."""
        return self._mac(self._secrets(deadline)[-1], parts)

    def verifies(self, deadline: Deadline, signature: bytes, *parts: bytes) -> bool:
        """Whether one of the secrets made this signature; each secret is compared, so the time tells nothing."""
        matches = False
        for secret in self._secrets(deadline):
            matches |= hmac.compare_digest(self._mac(secret, parts), signature)
        return matches

    def _mac(self, secret: bytes, parts: Sequence[bytes]) -> bytes:
        key = purpose_key(secret, self._salt)
        lengths = ",".join(str(len(part)) for part in parts).encode()  # so no two lists of texts have one signature
        return hmac.digest(key, b"\0".join((lengths, *parts)), "sha256")[:MAC_BYTES]


@lru_cache(maxsize=32)
def purpose_key(secret: bytes, salt: bytes) -> bytes:
    """Return the key of one purpose, which `salt` names."""
    return hmac.digest(secret, salt, "sha256")


def encode(data: bytes) -> str:
    """Return URL-safe base64 without padding (RFC 4648 §5)."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes | None:
    """Return the bytes for which `encode` returns this text; None for a text that `encode` never returns."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if encode(data) == text else None


FINGERPRINT_BYTES: Final = 10


def fingerprint(name: str) -> bytes:
    """Return `FINGERPRINT_BYTES` bytes that stand for the name of a principal."""
    return hashlib.sha256(name.encode()).digest()[:FINGERPRINT_BYTES]
