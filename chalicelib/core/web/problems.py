"""The refusals: everything that Signpost says no with, as one tree of exceptions.

Problem
├── BadRequest 400: BadPath, BadParameter, BadHeader
├── Unauthorized 401: CredentialsMissing, CredentialsInvalid, UrlKeyInvalid, CookieInvalid
├── Forbidden, CrossSite, LinkInvalid, Prefetched, SizeNotAllowed, SourceNotAllowed 403
├── NotFound 404
├── MethodNotAllowed 405
├── NotRevocable 409
├── LinkExpired, LinkUsedUp, LinkRevoked 410
├── LengthRequired, SizeRequired 411
├── PreconditionFailed 412
├── PayloadTooLarge, PartTooLarge, ImageTooLarge 413
├── KeyTooLong 414
├── UnsupportedMediaType, NotAnImage 415
├── ImageBroken 422
├── PreconditionRequired, ChecksumRequired, HeaderRequired 428
├── Misconfigured, InternalError 500
├── NotOffered 501
├── SourceFailed 502
└── Unavailable 503

Each class has its status and a stable code; what was found is in its attributes; `detail` tells the client what to do.
No detail repeats a secret, and none says whether a key exists.
"""

from collections.abc import Mapping, Sequence


class Problem(Exception):
    """A refusal, to be answered as `application/problem+json` (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the status in words.
        code: a stable name for programs; it never changes between releases.
        detail: what is wrong and what to do, for people.
        headers: header fields the answer must carry.
    """

    status: int
    title: str
    code: str
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(Problem):
    """The request itself is malformed; sending it again will not help."""

    status, title, code = 400, "Bad Request", "bad-request"


class BadPath(BadRequest):
    """The path cannot be a key: nothing is repaired, so nothing is guessed."""

    code = "bad-path"


class BadParameter(BadRequest):
    """A query parameter cannot be used. `name` is the parameter's."""

    code = "bad-parameter"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"?{name}: {detail}")
        self.name = name


class BadHeader(BadRequest):
    """A header cannot be passed on to S3. `name` is the header's."""

    code = "bad-header"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class Unauthorized(Problem):
    """Whoever asks must say who they are; the answer carries a challenge (RFC 9110 §11.6.1)."""

    status, title, code = 401, "Unauthorized", "unauthorized"


class CredentialsMissing(Unauthorized):
    """No credentials came, and anyone may not do this."""

    code = "credentials-missing"

    def __init__(self) -> None:
        super().__init__(
            "This needs an API key. Send it with `curl -u ID:SECRET`, or as the header `Authorization: Bearer SECRET`."
        )


class CredentialsInvalid(Unauthorized):
    """Credentials came and are bad. One answer for a wrong id, a wrong secret and a wrong form."""

    code = "credentials-invalid"

    def __init__(self) -> None:
        super().__init__(
            "The key's id or its secret is wrong, or the Authorization header is not `Basic` with id:secret "
            "or `Bearer` with the secret. Check both, or ask for a new key."
        )


class UrlKeyInvalid(Unauthorized):
    """A key came in the URL of an image, and is wrong, or not publishable. One answer for both."""

    code = "url-key-invalid"

    def __init__(self) -> None:
        super().__init__(
            "The key in ?k is wrong, or is not publishable. Use a key that `python -m chalicelib key new ID --in-urls` "
            "made, or send another key in the Authorization header."
        )


class CookieInvalid(Unauthorized):
    """The session's cookie was not made here; the answer takes it away, so that the next request is anyone's."""

    code = "cookie-invalid"

    def __init__(self, close: str) -> None:
        super().__init__("The cookie that signs you in is not valid here. Sign in again.")
        self.headers = {"Set-Cookie": close}


class Forbidden(Problem):
    """The rules do not let this principal do this. `rule` is the number of the one that denies, None for none."""

    status, title, code = 403, "Forbidden", "forbidden"

    def __init__(self, principal: str, action: str, rule: int | None) -> None:
        words = {"versions": "read old versions", "purge": "erase versions"}.get(action, action)
        super().__init__(
            f"You are {principal}, who may not {words} here. "
            f"Use another key, or ask the administrator for a rule that allows it."
        )
        self.principal, self.action, self.rule = principal, action, rule


class LinkInvalid(Problem):
    """The token in the URL was not made here, or was made for something else."""

    status, title, code = 403, "Forbidden", "link-invalid"

    def __init__(
        self, detail: str = "This link is not valid. Copy it again in full, or ask its sender for a new one."
    ) -> None:
        super().__init__(detail)


