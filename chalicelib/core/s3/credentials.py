"""AWS credentials: what URLs are signed with."""

from typing import NamedTuple


class Credentials(NamedTuple):
    """AWS credentials. `expires_at` is a Unix time in seconds, None where they do not end or do not say."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        """Nothing of what they are."""
        return "Credentials(…)"
