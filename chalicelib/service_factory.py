"""Builds the service and its features from the settings and the backends.

The features that redirects need are imported here, at the top. All other features are imported by the first request
that needs them, because most containers only redirect.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from .access_factory import AccessFactory
from .core.access.actions import METHODS
from .core.access.authorization import Authorization
from .core.access.marks import Marks
from .core.access.signing import Signer
from .core.features.redirects import Redirects
from .core.features.uploads import Uploads
from .core.s3.mounts import Mounts
from .core.s3.presign import Presigner
from .core.service import Feature, Service, ServicePage
from .core.web.cors import Cors
from .default_backends import Backends
from .settings.load import Settings

if TYPE_CHECKING:
    from .core.access.client_address import ClientAddresses
    from .core.access.link_tokens import Random
    from .core.features.derived_images import DerivedImages
    from .core.features.directory_pages import DirectoryPages
    from .core.features.links import Links
    from .core.features.provider_sign_in import ProviderSignIn
    from .core.features.sign_in import SignInPage
    from .core.link_uses import LinkUses
    from .core.request_limits import RequestLimits


class ServiceFactory:
    """Builds each part of a service when the part is first needed.

    To give another part, assign the part to its attribute before the first request.

    Args:
        settings: the settings.
        backends: the backends.
        random: returns bytes that nobody can guess.

    Attributes:
        access: builds the parts that decide who asks, and what the rules allow.
    """

    def __init__(self, settings: Settings, backends: Backends, random: "Random") -> None:
        self._settings, self._backends, self._random = settings, backends, random
        self.access = AccessFactory(settings, backends, random)

    def service(self) -> Service:
        """Return the service. To add a feature, add its line here and its factory below."""
        if self._backends.signing_secrets:
            # A service that has links loads their readers while the function starts.
            _ = self.access.link_tokens, self.access.makers
        return Service(
            authorization=Authorization(
                api_keys=self.access.api_keys,
                authenticators=self.access.authenticators,
                rules=self.access.rules,
                makers=lambda: self.access.makers,
                link_tokens=lambda: self.access.link_tokens,
                resize_tokens=lambda: self.access.resize_tokens,
            ),
            cors=self.cors,
            features={
                "redirects": lambda: self.redirects,
                "uploads": lambda: self.uploads,
                "forms": lambda: self.forms,
                "links": lambda: self.links,
                "resize_links": lambda: self.resize_links,
                "directories": lambda: self.directories,
                "directory_pages": lambda: self.directory_pages,
                "stored_images": lambda: self.stored_images,
                "image_endpoints": lambda: self.image_endpoints,
            },
            pages={
                "sign_in": lambda: self.sign_in,
                "provider_sign_in": lambda: self.provider_sign_in,
                "token_page": lambda: self.token_page,
                "assets": lambda: self.assets,
            },
            limits=self.limits,
            link_uses=lambda: self.link_uses,
            sign_in_again=(lambda: self.provider_sign_in) if self.access.sign_in_issuers else None,
        )

    # Shared parts

    @cached_property
    def cors(self) -> Cors:
        """The origins of the settings."""
        return Cors(self._settings.cors_origins, METHODS)

    @cached_property
    def mounts(self) -> Mounts:
        """The mounts of the settings."""
        return Mounts(self._settings.mounts)

    @cached_property
    def presigner(self) -> Presigner:
        """The signer of URLs and forms for S3."""
        keys = self._backends.mark_keys
        return Presigner(self._backends.credentials.current, Marks(keys[-1]) if keys else None)

    @cached_property
    def client_addresses(self) -> "ClientAddresses":
        """The addresses of clients."""
        from .core.access.client_address import ClientAddresses

        return ClientAddresses(self._backends.cdn_secrets)

    @cached_property
    def limits(self) -> "RequestLimits | None":
        """The limits of requests; None where the settings have none. Raises InvalidSettings where there is no table."""
        if not self._settings.limits:
            return None
        from .core.request_limits import RequestLimits

        return RequestLimits(
            limits=self._settings.limits,
            leases=self._backends.leases,
            client_addresses=self.client_addresses,
            url_seconds=self.mounts.url_seconds,
            admit_without_table=self._settings.admit_without_table,
        )

    @cached_property
    def link_uses(self) -> "LinkUses":
        """The uses of links."""
        from .core.link_uses import LinkUses

        return LinkUses(
            counter=lambda: self._backends.link_use_counter,
            client_addresses=self.client_addresses,
            readings=Signer(self.access.secrets, "client"),
            random=self._random,
        )

    @cached_property
    def derived_images(self) -> "DerivedImages":
        """The derived images, which two features store."""
        from .core.features.derived_images import DerivedImages

        return DerivedImages(mounts=self.mounts, objects=self._backends.objects, renderer=self._backends.renderer)

    # Features

    @cached_property
    def redirects(self) -> Redirects:
        """Answers GET, HEAD and DELETE of a file."""
        objects = (lambda: self._backends.objects) if self._settings.head_inline else None
        return Redirects(rules=self.access.rules, mounts=self.mounts, presigner=self.presigner, objects=objects)

    @cached_property
    def uploads(self) -> Uploads:
        """Answers uploads."""
        return Uploads(mounts=self.mounts, presigner=self.presigner)

    @cached_property
    def forms(self) -> Feature:
        """Answers `?form`."""
        from .core.features.forms import Forms

        return Forms(rules=self.access.rules, mounts=self.mounts, presigner=self.presigner)

    @cached_property
    def links(self) -> "Links":
        """Answers `?link`, and revokes links."""
        from .core.features.links import Links

        return Links(
            rules=self.access.rules,
            makers=self.access.makers,
            link_tokens=self.access.link_tokens,
            counter=self._backends.link_use_counter,
        )

    @cached_property
    def resize_links(self) -> Feature:
        """Answers `?link` of `/-/resize`."""
        from .core.features.resize_links import ResizeLinks

        source = self._backends.image_source
        return ResizeLinks(
            rules=self.access.rules, makers=self.access.makers, resize_tokens=self.access.resize_tokens, source=source
        )

    @cached_property
    def directories(self) -> Feature:
        """Answers with listings."""
        from .core.features.directories import Directories
        from .core.features.directory_listing import DirectoryListings

        listings = DirectoryListings(
            rules=self.access.rules,
            mounts=self.mounts,
            objects=self._backends.objects,
            cipher=self._backends.cursor_cipher,
        )
        return Directories(listings=listings, rules=self.access.rules, links=self.links, pages=self.directory_pages)

    @cached_property
    def directory_pages(self) -> "DirectoryPages":
        """Answers with the upload page, and renders the pages of listings."""
        from .core.features.directory_pages import DirectoryPages

        return DirectoryPages(
            rules=self.access.rules,
            mounts=self.mounts,
            pages=self._backends.pages,
            realm=self._settings.realm,
            sign_in=self.access.sessions is not None,
        )

    @cached_property
    def stored_images(self) -> Feature:
        """Answers `?w=` of stored images."""
        from .core.features.stored_images import StoredImages

        return StoredImages(
            mounts=self.mounts,
            derived_images=self.derived_images,
            redirects=self.redirects,
            link_uses=self.link_uses,
        )

    @cached_property
    def image_endpoints(self) -> Feature:
        """Answers `/-/thumbnail` and `/-/resize`."""
        from .core.features.image_endpoints import ImageEndpoints

        return ImageEndpoints(
            rules=self.access.rules,
            renderer=self._backends.renderer,
            source=self._backends.image_source,
            derived_images=lambda: self.derived_images,
            presigner=self.presigner,
        )

    @cached_property
    def sign_in(self) -> "SignInPage":
        """Answers `/-/login` and `/-/logout`."""
        from .core.features.sign_in import SignInPage

        return SignInPage(
            api_keys=self.access.api_keys,
            sign_ins=self.access.sign_ins,
            sessions=self.access.sessions,
            issuers=[issuer.name for issuer in self.access.sign_in_issuers],
            provider_logout=lambda name, request: self.provider_sign_in.logout_url(name, request),
            pages=self._backends.pages,
            realm=self._settings.realm,
        )

    @cached_property
    def provider_sign_in(self) -> "ProviderSignIn":
        """Answers `/-/login/NAME` and `/-/callback/NAME`; raises NotFound where nobody signs in with an issuer."""
        from .core.access.sign_in_states import SignInStates
        from .core.features.provider_sign_in import ProviderSignIn
        from .core.web.problems.base import NotFound

        if not (self.access.sign_in_issuers and self.access.issuer_tokens and self.access.sessions):
            raise NotFound("No identity provider signs people in here.")
        return ProviderSignIn(
            issuers=self.access.sign_in_issuers,
            providers=self._backends.providers,
            issuer_tokens=self.access.issuer_tokens,
            states=SignInStates(Signer(self.access.secrets, "sign-in"), self._random),
            sign_ins=self.access.sign_ins,
            sessions=self.access.sessions,
            page=self.sign_in,
        )

    @cached_property
    def token_page(self) -> ServicePage:
        """Answers `/-/token`."""
        from .core.features.token_page import TokenPage

        return TokenPage(
            sessions=self.access.sessions,
            service_tokens=lambda: self.access.service_tokens,
            rules=self.access.rules,
            pages=self._backends.pages,
        )

    @cached_property
    def assets(self) -> ServicePage:
        """Answers `/-/assets/`."""
        from .core.features.assets import Assets

        return Assets(self._backends.pages)
