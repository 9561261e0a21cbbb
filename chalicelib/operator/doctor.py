"""`python -m chalicelib doctor`: all checks of a deployment, for the settings and the environment of a stage."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from chalicelib.backends.cdn_keys import key_source
from chalicelib.backends.issuer_snapshot import source_of
from chalicelib.backends.secrets import client_secret_source, secret_source
from chalicelib.core.s3.mounts import DERIVED, Mount
from chalicelib.core.web.times import Deadline
from chalicelib.environment import SECRET, Environment
from chalicelib.iam_policy import policy_of
from chalicelib.settings.load import InvalidSettings, Settings, inspect
from chalicelib.stages import STACK, function_name

from .aws import Aws
from .bucket import Bucket, examine_acceleration, examine_existence, examine_owner, examine_region, kms_key_of
from .bucket_access import examine_public_access_block
from .checks import Check, Fault, NotAsked
from .clock import examine_clock
from .cors import examine_cors, page_origins
from .encryption import examine_encryption, examine_key
from .issuers import examine_issuer
from .permissions import Permissions
from .probe import actions_below, examine_probe
from .role import examine_role
from .stored_secrets import examine_secret
from .table import examine_table, examine_ttl

_CALL_SECONDS: Final = 9.0


def checks_of_deployment(
    aws: Aws, environment: Environment, stage: str | None, function: str | None, clock: Callable[[], float]
) -> Iterator[Check]:
    """Yield all checks. Settings that cannot be used are a fault, and end no other check.

    Args:
        aws: asks.
        environment: of the functions.
        stage: the name of the stage; None where the environment of this process counts.
        function: the name of the function whose role is examined; None for the function of the stage.
        clock: returns the Unix time in seconds.
    """
    permissions = Permissions(stage)
    if stage not in (None, STACK):  # the names of functions of the stack are in its outputs
        function = function or function_name(stage)
    mistakes: tuple[str, ...] = ()
    settings: Settings | None = None
    try:
        settings, _ = inspect(environment.settings_file, environment.variables, environment.region)
    except InvalidSettings as error:
        mistakes = error.mistakes
    yield Check("settings", lambda: [Fault(mistake, permissions.check()) for mistake in mistakes])
    yield Check("environment", lambda: [Fault(mistake, _renew(mistake)) for mistake in environment.mistakes()])
    yield Check("clock", partial(examine_clock, aws, clock))
    yield Check(f"table {environment.table or ''}".strip(), partial(examine_table, aws, environment.table))
    yield Check(f"TTL of the table {environment.table or ''}".strip(), partial(examine_ttl, aws, environment.table))
    reference = environment.variables.get(SECRET)
    yield Check("signing secret", partial(examine_secret, reference, secret_source, _deadline()))
    if settings:
        yield from _of_settings(settings, environment, aws, permissions, function)


def _of_settings(
    settings: Settings, environment: Environment, aws: Aws, permissions: Permissions, function: str | None
) -> Iterator[Check]:
    """Yield the checks that need the settings."""
    for bucket, mounts in _buckets(aws, settings.mounts).items():
        yield from _of_bucket(bucket, mounts, settings, aws)
    for mount in settings.mounts:
        name = f"doctor{os.urandom(8).hex()}"
        give = partial(permissions.of_operator, mount, aws)
        examine = partial(examine_probe, aws, mount, actions_below(mount, settings.rules), name, give)
        yield Check(f"probe {mount.bucket}/{mount.prefix}{DERIVED}", examine)
    document = policy_of(settings, environment)
    role = f"role of {function or 'the function'}"
    yield Check(role, partial(examine_role, aws, function, document, permissions))
    yield Check("CDN secret", partial(examine_secret, settings.cdn_secret, secret_source, _deadline()))
    for name, reference in settings.client_secrets.items():
        yield Check(f"client secret of {name}", partial(examine_secret, reference, client_secret_source, _deadline()))
    directory = os.path.dirname(environment.settings_file)
    for cdn in {mount.cdn.domain: mount.cdn for mount in settings.mounts if mount.cdn}.values():
        source = partial(key_source, directory=directory)
        examine = partial(examine_secret, cdn.private_key, source, _deadline(), value="file://cdn.pem")
        yield Check(f"private key of {cdn.domain}", examine)
    for issuer in {(source_of(issuer), bool(issuer.client_id)): issuer for issuer in settings.issuers}.values():
        yield Check(f"issuer {issuer.name}", partial(examine_issuer, issuer, directory, _deadline()))


def _of_bucket(bucket: Bucket, mounts: Sequence[Mount], settings: Settings, aws: Aws) -> Iterator[Check]:
    """Yield the checks of a bucket; another store has no accounts, regions and keys of AWS."""
    name = bucket.name
    if mounts[0].is_access_point:
        yield Check(f"bucket of {name}", _not_asked)
        return
    yield Check(f"bucket {name}", partial(examine_existence, bucket))
    yield Check(f"CORS of {name}", partial(examine_cors, bucket, page_origins(settings, aws.region)))
    if bucket.endpoint:
        return
    yield Check(f"owner of {name}", partial(examine_owner, bucket, aws))
    yield Check(f"region of {name}", partial(examine_region, bucket))
    yield Check(f"public access block of {name}", partial(examine_public_access_block, bucket))
    if any(mount.variant.accelerate for mount in mounts):
        yield Check(f"acceleration of {name}", partial(examine_acceleration, bucket))
    kms_key = kms_key_of(mounts)
    yield Check(f"encryption of {name}", partial(examine_encryption, bucket, aws, kms_key))
    if kms_key:
        yield Check(f"KMS key of {name}", partial(examine_key, aws, kms_key))


def _not_asked() -> Iterable[Fault]:
    raise NotAsked("an access point tells little about its bucket: look at the CORS and the encryption of the bucket")


def _buckets(aws: Aws, mounts: Iterable[Mount]) -> dict[Bucket, list[Mount]]:
    """Return each bucket once, with its mounts."""
    buckets: dict[Bucket, list[Mount]] = {}
    for mount in mounts:
        bucket = Bucket(mount.bucket, mount.region, aws.s3(mount), mount.endpoint)
        buckets.setdefault(bucket, []).append(mount)
    return buckets


def _renew(mistake: str) -> str:
    """The command that repairs a mistake in a variable: a new signing secret, or a look at the credentials."""
    return "openssl rand -hex 32" if SECRET in mistake else "aws configure list"


def _deadline() -> Deadline:
    return Deadline(time.monotonic, _CALL_SECONDS)
