"""The signing secrets: the text itself, or a secret in Secrets Manager, or a parameter in SSM's Parameter Store."""

from collections.abc import Callable, Sequence
from typing import Final

from chalicelib.core.access.signing import Secrets
from chalicelib.core.web.times import Deadline

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
    match reference.strip().split(":", 5):
        case ["arn", _, "secretsmanager", region, _, _]:
            return _FetchedSecrets(lambda: _from_secrets_manager(reference.strip(), region))
        case ["arn", _, "ssm", region, _, name] if name.startswith("parameter/"):
            return _FetchedSecrets(lambda: _from_ssm(reference.strip(), region))
        case ["arn", *_]:
            raise ValueError("is an ARN, and neither of a secret in Secrets Manager nor of a parameter in SSM")
    secrets = _split(reference)
    return lambda _: secrets


class _FetchedSecrets:
    """Secrets that are fetched once. After a fetch that failed, the next use fetches again."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch
        self._secrets: Sequence[bytes] = ()

    def __call__(self, deadline: Deadline) -> Sequence[bytes]:
        from .aws_calls import call  # a secret in the environment needs no call

        return self._secrets or call(deadline, self._load, otherwise="The service cannot get one of its secrets.")

    def _load(self) -> Sequence[bytes]:
        self._secrets = _split(self._fetch())  # also if the request that started the fetch was answered meanwhile
        return self._secrets


def _from_secrets_manager(arn: str, region: str) -> str:
    from .aws_calls import client

    return str(client("secretsmanager", region_name=region).get_secret_value(SecretId=arn)["SecretString"])


def _from_ssm(arn: str, region: str) -> str:
    from .aws_calls import client

    answer = client("ssm", region_name=region).get_parameter(Name=arn, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _split(text: str) -> Sequence[bytes]:
    secrets = text.replace(",", " ").split()
    if not secrets:
        raise ValueError("holds no secret")
    if min(len(secret) for secret in secrets) < MIN_SECRET_CHARACTERS:
        raise ValueError(
            f"holds a secret of fewer than {MIN_SECRET_CHARACTERS} characters; make one with `openssl rand -hex 32`"
        )
    return tuple(secret.encode("utf-8", "surrogateescape") for secret in secrets)
