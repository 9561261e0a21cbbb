"""The lifecycle rules of a bucket that the service needs: unfinished uploads in parts and derived images end."""

from collections.abc import Iterator
from typing import Any, Final

from chalicelib.core.s3.mounts import DERIVED

from .bucket import Bucket
from .checks import Fault

# The same rules as on the bucket of the stack.
_ABORT: Final = {
    "ID": "IncompleteUploads",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


def examine_lifecycle(bucket: Bucket, prefixes: tuple[str, ...]) -> Iterator[Fault]:
    """Yield a fault unless the bucket aborts old uploads, and lets derived images expire; the other rules are kept.

    Args:
        bucket: the bucket.
        prefixes: of the mounts of this bucket.
    """
    answer = bucket.read("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration") or {}
    rules: list[dict[str, Any]] = answer.get("Rules", [])
    missing: list[dict[str, Any]] = []
    texts = []
    if not any(_prefix(rule) == "" and "AbortIncompleteMultipartUpload" in rule for rule in _enabled(rules)):
        missing.append(_ABORT)
        texts.append("unfinished uploads in parts stay, and cost money, for ever")
    places = [f"{prefix}{DERIVED}" for prefix in prefixes]
    for place in places:
        if not any(_expires(rule, place) for rule in _enabled(rules)):
            missing.append(_derivatives(place))
            texts.append(f"derived images below {place} stay for ever")
    if not missing:
        return
    names = {rule.get("ID") for rule in rules}
    if same := [rule["ID"] for rule in missing if rule["ID"] in names]:
        show = f"aws s3api get-bucket-lifecycle-configuration --bucket {bucket.name}"
        yield Fault(f"{'; '.join(texts)}; other rules have the name {', '.join(same)}: look at them, and rename", show)
        return
    minimum = {name: answer[name] for name in answer if name == "TransitionDefaultMinimumObjectSize"}  # is kept
    configuration = {"Rules": [*rules, *missing]}
    repair = bucket.call("put_bucket_lifecycle_configuration", LifecycleConfiguration=configuration, **minimum)
    yield Fault("; ".join(texts), repair)


def _derivatives(place: str) -> dict[str, Any]:
    return {
        "ID": f"Derivatives {place}",
        "Status": "Enabled",
        "Filter": {"Prefix": place},
        "Expiration": {"Days": 90},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }


def _enabled(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for rule in rules if rule.get("Status") == "Enabled"]


def _prefix(rule: dict[str, Any]) -> str | None:
    """The prefix of the keys of a rule; None where more than a prefix selects the keys."""
    condition = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return str(condition.get("Prefix", "")) if condition.keys() <= {"Prefix"} else None


def _expires(rule: dict[str, Any], place: str) -> bool:
    prefix = _prefix(rule)
    return prefix is not None and place.startswith(prefix) and "Days" in rule.get("Expiration", {})
