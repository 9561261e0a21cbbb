"""Rotation of the signing secret: the new secret signs only when every container accepts its signatures.

So at no moment does one container refuse what another container signed. The old secret stays accepted until the next
rotation: a link survives one rotation.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from chalicelib.backends.aws_calls import client
from chalicelib.backends.secrets import reader_of, split
from chalicelib.core.web.times import rfc3339

from .functions import Function

INVOCATION_SECONDS: Final = 10  # lambda_timeout in .chalice/config.json


class Place(NamedTuple):
    """The place where AWS keeps the secrets: reads and writes the text with all secrets, separated by commas."""

    read: Callable[[], str]
    write: Callable[[str], object]


def rotate(place: Place, restart: Callable[[], object], wait: Callable[[], object], new_secret: str) -> None:
    """Put a new secret in the place of the secret that signs; a rotation that was interrupted can begin again.

    Args:
        place: of the secrets, of which the last signs, and all are accepted.
        restart: replaces all containers, so that each new request meets a container that has read the new text.
        wait: returns when every older request has its answer.
        new_secret: random characters.
    """
    old_secrets = split(place.read())
    place.write(",".join((new_secret, *old_secrets)))  # accepted, and signs nothing
    restart()
    wait()
    place.write(",".join((old_secrets[-1], new_secret)))  # signs, and every container accepts it already
    restart()


def place_of(reference: str) -> Place | None:
    """Return the place that an ARN names, in Secrets Manager or in SSM; None for every other text."""
    arn = reference.strip()
    try:
        read = reader_of(arn)
    except ValueError:
        read = None
    if read is None:
        return None
    _, _, service, region, _ = arn.split(":", 4)
    aws = client(service, region_name=region)
    if service == "secretsmanager":
        return Place(read, lambda text: aws.put_secret_value(SecretId=arn, SecretString=text))
    return Place(read, lambda text: _put_parameter(aws, arn, text))


def _put_parameter(ssm: Any, arn: str, text: str) -> None:
    """Write a parameter with its own type and KMS key: without them, SSM takes the default key of the account."""
    name = ssm.get_parameter(Name=arn)["Parameter"]["Name"]
    filters = [{"Key": "Name", "Values": [name]}]
    (parameter,) = ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
    kms_key = {"KeyId": parameter["KeyId"]} if "KeyId" in parameter else {}
    ssm.put_parameter(Name=name, Value=text, Type=parameter["Type"], Overwrite=True, **kms_key)


def restart(functions: Sequence[Function], clock: Callable[[], float]) -> None:
    """Replace the containers of functions: a new configuration makes new containers (Lambda Developer Guide)."""
    description = f"Restarted at {rfc3339(clock())}"
    for function in functions:
        function.update(lambda _: {"Description": description})
        function.release()
