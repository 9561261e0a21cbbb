"""Derivatives: what is made of a stored image once, stored beside it, and redirected to ever after."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.rules import Grant
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.s3.stores import BucketUrl
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.message import Request
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems import ImageTooLarge, NotAnImage, NotFound
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore, Renderer

_REMEMBERED: Final = 300  # seconds: someone may empty the folder, or it may expire there
_MAX_REMEMBERED: Final = 10_000


class Derivatives:
    """Makes them, and remembers for a while which are there.

    Args:
        mounts: where they are kept.
        objects: what they are made of, and where they are written.
        renderer: makes them.
    """

    def __init__(self, *, mounts: Mounts, objects: "ObjectStore", renderer: "Renderer") -> None:
        self._mounts = mounts
        self._objects = objects
        self._renderer = renderer
        self._there: dict[tuple[BucketUrl, str], float] = {}

    def target(
        self,
        grant: Grant,
        source: Target,
        query: Mapping[str, str],
        permit: Callable[[], None],
        now: float,
        deadline: Deadline,
    ) -> Target:
        """Return the derivative that a query asks for, made if there is none.

        Its name is decided by what it is made of and how, so a source that changes has another one.

        Args:
            grant: to read the source.
            source: the image.
            query: `w`, `h`, `fit`, `format`, `q`, and `versionId` of the source.
            permit: called before something is made; raises if it may not be.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            BadParameter: a parameter is missing or cannot be used.
            SizeNotAllowed: the rule lists sizes, and not this one.
            NotFound: there is no source.
            NotAnImage, ImageTooLarge, ImageBroken: it cannot be rendered.
            Unavailable: S3 does not answer.
        """
        wanted = image_parameters.rendition(query)
        image_parameters.check_size(wanted, grant.rule.image_sizes)
        version = {name: query[name] for name in ("versionId",) if name in query}
        said = self._objects.head(source, version, {}, deadline).headers
        target = self._mounts.derived(grant, image_parameters.derivative_name(source.key, said["etag"], wanted))
        name = (
            target.mount.bucket_url,
            target.key,
        )  # two stores can have buckets of one name, and the same image
        if self._there.get(name, 0) <= now:
            if not self._exists(target, deadline):
                permit()
                self._objects.create(target, self._make(source, version, said, wanted, deadline), deadline)
            self._remember(name, now)
        return target

    def keep(self, grant: Grant, image: Image, deadline: Deadline) -> Target:
        """Store an image under a name that it decides, and return where."""
        target = self._mounts.derived(grant, image_parameters.content_name(image))
        self._objects.create(target, image, deadline)
        return target

    def _exists(self, target: Target, deadline: Deadline) -> bool:
        try:
            self._objects.head(target, {}, {}, deadline)
        except NotFound:
            return False
        return True

    def _make(
        self,
        source: Target,
        version: Mapping[str, str],
        said: Mapping[str, str],
        wanted: Rendition,
        deadline: Deadline,
    ) -> Image:
        def is_image(data: bytes) -> bool:
            return image_parameters.kind_of(data) is not None

        if int(said["content-length"]) > image_parameters.MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"The image has more than {image_parameters.MAX_IMAGE_BYTES:,} bytes.")
        data = self._objects.read(source, version, said["etag"], deadline, is_image)
        if not is_image(data):
            raise NotAnImage()
        return self._renderer.render(data, wanted, deadline)

    def _remember(self, name: tuple[BucketUrl, str], now: float) -> None:
        self._there.pop(name, None)
        self._there[name] = now + _REMEMBERED
        if len(self._there) > _MAX_REMEMBERED:
            del self._there[next(iter(self._there))]  # the one that was made sure of longest ago


def request_of(request: Request, path: Path) -> Request:
    """Return a request for an image as one for its derivative.

    That has no versions, and what is downloaded has its format in its name.
    """
    query = {name: value for name, value in request.query.items() if name != "versionId"}
    if query.get("download") == "" and query.get("format"):
        name = path.rpartition("/")[2]
        stem = (name.rpartition(".")[0] or name).replace("\\", "_")  # as a name that is asked for, it has no slash
        named = f"{stem}.{query['format']}"
        query["download"] = named if passthrough.is_file_name(named) else ""
    return request._replace(query=query)
