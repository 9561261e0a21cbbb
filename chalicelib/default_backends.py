"""The default backends: the first request that needs a backend imports and builds the backend."""

import os
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from .backends.credentials import ChainCredentials, FixedCredentials
from .backends.secrets import client_secret_source, secret_source
from .core.access.signing import Secrets, no_secrets
from .environment import Environment
from .settings.load import InvalidSettings, Settings

if TYPE_CHECKING:
    from .backends.s3_clients import S3Clients
    from .core.ports import (
        CdnKeys,
        Clock,
        CredentialSource,
        CursorCipher,
        ImageSource,
        IssuerKeys,
        LeaseTable,
        LinkUseCounter,
        ObjectStore,
        Pages,
        Providers,
        Renderer,
        RevocableLinks,
        Sts,
        TokenSignatures,
        VersionStore,
    )

_RENDER_SECONDS: Final = 5


@cache
def html_pages() -> "Pages":
    """Return the renderer of pages, built once: it depends on no setting."""
    from .backends.templates import HtmlPages

    return HtmlPages()


class Backends:
    """The backends of a service, each built by the first request that needs the backend.

    To replace a backend, assign another backend to the attribute before the first request.

    Args:
        settings: name the secret of the CDN in front, the private keys of CDNs, the hosts of images, the issuers, and
            the service's secrets there.
        environment: names the secrets, the credentials and the table.
        clock: returns the Unix time in seconds.
        warn: writes a fault for the administrator, while the service continues without the backend that failed.

    Raises:
        InvalidSettings: a variable cannot be used.
    """

    def __init__(
        self, settings: Settings, environment: Environment, clock: "Clock", warn: Callable[[str], object]
    ) -> None:
        self._environment = environment
        self._clock = clock
        self._warn = warn
        self._image_hosts = settings.image_hosts
        self._issuers = settings.issuers
        self._client_secrets = settings.client_secrets
        self._cdns = [mount.cdn for mount in settings.mounts if mount.cdn]
        credentials = environment.credentials()
        self.credentials: CredentialSource = FixedCredentials(credentials) if credentials else ChainCredentials()
        self.signing_secrets: Secrets | None = environment.signing_secrets()
        self.mark_keys = environment.mark_keys()
        self.cdn_secrets: Secrets | None = secret_source(settings.cdn_secret) if settings.cdn_secret else None

    @cached_property
    def objects(self) -> "ObjectStore":
        """S3."""
        from .backends.s3 import S3Objects

        return S3Objects(self._s3_clients)

    @cached_property
    def versions(self) -> "VersionStore":
        """The versions in S3."""
        from .backends.s3_versions import S3Versions

        return S3Versions(self._s3_clients)

    @cached_property
    def _s3_clients(self) -> "S3Clients":
        from .backends.s3_clients import S3Clients

        return S3Clients()

    @cached_property
    def sts(self) -> "Sts":
        """STS."""
        from .backends.sts import Sts

        return Sts()

    @cached_property
    def link_use_counter(self) -> "LinkUseCounter | None":
        """The table that counts the uses of links; None where there is no table."""
        from .backends.dynamodb import DynamoLinkUseCounter

        table = self._environment.table
        return DynamoLinkUseCounter(table, self._environment.region or None) if table else None

    @cached_property
    def revocable_links(self) -> "RevocableLinks | None":
        """The table that knows which revocable links are live; None where there is no table."""
        from .backends.dynamodb_links import DynamoRevocableLinks

        table = self._environment.table
        return DynamoRevocableLinks(table, self._environment.region or None) if table else None

    @cached_property
    def leases(self) -> "LeaseTable":
        """The table that leases the requests of limits; raises InvalidSettings where there is no table."""
        from .backends.dynamodb_leases import DynamoLeaseTable

        return DynamoLeaseTable(self._environment.table_of_limits(), self._environment.region or None)

    @cached_property
    def renderer(self) -> "Renderer":
        """The renderer of images."""
        from .backends.images.renderer import VipsRenderer

        return VipsRenderer(seconds=_RENDER_SECONDS)

    @cached_property
    def image_source(self) -> "ImageSource":
        """The sites from which images are fetched."""
        from .backends.images.web_images import WebImages

        return WebImages(self._image_hosts)

    @cached_property
    def issuer_keys(self) -> "IssuerKeys":
        """The keys of the issuers; raises InvalidSettings where the snapshot cannot be read."""
        from .backends.issuer_keys import FetchedIssuerKeys

        try:
            return FetchedIssuerKeys(os.path.dirname(self._environment.settings_file), self._clock, self._warn)
        except ValueError as error:
            raise InvalidSettings([str(error)]) from None

    @cached_property
    def providers(self) -> "Providers":
        """The issuers with which people sign in."""
        from .backends.openid_providers import OpenIdProviders

        secrets = {name: client_secret_source(reference) for name, reference in self._client_secrets.items()}
        return OpenIdProviders(secrets, self._clock, self._warn)

    @cached_property
    def token_signatures(self) -> "TokenSignatures":
        """The verifier of the signatures of issuers' tokens."""
        from .backends.token_signatures import CryptographySignatures

        return CryptographySignatures(algorithm for issuer in self._issuers for algorithm in issuer.algorithms)

    @cached_property
    def cdn_keys(self) -> "CdnKeys":
        """The private keys of the CDNs; raises InvalidSettings where a key cannot be used."""
        from .backends.cdn_keys import PrivateKeys

        try:
            return PrivateKeys(self._cdns, os.path.dirname(self._environment.settings_file))
        except ValueError as error:
            raise InvalidSettings([str(error)]) from None

    @cached_property
    def cursor_cipher(self) -> "CursorCipher":
        """The cipher of cursors."""
        from .backends.cursors import FernetCursors

        return FernetCursors(self.signing_secrets or no_secrets)

    @cached_property
    def pages(self) -> "Pages":
        """The renderer of pages."""
        return html_pages()