class CrossSite(Problem):
    """A browser sends someone's cookie with a request that a page of another site made."""

    status, title, code = 403, "Forbidden", "cross-site"

    def __init__(self) -> None:
        super().__init__(
            "Signed in by a cookie, you can change things from this site's own pages alone. "
            "Open this site itself, or send an API key."
        )


class Prefetched(Problem):
    """A browser fetches ahead of its user, which must not burn a use (Fetch Standard, "Sec-Purpose")."""

    status, title, code = 403, "Forbidden", "prefetch-refused"

    def __init__(self) -> None:
        super().__init__("This link has a number of uses, so it is not fetched ahead of time. Open it.")


class SizeNotAllowed(Problem):
    """The rule lists the sizes that images come in, and this is none of them."""

    status, title, code = 403, "Forbidden", "size-not-allowed"

    def __init__(self, sizes: Sequence[str]) -> None:
        super().__init__(
            f"Images here come in the sizes {', '.join(sizes)}, in the usual quality. Ask for one of them, without ?q."
        )
        self.sizes = tuple(sizes)


class SourceNotAllowed(Problem):
    """An image is to be fetched from where the service does not fetch from."""

    status, title, code = 403, "Forbidden", "source-not-allowed"

    def __init__(self) -> None:
        super().__init__(
            "Images are fetched by HTTPS, and from hosts that the administrator has listed. "
            "Use such a URL, or ask for the host to be added."
        )


class LinkGone(Problem):
    """A link that was good and is no longer."""

    status, title = 410, "Gone"


class LinkExpired(LinkGone):
    """Its time is over."""

    code = "link-expired"

    def __init__(self) -> None:
        super().__init__("This link has expired. Ask its sender for a new one.")


class LinkUsedUp(LinkGone):
    """It was used as often as it may be."""

    code = "link-used-up"

    def __init__(self) -> None:
        super().__init__("This link has been used as often as it may be. Ask its sender for a new one.")


class LinkRevoked(LinkGone):
    """Its issuer took it back."""

    code = "link-revoked"

    def __init__(self) -> None:
        super().__init__("This link was revoked by its sender. Ask for a new one.")


class NotRevocable(Problem):
    """A link without a number of uses is checked without asking the table, so nothing could stop it."""

    status, title, code = 409, "Conflict", "not-revocable"

    def __init__(self) -> None:
        super().__init__(
            "A link without a number of uses cannot be revoked: it works until it expires, or its issuer's key or "
            "right to share is taken away. To be able to revoke a link, make it with `uses`."
        )


class NotFound(Problem):
    """There is nothing at this path, said only to someone who may read it."""

    status, title, code = 404, "Not Found", "not-found"


class MethodNotAllowed(Problem):
    """The method means nothing here; `Allow` names those that do."""

    status, title, code = 405, "Method Not Allowed", "method-not-allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not offered here. Use one of {', '.join(allowed)}.")
        self.headers = {"Allow": ", ".join(allowed)}


class LengthRequired(Problem):
    """An upload does not say its size; S3 refuses a chunked body."""

    status, title, code = 411, "Length Required", "length-required"

    def __init__(self) -> None:
        super().__init__(
            "S3 takes no chunked upload. Send the body with a Content-Length: "
            "`curl -T FILE`, not `curl -T -` or a generator."
        )


class SizeRequired(Problem):
    """The rule bounds the upload's size, and the request does not say it."""

    status, title, code = 411, "Length Required", "size-required"

    def __init__(self) -> None:
        super().__init__(
            "Uploads here have a greatest size. Say the size in bytes in the URL: `curl -L -T FILE 'URL?size=N'`."
        )


class PreconditionFailed(Problem):
    """The object is not in the state that the request's conditional headers demand."""

    status, title, code = 412, "Precondition Failed", "precondition-failed"

    def __init__(self) -> None:
        super().__init__("The object has changed. Read it again, then repeat with its new ETag.")


class PayloadTooLarge(Problem):
    """The upload is larger than the rule lets it be."""

    status, title, code = 413, "Content Too Large", "too-large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The upload has {size:,} bytes and may have {limit:,}. Send less.")
        self.size, self.limit = size, limit


class PartTooLarge(Problem):
    """A part of an upload is larger than one may be there, or one too many."""

    status, title, code = 413, "Content Too Large", "part-too-large"

    def __init__(self, size: int, limit: int, part_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"This part has {size:,} bytes and may have {limit:,}. An upload here has {max_bytes:,} bytes at most: "
            f"send it in parts of {min(part_bytes, max_bytes):,} bytes, numbered from 1; the last may be smaller."
        )
        self.size, self.limit = size, limit


