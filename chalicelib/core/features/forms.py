"""Forms: `POST directory/?form` gives the fields of an HTML form that uploads into the directory, straight to S3."""

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.s3.post_policy import post_policy
from chalicelib.core.s3.presign import Presigner
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.base import NotFound, NotOffered
from chalicelib.core.web.times import rfc3339


class Forms:
    """Answers with a signed form.

    Args:
        rules: tell whether one rule decides about everything below the directory.
        mounts: the buckets.
        presigner: signs the form.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, presigner: Presigner) -> None:
        self._rules = rules
        self._mounts = mounts
        self._presigner = presigner

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the URL and the fields of the form, as JSON.

        A policy of S3 allows a prefix of keys, and has no exceptions. So a directory with an exception gets no form.

        Raises:
            NotOffered: the request has a link, no form can keep the rule, or different rules or mounts apply below.
            NotFound: no bucket is mounted at the directory.
            UnsupportedMediaType: the rule does not allow the media type of `?type=`.
            Unavailable: the service has no valid credentials.
        """
        if grant.link:
            raise NotOffered("This form could replace files, so a link gives none. Upload with PUT.")
        if grant.path == "/" or self._mounts.below(grant.path) or not self._rules.covers(grant):
            raise NotOffered(
                "Different rules or mounts apply below this directory, and a form can keep only one rule. "
                "Upload with PUT."
            )
        target = self._mounts.directory(grant, grant.path)
        if target is None:
            raise NotFound("No bucket is mounted here. Check the beginning of the path.")
        if self._mounts.may_hold_derived(target):
            raise NotOffered(
                "Below this directory are keys of the service's own, and a form cannot leave them out. Upload with PUT."
            )
        policy = post_policy(grant.rule, target, request.query.get("type"))
        signed = self._presigner.form(target, policy, now=now, deadline=request.deadline)
        expires_at = rfc3339(signed.expires_at)
        return replies.document(200, {"url": signed.url, "fields": dict(signed.fields), "expires_at": expires_at})
