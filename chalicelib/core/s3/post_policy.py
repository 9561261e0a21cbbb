"""POST policies: an HTML form that uploads into a directory, straight to S3.

Source: S3 API Reference, "POST Object" and "Creating a POST policy". The service signs the policy, and S3 refuses a
form that breaks the policy.
"""

from typing import Final, NamedTuple

from chalicelib.core.access.rules import Rule
from chalicelib.core.web.problems.base import NotOffered

from .mounts import Target
from .upload_limits import MAX_PUT_BYTES, check_media_type

# S3 API Reference, "POST Object": the headers that a form can send as fields. Tags have another field, with XML.
_FIELDS: Final = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "expires",
    "x-amz-meta-",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)

Condition = dict[str, str] | list[str | int]


class PostPolicy(NamedTuple):
    """A form before it is signed.

    Attributes:
        fields: the hidden fields, by name. The file follows the fields, as the field `file`.
        conditions: the conditions of the policy, by which S3 checks the fields and the file.
    """

    fields: dict[str, str]
    conditions: list[Condition]


def post_policy(rule: Rule, target: Target, media_type: str | None, landing_url: str | None = None) -> PostPolicy:
    """Return the form for a directory.

    Args:
        rule: the rule that decides about every upload below the directory.
        target: the directory; its key is the beginning of every key that the form can upload to.
        media_type: the type of all files, needed where the rule limits the types, because a form sends no type of the
            file; None for no type.
        landing_url: the page to which S3 sends the browser after the upload; None for an answer of S3's own.

    Raises:
        NotOffered: the rule or the bucket demands something that no form can send.
        UnsupportedMediaType: the type is not one media type, or the rule does not allow the type.
    """
    # S3 User Guide, "Access point compatibility", and "Requester Pays": a header, which no form sends.
    if target.mount.is_access_point or target.mount.requester_pays:
        raise NotOffered("An access point and a bucket whose requester pays take no forms. Upload with PUT.")
    required = {_field(name): value for name, value in rule.require_headers}
    if not rule.overwrite or rule.checksum or not all(name.startswith(_FIELDS) for name, _ in rule.require_headers):
        raise NotOffered("A form cannot promise what uploads must promise here. Upload with PUT.")
    answer = {"success_action_redirect": landing_url} if landing_url else {"success_action_status": "201"}
    fixed = {**answer, **required}
    if rule.content_types or media_type is not None:
        fixed["Content-Type"] = media_type or ""
        check_media_type(media_type or "", rule.content_types, example="curl -d '' 'URL?form&type={}'")
    conditions: list[Condition] = [
        {"bucket": target.mount.bucket},
        ["starts-with", "$key", target.key],
        ["content-length-range", 0, max_file_bytes(rule)],
        *({name: value} for name, value in fixed.items()),
    ]
    return PostPolicy({"key": target.key + "${filename}", **fixed}, conditions)


def max_file_bytes(rule: Rule) -> int:
    """Return the largest file that a form can upload under a rule, in bytes."""
    return MAX_PUT_BYTES if rule.max_bytes is None else min(rule.max_bytes, MAX_PUT_BYTES)


def _field(header: str) -> str:
    """Return the name of the field for a header."""
    return header if header.startswith("x-amz-") else header.title()
