"""The KMS key of a bucket: whether it can be used, and whether the bucket and the settings name the same key."""

from collections.abc import Iterator
from typing import Any

from .aws import Aws, AwsCall, read
from .bucket import Bucket, in_settings
from .checks import Fault


def examine_key(aws: Aws, arn: str) -> Iterator[Fault]:
    """Yield a fault unless a key exists and is enabled."""
    region = arn.split(":")[3]
    key = _describe(aws, arn, region)
    if key is None:
        text = f"{arn} does not exist, so S3 refuses every request; make another key, and name it in `kms_key`"
        yield Fault(text, f"aws kms create-key --region {region} --query KeyMetadata.Arn")
    elif key["KeyState"] == "PendingDeletion":
        calls = (
            AwsCall("kms", operation, {"KeyId": arn}, region) for operation in ("cancel_key_deletion", "enable_key")
        )
        yield Fault(f"{arn} will be deleted, and S3 refuses every request", "\n".join(call.command() for call in calls))
    elif not key["Enabled"]:
        repair = AwsCall("kms", "enable_key", {"KeyId": arn}, region)
        yield Fault(f"{arn} is {key['KeyState']}, so S3 refuses every request", repair)


def examine_encryption(bucket: Bucket, aws: Aws, kms_key: str | None) -> Iterator[Fault]:
    """Yield a fault unless the bucket is encrypted with the key of the settings.

    A bucket with another key of a customer stays as it is: its files may depend on this key.

    Args:
        bucket: the bucket.
        aws: finds the ARN of a key.
        kms_key: the key of the settings; None for S3's own keys.
    """
    own = customer_key(aws, bucket)
    if own == kms_key:
        return
    if own:
        text = f"is encrypted with {own}, and the settings name {kms_key or 'no key'}, so the role may not use the key"
        yield Fault(text, in_settings(f'kms_key = "{own}"', bucket.name))
        return
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kms_key}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}
    repair = bucket.call("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})
    yield Fault("new files are not encrypted with the `kms_key` of the settings", repair)


def customer_key(aws: Aws, bucket: Bucket) -> str | None:
    """Return the ARN of the customer's key that encrypts new files of a bucket; None for a key of S3 or of AWS."""
    answer = bucket.read("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError") or {}
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    default: dict[str, str] = next((rule["ApplyServerSideEncryptionByDefault"] for rule in rules), {})
    name = default.get("KMSMasterKeyID")  # an ARN, an id or an alias
    if not name or not default["SSEAlgorithm"].startswith("aws:kms"):
        return None
    key = _describe(aws, name, bucket.region)
    if key is None:  # a check of its own reports a key that does not exist
        return str(name)
    return None if key.get("KeyManager") == "AWS" else str(key["Arn"])


def _describe(aws: Aws, key: str, region: str) -> dict[str, Any] | None:
    answer = read(aws.client("kms", region), "describe_key", "NotFoundException", KeyId=key)
    return answer["KeyMetadata"] if answer else None
