"""AWS keys for SDKs: `/-/credentials` gives a caller temporary keys, with which SDKs reach S3 without this service.

The answer has the members of a container credentials endpoint, and of a `credential_process` (AWS SDKs and Tools
Reference Guide, "Container credential provider" and "Process credential provider").
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.principals import Authenticator
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.direct_access import DirectAccess
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.session_policy import session_policy
from chalicelib.core.s3.sts import sts_call
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems.access import CredentialsInvalid, CredentialsMissing, LinkInvalid
from chalicelib.core.web.problems.aws_credentials import NothingInS3
from chalicelib.core.web.problems.base import BadParameter, NotOffered
from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from chalicelib.core.ports import CredentialSource, Sts

MAX_SECONDS: Final = 3_600
"""The longest life of AWS keys."""


class AwsCredentials:
    """Answers at `/-/credentials`.

    Args:
        authenticate: reads the Authorization header, and nothing else.
        rules: all rules, in the order of the file.
        mounts: all mounts.
        narrow: whether access that IAM cannot express is left out, and not refused.
        credentials: of the service, which sign for mounts without credentials of their own.
        sts: makes the keys.
    """

    def __init__(
        self,
        *,
        authenticate: Authenticator,
        rules: Sequence[Rule],
        mounts: Sequence[Mount],
        narrow: bool,
        credentials: "CredentialSource",
        sts: "Sts",
    ) -> None:
        self._authenticate = authenticate
        self._rules = rules
        self._mounts = mounts
        self._narrow = narrow
        self._credentials = credentials
        self._sts = sts

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with AWS keys for all mounts in the store of `?mount=/PATH`; by default, of the first mount.

        The keys end with the credentials of the caller, after `MAX_SECONDS` at the latest.

        Raises:
            LinkInvalid: the request has the token of a link.
            Unauthorized: the header is missing or bad, or its token ends now.
            BadParameter: no mount has the path.
            NotOffered: the store of the mount gives no keys.
            RuleNotExpressible, PolicyTooLarge, NothingInS3: no policy holds the caller to the rules.
            Unavailable: STS does not answer, or refuses the service.
        """
        if "token" in request.query:
            raise LinkInvalid("A link gives no AWS keys. Leave out ?token, and send an Authorization header.")
        principal = self._authenticate(request, now)
        if principal is None:
            raise CredentialsMissing()
        log_entry.principal, log_entry.display_name = principal.name, principal.display_name
        end = int(now + MAX_SECONDS if principal.ends_at is None else min(now + MAX_SECONDS, principal.ends_at))
        if end <= now:
            raise CredentialsInvalid("The token ends now.")
        mount = self._mount(request)
        credentials = mount.credentials or self._credentials.current(request.deadline)
        if not (mount.role or credentials.session_token):
            raise NotOffered("The keys of this service are not temporary, so STS needs the setting role of the mount.")
        access = DirectAccess(rules=self._rules, mounts=self._mounts, principal=principal, narrow=self._narrow)
        policy = session_policy(access, [other for other in self._mounts if _same_keys(mount, other)], end)
        if policy is None:
            raise NothingInS3(mount.path or "/")
        signed = sts_call(mount, policy, credentials=credentials, end=end, request_id=request.request_id, now=now)
        keys = self._sts.send(signed, request.deadline)
        end = end if keys.expires_at is None else min(end, int(keys.expires_at))
        return replies.document(
            200,
            {
                "Version": 1,
                "AccessKeyId": keys.access_key,
                "SecretAccessKey": keys.secret_key,
                "Token": keys.session_token,
                "SessionToken": keys.session_token,
                "Expiration": rfc3339(end),
            },
        )

    def _mount(self, request: Request) -> Mount:
        """Return the mount of `?mount`, else the first mount; raise NotOffered where its store gives no keys."""
        path = request.query.get("mount")
        mounts = [mount for mount in self._mounts if path is None or mount.path == path.rstrip("/")]
        if not mounts:
            raise BadParameter("mount", "no mount has this path. Leave the parameter out, or correct it.")
        if not mounts[0].gives_aws_keys:
            raise NotOffered(
                "The store of this mount gives no AWS keys. Use the URLs of this service, or name another mount: "
                "?mount=/PATH."
            )
        return mounts[0]


def _same_keys(mount: Mount, other: Mount) -> bool:
    """Whether the keys for a mount also open another mount."""
    same = (mount.store, mount.credentials, mount.role) == (other.store, other.credentials, other.role)
    return same and other.gives_aws_keys
