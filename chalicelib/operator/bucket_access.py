"""Who may reach a bucket at all: the public access block, and the policy that refuses requests without TLS."""

import json
from collections.abc import Iterator
from typing import Any, Final

from chalicelib.core.s3.stores import partition

from .bucket import Bucket
from .checks import Fault

_BLOCK: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_TLS_ONLY: Final = "TlsOnly"


def examine_public_access_block(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault unless all of the public access block is on."""
    answer = bucket.read("get_public_access_block", "NoSuchPublicAccessBlockConfiguration") or {}
    block = answer.get("PublicAccessBlockConfiguration", {})
    off = [name for name in _BLOCK if not block.get(name)]
    if not off:
        return
    text, repair = (
        f"lacks {', '.join(off)}",
        bucket.call("put_public_access_block", PublicAccessBlockConfiguration=_BLOCK),
    )
    if public := _public(bucket):
        yield Fault(f"{text}. {public}: look who needs this before you close the bucket", repair.command())
    else:
        yield Fault(text, repair)


def _public(bucket: Bucket) -> str:
    """Return why the bucket is open to everyone now; empty where the bucket is closed."""
    status = bucket.read("get_bucket_policy_status", "NoSuchBucketPolicy") or {}
    if status.get("PolicyStatus", {}).get("IsPublic"):
        return "The policy of the bucket lets everyone in"
    acl = bucket.read("get_bucket_acl") or {}
    groups = [grant["Grantee"].get("URI", "") for grant in acl.get("Grants", ())]
    return "The ACL of the bucket lets everyone in" if any(uri.endswith("Users") for uri in groups) else ""


def examine_tls(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault unless the policy of the bucket refuses requests without TLS; the other statements are kept."""
    answer = bucket.read("get_bucket_policy", "NoSuchBucketPolicy")
    policy: dict[str, Any] = json.loads(answer["Policy"]) if answer else {"Version": "2012-10-17", "Statement": []}
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(_refuses_without_tls(statement) for statement in statements):
        return
    text = f"the policy of the bucket, which has {len(statements)} statements, does not refuse requests without TLS"
    if any(statement.get("Sid") == _TLS_ONLY for statement in statements):
        show = f"aws s3api get-bucket-policy --bucket {bucket.name} --query Policy --output text"
        yield Fault(f"{text}, and has another statement with the Sid {_TLS_ONLY}: look at it, and rename it", show)
        return
    statements = [*statements, _tls_statement(bucket)]
    repair = bucket.call("put_bucket_policy", Policy=json.dumps(policy | {"Statement": statements}))
    yield Fault(text, repair)


def _tls_statement(bucket: Bucket) -> dict[str, Any]:
    """The same statement as on the bucket of the stack."""
    name, _ = partition(bucket.region)
    arn = f"arn:{name}:s3:::{bucket.name}"
    return {
        "Sid": _TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _refuses_without_tls(statement: dict[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {})
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and statement.get("Action") in ("s3:*", ["s3:*"], "*", ["*"])
        and str(condition.get("aws:SecureTransport", "")).lower() in ("false", "['false']")
    )
