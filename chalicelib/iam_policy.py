"""The IAM policy that a settings file needs: the permissions of the service on AWS, and no others.

A presigned URL has the permissions of its signer, so the role must have every permission that a rule can need.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from .core.access.rules import Rule
from .core.s3.mounts import Mount
from .core.s3.stores import partition
from .environment import SECRET, Environment
from .settings.load import Settings

# The permissions for GET, HEAD, PUT, DELETE and multipart uploads (Service Authorization Reference, "Actions,
# resources, and condition keys for Amazon S3"). The role has them for all rules: `publish` makes rules live without a
# new policy.
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


def policy_of(settings: Settings, environment: Environment) -> dict[str, Any]:
    """Return the policy document that the settings and the environment of the functions need."""
    secrets = settings.cdn_secret, settings.client_secrets.values()
    variables = environment.table, environment.variables.get(SECRET)
    return _with_aws_keys(policy(settings.mounts, settings.rules, *variables, *secrets), settings)


def stack_policy_of(document: dict[str, Any], settings: Settings, bucket: str) -> dict[str, Any]:
    """Return the policy document of the stack that the settings need. The other arguments are as in `stack_policy`."""
    secrets = settings.cdn_secret, settings.client_secrets.values()
    return _with_aws_keys(stack_policy(document, settings.mounts, settings.rules, bucket, *secrets), settings)


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
        mounts: all mounts; a bucket at another store than AWS needs no permission.
        rules: all rules; a rule that allows `versions` or `purge`, or passes some headers, needs more permissions.
        table: the name of the DynamoDB table, None for no table.
        secret, cdn_secret, client_secrets: references for `backends.secrets`; only an ARN needs a permission.
    """
    mounts = (*mounts,)
    on_aws = [mount for mount in mounts if mount.on_aws]
    home, _ = partition(on_aws[0].region if on_aws else "")
    others = [_allow("Table", _TABLE_ACTIONS, f"arn:{home}:dynamodb:*:*:table/{table}")] if table else []
    others += [*_secret("Secret", secret), *_of_settings(mounts, cdn_secret, client_secrets)]
    log_streams = f"arn:{home}:logs:*:*:log-group:/aws/lambda/signpost-*:*"
    # Chalice creates a log group with another name than the function's, so Lambda must create the right log group.
    logs = _allow("Logs", ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), log_streams)
    return {"Version": "2012-10-17", "Statement": [*_buckets(on_aws, rules), *_kms_keys(on_aws), *others, logs]}


