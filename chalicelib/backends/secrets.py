"""Secrets: the text itself, or a secret in Secrets Manager, or a parameter in SSM's Parameter Store."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from chalicelib.core.access.signing import Secrets
from chalicelib.core.web.times import Deadline

T = TypeVar("T")

ClientSecret = Callable[[Deadline], bytes]
"""Returns the secret of this service at an issuer; raises Unavailable where the secret cannot be fetched."""

MIN_SECRET_CHARACTERS: Final = 32  # 128 bits, if the secret is random and hexadecimal


def secret_source(reference: str) -> Secrets:
    """Return a function that returns the signing secrets.

    The secrets are one text. White space or commas separate the secrets, and the newest is the last. A text that AWS
    keeps is fetched at the first use, and kept as long as this process runs. After a fetch that failed, the next use
    fetches again.

    Args:
        reference: the ARN of a secret in Secrets Manager or of a parameter in SSM; otherwise the text itself.

    Raises:
        ValueError: the reference has no secret, a secret that is too short, or the ARN of something else. The message
            never holds a secret.
    """
    return source_of(reference, _split)


def is_arn(reference: str) -> bool:
    """Whether a reference names a secret that AWS keeps."""
    return reference.strip().startswith("arn:")


def secrets_in_clear(text: str) -> tuple[bytes, ...]:
    """Return the secrets that a text holds, as `secret_source` splits them; raise ValueError also for an ARN."""
    if is_arn(text):
        raise ValueError("is an ARN, and the service never fetches this key; give the key itself")
    return _split(text)


def client_secret_source(reference: str) -> ClientSecret:
    """Return a function that returns a secret which an issuer made: the whole text, which may be short.

    The reference and the fetch are as for `secret_source`. Line breaks around the text are no part of the secret.
    """
    return source_of(reference, _whole)


def reader_of(reference: str) -> Callable[[], str] | None:
    """Return a function that fetches the text which an ARN names; None for a text in clear.

    Raises:
        ValueError: the ARN is of something else.
    """
    arn = reference.strip()
    match arn.split(":", 5):
        case ["arn", _, "secretsmanager", region, _, _]:
            return lambda: _from_secrets_manager(arn, region)
        case ["arn", _, "ssm", region, _, name] if name.startswith("parameter/"):
            return lambda: _from_ssm(arn, region)
        case ["arn", *_]:
            raise ValueError("is an ARN, and neither of a secret in Secrets Manager nor of a parameter in SSM")
    return None


def source_of(reference: str, parse: Callable[[str], T]) -> Callable[[Deadline], T]:
    """Return a function that returns a parsed secret: from the text itself, or fetched as for `secret_source`.

    Raises:
        ValueError: the parser refuses the text, or the ARN is of something else.
    """
    read = reader_of(reference)
    if read:
        return _Fetched(lambda: parse(read()))
    secret = parse(reference)
    return lambda _: secret


class _Fetched(Generic[T]):
    """A secret that is fetched once. After a fetch that failed, the next use fetches again."""

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._secret: T | None = None

    def __call__(self, deadline: Deadline) -> T:
        from .aws_calls import call  # a secret in the environment needs no call

        return self._secret or call(deadline, self._load, otherwise="The service cannot get one of its secrets.")

    def _load(self) -> T:
        self._secret = self._fetch()  # also if the request that started the fetch was answered meanwhile
        return self._secret


def _from_secrets_manager(arn: str, region: str) -> str:
    from .aws_calls import client

    return str(client("secretsmanager", region_name=region).get_secret_value(SecretId=arn)["SecretString"])


def _from_ssm(arn: str, region: str) -> str:
    from .aws_calls import client

    answer = client("ssm", region_name=region).get_parameter(Name=arn, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def split(text: str) -> list[str]:
    """Return the secrets in a text, the newest last; none for an empty text."""
    return text.replace(",", " ").split()


def _whole(text: str) -> bytes:
    secret = text.strip("\r\n")
    if not secret:
        raise ValueError("holds no secret")
    return _encode(secret)


def _split(text: str) -> tuple[bytes, ...]:
    secrets = split(text)
    if not secrets:
        raise ValueError("holds no secret")
    if min(len(secret) for secret in secrets) < MIN_SECRET_CHARACTERS:
        raise ValueError(
            f"holds a secret of fewer than {MIN_SECRET_CHARACTERS} characters; make one with `openssl rand -hex 32`"
        )
    return tuple(map(_encode, secrets))


def _encode(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")
