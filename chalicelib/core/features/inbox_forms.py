"""Inbox forms: the form by which a visitor without scripts uploads a file to an inbox, straight to S3.

A form cannot send `If-None-Match`. So each form has a directory of its own with a random name, which the policy fixes:
no form can replace the file of another person.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.s3.post_policy import max_file_bytes, post_policy
from chalicelib.core.s3.presign import Presigner
from chalicelib.core.web.message import Request
from chalicelib.core.web.page_views import UploadForm
from chalicelib.core.web.paths import RECEIVED, Path, decode
from chalicelib.core.web.problems.base import KeyTooLong, NotFound, NotOffered
from chalicelib.core.web.problems.uploads import UnsupportedMediaType

if TYPE_CHECKING:
    from chalicelib.core.access.authorization import Caller
    from chalicelib.core.access.link_tokens import Random

_NAME_BYTES: Final = 12  # of the random name: nobody guesses the name, and no two forms have the same name

# A policy must fix one type: S3 can only compare the beginning of a type, and `image/png;,text/html` begins like an
# image (FACTS 3.6). So the visitor chooses one type of a family.
_COMMON_TYPES: Final = {
    "application/*": ("application/pdf", "application/zip", "application/json"),
    "audio/*": ("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav"),
    "image/*": ("image/jpeg", "image/png", "image/gif", "image/heic", "image/webp"),
    "text/*": ("text/plain", "text/csv", "text/markdown"),
    "video/*": ("video/mp4", "video/quicktime", "video/webm"),
}


class InboxForms:
    """Makes the forms of inboxes.

    Args:
        rules: tell whether one rule decides about everything that a form can upload.
        mounts: the buckets.
        presigner: signs the forms.
        random: makes the random names.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, presigner: Presigner, random: "Random") -> None:
        self._rules = rules
        self._mounts = mounts
        self._presigner = presigner
        self._random = random

    def form(self, request: Request, caller: "Caller | Grant", directory: Path, now: float) -> UploadForm | None:
        """Return a new form; None where S3 cannot accept a form that keeps the rules.

        A form uploads any number of files. So a link with a number of uses has no form.

        Args:
            request: the request for the page; `?type=` is the type that the visitor chose.
            caller: who asks.
            directory: the inbox.
            now: Unix time in seconds.

        Raises:
            Unavailable: the service has no valid credentials.
        """
        if caller.link and caller.link.uses:
            return None
        try:
            path = decode(quote(f"{directory}{self._random(_NAME_BYTES).hex()}/"))
            grant = self._rules.grant_for(caller, "write", path)
            return self._form(request, grant, now) if grant and self._rules.covers(grant) else None
        except (KeyTooLong, NotFound, NotOffered):
            return None

    def _form(self, request: Request, grant: Grant, now: float) -> UploadForm | None:
        target = self._mounts.directory(grant, grant.path)
        if target is None:
            return None
        rule = grant.rule
        types = [name for allowed in rule.content_types for name in _COMMON_TYPES.get(allowed.lower(), (allowed,))]
        media_type = request.query.get("type", types[0] if len(types) == 1 else None)
        max_bytes = max_file_bytes(rule)
        try:
            policy = post_policy(rule, target, media_type, landing_url=request.base_url + RECEIVED)
        except UnsupportedMediaType:
            return UploadForm(types, "", "", {}, max_bytes, seconds=0)
        latest_end = grant.link.expires_at if grant.link else None
        signed = self._presigner.form(target, policy, now=now, deadline=request.deadline, latest_end=latest_end)
        seconds = int(signed.expires_at - now)
        return UploadForm(types, media_type or "", signed.url, signed.fields, max_bytes, seconds)
