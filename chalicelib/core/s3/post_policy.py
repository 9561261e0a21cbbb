"""Forms: what an HTML form says to upload into a directory, straight to S3.

Source: S3 API Reference, "POST Object" and "Creating a POST policy": S3 holds the form to the policy that we sign.
"""

from typing import Final, NamedTuple

from chalicelib.core.access.rules import Rule
from chalicelib.core.web.message import Request
from chalicelib.core.web.problems import NotOffered

from .mounts import Target
from .upload_limits import check_media_type

MAX_FILE_BYTES: Final = 5 * 1024**3  # S3 User Guide, "Uploading objects": in one request

# S3 API Reference, "POST Object": the headers that are fields of a form. Tags have a field of their own, in XML.
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
    """A form, not signed yet.

    Attributes:
        fields: its hidden fields, by name. The file comes after them, in a field `file`.
        conditions: of the policy: what S3 checks of the fields and the file.
    """

    fields: dict[str, str]
    conditions: list[Condition]


def post_policy(request: Request, rule: Rule, target: Target) -> PostPolicy:
    """Make the form for a directory.

    Args:
        request: with `?type=`, where the rule takes certain types: a form sends none of its own.
        rule: what allows to write anything below the directory.
        target: the directory: its key is the beginning of every key that the form can upload to.

    Raises:
        NotOffered: the rule demands what no form can promise.
        UnsupportedMediaType: `?type=` is not one media type, or not one that the rule takes.
    """
    required = {_field(name): value for name, value in rule.require_headers}
    if not rule.overwrite or rule.checksum or not all(name.startswith(_FIELDS) for name, _ in rule.require_headers):
        raise NotOffered("A form cannot promise what uploads must promise here. Upload with PUT.")
    fixed = {"success_action_status": "201", **required}
    if rule.content_types or "type" in request.query:
        media_type = fixed["Content-Type"] = request.query.get("type", "")
        check_media_type(media_type, rule.content_types, say="curl -d '' 'URL?form&type={}'")
    most = MAX_FILE_BYTES if rule.max_bytes is None else min(rule.max_bytes, MAX_FILE_BYTES)
    conditions: list[Condition] = [
        {"bucket": target.mount.bucket},
        ["starts-with", "$key", target.key],
        ["content-length-range", 0, most],
        *({name: value} for name, value in fixed.items()),
    ]
    return PostPolicy({"key": target.key + "${filename}", **fixed}, conditions)


def _field(header: str) -> str:
    """A header as a form's field spells it."""
    return header if header.startswith("x-amz-") else header.title()
