"""Rotation of the signing secret: the new secret signs only when every container accepts its signatures.

So at no moment does one container refuse what another container signed. The old secret stays accepted until the next
rotation: a link survives one rotation.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

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
    old_secrets = place.read().replace(",", " ").split()
    place.write(",".join((new_secret, *old_secrets)))  # accepted, and signs nothing
    restart()
    wait()
    place.write(",".join((old_secrets[-1], new_secret)))  # signs, and every container accepts it already
    restart()


def place_of(reference: str) -> Place | None:
    """Return the place that an ARN names, in Secrets Manager or in SSM; None for a secret in clear."""
    import boto3  # other commands of the tool need no AWS

    arn = reference.strip()
    match arn.split(":", 5):
        case ["arn", _, "secretsmanager", region, _, _]:
            secrets_manager = boto3.client("secretsmanager", region_name=region)
            return Place(
                lambda: secrets_manager.get_secret_value(SecretId=arn)["SecretString"],
                lambda text: secrets_manager.put_secret_value(SecretId=arn, SecretString=text),
            )
        case ["arn", _, "ssm", region, _, _]:
            ssm = boto3.client("ssm", region_name=region)
            return Place(
                lambda: ssm.get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"],
                lambda text: _put_parameter(ssm, arn, text),
            )
    return None


def _put_parameter(ssm: Any, arn: str, text: str) -> None:
    """Write a parameter with its own type and KMS key: without them, SSM takes the default key of the account."""
    name = ssm.get_parameter(Name=arn)["Parameter"]["Name"]
    filters = [{"Key": "Name", "Values": [name]}]
    (parameter,) = ssm.describe_parameters(ParameterFilters=filters)["Parameters"]
    kms_key = {"KeyId": parameter["KeyId"]} if "KeyId" in parameter else {}
    ssm.put_parameter(Name=name, Value=text, Type=parameter["Type"], Overwrite=True, **kms_key)


def restart_functions(client: "LambdaClient", functions: Sequence[str], clock: Callable[[], float]) -> None:
    """Replace the containers of functions: a new configuration makes new containers (Lambda Developer Guide)."""
    description = f"Restarted at {rfc3339(clock())}"
    for function in functions:
        client.update_function_configuration(FunctionName=function, Description=description)
    for function in functions:
        client.get_waiter("function_updated_v2").wait(FunctionName=function)
