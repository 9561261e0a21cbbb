"""The image endpoints: `POST /-/thumbnail` renders the image of the body, and `GET /-/resize?u=` an image of a site."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, Rule, RuleSet
from chalicelib.core.s3.presign import Presigner
from chalicelib.core.web import image_parameters
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.images import ImageTooLarge, NotAnImage

from .derived_images import DerivedImages

if TYPE_CHECKING:
    from chalicelib.core.ports import ImageSource, Renderer

_CACHE_SECONDS: Final = 3_600  # how long a browser may keep an image of another site, which can change there
_DEFAULT_SIZE: Final = {"w": "128", "h": "128"}  # of an image that is posted without a size


class ImageEndpoints:
    """Answers with rendered images.

    Args:
        rules: tell whether a shared cache may keep an image.
        renderer: renders the images.
        source: fetches images of other sites.
        derived_images: factory of DerivedImages, which store an image that is too large for a reply.
        presigner: signs the URLs of these images.
    """

    def __init__(
        self,
        *,
        rules: RuleSet,
        renderer: "Renderer",
        source: "ImageSource",
        derived_images: Callable[[], DerivedImages],
        presigner: Presigner,
    ) -> None:
        self._rules = rules
        self._renderer = renderer
        self._source = source
        self._derived_images = derived_images
        self._presigner = presigner

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the image in the size of `w`, `h`, `fit`, `format` and `q`; by default within 128 by 128 pixels.

        An image that is too large for a reply is stored, and the answer is a redirect to the image.

        Raises:
            BadParameter: a parameter is missing or cannot be used.
            SizeNotAllowed: the rule lists sizes, and does not list the wanted size.
            NotAnImage, ImageTooLarge, ImageBroken: the image cannot be rendered.
            SourceNotAllowed, SourceFailed, NotFound, Unavailable: the image cannot be fetched.
        """
        image = self._render(request, grant.rule)
        if len(image.body) <= replies.MAX_BODY_BYTES:
            return replies.image(image, self._cache_control(request, grant, now))
        target = self._derived_images().store(image, grant, request.deadline)
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        method = "HEAD" if request.method == "HEAD" else "GET"
        signed = self._presigner.url(
            method, target, grant=grant, query={}, headers={}, now=now, deadline=request.deadline
        )
        log_entry.mark = signed.mark
        return replies.redirect(signed, replies.NO_STORE, 303 if request.method == "POST" else 307)

    def _render(self, request: Request, rule: Rule) -> Image:
        is_posted = request.method == "POST"
        default = _DEFAULT_SIZE if is_posted and not image_parameters.are_in(request.query) else {}
        rendition = image_parameters.rendition({**request.query, **default})
        image_parameters.check_size(rendition, rule.image_sizes)
        data = (
            request.body
            if is_posted
            else self._source.fetch(image_parameters.source_url(request.query), request.deadline)
        )
        if len(data) > image_parameters.MAX_IMAGE_BYTES:
            raise ImageTooLarge(f"The image has more than {image_parameters.MAX_IMAGE_BYTES:,} bytes.")
        if image_parameters.kind_of(data) is None:
            raise NotAnImage()
        return self._renderer.render(data, rendition, request.deadline)

    def _cache_control(self, request: Request, grant: Grant, now: float) -> str:
        """Return how long a client may keep an image. A shared cache may keep an image whose URL alone opens it."""
        if request.method == "POST":
            return replies.NO_STORE
        seconds = min(_CACHE_SECONDS, int(grant.link.expires_at - now)) if grant.link else _CACHE_SECONDS
        in_url = grant.link is not None or "k" in request.query
        return replies.cache_control(seconds, shared=in_url or self._rules.open_to_anyone(grant))
