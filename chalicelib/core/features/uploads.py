"""Uploads: a PUT, or a call of an upload in parts, becomes a presigned URL that holds the upload to the rule."""

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.s3.presign import Presigner
from chalicelib.core.s3.upload_limits import required_headers
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.multipart_parameters import step_of
from chalicelib.core.web.problems.base import NotOffered


class Uploads:
    """Answers with presigned URLs; no network call is made.

    Args:
        mounts: the buckets.
        presigner: signs the URLs.
    """

    def __init__(self, *, mounts: Mounts, presigner: Presigner) -> None:
        self._mounts = mounts
        self._presigner = presigner

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a redirect, or with the URL as JSON for `?presign`.

        Raises:
            NotOffered: a link with a number of uses, and an upload in parts.
            NotFound, BadPath, KeyTooLong: no key has this path.
            Problem: the upload breaks the rule, as `upload_limits.required_headers` describes.
            BadParameter, BadHeader: a parameter or a header cannot be passed on to S3.
            Unavailable: the service has no valid credentials.
        """
        step = step_of(request.method, request.query)
        if step and grant.link and grant.link.uses:
            raise NotOffered("A link with a number of uses uploads a file in one PUT, of up to 5 GB.")
        target = self._mounts.resolve(grant)
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        signed = self._presigner.url(
            request.method,
            target,
            grant=grant,
            headers={**passthrough.headers(request, grant, step), **required_headers(request, grant, step)},
            query=passthrough.query(request, grant.path, step),
            now=now,
            deadline=request.deadline,
        )
        log_entry.mark = signed.mark
        return replies.signed_url(request, signed, replies.NO_STORE)
