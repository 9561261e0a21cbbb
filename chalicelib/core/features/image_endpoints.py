"""Rendering: images that are answered themselves, posted by the client or fetched from another site."""

from typing import TYPE_CHECKING, Final

from chalicelib.core.access.rules import Rule
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.message import Request
from chalicelib.core.web.problems import BadParameter, ImageTooLarge, NotAnImage

if TYPE_CHECKING:
    from chalicelib.core.ports import ImageSource, Renderer


_THUMBNAIL: Final = {"w": "128", "h": "128"}  # of an image that is posted without a size


def rendition_of(request: Request) -> Rendition:
    """Return what a request wants of an image; raise BadParameter where a parameter is missing or cannot be used."""
    usual = _THUMBNAIL if request.method == "POST" and not image_parameters.is_asked(request.query) else {}
    return image_parameters.rendition({**request.query, **usual})


class Rendering:
    """Answers `POST /-/thumbnail` and `GET /-/resize`.

    Args:
        renderer: makes images smaller.
        source: fetches them.
    """

    def __init__(self, *, renderer: "Renderer", source: "ImageSource") -> None:
        self._renderer = renderer
        self._source = source

    def image(self, request: Request, rule: Rule) -> Image:
        """Return the image that was posted, or is at `u`, as `w`, `h`, `fit`, `format` and `q` want it.

        Without `w` and `h`, a posted image comes within 128 by 128 pixels.

        Args:
            request: a POST of an image, or a GET or HEAD with `u`.
            rule: what allows it.

        Raises:
            BadParameter: a parameter is missing or cannot be used.
            SizeNotAllowed: the rule lists sizes, and not this one.
            NotAnImage, ImageTooLarge, ImageBroken: it cannot be rendered.
            SourceNotAllowed, SourceFailed, NotFound, Unavailable: it cannot be fetched.
        """
        wanted = rendition_of(request)
        image_parameters.check_size(wanted, rule.image_sizes)
        data = request.body if request.method == "POST" else self._fetched(request)
        if len(data) > image_parameters.MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"The image has more than {image_parameters.MAX_IMAGE_BYTES:,} bytes.")
        if image_parameters.kind_of(data) is None:
            raise NotAnImage()
        return self._renderer.render(data, wanted, request.deadline)

    def _fetched(self, request: Request) -> bytes:
        url = request.query.get("u")
        if not url:
            raise BadParameter("u", "it is missing: say the URL of the image, percent-encoded.")
        return self._source.fetch(url, request.deadline)
