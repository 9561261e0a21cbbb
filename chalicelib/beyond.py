"""What a redirect does without: loaded and made by the first request that needs it. Most containers only redirect."""

from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from .core.access.link_tokens import LinkTokens
from .core.access.principals import ApiKeys
from .core.access.rules import RuleSet
from .core.access.sessions import Sessions
from .core.access.signing import Secrets, Signer
from .core.s3.mounts import Mounts

if TYPE_CHECKING:
    from chalicelib.backends.dynamodb import DynamoLinkUseCounter

    from .backends.images.renderer import VipsRenderer
    from .backends.images.web_images import WebImages
    from .backends.s3 import S3Objects
    from .backends.templates import HtmlPages
    from .core.features.directories import Browsing
    from .core.features.image_endpoints import Rendering
    from .core.features.links import Sharing
    from .core.features.resize_links import ResizeLinks
    from .core.features.sign_in import OwnPages
    from .core.features.stored_images import Derivatives


_RENDERING = 5  # seconds


class Common(NamedTuple):
    """What both sides use.

    Attributes:
        table: where uses are counted; None for nowhere.
        region: where that is.
        image_hosts: whose images may be fetched.
    """

    realm: str
    secrets: Secrets
    keys: ApiKeys
    sessions: Sessions | None
    rules: RuleSet
    mounts: Mounts
    links: LinkTokens
    table: str | None
    region: str | None
    image_hosts: tuple[str, ...]


@cache
def pages() -> "HtmlPages":
    """What makes pages, made once: it depends on no settings."""
    from .backends.templates import HtmlPages

    return HtmlPages()


class Beyond:
    """Each of these is made once."""

    def __init__(self, common: Common) -> None:
        self._common = common

    @cached_property
    def objects(self) -> "S3Objects":
        """What asks S3."""
        from .backends.s3 import S3Objects

        return S3Objects()

    @cached_property
    def tokens(self) -> "DynamoLinkUseCounter | None":
        """What counts the uses of links."""
        from .backends.dynamodb import DynamoLinkUseCounter

        return DynamoLinkUseCounter(self._common.table, self._common.region) if self._common.table else None

    @cached_property
    def sharing(self) -> "Sharing":
        """What makes links and revokes them."""
        from .core.features.links import Sharing

        return Sharing(rules=self._common.rules, links=self._common.links, tokens=self.tokens)

    @cached_property
    def browsing(self) -> "Browsing":
        """What answers for directories."""
        from .core.features.directories import Browsing
        from .core.features.directory_listing import Directories

        rules, mounts = self._common.rules, self._common.mounts
        cursors = Signer(self._common.secrets, "cursor")
        return Browsing(
            directories=Directories(rules=rules, mounts=mounts, objects=self.objects, signer=cursors),
            rules=rules,
            mounts=mounts,
            sharing=self.sharing,
            pages=pages(),
            realm=self._common.realm,
            sign_in=self._common.sessions is not None,
        )

    @cached_property
    def renderer(self) -> "VipsRenderer":
        """What makes images smaller."""
        from .backends.images.renderer import VipsRenderer

        return VipsRenderer(seconds=_RENDERING)

    @cached_property
    def derivatives(self) -> "Derivatives":
        """What makes smaller images of stored ones."""
        from .core.features.stored_images import Derivatives

        return Derivatives(mounts=self._common.mounts, objects=self.objects, renderer=self.renderer)

    @cached_property
    def rendering(self) -> "Rendering":
        """What answers with images."""
        from .core.features.image_endpoints import Rendering

        return Rendering(renderer=self.renderer, source=self.web_images)

    @cached_property
    def web_images(self) -> "WebImages":
        """The other sites, from which images are fetched."""
        from .backends.images.web_images import WebImages

        return WebImages(self._common.image_hosts)

    @cached_property
    def resize_links(self) -> "ResizeLinks":
        """Makes the links to `/-/resize`, and reads their tokens."""
        from .core.features.resize_links import ResizeLinks

        signer = Signer(self._common.secrets, "resize link")
        return ResizeLinks(rules=self._common.rules, signer=signer, source=self.web_images)

    @cached_property
    def own_pages(self) -> "OwnPages":
        """What answers below `/-/`."""
        from .core.features.sign_in import OwnPages

        common = self._common
        return OwnPages(keys=common.keys, sessions=common.sessions, pages=pages(), realm=common.realm)
