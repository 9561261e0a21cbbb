"""Home pages: the page that a browser gets at a directory that its visitor may not list, in place of the refusal."""

from typing import TYPE_CHECKING

from chalicelib.core.access.reach import Reach
from chalicelib.core.access.rules import RuleSet
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import Path

from .directory_pages import DirectoryPages

if TYPE_CHECKING:
    from chalicelib.core.access.authorization import Caller


class HomePages:
    """Leads a person to what the person may open, and lets a person upload who may upload only.

    The page comes from the rules alone: no call to S3, and no word about whether a file exists. The holder of a link
    has the path of the link, and gets no such page.

    Args:
        rules: decide whether the visitor may list the directory.
        reach: finds what the visitor may open.
        pages: renders the page.
    """

    def __init__(self, *, rules: RuleSet, reach: Reach, pages: DirectoryPages) -> None:
        self._rules = rules
        self._reach = reach
        self._pages = pages

    def answer(
        self, request: Request, caller: "Caller", path: Path, now: float, log_entry: AccessLogEntry
    ) -> Reply | None:
        """Return the page; None where the refusal stands.

        The refusal stands where the page would be empty, and where the visitor may list the directory: then the rules
        refuse another action of the request.
        """
        if self._rules.grant_for(caller, "list", path):
            return None
        upload = self._reach.upload(caller, path)
        parts = self._reach.parts(caller, path)
        if upload is None and not parts:
            return None
        if upload is not None:
            log_entry.action, log_entry.rule = upload.action, upload.rule.number
        return self._pages.unlisted(request, caller, path, parts, now)
