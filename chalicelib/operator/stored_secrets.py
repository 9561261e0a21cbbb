"""The secrets that AWS stores: whether they can be read, and whether they are long enough. No secret is ever shown."""

import shlex
from collections.abc import Callable, Iterator
from typing import Final

from chalicelib.backends.secrets import is_arn
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .aws import AwsCall, code_of
from .checks import Fault, NotAsked

_NEW: Final = '"$(openssl rand -hex 32)"'


def examine_secret(
    reference: str | None,
    source: Callable[[str], Callable[[Deadline], object]],
    deadline: Deadline,
    value: str = _NEW,
) -> Iterator[Fault]:
    """Yield a fault unless a secret can be read and used.

    Args:
        reference: the reference of a secret, for `backends.secrets`.
        source: `secret_source`, `client_secret_source`, or a function for another kind of secret.
        deadline: of the call that reads the secret.
        value: a new secret, as a shell writes the secret in a repair.

    Raises:
        NotAsked: there is no secret, or the secret is in clear, which the check of the environment reads.
    """
    reference = (reference or "").strip()
    if not is_arn(reference):
        raise NotAsked("the secret is not stored by AWS" if reference else "no secret is named")
    try:
        source(reference)(deadline)
    except ValueError as error:  # an ARN of something else
        yield Fault(str(error), f"aws secretsmanager create-secret --name signpost --secret-string {value} --query ARN")
    except Unavailable as problem:
        cause = problem.__cause__
        if isinstance(cause, ValueError):
            yield Fault(str(cause), _put(reference, value))
        elif code_of(cause) in ("ResourceNotFoundException", "ParameterNotFound"):
            yield Fault("does not exist; create it, and name the ARN that AWS prints:", _create(reference, value))
        elif code_of(cause) == "InvalidRequestException":  # Secrets Manager API Reference, GetSecretValue
            repair = AwsCall("secretsmanager", "restore_secret", {"SecretId": reference}, reference.split(":")[3])
            yield Fault("will be deleted, so it cannot be read", repair)
        else:
            raise


def _create(arn: str, value: str) -> str:
    """The command that stores a new secret. Secrets Manager adds six characters to the name of a secret."""
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "ssm":
        return _put(arn, value)
    name = shlex.quote(name.removeprefix("secret:")[:-7])
    return f"aws secretsmanager create-secret --name {name} --secret-string {value} --query ARN --region {region}"


def _put(arn: str, value: str) -> str:
    """The command that replaces the value of a secret."""
    _, _, service, region, _, name = arn.split(":", 5)
    if service == "ssm":
        path = shlex.quote(name.removeprefix("parameter"))
        return f"aws ssm put-parameter --name {path} --type SecureString --overwrite --value {value} --region {region}"
    return (
        f"aws secretsmanager put-secret-value --secret-id {shlex.quote(arn)} --secret-string {value} --region {region}"
    )
