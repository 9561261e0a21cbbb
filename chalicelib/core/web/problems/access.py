"""The refusals of access: credentials, rules, sessions and links.

Problem
├── Unauthorized 401: CredentialsMissing, CredentialsInvalid, AwsSignature, UrlKeyInvalid, CookieInvalid
├── Forbidden (OutsideScope), SessionRequired, CrossSite, LinkInvalid, Prefetched, SignInFailed, TooManyGroups 403
├── NotRevocable, TooManyLinks 409
├── LinkGone 410: LinkExpired, LinkUsedUp, LinkRevoked
└── TooManyRequests 429
"""

from collections.abc import Sequence

from chalicelib.core.web.principal_names import kind_and_id

from .base import Problem


class Unauthorized(Problem):
    """The client must authenticate; the answer carries a challenge (RFC 9110 §11.6.1)."""

    status, title, code = 401, "Unauthorized", "unauthorized"


class CredentialsMissing(Unauthorized):
    """The request has no credentials, and the rules do not let anyone do this."""

    code = "credentials-missing"

    def __init__(
        self,
        detail: str = (
            "This request needs an API key. Send `curl -u ID:SECRET`, or the header `Authorization: Bearer SECRET`."
        ),
    ) -> None:
        super().__init__(detail)


class CredentialsInvalid(Unauthorized):
    """The credentials are bad. A wrong id, secret, form or token gets the same answer.

    `reason` is for the log, never for the client, and holds no part of the credentials.
    """

    code = "credentials-invalid"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "The key's id or its secret is wrong, or the token of an identity provider is not valid here, or the "
            "Authorization header is not `Basic` with id:secret or `Bearer` with the secret or the token. "
            "Check both, or ask for a new key or token."
        )
        self.reason = reason


class AwsSignature(Unauthorized):
    """The request has a signature for S3 itself: an SDK of AWS was pointed at the service."""

    code = "aws-signature"

    def __init__(self) -> None:
        super().__init__(
            "An SDK of AWS signed this request for S3, and this service is no S3. Leave the endpoint of the SDK at S3 "
            "itself, and let the SDK take AWS keys from /-/credentials of this service, where the service offers them: "
            "as the full URI of container credentials, with the Authorization header of your API key as the token, or "
            "by a credential_process. Or use an HTTP client in place of the SDK, with `Authorization: Bearer SECRET`."
        )


class UrlKeyInvalid(Unauthorized):
    """The key in the URL of an image is wrong, or is not publishable. Both get the same answer."""

    code = "url-key-invalid"

    def __init__(self) -> None:
        super().__init__(
            "The key in ?k is wrong, or is not publishable. Use a key that `python -m chalicelib key new ID --in-urls` "
            "made, or send another key in the Authorization header."
        )


class CookieInvalid(Unauthorized):
    """The service did not make this session cookie. The answer deletes the cookie, so the next request has no cookie.

    Args:
        closing_cookie: the `Set-Cookie` that deletes the cookie.
    """

    code = "cookie-invalid"

    def __init__(self, closing_cookie: str) -> None:
        super().__init__("The cookie that signs you in is not valid here. Sign in again.")
        self.cookies = (closing_cookie,)


class Forbidden(Problem):
    """The rules refuse the action. `rule` is the number of the rule that denies; None where no rule matches."""

    status, title, code = 403, "Forbidden", "forbidden"

    def __init__(self, principal: str, action: str, rule: int | None) -> None:
        kind, name = kind_and_id(principal)
        who, other = f"The {kind} {name}".rstrip(), "account" if kind == "user" else "key"
        words = {"versions": "read old versions", "purge": "erase versions"}.get(action, action)
        super().__init__(
            f"{who} may not {words} here. Use another {other}, or ask the administrator for a rule that allows it."
        )
        self.principal, self.action, self.rule = principal, action, rule


class OutsideScope(Forbidden):
    """The service token in the request is for other actions, or for another path.

    Args:
        principal: the name of the maker of the token.
        action: the action of the request.
        path: the path of the token, as a person reads it.
        actions: the actions of the token.
    """

    def __init__(self, principal: str, action: str, path: str, actions: Sequence[str]) -> None:
        place = f"below {path}" if path.endswith("/") else f"at {path}"
        Problem.__init__(
            self,
            f"This service token is for {' and '.join(actions)} {place} alone. Make another service token at /-/token.",
        )
        self.principal, self.action, self.rule = principal, action, None