def stack_policy(
    document: dict[str, Any],
    mounts: Iterable[Mount],
    rules: Iterable[Rule],
    bucket: str,
    cdn_secret: str | None = None,
    client_secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the policy of the stack: the permissions for the mounts and rules, and the permissions of the template.

    The stack makes its bucket or gets the name as a parameter, and gets the KMS key of this bucket as a parameter.

    Args:
        document: the permissions of the template for other resources of the stack, and for its KMS key.
        mounts, rules: as in `policy`.
        bucket: the placeholder for the name of the stack's bucket.
        cdn_secret, client_secrets: as in `policy`.
    """
    mounts = (*mounts,)
    on_aws = [mount for mount in mounts if mount.on_aws]
    own = {mount.arn for mount in on_aws if mount.bucket == bucket}
    keys = _kms_keys(mount for mount in on_aws if mount.bucket != bucket)
    buckets = [each | {"Resource": _of_stack(each["Resource"], own)} for each in _buckets(on_aws, rules)]
    statements = [*buckets, *keys, *document["Statement"], *_of_settings(mounts, cdn_secret, client_secrets)]
    return document | {"Statement": statements}


def _of_stack(resource: str, own: Collection[str]) -> str | dict[str, Any]:
    """Refer to the bucket of the stack in place of one of the ARNs `own`."""
    bucket, slash, keys = resource.partition("/")
    if bucket not in own:
        return resource
    suffix = slash + keys.replace("${", "${!")  # CloudFormation User Guide, "Fn::Sub": `${!` is a literal `${`
    existing = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${ExistingBucket}" + suffix}
    return {"Fn::If": ["MakesBucket", {"Fn::Sub": "${Bucket.Arn}" + suffix}, existing]}


def _of_settings(
    mounts: Iterable[Mount], cdn_secret: str | None, client_secrets: Iterable[str]
) -> list[dict[str, Any]]:
    """The statements for the secrets that the settings name."""
    private_keys = (mount.cdn.private_key for mount in mounts if mount.cdn)
    numbered = (*_numbered("ClientSecret", client_secrets), *_numbered("CdnKey", private_keys))
    return [*_secret("CdnSecret", cdn_secret), *numbered]


def _numbered(name: str, references: Iterable[str]) -> list[dict[str, Any]]:
    """The statements for secrets of one kind, each secret once."""
    arns = dict.fromkeys(arn for arn in map(str.strip, references) if _secret("", arn))
    return [statement for number, arn in enumerate(arns, 1) for statement in _secret(f"{name}{number}", arn)]


def _secret(sid: str, reference: str | None) -> list[dict[str, Any]]:
    """The statement for a secret that AWS stores; no statement for a secret in clear."""
    arn = (reference or "").strip()
    match arn.split(":"):
        case ["arn", _, service, *_] if service in _SECRET_ACTIONS:
            return [_allow(sid, (_SECRET_ACTIONS[service],), arn)]
    return []


def _with_aws_keys(document: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Add the permissions for the call to STS of `/-/credentials`, where the settings turn it on.

    AWS documents no resource for GetScopedCredentials, which only narrows the session that calls it.
    """
    on_aws = [mount for mount in settings.mounts if settings.aws_credentials and mount.on_aws and not mount.credentials]
    roles = dict.fromkeys(mount.role for mount in on_aws if mount.role)
    own = [_allow("ScopedKeys", ("sts:GetScopedCredentials",), "*")] if any(not mount.role for mount in on_aws) else []
    of_roles = [_allow(f"Role{number}", ("sts:AssumeRole",), arn) for number, arn in enumerate(roles, 1)]
    return document | {"Statement": [*document["Statement"], *own, *of_roles]}


def _buckets(mounts: Sequence[Mount], rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The statements for the buckets of mounts on AWS."""
    prefixes = dict.fromkeys((mount.arn, mount.prefix) for mount in mounts)
    buckets = dict.fromkeys(bucket for bucket, _ in prefixes)
    named = _named(rules)
    object_actions = _object_actions(named)
    objects = [
        _allow(f"Objects{number}", object_actions, f"{objects}*")
        for number, objects in enumerate(dict.fromkeys(mount.objects_arn + mount.prefix for mount in mounts), 1)
    ]
    # Without this permission, S3 answers 403 in place of 404 for a missing key (FACTS 4.7).
    lists = [_allow(f"List{number}", ("s3:ListBucket",), bucket) for number, bucket in enumerate(buckets, 1)]
    versions = _versions(prefixes) if "versions" in named else ()
    return [*objects, *lists, *versions]


def _versions(prefixes: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield the statements to list the versions below prefixes of buckets, and to see whether a bucket keeps versions.

    Each listing of versions has the prefix of a mount (S3 User Guide, "Bucket policy examples using condition keys").
    """
    of_bucket: dict[str, list[str]] = {}
    for bucket, prefix in prefixes:
        of_bucket.setdefault(bucket, []).append(f"{prefix}*")
    for number, (bucket, patterns) in enumerate(of_bucket.items(), 1):
        condition = {"Condition": {"StringLike": {"s3:prefix": patterns}}}
        yield _allow(f"Versions{number}", ("s3:ListBucketVersions",), bucket) | condition
        yield _allow(f"Versioning{number}", ("s3:GetBucketVersioning",), bucket)


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


def _named(rules: Iterable[Rule]) -> set[str]:
    """The actions and the headers that rules allow."""
    named: set[str] = set()
    for rule in rules:
        if rule.allows:
            named.update(rule.actions, rule.pass_headers, (name for name, _ in rule.require_headers))
    return named


def _object_actions(named: Collection[str]) -> tuple[str, ...]:
    """The permissions for objects: the usual permissions, and more for the actions and headers of the rules."""
    return tuple(dict.fromkeys((*_OBJECT_ACTIONS, *(_RULE_ACTIONS[name] for name in _RULE_ACTIONS if name in named))))


def _allow(sid: str, actions: tuple[str, ...], resource: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
