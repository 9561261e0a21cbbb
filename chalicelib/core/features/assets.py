"""Assets: the scripts, the stylesheet and the icons that pages load, below `/-/assets/`."""

from typing import TYPE_CHECKING

from chalicelib.core import replies
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import ASSETS, Path
from chalicelib.core.web.problems.base import NotFound

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages


class Assets:
    """Answers below `/-/assets/`.

    Args:
        pages: has the files.
    """

    def __init__(self, pages: "Pages") -> None:
        self._pages = pages

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the file of this name, which a browser may keep for ever; raise NotFound where there is none."""
        file = self._pages.asset(path.removeprefix(ASSETS))
        if file is None:
            raise NotFound("There is no such file. Reload the page that asked for it.")
        return replies.asset(file)
