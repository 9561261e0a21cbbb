"""AWS credentials: those of the environment, else boto3's usual chain."""

from typing import Any

from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems import Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call


class FixedCredentials:
    """Credentials that were read once: on Lambda they are the role's, for the life of the container."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def current(self, deadline: Deadline) -> Credentials:
        """Return them; signing refuses where they have ended."""
        return self._credentials


class ChainCredentials:
    """boto3's chain: profiles, SSO, containers, instances. It refreshes what ends, minutes before it does."""

    def __init__(self) -> None:
        self._chain: Any = None

    def current(self, deadline: Deadline) -> Credentials:
        """Return credentials that are valid now.

        Raises:
            Unavailable: the chain has none, or cannot refresh them.
        """
        return call(deadline, self._current, otherwise="The service cannot get its own credentials for S3.")

    def _current(self) -> Credentials:
        if self._chain is None:
            self._chain = self._find()
        frozen = self._chain.get_frozen_credentials()
        # botocore keeps the end of a refreshable set to itself; without one a set does not end.
        expiry = getattr(self._chain, "_expiry_time", None)
        return Credentials(
            frozen.access_key, frozen.secret_key, frozen.token or None, expiry.timestamp() if expiry else None
        )

    def _find(self) -> Any:
        import boto3

        chain = boto3.Session().get_credentials()
        if chain is None:
            raise Unavailable("The service has no credentials for S3.")
        return chain
