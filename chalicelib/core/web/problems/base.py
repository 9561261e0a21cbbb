"""Problem itself, and the refusals that any request can meet.

Problem
├── BadRequest 400: BadPath, BadParameter, BadHeader
├── NotFound 404
├── MethodNotAllowed 405
├── PreconditionFailed 412
├── KeyTooLong 414
├── Misconfigured, InternalError 500
├── NotOffered 501
└── Unavailable 503
"""

from collections.abc import Mapping, Sequence


class Problem(Exception):
    """A refusal, to be answered as `application/problem+json` (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the status in words.
        code: a stable name for programs; a release never changes the code.
        detail: what is wrong and what to do, for people.
        headers: header fields that the answer must carry.
        cookies: the values of `Set-Cookie` that the answer must carry.
    """

    status: int
    title: str
    code: str
    headers: Mapping[str, str] = {}
    cookies: tuple[str, ...] = ()

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadRequest(Problem):
    """The request is malformed; it fails in the same way when the client repeats it."""

    status, title, code = 400, "Bad Request", "bad-request"


class BadPath(BadRequest):
    """The path cannot be a key. No path is repaired, so the service never guesses a key."""

    code = "bad-path"


class BadParameter(BadRequest):
    """A query parameter cannot be used. `name` is the name of the parameter."""

    code = "bad-parameter"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"?{name}: {detail}")
        self.name = name


class BadHeader(BadRequest):
    """A header cannot be passed on to S3. `name` is the name of the header."""

    code = "bad-header"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class NotFound(Problem):
    """Nothing is at this path; only a principal who may read the path gets this answer."""

    status, title, code = 404, "Not Found", "not-found"


class MethodNotAllowed(Problem):
    """The method has no meaning at this path; `Allow` names the methods that have a meaning."""

    status, title, code = 405, "Method Not Allowed", "method-not-allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not offered here. Use one of {', '.join(allowed)}.")
        self.headers = {"Allow": ", ".join(allowed)}


class PreconditionFailed(Problem):
    """The object is not in the state that the conditional headers of the request demand."""

    status, title, code = 412, "Precondition Failed", "precondition-failed"

    def __init__(self) -> None:
        super().__init__("The object has changed. Read it again, then repeat with its new ETag.")


class KeyTooLong(Problem):
    """The key has more bytes than S3 takes."""

    status, title, code = 414, "URI Too Long", "key-too-long"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The key has {size:,} bytes of UTF-8 and may have {limit:,}. Use a shorter path.")
        self.size, self.limit = size, limit


class Misconfigured(Problem):
    """The settings are invalid, so the service serves nothing. `mistakes` are for the log, never for the client."""

    status, title, code = 500, "Internal Server Error", "misconfigured"

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(
            "The service is misconfigured, and serves nothing until its settings are repaired. "
            "Its administrator finds the reason in the log, by this answer's request id."
        )
        self.mistakes = tuple(mistakes)


class InternalError(Problem):
    """The code has a mistake; the log has its place under the id of the request."""

    status, title, code = 500, "Internal Server Error", "internal-error"

    def __init__(self) -> None:
        super().__init__("The service failed on this request. Tell its administrator the request id.")


class NotOffered(Problem):
    """The request is allowed, but this version, or this service with its settings, cannot answer it."""

    status, title, code = 501, "Not Implemented", "not-offered"


class Unavailable(Problem):
    """A backend that the answer needs does not answer, or fails; the client may try again.

    `reason` is for the log, never for the client.
    """

    status, title, code = 503, "Service Unavailable", "unavailable"
    retry_after = 5  # seconds: longer than a short fault, and a person still waits

    def __init__(self, fault: str, *, reason: str = "") -> None:
        super().__init__(f"{fault} Try again in {self.retry_after} seconds.")
        self.reason = reason
        self.headers = {"Retry-After": str(self.retry_after)}
