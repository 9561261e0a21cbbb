"""Calls to AWS: the clients of boto3, the deadline of each call, and failures as problems of the service."""

import string
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chalicelib.core.web.problems.base import Problem, Unavailable
from chalicelib.core.web.times import Deadline

from .bounded import within

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

T = TypeVar("T")

_NAME_CHARACTERS: Final = frozenset("-." + string.digits + string.ascii_letters)
_MAX_NAME_CHARACTERS: Final = 64

_session_lock = Lock()


def client(service: str, *, client_config: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return a new client of boto3. Only the work of `call` may make clients, because boto3 may look for credentials.

    The deadline limits a call as a whole. The time-outs here end a call after its deadline, and leave time for a second
    attempt if the connection of a frozen container is dead.

    Args:
        service: the name of the AWS service, as boto3 spells it.
        client_config: more arguments of `botocore.config.Config`, also in place of the arguments here.
        options: more arguments of `boto3.client`.
    """
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    config = Config(**{"connect_timeout": 1, "read_timeout": 4, "retries": retries, **(client_config or {})})
    with _session_lock:  # boto3 User Guide, "Multithreading": the default session is for one thread at a time
        return boto3.client(service, config=config, **options)  # type: ignore[call-overload]


def call(deadline: Deadline, work: Callable[[], T], *, otherwise: str) -> T:
    """Return the result of `work`, which calls AWS and reads the answer.

    The work must also make the arguments of the call. Then a bad argument, a call that fails and an answer without an
    expected field are all answered with 503, never with 500.

    Args:
        deadline: of the request.
        work: raises a Problem if the client must know the cause.
        otherwise: the detail for the client after any other failure.

    Raises:
        Problem: raised by the work.
        Unavailable: the work raised another exception, or did not end before the deadline.
    """

    def guarded() -> T:
        try:
            return work()
        except Problem:
            raise
        except Exception as error:
            raise unavailable(otherwise, error) from error

    return within(deadline, guarded, otherwise=otherwise)


def status_of(error: "ClientError") -> int:
    """Return the status with which AWS refused a call."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def unavailable(detail: str, error: Exception) -> Unavailable:
    """Return a problem with a detail for the client, and with the reason that AWS gave for the log."""
    operation = getattr(error, "operation_name", "")  # only a ClientError has an operation: an answer of AWS or a proxy
    return Unavailable(detail, reason=_reason(operation, getattr(error, "response", {})) if operation else "")


def _reason(operation: str, response: dict[str, Any]) -> str:
    """Describe a refusal by its code only: the message and the other fields may hold keys and tokens."""
    answer = response.get("ResponseMetadata", {})
    region = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    code = response.get("Error", {}).get("Code")
    return (
        f"{operation} was answered with {answer.get('HTTPStatusCode')}"
        + (f" {code}" if _is_name(code) else "")
        + (f", the bucket is in {region}" if _is_name(region) else "")
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME_CHARACTERS and _NAME_CHARACTERS.issuperset(value)
