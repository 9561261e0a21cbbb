"""The signing secrets: given as they are, or kept in Secrets Manager or in SSM's Parameter Store."""

from collections.abc import Callable, Sequence
from typing import Final

from chalicelib.core.access.signing import Secrets
from chalicelib.core.web.times import Deadline

from .aws_calls import call, client

MIN_SECRET_CHARACTERS: Final = 32  # characters; 128 bits if they are random and hexadecimal


def secret_source(reference: str) -> Secrets:
    """Return where the signing secrets come from.

    They are one text, in which white space or commas stand between them, the newest last. What AWS keeps is fetched at
    the first use, and then as long as this process runs; a fetch that failed is tried again at the next.

    Args:
        reference: the ARN of a secret of Secrets Manager or of a parameter of SSM; else the text itself.

    Raises:
        ValueError: it gives no secret, or one that is too short, or an ARN of something else. It does not repeat any.
    """
    match reference.strip().split(":", 5):
        case ["arn", _, "secretsmanager", region, _, _]:
            return _Fetched(lambda: _from_secrets_manager(reference.strip(), region))
        case ["arn", _, "ssm", region, _, name] if name.startswith("parameter/"):
            return _Fetched(lambda: _from_ssm(reference.strip(), region))
        case ["arn", *_]:
            raise ValueError("is an ARN, and neither of a secret in Secrets Manager nor of a parameter in SSM")
    secrets = _split(reference)
    return lambda _: secrets


class _Fetched:
    """Secrets that are fetched once. A fetch that fails is tried again at the next use."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch
        self._secrets: Sequence[bytes] = ()

    def __call__(self, deadline: Deadline) -> Sequence[bytes]:
        return self._secrets or call(deadline, self._fetched, otherwise="The service cannot get one of its secrets.")

    def _fetched(self) -> Sequence[bytes]:
        self._secrets = _split(self._fetch())  # kept even where the request that began this is answered already
        return self._secrets


def _from_secrets_manager(arn: str, region: str) -> str:
    return str(client("secretsmanager", region_name=region).get_secret_value(SecretId=arn)["SecretString"])


def _from_ssm(arn: str, region: str) -> str:
    found = client("ssm", region_name=region).get_parameter(Name=arn, WithDecryption=True)
    return str(found["Parameter"]["Value"])


def _split(text: str) -> Sequence[bytes]:
    secrets = text.replace(",", " ").split()
    if not secrets:
        raise ValueError("holds no secret")
    if min(len(secret) for secret in secrets) < MIN_SECRET_CHARACTERS:
        raise ValueError(
            f"holds a secret of fewer than {MIN_SECRET_CHARACTERS} characters; make one with `openssl rand -hex 32`"
        )
    return tuple(secret.encode("utf-8", "surrogateescape") for secret in secrets)
