"""The AWS credentials that sign URLs: from the environment, or from boto3's chain of sources."""

from typing import Any

from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline


class FixedCredentials:
    """Credentials that never change: on Lambda, the role's credentials last as long as the container."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def current(self, deadline: Deadline) -> Credentials:
        """Return the credentials. If they have expired, the signer refuses to sign."""
        return self._credentials


class ChainCredentials:
    """The credentials of boto3's chain: profiles, SSO, containers, instances. boto3 renews them before they expire."""

    def __init__(self) -> None:
        self._chain: Any = None

    def current(self, deadline: Deadline) -> Credentials:
        """Return credentials that are valid now.

        Raises:
            Unavailable: the chain finds no credentials, or cannot renew them.
        """
        from .aws_calls import call

        return call(deadline, self._current, otherwise="The service cannot get its own credentials for S3.")

    def _current(self) -> Credentials:
        if self._chain is None:
            self._chain = _boto3_credentials()
        frozen = self._chain.get_frozen_credentials()
        # Only credentials that boto3 renews have an expiry, and botocore has no public name for the expiry.
        expiry = getattr(self._chain, "_expiry_time", None)
        return Credentials(
            frozen.access_key, frozen.secret_key, frozen.token or None, expiry.timestamp() if expiry else None
        )


def _boto3_credentials() -> Any:
    import boto3

    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise Unavailable("The service has no credentials for S3.")
    return credentials
