"""Playlists: the bytes of an HLS or DASH playlist. So a player joins the names of the segments to a URL of the service.

After a redirect, the player would join the names to the URL of S3, where each URL needs a signature (FACTS 3.7).
"""

from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import PLAYLIST_TYPES, Mounts
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request

from .redirects import Redirects

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore

MAX_PLAYLIST_BYTES: Final = 1_000_000
_OF_S3: Final = ("presign", "download")  # the parameters that ask for a URL of S3, or for a file to keep


class Playlists:
    """Answers GET and HEAD of files whose names end as names of playlists do.

    Args:
        mounts: the buckets, and the playlists that they serve inline.
        objects: has the playlists.
        redirects: answers where no playlist is served inline.
    """

    def __init__(self, *, mounts: Mounts, objects: "ObjectStore", redirects: Redirects) -> None:
        self._mounts = mounts
        self._objects = objects
        self._redirects = redirects

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the bytes, where the mount serves the playlist inline and it has at most `MAX_PLAYLIST_BYTES`.

        A redirect answers a larger playlist, `?presign` and `?download`, and a HEAD at an entry point that would show
        a length of 0. S3 then sends the media type of a playlist too.

        Raises:
            NotFound, PreconditionFailed, BadRequest, Unavailable: as S3 answers; see `ports.ObjectStore.get`.
            Problem: as `Redirects.answer`.
        """
        target = self._mounts.resolve(grant)
        ending = next(ending for ending in PLAYLIST_TYPES if target.key.endswith(ending))
        if ending not in target.mount.inline:
            return self._redirects.answer(request, grant, now, log_entry)
        media_type = PLAYLIST_TYPES[ending]
        kept = {name: value for name, value in request.query.items() if not name.startswith("response-")}
        request = request._replace(query=kept | {"response-content-type": media_type})
        if _needs_redirect(request):
            return self._redirects.answer(request, grant, now, log_entry)
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        passthrough.headers(request, grant)  # refuses the headers that a redirect refuses
        asked = target, passthrough.query(request, grant.path), request.headers, request.deadline
        if request.method == "HEAD":
            return replies.playlist(self._objects.head(*asked), media_type, None)
        found = self._objects.get(*asked, max_bytes=MAX_PLAYLIST_BYTES)
        if found is None:
            return self._redirects.answer(request, grant, now, log_entry)
        metadata, body = found
        return replies.playlist(metadata, media_type, body)


def _needs_redirect(request: Request) -> bool:
    return (request.method == "HEAD" and not request.length_arrives) or not request.query.keys().isdisjoint(_OF_S3)
