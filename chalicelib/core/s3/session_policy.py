"""Session policies: the document of IAM that bounds AWS keys to what the rules give a caller.

Everything that the document does not list is refused. Source: IAM User Guide, "IAM JSON policy elements", and Service
Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from chalicelib.core.web.problems.aws_credentials import PolicyTooLarge
from chalicelib.core.web.times import rfc3339

from .direct_access import DirectAccess
from .key_patterns import MANY, overlap, text_of
from .mounts import Mount
from .opened_keys import Excluded, Opened, ancestors

MAX_CHARACTERS: Final = 2_048  # STS API Reference, GetScopedCredentials and AssumeRole, "Policy"

# The permissions of IAM for a key, and the actions that the rules must give for the key. `s3:GetObjectVersion` alone
# also reads the current version (FACTS 8.16), so it needs `read`.
_OBJECTS: Final = (
    (("read",), ("s3:GetObject",)),
    (("read", "versions"), ("s3:GetObjectVersion",)),
    (("write",), ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")),
    (("delete",), ("s3:DeleteObject",)),
    (("delete", "purge"), ("s3:DeleteObjectVersion",)),
)
_LISTINGS: Final = ((("list", "read"), "s3:ListBucket"), (("list", "read", "versions"), "s3:ListBucketVersions"))

# The headers of an upload that a redirect refuses. On AWS, tags, locks, ACLs and grants need further permissions, which
# no AWS key here has. Ceph asks for no such permission, and always has a value for the ACL: empty without the header.
_REFUSED_HEADERS: Final = (
    "copy-source",
    "server-side-encryption-aws-kms-key-id",
    "server-side-encryption-customer-algorithm",
    "storage-class",
    "website-redirect-location",
)
_REFUSED_GRANTS: Final = ("grant-full-control", "grant-read", "grant-read-acp", "grant-write-acp")

_Statement = dict[str, Any]


def session_policy(access: DirectAccess, mounts: Sequence[Mount], end: int) -> str | None:
    """Return the document for some mounts of one store; None where the rules give the caller nothing there.

    Args:
        access: the rules of the caller.
        mounts: the mounts.
        end: the time after which the document allows nothing, Unix time in whole seconds.

    Raises:
        RuleNotExpressible: IAM cannot express a rule, and the settings do not narrow the access.
        PolicyTooLarge: the document is too large for STS.
    """
    life = {"DateLessThan": {"aws:CurrentTime": rfc3339(end)}}
    statements = [*_objects(access, mounts, life), *_listings(access, mounts, life)]
    if not statements:
        return None
    statements += _kms_keys(statements, mounts, life)
    document = {"Version": "2012-10-17", "Statement": statements}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MAX_CHARACTERS:
        raise PolicyTooLarge()
    return text


def _objects(access: DirectAccess, mounts: Sequence[Mount], life: _Statement) -> Iterator[_Statement]:
    """Yield the statements about keys. Permissions with the same keys share a statement."""
    allowed: dict[tuple[str, ...], list[str]] = {}
    denied: dict[tuple[str, ...], list[str]] = {}
    for actions, permissions in _OBJECTS:
        opened_keys: list[str] = []
        denied_keys: list[str] = []
        for of_bucket in _buckets(mounts):
            opened, excluded = access.checked(one for mount in of_bucket for one in access.objects(mount, actions))
            opened_keys += (of_bucket[0].objects_arn + text_of(one.pattern) for one in opened)
            denied_keys += (of_bucket[0].objects_arn + text_of(each.pattern) for each in excluded)
        if opened_keys:
            allowed.setdefault((*opened_keys,), []).extend(permissions)
            denied.setdefault((*denied_keys,), []).extend(permissions)
    for keys, given in allowed.items():
        yield _statement("Allow", given, keys, life | _upload_conditions(given, mounts))
    for keys, taken in denied.items():
        if keys:
            yield _statement("Deny", taken if len(denied) > 1 else ["s3:*"], keys)


def _upload_conditions(permissions: Sequence[str], mounts: Sequence[Mount]) -> _Statement:
    """Return the conditions of a statement that allows uploads. Other requests have none of the headers."""
    if "s3:PutObject" not in permissions:
        return {}
    on_aws = mounts[0].on_aws
    names = _REFUSED_HEADERS if on_aws else (*_REFUSED_HEADERS, *_REFUSED_GRANTS)
    no_acl = {} if on_aws else {"StringEqualsIfExists": {"s3:x-amz-acl": ""}}
    return {"Null": {f"s3:x-amz-{name}": "true" for name in names}, **no_acl}


def _listings(access: DirectAccess, mounts: Sequence[Mount], life: _Statement) -> list[_Statement]:
    """Return the statements about listings, in which `s3:prefix` is a condition of a bucket."""
    statements: list[_Statement] = []
    for of_bucket in _buckets(mounts):
        arns = [of_bucket[0].arn]
        for actions, permission in _LISTINGS:
            opened, excluded = access.checked(one for mount in of_bucket for one in access.listings(mount, actions))
            if opened:
                allowed = _prefixes([one.pattern for one in opened]) | life
                made = [_statement("Allow", [permission], arns, allowed)]
                made += (_statement("Deny", [permission], arns, hidden) for hidden in _hidden(opened, excluded))
                for statement in made:
                    _add(statements, statement)
    return statements


def _add(statements: list[_Statement], statement: _Statement) -> None:
    """Add a statement, or its permissions to a statement that is the same otherwise."""
    for other in statements:
        if other | {"Action": statement["Action"]} == statement:
            other["Action"] += statement["Action"]
            return
    statements.append(statement)


def _hidden(opened: Sequence[Opened], excluded: Sequence[Excluded]) -> Iterator[_Statement]:
    """Yield the conditions of the listings to deny.

    A listing without the delimiter shows all keys below its prefix. With the delimiter, it shows the name of the next
    directory, which is no secret of a directory of the service or of a mount.
    """
    above = [
        (prefix, each.number)
        for each in excluded
        for one in opened
        if overlap(one.pattern, each.pattern)
        for prefix in ancestors(one, each)
    ]
    always = [*(each.pattern for each in excluded), *(prefix for prefix, number in above if number)]
    recursive = [prefix for prefix, number in above if not number and prefix not in always]
    if always:
        yield _prefixes(always)
    if recursive:
        yield _prefixes(recursive) | {"StringNotEqualsIfExists": {"s3:delimiter": "/"}}


def _prefixes(patterns: Iterable[str]) -> _Statement:
    """The condition that the prefix of a listing matches one of some patterns. No prefix is the empty prefix."""
    unique = dict.fromkeys(patterns)
    operator = "StringLikeIfExists" if {"", MANY} & unique.keys() else "StringLike"
    return {operator: {"s3:prefix": [text_of(pattern) for pattern in unique]}}


def _kms_keys(statements: Sequence[_Statement], mounts: Sequence[Mount], life: _Statement) -> list[_Statement]:
    """The statement for the customer's keys, which S3 alone may use (S3 User Guide, "Using SSE-KMS")."""
    arns = [*dict.fromkeys(mount.kms_key for mount in mounts if mount.kms_key)]
    permissions = {permission for statement in statements for permission in statement["Action"]}
    uses = [
        *(["kms:Decrypt"] if permissions & {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"} else []),
        *(["kms:GenerateDataKey"] if "s3:PutObject" in permissions else []),
    ]
    via_s3 = {"StringLike": {"kms:ViaService": "s3.*"}}
    return [_statement("Allow", uses, arns, via_s3 | life)] if arns and uses else []


def _buckets(mounts: Iterable[Mount]) -> Iterable[list[Mount]]:
    """Return the mounts of each bucket."""
    found: dict[str, list[Mount]] = {}
    for mount in mounts:
        found.setdefault(mount.arn, []).append(mount)
    return found.values()


def _statement(
    effect: str, permissions: Sequence[str], resources: Sequence[str], condition: _Statement | None = None
) -> _Statement:
    conditions = {"Condition": condition} if condition else {}
    return {"Effect": effect, "Action": [*permissions], "Resource": [*resources], **conditions}
