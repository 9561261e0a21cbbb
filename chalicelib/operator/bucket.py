"""A bucket that mounts name: whether it exists, whose it is, and where it is."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from chalicelib.core.s3.mounts import Mount

from .aws import Aws, AwsCall, read
from .checks import NO_BUCKET, Fault

_FIRST_REGION: Final = "us-east-1"  # S3 API Reference, GetBucketLocation: this region has no constraint


class Bucket(NamedTuple):
    """A bucket.

    Attributes:
        name: of the bucket.
        region: where the settings say that the bucket is.
        s3: the client of the store in this region.
        endpoint: the store; None for AWS.
    """

    name: str
    region: str
    s3: Any
    endpoint: str | None = None

    def call(self, operation: str, **parameters: Any) -> AwsCall:
        """Return a call to S3 about this bucket, for a repair."""
        return AwsCall("s3", operation, {"Bucket": self.name, **parameters}, self.region, self.endpoint)

    def read(self, operation: str, *absent: str) -> dict[str, Any] | None:
        """Return the answer of S3 about this bucket; None where the code of the refusal is one of `absent`."""
        return read(self.s3, operation, *absent, Bucket=self.name)


def kms_key_of(mounts: Iterable[Mount]) -> str | None:
    """Return the KMS key that mounts of one bucket name; None where none of them names a key."""
    return next((mount.kms_key for mount in mounts if mount.kms_key), None)


def in_settings(line: str, bucket: str) -> str:
    """Return the instruction to write a line into the mounts of a bucket. It counts after a deploy."""
    return f'in signpost.toml, in [[mounts]] with bucket = "{bucket}", and then deploy: {line}'


def examine_existence(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault unless the bucket exists."""
    if read(bucket.s3, "head_bucket", *NO_BUCKET, Bucket=bucket.name) is None:
        constraint = {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
        parameters = {} if bucket.region == _FIRST_REGION or bucket.endpoint else constraint
        yield Fault("there is no such bucket", bucket.call("create_bucket", **parameters))


def examine_owner(bucket: Bucket, aws: Aws) -> Iterator[Fault]:
    """Yield a fault unless the bucket belongs to the account that asks.

    Whoever owns the name of a bucket that was deleted gets the uploads of the service.
    """
    account = aws.caller.account
    bucket.read("head_bucket")  # raises where the owner is not the reason of a refusal
    if read(bucket.s3, "head_bucket", "403", Bucket=bucket.name, ExpectedBucketOwner=account) is None:
        yield Fault(
            f"belongs to another account than {account}, from where you ask; name a bucket of this account",
            "aws s3api list-buckets --query 'Buckets[].Name'",
        )


def examine_region(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault unless the bucket is where the settings say that it is: S3 refuses URLs for another region."""
    region = region_of(bucket.s3, bucket.name)
    if region != bucket.region:
        text = f"is in {region}, and the settings say {bucket.region}, so S3 refuses every URL"
        yield Fault(text, in_settings(f'region = "{region}"', bucket.name))


def examine_acceleration(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault unless the bucket has an accelerate endpoint."""
    answer = bucket.read("get_bucket_accelerate_configuration")
    if answer is None or answer.get("Status") != "Enabled":
        repair = bucket.call("put_bucket_accelerate_configuration", AccelerateConfiguration={"Status": "Enabled"})
        yield Fault("has no accelerate endpoint, so S3 refuses every URL", repair)


def region_of(s3: Any, name: str) -> str:
    """Return the region of a bucket."""
    return str(s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"])