class SessionRequired(Problem):
    """The request has other credentials than a session, and only a session makes a service token."""

    status, title, code = 403, "Forbidden", "session-required"

    def __init__(self) -> None:
        super().__init__(
            "Only a person who signed in in a browser makes a service token: no API key, token or link does. "
            "Open /-/token in a browser, and sign in there."
        )


class LinkInvalid(Problem):
    """The service did not make the token in the URL, or made the token for another path or action."""

    status, title, code = 403, "Forbidden", "link-invalid"

    def __init__(
        self, detail: str = "This link is not valid. Copy the whole link again, or ask its sender for a new link."
    ) -> None:
        super().__init__(detail)


class CrossSite(Problem):
    """A browser sends the session cookie with a request that a page of another site made."""

    status, title, code = 403, "Forbidden", "cross-site"

    def __init__(self) -> None:
        super().__init__(
            "The cookie of a sign-in can change files only from pages of this site. "
            "Open this site itself, or send an API key."
        )


class Prefetched(Problem):
    """A browser fetches a link before its user opens it, which must not take a use (Fetch Standard, "Sec-Purpose")."""

    status, title, code = 403, "Forbidden", "prefetch-refused"

    def __init__(self) -> None:
        super().__init__(
            "A browser cannot fetch this link in advance, because the link has a number of uses. Open the link."
        )


class SignInFailed(Problem):
    """A sign-in with an identity provider did not succeed. `reason` is for the log, and holds no secret."""

    status, title, code = 403, "Forbidden", "sign-in-failed"

    def __init__(self, detail: str, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


class TooManyGroups(Problem):
    """The groups of a person do not fit into a cookie, a link or a service token. The list is never cut.

    Args:
        holder: the thing with too little room, in words: `a link`.
        characters: the characters that the thing would have.
        limit: the characters that the thing may have.
    """

    status, title, code = 403, "Forbidden", "too-many-groups"

    def __init__(self, holder: str, characters: int, limit: int) -> None:
        super().__init__(
            f"Your id and your groups do not fit: {holder} would have {characters:,} characters, and may have "
            f"{limit:,}. Ask the administrator to name fewer groups of your identity provider in the rules."
        )


class LinkGone(Problem):
    """The link was good earlier, and is not good now."""

    status, title = 410, "Gone"


class LinkExpired(LinkGone):
    """The time of the link is over."""

    code = "link-expired"

    def __init__(self) -> None:
        super().__init__("This link has expired. Ask its sender for a new link.")


class LinkUsedUp(LinkGone):
    """No use of the link is left."""

    code = "link-used-up"

    def __init__(self) -> None:
        super().__init__("This link has no use left. Ask its sender for a new link.")


class LinkRevoked(LinkGone):
    """The maker of the link revoked it."""

    code = "link-revoked"

    def __init__(self) -> None:
        super().__init__("Its sender revoked this link. Ask for a new link.")


class NotRevocable(Problem):
    """The link is neither counted nor `revocable`. So no use of the link asks the table."""

    status, title, code = 409, "Conflict", "not-revocable"

    def __init__(self) -> None:
        super().__init__(
            "This link has no number of uses and is not revocable. So the link works until it expires, or until its "
            "maker's key or right to share is taken away. To be able to revoke a link, make the link with "
            '{"uses": null, "revocable": true}, or with a number of uses.'
        )


class TooManyLinks(Problem):
    """The maker has as many live revocable links as the table can list. `limit` is this number."""

    status, title, code = 409, "Conflict", "too-many-links"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have {limit:,} live links that can be revoked, and no maker can have more. "
            "Revoke the links that nobody needs at /-/links, or make this link without `revocable`."
        )


class TooManyRequests(Problem):
    """The caller has used up the requests of a window (RFC 6585 §4).

    Args:
        requests: the number of requests in a window.
        per_seconds: the length of a window.
        seconds: the time until the window ends.
        end: the time at which the window ends, as a text.
    """

    status, title, code = 429, "Too Many Requests", "too-many-requests"

    def __init__(self, requests: int, per_seconds: int, seconds: float, end: str) -> None:
        wait = max(1, -int(-seconds // 1))  # rounded up, so that a client that waits is not early
        super().__init__(
            f"Requests are limited to {requests:,} in {per_seconds:,} seconds. Ask again in {wait:,} seconds, at {end}."
        )
        self.headers = {"Retry-After": str(wait)}
