"""The one call to STS by which AWS keys are made, signed by the signer of this service.

Source: STS API Reference, GetScopedCredentials and AssumeRole, version 2011-06-15.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from . import sigv4
from .mounts import Mount
from .stores import Credentials, partition

MIN_ROLE_SECONDS: Final = 900
"""The shortest life that AssumeRole gives."""

_MAX_SESSION_NAME_CHARACTERS: Final = 64


class StsCall(NamedTuple):
    """A signed call: a POST to the root of an origin.

    Attributes:
        operation: the name of the operation.
        origin: scheme, host and port of the STS.
        headers: header fields, with the signature.
        body: the form.
    """

    operation: str
    origin: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Hide the signature and the session token."""
        return f"StsCall({self.operation} …)"


def sts_call(mount: Mount, policy: str, *, credentials: Credentials, end: int, request_id: str, now: float) -> StsCall:
    """Return the call for AWS keys with a policy: AssumeRole where the mount has a role, else GetScopedCredentials.

    GetScopedCredentials narrows the session of the service itself, and never lasts longer than this session. Where the
    end of the session is not known, as on Lambda, the call names no life: STS refuses a life beyond that end.

    Args:
        mount: names the region, and the endpoint and the role if there are any.
        policy: the session policy, which also ends the keys.
        credentials: the credentials that sign; without a role, with a session token.
        end: the end of the keys, Unix time in whole seconds.
        request_id: the id of the request, by which the logs of AWS and the log of the service can be joined.
        now: Unix time in seconds.
    """
    seconds = end - int(now)
    if mount.role:
        operation = "AssumeRole"
        name = re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", request_id)[:_MAX_SESSION_NAME_CHARACTERS]
        life = str(max(seconds, MIN_ROLE_SECONDS))
        fields = {"RoleArn": mount.role, "RoleSessionName": name.ljust(2, "-"), "DurationSeconds": life}
    else:
        operation = "GetScopedCredentials"
        fields = {"ScopedSessionDescription": f"Signpost, request {request_id!a}"[:256]}
        if credentials.expires_at is not None:
            fields["DurationSeconds"] = str(max(1, min(seconds, int(credentials.expires_at - now))))
    form = {"Action": operation, "Version": "2011-06-15", **fields, "Policy": policy}
    body = urlencode(form, quote_via=quote, safe="").encode()  # Ceph reads no plus as a space
    origin = mount.endpoint or f"https://sts.{mount.region}.{partition(mount.region)[1]}"
    headers = sigv4.signed_headers(
        urlsplit(origin).netloc,
        {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        body,
        credentials=credentials,
        region=mount.region,
        service="sts",
        now=now,
    )
    return StsCall(operation, origin, headers, body)
