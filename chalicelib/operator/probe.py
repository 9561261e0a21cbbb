"""The probe: an object below `-/derived/` that is written, read, listed and deleted, as the rules allow."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import DERIVED, Mount

from .aws import Aws, code_of
from .checks import Fault, NotAsked

_BODY: Final = b"A probe of `python -m chalicelib doctor`, which deletes the probe."


def actions_below(mount: Mount, rules: Iterable[Rule]) -> frozenset[str]:
    """Return the actions that rules allow at some path of a mount, as far as the literal beginnings of paths tell."""
    actions: set[str] = set()
    for rule in rules:
        beginning = rule.path.split("*")[0].split("{")[0]
        if rule.allows and (beginning.startswith(f"{mount.path}/") or f"{mount.path}/".startswith(beginning)):
            actions.update(rule.actions)
    return frozenset(actions)


def examine_probe(
    aws: Aws, mount: Mount, actions: frozenset[str], name: str, repair: Callable[[], str]
) -> Iterator[Fault]:
    """Yield a fault for each call to S3 that the rules need and S3 refuses. The probe is always deleted.

    No path leads to the probe, because the place belongs to the service.

    Args:
        aws: makes the client; the credentials are those of the mount, else those of the operator.
        mount: where the probe is written.
        actions: from `actions_below`. Without `write`, no probe is written, and a missing key is read.
        name: letters and digits that no other object has.
        repair: returns the command that permits the calls.
    """
    if not actions & {"read", "list", "write", "delete"}:
        raise NotAsked("no rule allows anything here")
    s3, place = aws.s3(mount), {"Bucket": mount.bucket, "Key": f"{mount.prefix}{DERIVED}{name}"}
    refused: list[str] = []

    def try_to(operation: str, **parameters: Any) -> bool:
        from botocore.exceptions import ClientError

        try:
            getattr(s3, operation)(**parameters)
        except ClientError as error:
            if code_of(error) == "NoSuchBucket":
                raise
            if code_of(error) == "NoSuchKey":  # S3 says this only to a caller who may read the key (FACTS 4.7)
                return True
            refused.append(f"{operation} was answered with {code_of(error)}")
            return False
        return True

    commands = []
    is_there = "write" in actions  # also after an upload whose answer was lost
    try:
        is_there = is_there and try_to("put_object", Body=_BODY, **place)
        if "read" in actions:
            try_to("get_object", **place)
        if "list" in actions:
            try_to("list_objects_v2", Bucket=mount.bucket, Prefix=mount.prefix, MaxKeys=1)
    finally:
        if (is_there or "delete" in actions) and not try_to("delete_object", **place) and is_there:
            commands.append(f"aws s3api delete-object --bucket {mount.bucket} --key {shlex.quote(place['Key'])}")
    if refused:
        yield Fault("; ".join(refused), "\n".join((repair(), *commands)))
