"""The access log: the one line that each request leaves, and how a refusal or a failure gets into the line."""

from collections.abc import Iterator
from types import TracebackType

from .message import Request
from .paths import IMAGE_ENDPOINTS, SERVICE_PATHS, decode, methods_of_service_page
from .problems.access import CredentialsInvalid, Forbidden, SignInFailed
from .problems.base import BadPath, InternalError, KeyTooLong, Misconfigured, NotFound, Problem, Unavailable


class AccessLogEntry:
    """The line of one request: the pipeline fills the entry in, and the application logs it. It never holds a secret.

    Attributes:
        path: the decoded path; None until the service decodes it.
        principal: the name of the principal; for a link `link:ID`.
        display_name: of the principal, for pages; never in the line.
        maker: the name of the principal who made the link that the request uses; None without a link.
        action, rule: the action of the request, and the number of the rule that decides.
        bucket, key: the object that is signed.
        mark: the mark in the presigned URL of the answer; None for an answer without a mark.
        counted: whether the request was answered for a link with a number of uses.
        address: the IP address of the client, where the settings ask for it.
        code, error: the code of a refusal, and the reason of a failure or of a refused token; None for other requests.
    """

    path: str | None = None
    principal: str | None = None
    display_name = ""
    maker: str | None = None
    action: str | None = None
    rule: int | None = None
    bucket: str | None = None
    key: str | None = None
    mark: str | None = None
    counted = False
    address: str | None = None
    code: str | None = None
    error: object = None

    def add_problem(self, problem: Problem) -> None:
        """Note a refusal; the reason in `error` is for the administrator, and never reaches the client."""
        self.code, self.mark = problem.code, None  # a URL that was signed before a refusal stays in the service
        if isinstance(problem, Forbidden):
            self.rule = problem.rule
        elif isinstance(problem, CredentialsInvalid | SignInFailed):
            self.error = problem.reason
        elif isinstance(problem, Misconfigured):
            self.error = problem.mistakes
        elif problem.status >= 500:
            reason = problem.reason if isinstance(problem, Unavailable) else ""
            place = _place(problem.__cause__) if problem.__cause__ else problem.detail
            self.error = f"{reason}; {place}" if reason else place

    def add_failure(self, error: Exception) -> None:
        """Note the place in the code of an exception that is not a Problem."""
        self.code, self.mark, self.error = InternalError.code, None, _place(error)

    def record(self, request: Request, status: int, milliseconds: float) -> dict[str, object]:
        """Return the line as a mapping, in the order in which the line is written.

        Args:
            request: the request.
            status: the HTTP status of the reply.
            milliseconds: the time that the reply took.
        """
        record: dict[str, object] = {
            "id": request.request_id,
            "principal": self.principal,
            "method": request.method,
            "action": self.action,
            "path": _without_token(_decoded(request.raw_path) if self.path is None else self.path),
            "rule": self.rule,
            "status": status,
            "code": self.code,
            "bucket": self.bucket,
            "key": self.key,
            "ms": round(milliseconds, 3),
        }
        if self.maker:
            record["maker"] = self.maker
        if self.mark:
            record["mark"] = self.mark
        if self.counted:
            record["counted"] = True
        if self.address:
            record["address"] = self.address
        if self.error:
            record["error"] = self.error
        return record


def _decoded(raw_path: str) -> str | None:
    """Return a path decoded; None where it cannot be decoded: nobody knows what is in it, so it can be a secret."""
    try:
        return decode(raw_path)
    except (BadPath, KeyTooLong):
        return None


def _without_token(path: str | None) -> str | None:
    """Return a path for the log: of a path of the service that nothing has, only the start, for it can hold a token."""
    if path is None or not path.startswith(SERVICE_PATHS) or path in IMAGE_ENDPOINTS:
        return path
    try:
        methods_of_service_page(path)
    except NotFound:
        return SERVICE_PATHS
    return path


def _place(error: BaseException) -> str:
    """Name an exception and the calls that it came through. Its message is left out: it may hold a URL or a secret."""
    return " < ".join([type(error).__name__, *reversed([*_calls(error.__traceback__)])])


def _calls(traceback: TracebackType | None) -> Iterator[str]:
    """Yield the calls of a traceback, the outermost first. (The module `traceback` would open source files.)"""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next
