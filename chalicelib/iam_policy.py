"""The IAM policy that a settings file needs: what the service may do on AWS, and nothing besides.

A presigned URL carries the permissions of whoever signed it, so the role must hold what the rules may ever allow.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from .core.access.rules import Rule
from .core.s3.mounts import Mount
from .core.s3.stores import partition

# "Actions, resources, and condition keys for Amazon S3": what GET, HEAD, PUT and DELETE need, and uploads in parts.
_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:DeleteObject",
)

# What S3 asks for besides, by what a rule allows and by the headers that it lets through (PutObject, "Permissions").
_RULE_ACTIONS = {
    "versions": "s3:GetObjectVersion",
    "purge": "s3:DeleteObjectVersion",
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-retain-until-date": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}

# S3 User Guide, "Using server-side encryption with AWS KMS": to read, and to write; an upload in parts needs both.
_KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")

# The same reference for DynamoDB, Secrets Manager and Systems Manager: what backends/tokens.py and secrets.py call.
_TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:UpdateItem")
_SECRET_ACTIONS = {"secretsmanager": "secretsmanager:GetSecretValue", "ssm": "ssm:GetParameter"}


def policy(
    mounts: Iterable[Mount],
    rules: Iterable[Rule] = (),
    table: str | None = None,
    secret: str | None = None,
    cdn_secret: str | None = None,
) -> dict[str, Any]:
    """Return a policy document for the role of the functions.

    Args:
        mounts: those at other stores than AWS need no permission here.
        rules: those that allow `versions` or `purge`, or let some headers through, need more of S3.
        table: the name of the one that counts the uses of links, if there is one.
        secret, cdn_secret: what `backends.secrets.secret_source` takes; each needs a permission only if it is an ARN.
    """
    on_aws = [mount for mount in mounts if mount.on_aws]
    home, _ = partition(on_aws[0].region if on_aws else "")
    links = [_allow("Table", _TABLE_ACTIONS, f"arn:{home}:dynamodb:*:*:table/{table}")] if table else []
    links += [*_secret("Secret", secret), *_secret("CdnSecret", cdn_secret)]
    log_streams = f"arn:{home}:logs:*:*:log-group:/aws/lambda/signpost-*:*"
    # Chalice makes the log group under another name than the function's, so Lambda has to make that itself.
    logs = _allow("Logs", ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), log_streams)
    return {"Version": "2012-10-17", "Statement": [*_buckets(on_aws, rules, 1), *_keys(on_aws), *links, logs]}


def stack_policy(
    document: dict[str, Any], mounts: Iterable[Mount], rules: Iterable[Rule], bucket: str, cdn_secret: str | None = None
) -> dict[str, Any]:
    """Return the policy of the stack, with what the mounts and the rules need besides.

    Args:
        document: the policy of the template, which opens that bucket.
        mounts, rules: as in `policy`.
        bucket: what stands for the name of that bucket.
        cdn_secret: as in `policy`.
    """
    on_aws = [mount for mount in mounts if mount.on_aws]
    others = [mount for mount in on_aws if mount.bucket != bucket]
    opened = {"Action": list(_object_actions(rules))}
    own = [{**one, **opened} if one["Sid"] == "Objects1" else one for one in document["Statement"]]
    added = [*_buckets(others, rules, 2), *_keys(on_aws), *_secret("CdnSecret", cdn_secret)]
    return document | {"Statement": [*own, *added]}


def _secret(sid: str, reference: str | None) -> list[dict[str, Any]]:
    """The statement for a secret that AWS keeps; none for a secret in clear."""
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
    # Without it S3 answers 403 for a missing key instead of 404 (FACTS 4.7).
    lists = [_allow(f"List{number}", ("s3:ListBucket",), bucket) for number, bucket in enumerate(buckets, first)]
    return [*objects, *lists]


def _keys(mounts: Iterable[Mount]) -> list[dict[str, Any]]:
    """The statements for the keys that S3 encrypts buckets with: S3 alone may use them for the service."""
    arns = dict.fromkeys(mount.kms_key for mount in mounts if mount.kms_key)
    return [
        _allow(f"Key{number}", _KEY_ACTIONS, arn) | {"Condition": {"StringEquals": {"kms:ViaService": _s3_of(arn)}}}
        for number, arn in enumerate(arns, 1)
    ]


def _s3_of(key_arn: str) -> list[str]:
    """The names of S3 to KMS in the region of a key; outside the standard partition the ending is not certain."""
    region = key_arn.split(":")[3]
    return [f"s3.{region}.{suffix}" for suffix in dict.fromkeys((partition(region)[1], "amazonaws.com"))]


def _object_actions(rules: Iterable[Rule]) -> tuple[str, ...]:
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
