"""Builds the service and its features from the settings and the backends.

The features that redirects need are imported here, at the top. All other features are imported by the first request
that needs them, because most containers only redirect.
"""

from collections.abc import Iterator
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
    from collections.abc import Callable

    from .core.access.authorization import Caller
    from .core.access.client_address import ClientAddresses
    from .core.access.link_tokens import Random
    from .core.features.cdn_cookies import CdnCookies
    from .core.features.derived_images import DerivedImages
    from .core.features.directory_pages import DirectoryPages
    from .core.features.git_lfs import GitLfs
    from .core.features.home_pages import HomePages
    from .core.features.links import Links
    from .core.features.page_frames import PageFrames
    from .core.features.provider_sign_in import ProviderSignIn
    from .core.features.sign_in import SignInPage
    from .core.link_uses import LinkUses
    from .core.request_limits import RequestLimits
    from .core.s3.cdn import CdnSigner
    from .core.s3.mounts import Mount
    from .core.web.message import Reply, Request
    from .core.web.paths import Path


class ServiceFactory:
    """Builds each part of a service when the part is first needed.

    To give another part, assign the part to its attribute before the first request.

    Args:
        settings: the settings.
        backends: the backends.
        random: returns bytes that nobody can guess.

    Attributes:
        access: builds the parts that decide who asks, and what the rules allow.
        answer: answers one request of a batch. The application that is built around the service assigns this attribute.
    """

    answer: "Callable[[Request], Reply]"

    def __init__(self, settings: Settings, backends: Backends, random: "Random") -> None:
        self._settings, self._backends, self._random = settings, backends, random
        self.access = AccessFactory(settings, backends, random)

    def service(self) -> Service:
        """Return the service. To add a feature, add its line here and its factory below."""
        if self._backends.signing_secrets:
            # A service that has links loads their readers while the function starts.
            _ = self.access.link_tokens, self.access.makers
        if any(mount.cdn for mount in self._settings.mounts):
            _ = self.redirects  # loads the private keys while the function starts
        if self._settings.aws_credentials:
            _ = self.aws_credentials  # SDKs wait for keys two seconds at the most (FACTS 8.15)
        return Service(
            authorization=Authorization(
                api_keys=self.access.api_keys,
                authenticators=self.access.authenticators,
                rules=self.access.rules,
                index_of=self.mounts.index_of,
                makers=lambda: self.access.makers,
                link_tokens=lambda: self.access.link_tokens,
                resize_tokens=lambda: self.access.resize_tokens,
            ),
            cors=self.cors,
            features={
                "redirects": lambda: self.redirects,
                "playlists": lambda: self.playlists,
                "uploads": lambda: self.uploads,
                "forms": lambda: self.forms,
                "links": lambda: self.links,
                "resize_links": lambda: self.resize_links,
                "restores": lambda: self.restores,
                "directories": lambda: self.directories,
                "directory_pages": lambda: self.directory_pages,
                "previews": lambda: self.previews,
                "stored_images": lambda: self.stored_images,
                "image_endpoints": lambda: self.image_endpoints,
            },
            pages={
                "sign_in": lambda: self.sign_in,
                "provider_sign_in": lambda: self.provider_sign_in,
                "token_page": lambda: self.token_page,
                "aws_credentials": lambda: self.aws_credentials,
                "links_page": lambda: self.links_page,
                "upload_batches": lambda: self.upload_batches,
                "received_page": lambda: self.received_page,
                "assets": lambda: self.assets,
            },
            limits=self.limits,
            link_uses=lambda: self.link_uses,
            sign_in_again=(lambda: self.provider_sign_in) if self.access.sign_in_issuers else None,
            home_pages=lambda: self.home_pages,
            git_lfs=(lambda: self.git_lfs) if any(mount.lfs for mount in self._settings.mounts) else None,
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
        """The signer of URLs and forms for S3, and of URLs for CDNs."""
        keys = self._backends.mark_keys
        cdn = self.cdn_signer if any(mount.cdn for mount in self._settings.mounts) else None
        return Presigner(self._backends.credentials.current, Marks(keys[-1]) if keys else None, cdn)

    @cached_property
    def cdn_signer(self) -> "CdnSigner":
        """The signer for CDNs; raises InvalidSettings where a private key cannot be used."""
        from .core.s3.cdn import CdnSigner

        return CdnSigner(self._backends.cdn_keys.sign)

    @property
    def _cookie_mounts(self) -> "Iterator[Mount]":
        """The mounts whose CDN takes signed cookies."""
        return (mount for mount in self._settings.mounts if mount.cdn and mount.cdn.cookie_domain)

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
            url_seconds=self._url_seconds,
            admit_without_table=self._settings.admit_without_table,
        )

    def _url_seconds(self, caller: "Caller", path: "Path") -> int:
        grant = self.access.rules.grant_for(caller, "read", path)
        return self.mounts.url_seconds(grant) if grant else 0

    @cached_property
    def link_uses(self) -> "LinkUses":
        """The uses of links."""
        from .core.link_uses import LinkUses

        return LinkUses(
            counter=lambda: self._backends.link_use_counter,
            revocable_links=lambda: self._backends.revocable_links,
            client_addresses=self.client_addresses,
            readings=Signer(self.access.secrets, "client"),
            random=self._random,
        )

    @cached_property
    def derived_images(self) -> "DerivedImages":
        """The derived images, which two features store."""
        from .core.features.derived_images import DerivedImages

        return DerivedImages(mounts=self.mounts, objects=self._backends.objects, renderer=self._backends.renderer)

    @cached_property
    def page_frames(self) -> "PageFrames":
        """The frames of the pages of directories and files."""
        from .core.features.page_frames import PageFrames

        sign_in = self.access.sessions is not None
        return PageFrames(reach=self.access.reach, realm=self._settings.realm, sign_in=sign_in)

    # Features

    @cached_property
    def redirects(self) -> Redirects:
        """Answers GET, HEAD and DELETE of a file."""
        objects = (lambda: self._backends.objects) if self._settings.head_inline else None
        return Redirects(
            rules=self.access.rules,
            mounts=self.mounts,
            presigner=self.presigner,
            objects=objects,
            cdn_cookies=self._cdn_cookies(),
        )

    def _cdn_cookies(self) -> "CdnCookies | None":
        sessions = self.access.sessions
        if sessions is None or not any(self._cookie_mounts):
            return None
        from .core.features.cdn_cookies import CdnCookies

        return CdnCookies(rules=self.access.rules, mounts=self.mounts, sessions=sessions, signer=self.cdn_signer)

    @cached_property
    def playlists(self) -> Feature:
        """Answers GET and HEAD of a playlist."""
        from .core.features.playlists import Playlists

        return Playlists(mounts=self.mounts, objects=self._backends.objects, redirects=self.redirects)

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
            revocable_links=self._backends.revocable_links,
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
        from .core.features.directory_cursors import DirectoryCursors
        from .core.features.directory_listing import DirectoryListings
        from .core.features.version_pages import VersionPages

        rules = self.access.rules
        return Directories(
            listings=DirectoryListings(
                rules=rules, mounts=self.mounts, objects=self._backends.objects, versions=self._backends.versions
            ),
            cursors=DirectoryCursors(self._backends.cursor_cipher),
            rules=rules,
            links=self.links,
            pages=self.directory_pages,
            version_pages=VersionPages(
                rules=rules, mounts=self.mounts, frames=self.page_frames, pages=self._backends.pages
            ),
        )

    @cached_property
    def restores(self) -> Feature:
        """Answers `?restore`."""
        from .core.features.restores import Restores

        return Restores(mounts=self.mounts, objects=self._backends.objects, versions=self._backends.versions)

    @cached_property
    def directory_pages(self) -> "DirectoryPages":
        """Answers with the upload page, and renders the pages of listings."""
        from .core.features.directory_pages import DirectoryPages
        from .core.features.inbox_forms import InboxForms

        rules = self.access.rules
        return DirectoryPages(
            rules=rules,
            reach=self.access.reach,
            mounts=self.mounts,
            inbox_forms=InboxForms(rules=rules, mounts=self.mounts, presigner=self.presigner, random=self._random),
            pages=self._backends.pages,
            frames=self.page_frames,
            has_table=self._backends.revocable_links is not None,
            uses_left=lambda link, deadline: self.link_uses.check(link, deadline),
        )

    @cached_property
    def home_pages(self) -> "HomePages":
        """Answers a browser at a directory that its visitor may not list."""
        from .core.features.home_pages import HomePages

        return HomePages(rules=self.access.rules, reach=self.access.reach, pages=self.directory_pages)

    @cached_property
    def git_lfs(self) -> "GitLfs":
        """Answers git-lfs."""
        from .core.features.git_lfs import GitLfs

        return GitLfs(
            rules=self.access.rules, mounts=self.mounts, objects=self._backends.objects, presigner=self.presigner
        )

    @cached_property
    def previews(self) -> Feature:
        """Answers `?view`."""
        from .core.features.previews import Previews

        return Previews(
            rules=self.access.rules,
            mounts=self.mounts,
            objects=self._backends.objects,
            pages=self._backends.pages,
            frames=self.page_frames,
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
        from .core.s3.cdn import closing_cookies

        return SignInPage(
            api_keys=self.access.api_keys,
            sign_ins=self.access.sign_ins,
            sessions=self.access.sessions,
            issuers=[issuer.name for issuer in self.access.sign_in_issuers],
            provider_logout=lambda name, request: self.provider_sign_in.logout_url(name, request),
            closing_cookies=[cookie for mount in self._cookie_mounts for cookie in closing_cookies(mount)],
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
    def upload_batches(self) -> ServicePage:
        """Answers `/-/uploads`."""
        from .core.features.upload_batches import UploadBatches

        return UploadBatches(self.answer)

    @cached_property
    def links_page(self) -> ServicePage:
        """Answers at `/-/links`, and at the links below."""
        from .core.features.links_page import LinksPage

        return LinksPage(
            authenticators=self.access.authenticators,
            revocable_links=self._backends.revocable_links,
            pages=self._backends.pages,
        )

    @cached_property
    def aws_credentials(self) -> ServicePage:
        """Answers `/-/credentials`; raises NotOffered where the settings do not turn it on."""
        from .core.features.aws_credentials import AwsCredentials
        from .core.web.problems.base import NotOffered

        if not self._settings.aws_credentials:
            raise NotOffered("This service gives no AWS keys. Use its URLs, which redirect to S3.")
        return AwsCredentials(
            authenticate=self.access.authenticators[0],
            rules=self._settings.rules,
            mounts=self._settings.mounts,
            narrow=self._settings.narrow,
            credentials=self._backends.credentials,
            sts=self._backends.sts,
        )

    @cached_property
    def received_page(self) -> ServicePage:
        """Answers at `/-/received`."""
        from .core.features.received_page import ReceivedPage

        return ReceivedPage(self._backends.pages)

    @cached_property
    def assets(self) -> ServicePage:
        """Answers `/-/assets/`."""
        from .core.features.assets import Assets

        return Assets(self._backends.pages)
