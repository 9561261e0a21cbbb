"""Builds the service and its features from the settings and the backends.

The features that redirects need are imported here, at the top. All other features are imported by the first request
that needs them, because most containers only redirect.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .core.access.actions import METHODS
from .core.access.authorization import Authorization
from .core.access.principals import ApiKeys, Authenticator, AuthorizationHeader
from .core.access.rules import RuleSet
from .core.access.signing import Signer, no_secrets
from .core.features.redirects import Redirects
from .core.features.uploads import Uploads
from .core.s3.mounts import Mounts
from .core.s3.presign import Presigner
from .core.service import Feature, Service, ServicePage
from .core.web.cors import Cors
from .default_backends import Backends
from .settings.load import Settings

if TYPE_CHECKING:
    from .core.access.issuer_tokens import IssuerTokens
    from .core.access.issuers import Issuer
    from .core.access.link_tokens import LinkTokens, Random
    from .core.access.makers import Makers
    from .core.access.resize_tokens import ResizeTokens
    from .core.access.service_tokens import ServiceTokens
    from .core.access.sessions import Sessions
    from .core.access.sign_ins import SignIns
    from .core.features.derived_images import DerivedImages
    from .core.features.directory_pages import DirectoryPages
    from .core.features.links import Links
    from .core.features.provider_sign_in import ProviderSignIn
    from .core.features.sign_in import SignInPage
    from .core.link_uses import LinkUses


class ServiceFactory:
    """Builds each part of a service when the part is first needed.

    To give another part, assign the part to its attribute before the first request.

    Args:
        settings: the settings.
        backends: the backends.
        random: returns bytes that nobody can guess.
    """

    def __init__(self, settings: Settings, backends: Backends, random: "Random") -> None:
        self._settings, self._backends, self._random = settings, backends, random
        self._secrets = backends.signing_secrets or no_secrets

    def service(self) -> Service:
        """Return the service. To add a feature, add its line here and its factory below."""
        if self._backends.signing_secrets:
            _ = self.link_tokens, self.makers  # a service that has links loads their readers while the function starts
        return Service(
            authorization=Authorization(
                api_keys=self.api_keys,
                authenticators=self.authenticators,
                rules=self.rules,
                makers=lambda: self.makers,
                link_tokens=lambda: self.link_tokens,
                resize_tokens=lambda: self.resize_tokens,
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
            link_uses=lambda: self.link_uses,
            sign_in_again=(lambda: self.provider_sign_in) if self.sign_in_issuers else None,
        )

    # Shared parts

    @cached_property
    def cors(self) -> Cors:
        """The origins of the settings."""
        return Cors(self._settings.cors_origins, METHODS)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The API keys of the settings, without the keys that are revoked for ever."""
        keys, revoked = self._settings.keys, self._settings.revoked
        if not revoked:
            return ApiKeys(keys)
        from .core.access.revocations import EVERYTHING

        return ApiKeys([key for key in keys if revoked.get(f"key:{key.id}") != EVERYTHING])

    @cached_property
    def authenticators(self) -> Sequence[Authenticator]:
        """The Authorization header, then the cookie where the service can sign cookies."""
        service_tokens = (lambda: self.service_tokens) if self._backends.signing_secrets else None
        header = AuthorizationHeader(self.api_keys, self.issuer_tokens, service_tokens)
        return (header, self.sessions) if self.sessions else (header,)

    @cached_property
    def issuer_tokens(self) -> "IssuerTokens | None":
        """The tokens of issuers, loaded while the function starts; None where the settings name no issuer."""
        if not self._settings.issuers:
            return None
        from .core.access.issuer_tokens import IssuerTokens

        return IssuerTokens(
            issuers=self._settings.issuers,
            keys=self._backends.issuer_keys,
            signatures=self._backends.token_signatures,
            groups=self._settings.groups,
            revoked=self._settings.revoked,
        )

    @cached_property
    def sign_ins(self) -> "SignIns":
        """The sign-ins of people and API keys, which sessions, service tokens and links carry."""
        from .core.access.sign_ins import SignIns

        return SignIns(
            keys=self.api_keys,
            issuers=self._settings.issuers,
            groups=self._settings.groups,
            rules=self._settings.rules,
            revoked=self._settings.revoked,
        )

    @cached_property
    def sessions(self) -> "Sessions | None":
        """The sessions of browsers; None where the service has no signing secret."""
        if self._backends.signing_secrets is None:
            return None
        from .core.access.sessions import Sessions

        return Sessions(self.sign_ins, Signer(self._secrets, "session"))

    @cached_property
    def service_tokens(self) -> "ServiceTokens":
        """The maker and reader of service tokens, loaded by the first request that has or makes such a token."""
        from .core.access.service_tokens import ServiceTokens

        return ServiceTokens(Signer(self._secrets, "service token"), self.sign_ins)

    @cached_property
    def rules(self) -> RuleSet:
        """The rules of the settings."""
        return RuleSet(self._settings.rules)

    @cached_property
    def mounts(self) -> Mounts:
        """The mounts of the settings."""
        return Mounts(self._settings.mounts)

    @cached_property
    def presigner(self) -> Presigner:
        """The signer of URLs and forms for S3."""
        return Presigner(self._backends.credentials.current)

    @cached_property
    def makers(self) -> "Makers":
        """The writer and reader of the makers of links."""
        from .core.access.makers import Makers

        return Makers(keys=self.api_keys, sign_ins=self.sign_ins, revoked=self._settings.revoked)

    @cached_property
    def link_tokens(self) -> "LinkTokens":
        """The maker and reader of link tokens."""
        from .core.access.link_tokens import LinkTokens, link_signer

        return LinkTokens(link_signer(self._secrets), self._random)

    @cached_property
    def resize_tokens(self) -> "ResizeTokens":
        """The maker and reader of resize tokens."""
        from .core.access.resize_tokens import ResizeTokens

        return ResizeTokens(Signer(self._secrets, "resize token"), self._backends.image_source.host)

    @cached_property
    def link_uses(self) -> "LinkUses":
        """The uses of links."""
        from .core.access.client_address import ClientAddresses
        from .core.link_uses import LinkUses

        return LinkUses(
            counter=lambda: self._backends.link_use_counter,
            client_addresses=ClientAddresses(self._backends.cdn_secrets),
            readings=Signer(self._secrets, "client"),
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
        return Redirects(rules=self.rules, mounts=self.mounts, presigner=self.presigner, objects=objects)

    @cached_property
    def uploads(self) -> Uploads:
        """Answers uploads."""
        return Uploads(mounts=self.mounts, presigner=self.presigner)

    @cached_property
    def forms(self) -> Feature:
        """Answers `?form`."""
        from .core.features.forms import Forms

        return Forms(rules=self.rules, mounts=self.mounts, presigner=self.presigner)

    @cached_property
    def links(self) -> "Links":
        """Answers `?link`, and revokes links."""
        from .core.features.links import Links

        return Links(
            rules=self.rules,
            makers=self.makers,
            link_tokens=self.link_tokens,
            counter=self._backends.link_use_counter,
        )

    @cached_property
    def resize_links(self) -> Feature:
        """Answers `?link` of `/-/resize`."""
        from .core.features.resize_links import ResizeLinks

        source = self._backends.image_source
        return ResizeLinks(rules=self.rules, makers=self.makers, resize_tokens=self.resize_tokens, source=source)

    @cached_property
    def directories(self) -> Feature:
        """Answers with listings."""
        from .core.features.directories import Directories
        from .core.features.directory_listing import DirectoryListings

        listings = DirectoryListings(
            rules=self.rules,
            mounts=self.mounts,
            objects=self._backends.objects,
            cipher=self._backends.cursor_cipher,
        )
        return Directories(listings=listings, rules=self.rules, links=self.links, pages=self.directory_pages)

    @cached_property
    def directory_pages(self) -> "DirectoryPages":
        """Answers with the upload page, and renders the pages of listings."""
        from .core.features.directory_pages import DirectoryPages

        return DirectoryPages(
            rules=self.rules,
            mounts=self.mounts,
            pages=self._backends.pages,
            realm=self._settings.realm,
            sign_in=self.sessions is not None,
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
            rules=self.rules,
            renderer=self._backends.renderer,
            source=self._backends.image_source,
            derived_images=lambda: self.derived_images,
            presigner=self.presigner,
        )

    @cached_property
    def sign_in_issuers(self) -> "Sequence[Issuer]":
        """The issuers with which people sign in; none where the service has no signing secret."""
        return [issuer for issuer in self._settings.issuers if issuer.client_id and self._backends.signing_secrets]

    @cached_property
    def sign_in(self) -> "SignInPage":
        """Answers `/-/login` and `/-/logout`."""
        from .core.features.sign_in import SignInPage

        return SignInPage(
            api_keys=self.api_keys,
            sign_ins=self.sign_ins,
            sessions=self.sessions,
            issuers=[issuer.name for issuer in self.sign_in_issuers],
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

        if not (self.sign_in_issuers and self.issuer_tokens and self.sessions):
            raise NotFound("No identity provider signs people in here.")
        return ProviderSignIn(
            issuers=self.sign_in_issuers,
            providers=self._backends.providers,
            issuer_tokens=self.issuer_tokens,
            states=SignInStates(Signer(self._secrets, "sign-in"), self._random),
            sign_ins=self.sign_ins,
            sessions=self.sessions,
            page=self.sign_in,
        )

    @cached_property
    def token_page(self) -> ServicePage:
        """Answers `/-/token`."""
        from .core.features.token_page import TokenPage

        return TokenPage(
            sessions=self.sessions,
            service_tokens=lambda: self.service_tokens,
            rules=self.rules,
            pages=self._backends.pages,
        )

    @cached_property
    def assets(self) -> ServicePage:
        """Answers `/-/assets/`."""
        from .core.features.assets import Assets

        return Assets(self._backends.pages)