class ImageTooLarge(Problem):
    """An image has more bytes, pixels or frames than are rendered here, or takes too long; `what` says it."""

    status, title, code = 413, "Content Too Large", "image-too-large"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Use a smaller image, or ask for a smaller one.")
        self.what = what


class KeyTooLong(Problem):
    """S3 keys end at 1,024 bytes."""

    status, title, code = 414, "URI Too Long", "key-too-long"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The key has {size:,} bytes of UTF-8 and may have {limit:,}. Use a shorter path.")
        self.size, self.limit = size, limit


class UnsupportedMediaType(Problem):
    """The upload's type is not one media type, or none that the rule takes; `say` shows how to say the type."""

    status, title, code = 415, "Unsupported Media Type", "type-not-allowed"

    def __init__(self, allowed: Sequence[str], say: str = "curl -L -T FILE -H 'Content-Type: {}' URL") -> None:
        example = (allowed or ("text/plain",))[0].replace("*", "…")
        super().__init__(
            f"Uploads here must be of one media type, {' or '.join(allowed) or 'in printable ASCII'}. "
            f"Say the type alone, with its parameters: `{say.format(example)}`."
        )
        self.allowed = tuple(allowed)


class NotAnImage(Problem):
    """What is to be rendered is no image of a kind that we read, whatever it is called; `what` says why."""

    status, title, code = 415, "Unsupported Media Type", "not-an-image"

    def __init__(self, what: str = "This is no JPEG, PNG, WebP, AVIF or GIF image. Send one as it is") -> None:
        super().__init__(f"{what}, or read it without ?w and ?h.")


class ImageBroken(Problem):
    """An image of a kind that we read breaks off, or says what cannot be."""

    status, title, code = 422, "Unprocessable Content", "image-broken"

    def __init__(self) -> None:
        super().__init__("The image is damaged and cannot be shown. Send it again, from its original.")


class PreconditionRequired(Problem):
    """The rule lets nothing be overwritten, and the request does not promise that it will not (RFC 6585 §3)."""

    status, title, code = 428, "Precondition Required", "precondition-required"

    def __init__(self, in_parts: bool = False) -> None:
        sends = "curl -L --data-binary @PARTS.xml" if in_parts else "curl -L -T FILE"
        super().__init__(
            f"Nothing may be overwritten here. Promise it: `{sends} -H 'If-None-Match: *' URL`; "
            "S3 then answers 412 where something is."
        )


class ChecksumRequired(Problem):
    """The rule wants S3 to verify what arrives, and the request does not say what that must be."""

    status, title, code = 428, "Precondition Required", "checksum-required"

    def __init__(self) -> None:
        super().__init__(
            "Uploads here carry a checksum, which S3 verifies: `curl -L -T FILE "
            '-H "x-amz-checksum-sha256: $(openssl dgst -sha256 -binary FILE | base64)" URL`.'
        )


class HeaderRequired(Problem):
    """The rule says what a header of the upload must be, and the request says otherwise. `name` is the header's."""

    status, title, code = 428, "Precondition Required", "header-required"

    def __init__(self, name: str, value: str) -> None:
        super().__init__(f"Uploads here must say how they are kept: `curl -L -T FILE -H '{name}: {value}' URL`.")
        self.name = name


class Misconfigured(Problem):
    """The settings are invalid, so nothing is served. `mistakes` are for the log, never for the client."""

    status, title, code = 500, "Internal Server Error", "misconfigured"

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(
            "The service is misconfigured and serves nothing until that is mended. "
            "Its administrator finds the reason in the log, by this answer's request id."
        )
        self.mistakes = tuple(mistakes)


class InternalError(Problem):
    """Something that should not happen did; the log has it under the request's id."""

    status, title, code = 500, "Internal Server Error", "internal-error"

    def __init__(self) -> None:
        super().__init__("The service failed on this request. Tell its administrator the request id.")


class NotOffered(Problem):
    """The request is understood and allowed, and this version cannot do it."""

    status, title, code = 501, "Not Implemented", "not-offered"


class SourceFailed(Problem):
    """The site that an image is fetched from does not give it; `what` says how it answered."""

    status, title, code = 502, "Bad Gateway", "source-failed"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} Open the URL yourself to see what it is.")
        self.what = what


class Unavailable(Problem):
    """Something that the answer depends on is out of reach, or fails; the client may try again.

    `reason` is for the log, never for the client.
    """

    status, title, code = 503, "Service Unavailable", "unavailable"
    retry_after = 5  # seconds: longer than a passing fault, shorter than a person's patience

    def __init__(self, what: str, *, reason: str = "") -> None:
        super().__init__(f"{what} Try again in {self.retry_after} seconds.")
        self.reason = reason
        self.headers = {"Retry-After": str(self.retry_after)}
