"""POST policies: an HTML form that uploads into a directory, straight to S3.

Source: S3 API Reference, "POST Object" and "Creating a POST policy". The service signs the policy, and S3 refuses a
form that breaks the policy.
"""

from typing import Final, NamedTuple

from chalicelib.core.access.rules import Rule
from chalicelib.core.web.message import Request
from chalicelib.core.web.problems.base import NotOffered

from .mounts import Target
from .upload_limits import check_media_type

MAX_FILE_BYTES: Final = 5 * 1024**3  # of one request: S3 User Guide, "Uploading objects"

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


def post_policy(request: Request, rule: Rule, target: Target) -> PostPolicy:
    """Return the form for a directory.

    Args:
        request: the request for the form; `?type=` is needed where the rule limits the types, because a form sends no
            type of the file.
        rule: the rule that decides about every upload below the directory.
        target: the directory; its key is the beginning of every key that the form can upload to.

    Raises:
        NotOffered: the rule demands something that no form can send.
        UnsupportedMediaType: `?type=` is not one media type, or the rule does not allow the type.
    """
    required = {_field(name): value for name, value in rule.require_headers}
    if not rule.overwrite or rule.checksum or not all(name.startswith(_FIELDS) for name, _ in rule.require_headers):
        raise NotOffered("A form cannot promise what uploads must promise here. Upload with PUT.")
    fixed = {"success_action_status": "201", **required}
    if rule.content_types or "type" in request.query:
        media_type = fixed["Content-Type"] = request.query.get("type", "")
        check_media_type(media_type, rule.content_types, example="curl -d '' 'URL?form&type={}'")
    max_bytes = MAX_FILE_BYTES if rule.max_bytes is None else min(rule.max_bytes, MAX_FILE_BYTES)
    conditions: list[Condition] = [
        {"bucket": target.mount.bucket},
        ["starts-with", "$key", target.key],
        ["content-length-range", 0, max_bytes],
        *({name: value} for name, value in fixed.items()),
    ]
    return PostPolicy({"key": target.key + "${filename}", **fixed}, conditions)


def _field(header: str) -> str:
    """Return the name of the field for a header."""
    return header if header.startswith("x-amz-") else header.title()
