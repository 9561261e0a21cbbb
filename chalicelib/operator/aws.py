"""AWS, with the credentials of the operator: clients of boto3, and calls that are also commands of the aws-cli."""

import json
import shlex
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from chalicelib.backends.aws_calls import client
from chalicelib.backends.s3_clients import S3Clients, s3_config
from chalicelib.core.s3.mounts import Mount

_COMMANDS: Final = {"s3": "s3api"}  # the services that have another name in the aws-cli than in boto3


class AwsCall(NamedTuple):
    """A call to AWS, which `Aws.run` makes, or which an operator makes with the aws-cli.

    Attributes:
        service, operation: as boto3 spells them.
        parameters: the arguments of the method.
        region: where the call goes.
        endpoint: the store where the call goes; None for AWS.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str
    endpoint: str | None = None

    def command(self) -> str:
        """Return the command of the aws-cli."""
        from botocore import xform_name

        options = (
            f"--{xform_name(name, '-')} {shlex.quote(value if isinstance(value, str) else _to_json(value))}"
            for name, value in self.parameters.items()
        )
        service = _COMMANDS.get(self.service, self.service)
        where = ("--region", self.region, *(("--endpoint-url", self.endpoint) if self.endpoint else ()))
        return " ".join(("aws", service, self.operation.replace("_", "-"), *options, *where))


class Caller(NamedTuple):
    """Whose credentials ask: the account and the ARN; and the time of AWS, as its header `Date` says."""

    account: str
    arn: str
    date: str


class Aws:
    """The clients of one run of the administrator's tool: one for each service, region and store.

    Args:
        region: of the functions, the table and the signing secret.
    """

    def __init__(self, region: str) -> None:
        self.region = region
        self._clients: dict[tuple[object, ...], Any] = {}
        self._s3_clients = S3Clients()

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service other than S3, by default in the region of the functions."""
        return self._client(service, region_name=region or self.region, endpoint_url=None)

    def s3(self, mount: Mount) -> Any:
        """Return the client for the bucket of a mount, with the credentials of the mount where the mount has some."""
        return self._s3_clients.of(mount)

    def s3_in(self, region: str) -> Any:
        """Return the client of S3 in a region, with the credentials of the operator."""
        return self._client("s3", region_name=region, endpoint_url=None)

    def run(self, call: AwsCall) -> None:
        """Make a call."""
        service = self._client(call.service, region_name=call.region, endpoint_url=call.endpoint)
        getattr(service, call.operation)(**call.parameters)

    @cached_property
    def caller(self) -> Caller:
        """Whose credentials ask."""
        answer = self.client("sts").get_caller_identity()
        return Caller(answer["Account"], answer["Arn"], answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))

    def _client(self, service: str, **options: Any) -> Any:
        key = (service, *options.values())
        if key not in self._clients:
            config = s3_config(addressing="path" if options["endpoint_url"] else "auto") if service == "s3" else None
            self._clients[key] = client(service, client_config=config, **options)
        return self._clients[key]


_to_json: Final = json.JSONEncoder(default=lambda time: time.isoformat()).encode  # a lifecycle rule can have a date


def code_of(error: object) -> str:
    """Return the code of a refusal by AWS; empty for another failure."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def read(client: Any, operation: str, *absent: str, **parameters: Any) -> dict[str, Any] | None:
    """Return the answer to a call that reads; None where the code of the refusal is one of `absent`."""
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
    except ClientError as error:
        if code_of(error) in absent:
            return None
        raise
    return answer
