"""Issuers: the identity providers whose tokens the service accepts, as `[[issuers]]` in the settings names them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

MAX_TOKEN_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 30  # by which the clocks of the issuer and of the service may differ
FEWER_GROUPS: Final = (
    "Let the issuer put fewer groups into its tokens (Entra ID: groupMembershipClaims = ApplicationGroup), "
    "or let `groups` of the table name a claim with roles."
)
"""How a token with too many groups is repaired."""

DEFAULT_SCOPES: Final = ("openid", "email", "profile")


class Issuer(NamedTuple):
    """One `[[issuers]]` table. Several tables may share an `issuer`; the first table whose demands hold decides.

    Attributes:
        name: the name of the issuer in principals and groups: `user:NAME:ID`, `group:NAME:GROUP`.
        issuer: the value of `iss`.
        audience: the accepted values of the audience claim; at least one.
        audience_claim: the claim that has the audience: `aud`, except for Cognito's access tokens.
        algorithms: the accepted values of `alg`, RFC 7518 §3.1.
        subject: the claim that is the id.
        groups: the path to the claim with the groups, one name for each level; empty for no groups.
        require: claims and the accepted values of each, where `*` stands for any characters; a claim's name is a path
            as for `groups`.
        email_trusted: whether `email` may be the subject of a token without `email_verified`.
        jwks: the https URL or the file of the issuer's keys; empty where discovery finds the URL.
        inner: whether the hosts of `jwks` and of `issuer` may have an inner address.
        client_id: the id of this service at the issuer, which is the audience of ID tokens; empty where people do not
            sign in with the issuer.
        scopes: the scopes of a sign-in (OpenID Connect Core §3.1.2.1).
    """

    name: str
    issuer: str
    audience: tuple[str, ...]
    audience_claim: str = "aud"
    algorithms: tuple[str, ...] = ("RS256",)
    subject: str = "sub"
    groups: tuple[str, ...] = ()
    require: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    email_trusted: bool = False
    jwks: str = ""
    inner: bool = False
    client_id: str = ""
    scopes: tuple[str, ...] = DEFAULT_SCOPES


class IssuerKey(NamedTuple):
    """A public key of an issuer, which `issuer_keys.read_jwks` has checked.

    Attributes:
        kid: the id of the key; None where the issuer gives no id.
        algorithms: the values of `alg` that the type of the key allows, and its own `alg` where it has one.
        jwk: the members of the JSON Web Key that the verifier needs (RFC 7517, RFC 7518 §6, RFC 8037 §2).
    """

    kid: str | None
    algorithms: tuple[str, ...]
    jwk: Mapping[str, str]
