"""`python -m chalicelib adopt BUCKET`: prepares a bucket that exists, and overwrites nothing that the bucket has."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from chalicelib.core.s3.mounts import Mount
from chalicelib.settings.load import Settings

from .aws import Aws
from .bucket import Bucket, examine_existence, examine_owner, examine_region, kms_key_of, region_of
from .bucket_access import examine_public_access_block, examine_tls
from .checks import Check, Fault, Outcome, reason_of
from .cors import examine_cors, page_origins
from .encryption import customer_key, examine_encryption
from .lifecycle import examine_lifecycle

_MOUNT: Final = """\
[[mounts]]
path = "/"
bucket = "{bucket}"
region = "{region}"\
"""


def checks_of_bucket(aws: Aws, name: str, settings: Settings | None) -> Iterator[Check]:
    """Yield the checks of a bucket. A fault whose repair is an `AwsCall` can be repaired without a loss.

    Args:
        aws: asks.
        name: of the bucket.
        settings: name the origins of the pages, and the mounts of the bucket; None where they cannot be used.
    """
    mounts = [mount for mount in settings.mounts if mount.on_aws and mount.bucket == name] if settings else []
    s3 = aws.s3_in(aws.region)
    yield Check(f"bucket {name}", partial(_examine_existence, Bucket(name, aws.region, s3)))
    try:
        region = region_of(s3, name)
    except Exception:
        return  # the first check has the reason
    bucket = Bucket(name, region, aws.s3_in(region))
    yield Check(f"owner of {name}", partial(examine_owner, bucket, aws))
    yield Check(f"mounts of {name}", partial(_examine_mounts, aws, bucket, mounts))
    if mounts:
        yield Check(f"encryption of {name}", partial(examine_encryption, bucket, aws, kms_key_of(mounts)))
    prefixes = tuple(dict.fromkeys(mount.prefix for mount in mounts)) or ("",)
    yield Check(f"public access block of {name}", partial(examine_public_access_block, bucket))
    yield Check(f"policy of {name}", partial(examine_tls, bucket))
    yield Check(f"CORS of {name}", partial(examine_cors, bucket, page_origins(settings, aws.region)))
    yield Check(f"lifecycle of {name}", partial(examine_lifecycle, bucket, prefixes))


def apply_repairs(aws: Aws, found: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield each outcome after the calls that repair its faults. A fault without such a call stays."""
    for outcome in found:
        left, repaired = [], []
        for fault in outcome.faults:
            if isinstance(fault.repair, str):
                left.append(fault)
                continue
            try:
                aws.run(fault.repair)
                repaired.append(f"{fault.text}: done with {fault.repair.operation}")
            except Exception as error:
                left.append(Fault(f"{fault.text}; {reason_of(error)}", fault.repair))
        yield outcome._replace(faults=tuple(left), repaired=tuple(repaired))


def _examine_existence(bucket: Bucket) -> Iterator[Fault]:
    """Yield a fault where there is no bucket. The name may be misspelled, so the bucket is not created here."""
    yield from (fault._replace(repair=fault.command) for fault in examine_existence(bucket))


def _examine_mounts(aws: Aws, bucket: Bucket, mounts: Sequence[Mount]) -> Iterator[Fault]:
    """Yield a fault unless a mount names the bucket, and its region."""
    if not mounts:
        key = customer_key(aws, bucket)
        table = _MOUNT.format(bucket=bucket.name, region=bucket.region)
        text = "no mount names the bucket; write these lines into signpost.toml, and your own path:"
        yield Fault(text, f'{table}\nkms_key = "{key}"' if key else table)
    for mount in mounts[:1]:  # mounts of one bucket have one region
        yield from examine_region(bucket._replace(region=mount.region))
