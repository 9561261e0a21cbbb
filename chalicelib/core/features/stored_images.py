"""Stored images: `GET path?w=` redirects to a smaller image of a stored image, which is rendered once and stored."""

from typing import Final

from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Grant
from chalicelib.core.link_uses import LinkUses
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import Path

from .derived_images import DerivedImages
from .redirects import Redirects

# A page with many images asks for each image again at each visit. With these times, a browser asks the service once an
# hour: it keeps the redirects, and it finds the images in its cache, because the URLs stay the same.
_URL_SECONDS: Final = 7_200
_STABLE_SECONDS: Final = 3_600


class StoredImages:
    """Answers with redirects to derived images.

    Args:
        mounts: the buckets.
        derived_images: makes the derived images.
        redirects: answers with the URL of a derived image.
        link_uses: tells whether a link has a use left before an image is rendered.
    """

    def __init__(
        self, *, mounts: Mounts, derived_images: DerivedImages, redirects: Redirects, link_uses: LinkUses
    ) -> None:
        self._mounts = mounts
        self._derived_images = derived_images
        self._redirects = redirects
        self._link_uses = link_uses

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a redirect to the derived image; raise as `DerivedImages.of_stored` and `Redirects.to`."""

        def check_use() -> None:
            if grant.link and grant.link.uses:
                self._link_uses.check(grant.link, request.deadline)

        source = self._mounts.resolve(grant)
        passthrough.query(request, grant.path)  # a request that a redirect would refuse must render no image
        passthrough.headers(request, grant)
        target = self._derived_images.of_stored(source, request.query, grant, check_use, now, request.deadline)
        if grant.link is None:
            target = _lasting(target, grant.principal, now)
        derived_request = _request_of_derived(request, grant.path)
        old_version = "versionId" in request.query
        return self._redirects.to(target, derived_request, grant, now, log_entry, old_version=old_version)


def _lasting(target: Target, principal: Principal, now: float) -> Target:
    """Return the target with a URL that lasts for hours, and with a redirect that a browser may keep.

    The URL lasts no longer than the session or the token of the caller. The holder of a link gets no such
    target, because the link can end earlier than the URL would.
    """
    mount = target.mount._replace(
        url_seconds=_URL_SECONDS, stable_seconds=_STABLE_SECONDS, cache_seconds=_STABLE_SECONDS, media_seconds=None
    )
    if principal.ends_at is not None:
        mount = mount._replace(url_seconds=min(_URL_SECONDS, principal.ends_at - mount.signed_at(now)))
    return target._replace(mount=mount)


def _request_of_derived(request: Request, path: Path) -> Request:
    """Rewrite a request for an image so that the request fits the derived image.

    A derived image has no versions. The name of a download gets the extension of the new format.
    """
    query = {name: value for name, value in request.query.items() if name != "versionId"}
    if query.get("download") == "" and query.get("format"):
        name = path.rpartition("/")[2]
        stem = (name.rpartition(".")[0] or name).replace("\\", "_")  # `passthrough.query` refuses a backslash
        file_name = f"{stem}.{query['format']}"
        query["download"] = file_name if passthrough.is_file_name(file_name) else ""
    return request._replace(query=query)
