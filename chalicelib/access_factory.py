"""Builds the parts that decide who asks, and what the rules allow, from the settings and the backends.

The parts that redirects need are imported here, at the top. The first request that needs another part imports the part.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .core.access.principals import ApiKeys, Authenticator, AuthorizationHeader
from .core.access.rules import RuleSet
from .core.access.signing import Signer, no_secrets
from .default_backends import Backends
from .settings.load import Settings

if TYPE_CHECKING:
    from .core.access.issuer_tokens import IssuerTokens
    from .core.access.issuers import Issuer
    from .core.access.link_tokens import LinkTokens, Random
    from .core.access.makers import Makers
    from .core.access.reach import Reach
    from .core.access.resize_tokens import ResizeTokens
    from .core.access.service_tokens import ServiceTokens
    from .core.access.sessions import Sessions
    from .core.access.sign_ins import SignIns


class AccessFactory:
    """Builds each part of access when the part is first needed.

    To give another part, assign the part to its attribute before the first request.

    Args:
        settings: the settings.
        backends: the backends.
        random: returns bytes that nobody can guess.

    Attributes:
        secrets: returns the signing secrets; raises NotOffered where there are none.
    """

    def __init__(self, settings: Settings, backends: Backends, random: "Random") -> None:
        self._settings, self._backends, self._random = settings, backends, random
        self.secrets = backends.signing_secrets or no_secrets

    @cached_property
    def rules(self) -> RuleSet:
        """The rules of the settings."""
        return RuleSet(self._settings.rules)

    @cached_property
    def reach(self) -> "Reach":
        """The directories and files that a caller may open."""
        from .core.access.reach import Reach

        mounts = [mount.path for mount in self._settings.mounts]
        return Reach(rules=self.rules, named=self._settings.rules, mounts=mounts)

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
    def sign_in_issuers(self) -> "Sequence[Issuer]":
        """The issuers with which people sign in; none where the service has no signing secret."""
        return [issuer for issuer in self._settings.issuers if issuer.client_id and self._backends.signing_secrets]

    @cached_property
    def sign_ins(self) -> "SignIns":
        """The sign-ins of people and API keys, which sessions, service tokens and links carry."""
        from .core.access.sign_ins import SignIns

        return SignIns(
            keys=self.api_keys,
            issuers=self._settings.issuers,
            groups=self._settings.groups,
            rules=self._settings.rules,
            limits=self._settings.limits,
            revoked=self._settings.revoked,
        )

    @cached_property
    def sessions(self) -> "Sessions | None":
        """The sessions of browsers; None where the service has no signing secret."""
        if self._backends.signing_secrets is None:
            return None
        from .core.access.sessions import Sessions

        return Sessions(self.sign_ins, Signer(self.secrets, "session"))

    @cached_property
    def service_tokens(self) -> "ServiceTokens":
        """The maker and reader of service tokens, loaded by the first request that has or makes such a token."""
        from .core.access.service_tokens import ServiceTokens

        return ServiceTokens(Signer(self.secrets, "service token"), self.sign_ins)

    @cached_property
    def makers(self) -> "Makers":
        """The writer and reader of the makers of links."""
        from .core.access.makers import Makers

        return Makers(keys=self.api_keys, sign_ins=self.sign_ins, revoked=self._settings.revoked)

    @cached_property
    def link_tokens(self) -> "LinkTokens":
        """The maker and reader of link tokens."""
        from .core.access.link_tokens import LinkTokens

        return LinkTokens(Signer(self.secrets, "link"), self._random)

    @cached_property
    def resize_tokens(self) -> "ResizeTokens":
        """The maker and reader of resize tokens."""
        from .core.access.resize_tokens import ResizeTokens

        return ResizeTokens(Signer(self.secrets, "resize token"), self._backends.image_source.host)
