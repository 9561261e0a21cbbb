"""The IAM policy that a settings file needs: the permissions of the service on AWS, and no others.

A presigned URL has the permissions of its signer, so the role must have every permission that a rule can need.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from .core.access.rules import Rule
from .core.s3.mounts import Mount
from .core.s3.stores import partition

# The permissions for GET, HEAD, PUT, DELETE and multipart uploads (Service Authorization Reference, "Actions,
# resources, and condition keys for Amazon S3").
_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:DeleteObject",
)

# The further permissions that S3 demands for an action of a rule, or for a header that a rule passes to S3 (S3 API
# Reference, PutObject, "Permissions").
_RULE_ACTIONS = {
    "versions": "s3:GetObjectVersion",
    "purge": "s3:DeleteObjectVersion",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}

# S3 User Guide, "Using server-side encryption with AWS KMS": a read needs the first permission, a write the
# second permission, and a multipart upload both.
_KMS_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")

# The same reference for DynamoDB, Secrets Manager and Systems Manager: the calls of `backends.dynamodb` and
# `backends.secrets`.
_TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:UpdateItem")
_SECRET_ACTIONS = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter"}


def policy(
    mounts: Iterable[Mount],
    rules: Iterable[Rule] = (),
    table: str | None = None,
    secret: str | None = None,
    cdn_secret: str | None = None,
    client_secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Return a policy document for the role of the functions.

    Args:
        mounts: all mounts; a mount at another store than AWS needs no permission.
        rules: all rules; a rule that allows `versions` or `purge`, or passes some headers, needs more permissions.
        table: the name of the DynamoDB table, None for no table.
        secret, cdn_secret, client_secrets: references for `backends.secrets`; only an ARN needs a permission.
    """
    on_aws = [mount for mount in mounts if mount.on_aws]
    home, _ = partition(on_aws[0].region if on_aws else "")
    others = [_allow("Table", _TABLE_ACTIONS, f"arn:{home}:dynamodb:*:*:table/{table}")] if table else []
    others += [*_secret("Secret", secret), *_of_settings(cdn_secret, client_secrets)]
    log_streams = f"arn:{home}:logs:*:*:log-group:/aws/lambda/signpost-*:*"
    # Chalice creates a log group with another name than the function's, so Lambda must create the right log group.
    logs = _allow("Logs", ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), log_streams)
    return {"Version": "2012-10-17", "Statement": [*_buckets(on_aws, rules, 1), *_kms_keys(on_aws), *others, logs]}


def stack_policy(
    document: dict[str, Any],
    mounts: Iterable[Mount],
    rules: Iterable[Rule],
    bucket: str,
    cdn_secret: str | None = None,
    client_secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the policy of the stack: the template's permissions, and the further permissions for the mounts and rules.

    Args:
        document: the policy of the template, for the template's bucket.
        mounts, rules: as in `policy`.
        bucket: the placeholder for the name of the template's bucket.
        cdn_secret, client_secrets: as in `policy`.
    """
    on_aws = [mount for mount in mounts if mount.on_aws]
    others = [mount for mount in on_aws if mount.bucket != bucket]
    actions = {"Action": list(_object_actions(rules))}
    own = [statement | (actions if statement["Sid"] == "Objects1" else {}) for statement in document["Statement"]]
    added = [*_buckets(others, rules, 2), *_kms_keys(on_aws), *_of_settings(cdn_secret, client_secrets)]
    return document | {"Statement": [*own, *added]}


def _of_settings(cdn_secret: str | None, client_secrets: Iterable[str]) -> list[dict[str, Any]]:
    """The statements for the secrets that the settings name."""
    arns = dict.fromkeys(arn for arn in map(str.strip, client_secrets) if _secret("", arn))
    numbered = [_secret(f"ClientSecret{number}", arn) for number, arn in enumerate(arns, 1)]
    return [*_secret("CdnSecret", cdn_secret), *(statement for each in numbered for statement in each)]


def _secret(sid: str, reference: str | None) -> list[dict[str, Any]]:
    """The statement for a secret that AWS stores; no statement for a secret in clear."""
    arn = (reference or "").strip()
    match arn.split(":"):
        case ["arn", _, service, *_] if service in _SECRET_ACTIONS:
            return [_allow(sid, (_SECRET_ACTIONS[service],), arn)]
    return []


def _buckets(mounts: Sequence[Mount], rules: Iterable[Rule], first: int) -> list[dict[str, Any]]:
    """The statements for the buckets of mounts on AWS, numbered from `first`."""
    prefixes = dict.fromkeys((_bucket(mount), mount.prefix) for mount in mounts)
    buckets = dict.fromkeys(bucket for bucket, _ in prefixes)
    object_actions = _object_actions(rules)
    objects = [
        _allow(f"Objects{number}", object_actions, f"{bucket}/{prefix}*")
        for number, (bucket, prefix) in enumerate(prefixes, first)
    ]
    # Without this permission, S3 answers 403 in place of 404 for a missing key (FACTS 4.7).
    lists = [_allow(f"List{number}", ("s3:ListBucket",), bucket) for number, bucket in enumerate(buckets, first)]
    return [*objects, *lists]


def _kms_keys(mounts: Iterable[Mount]) -> list[dict[str, Any]]:
    """The statements for the KMS keys that encrypt buckets: the service may use the keys only through S3."""
    arns = dict.fromkeys(mount.kms_key for mount in mounts if mount.kms_key)
    return [
        _allow(f"Key{number}", _KMS_ACTIONS, arn) | {"Condition": {"StringEquals": {"kms:ViaService": _s3_of(arn)}}}
        for number, arn in enumerate(arns, 1)
    ]


def _s3_of(key_arn: str) -> list[str]:
    """The names under which S3 calls KMS in a key's region; outside AWS's main partition the suffix is uncertain."""
    region = key_arn.split(":")[3]
    return [f"s3.{region}.{suffix}" for suffix in dict.fromkeys((partition(region)[1], "amazonaws.com"))]


def _object_actions(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The permissions for objects: the usual permissions, and more for the actions and headers of the rules."""
    named: set[str] = set()
    for rule in rules:
        if rule.allows:
            named.update(rule.actions, rule.pass_headers, (name for name, _ in rule.require_headers))
    return tuple(dict.fromkeys((*_OBJECT_ACTIONS, *(_RULE_ACTIONS[name] for name in _RULE_ACTIONS if name in named))))


def _allow(sid: str, actions: tuple[str, ...], resource: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}


def _bucket(mount: Mount) -> str:
    name, _ = partition(mount.region)
    return f"arn:{name}:s3:::{mount.bucket}"
