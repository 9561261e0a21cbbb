"""AWS, called by boto3: the clients, and the calls, which end in time and whose failures are those of the service."""

import string
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

from chalicelib.core.web.problems import Problem, Unavailable
from chalicelib.core.web.times import Deadline

from .bounded import within

T = TypeVar("T")

_NAME: Final = frozenset("-." + string.digits + string.ascii_letters)
_MAX_NAME_CHARACTERS: Final = 64  # characters

_making = Lock()


def client(service: str, *, config: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return a new client of boto3; to be called by the work of `call`, because it may look for credentials.

    The deadline bounds a call as a whole. The time-outs here end a call that the deadline has abandoned, and leave time
    to try again where a connection of a frozen container died.

    Args:
        service: as boto3 names it.
        config: more of `botocore.config.Config`.
        options: more of `boto3.client`.
    """
    import boto3
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    bounds = Config(connect_timeout=1, read_timeout=4, retries=retries, **config or {})
    with _making:  # boto3 User Guide, "Multithreading": the default session is for one thread at a time
        return boto3.client(service, config=bounds, **options)  # type: ignore[call-overload]


def call(deadline: Deadline, work: Callable[[], T], *, otherwise: str) -> T:
    """Return the result of some work that calls AWS and reads the answer.

    Arguments, call and answer belong into the work: an argument that cannot be made, a call that fails and an answer
    without an expected field are then all faults of the service, and none of them is a 500.

    Args:
        deadline: of the request.
        work: raises a Problem for what the client must know.
        otherwise: tells the client of every other failure.

    Raises:
        Problem: of the work.
        Unavailable: the work failed in another way, or is not finished at the deadline.
    """

    def guarded() -> T:
        try:
            return work()
        except Problem:
            raise
        except Exception as error:
            raise unavailable(otherwise, error) from error

    return within(deadline, guarded, otherwise=otherwise)


def unavailable(what: str, error: Exception) -> Unavailable:
    """Return a refusal for the client, with the reason that AWS gave, for the log."""
    operation = getattr(error, "operation_name", "")  # a ClientError alone has it: AWS, or a proxy, refused the call
    return Unavailable(what, reason=_reason(operation, getattr(error, "response", {})) if operation else "")


def _reason(operation: str, response: dict[str, Any]) -> str:
    """Name a refusal by its code; its message and its other fields may hold keys and tokens."""
    answer = response.get("ResponseMetadata", {})
    region = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    code = response.get("Error", {}).get("Code")
    return (
        f"{operation} was answered with {answer.get('HTTPStatusCode')}"
        + (f" {code}" if _is_name(code) else "")
        + (f", the bucket is in {region}" if _is_name(region) else "")
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME_CHARACTERS and _NAME.issuperset(value)
