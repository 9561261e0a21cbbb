"""Derived images: objects below `-/derived/` that the service makes of images, and looks for before it makes them."""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.rules import Grant
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.s3.stores import BucketUrl
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.problems.base import NotFound
from chalicelib.core.web.problems.images import ImageTooLarge, NotAnImage
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore, Renderer

_REMEMBERED_SECONDS: Final = 300  # an operator may empty the folder, and S3 may expire its objects
_MAX_REMEMBERED: Final = 10_000
_NAMES_VERSION: Final = "2"  # a new number gives all derived images new names: change it when the renderer changes


class DerivedImages:
    """Makes derived images, and remembers for five minutes which derived images exist.

    Args:
        mounts: the buckets.
        objects: reads the sources, and writes the derived images.
        renderer: renders the images.
    """

    def __init__(self, *, mounts: Mounts, objects: "ObjectStore", renderer: "Renderer") -> None:
        self._mounts = mounts
        self._objects = objects
        self._renderer = renderer
        self._exists_until: dict[tuple[BucketUrl, str], float] = {}

    def of_stored(
        self,
        source: Target,
        query: Mapping[str, str],
        grant: Grant,
        before_rendering: Callable[[], None],
        now: float,
        deadline: Deadline,
    ) -> Target:
        """Return the derived image of a stored image; render and store the derived image where there is none.

        The name of a derived image depends on the key and the ETag of the source, and on the rendition. So a source
        that changes gets another derived image.

        Args:
            source: the stored image.
            query: `w`, `h`, `fit`, `format`, `q`, and `versionId` of the source.
            grant: to read the source.
            before_rendering: called before an image is rendered; raises a Problem to refuse the request.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            BadParameter: a parameter is missing or cannot be used.
            SizeNotAllowed: the rule lists sizes, and does not list the wanted size.
            NotFound: the source does not exist.
            NotAnImage, ImageTooLarge, ImageBroken: the source cannot be rendered.
            Unavailable: S3 does not answer.
        """
        rendition = image_parameters.rendition(query)
        image_parameters.check_size(rendition, grant.rule.image_sizes)
        version = {name: query[name] for name in ("versionId",) if name in query}
        source_headers = self._objects.head(source, version, {}, deadline).headers
        name = derivative_name(source.key, source_headers["etag"], rendition)
        target = self._mounts.derived(grant, name)
        place = (target.mount.bucket_url, target.key)  # two stores can have buckets of the same name
        if self._exists_until.get(place, 0) <= now:
            if not self._exists(target, deadline):
                before_rendering()
                image = self._render(source, version, source_headers, rendition, deadline)
                self._objects.create(target, image, deadline)
            self._remember(place, now)
        return target

    def store(self, image: Image, grant: Grant, deadline: Deadline) -> Target:
        """Store an image under the hash of its bytes, and return its target."""
        target = self._mounts.derived(grant, content_name(image))
        self._objects.create(target, image, deadline)
        return target

    def _exists(self, target: Target, deadline: Deadline) -> bool:
        try:
            self._objects.head(target, {}, {}, deadline)
        except NotFound:
            return False
        return True

    def _render(
        self,
        source: Target,
        version: Mapping[str, str],
        source_headers: Mapping[str, str],
        rendition: Rendition,
        deadline: Deadline,
    ) -> Image:
        def is_image(data: bytes) -> bool:
            return image_parameters.kind_of(data) is not None

        if int(source_headers["content-length"]) > image_parameters.MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"The image has more than {image_parameters.MAX_IMAGE_BYTES:,} bytes.")
        data = self._objects.read(source, version, source_headers["etag"], deadline, is_image)
        if not is_image(data):
            raise NotAnImage()
        return self._renderer.render(data, rendition, deadline)

    def _remember(self, place: tuple[BucketUrl, str], now: float) -> None:
        self._exists_until.pop(place, None)
        self._exists_until[place] = now + _REMEMBERED_SECONDS
        if len(self._exists_until) > _MAX_REMEMBERED:
            del self._exists_until[next(iter(self._exists_until))]  # the first entry is the oldest entry


def derivative_name(key: str, etag: str, rendition: Rendition) -> str:
    """Return the name of a derived image: different for each key, content and rendition.

    Args:
        key: the key of the object.
        etag: the ETag of the object, which stands for its content.
        rendition: the parameters of the derived image.
    """
    source = "\0".join((_NAMES_VERSION, key, etag, *map(str, rendition)))
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def content_name(image: Image) -> str:
    """Return the name of an image: the hash of its bytes."""
    return hashlib.sha256(image.body).hexdigest()
