"""Cursors, sealed by Fernet of `cryptography` with keys that are derived from the signing secrets."""

import base64
from typing import TYPE_CHECKING

from chalicelib.core.access.signing import Secrets
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class FernetCursors:
    """`ports.CursorCipher`. The newest secret seals, and every secret opens, so that a secret can be replaced.

    Args:
        secrets: the signing secrets.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def seal(self, text: bytes, deadline: Deadline) -> str:
        """Return a text sealed; the padding is left out, because `=` would be escaped in a URL."""
        return self._fernet(deadline).encrypt(text).decode().rstrip("=")

    def open(self, sealed: str, deadline: Deadline) -> bytes | None:
        """Return the text, None where the token is not valid."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet(deadline).decrypt(sealed.encode("utf-8", "replace") + b"=" * (-len(sealed) % 4))
        except InvalidToken:
            return None

    def _fernet(self, deadline: Deadline) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        def key(secret: bytes) -> bytes:
            derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"signpost cursor")  # RFC 5869
            return base64.urlsafe_b64encode(derivation.derive(secret))

        return MultiFernet([Fernet(key(secret)) for secret in reversed(self._secrets(deadline))])
