"""An AWS account: moto, repaired, in a process of its own, which `python -m tests.deploy.aws_account` serves.

S3 verifies signatures, and every service asks IAM what a role may do. The account's own key may do everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from local import embedded_s3

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PROJECT = Path(__file__).parents[2]


class Account(NamedTuple):
    """A running account."""

    endpoint: str

    def environ(self) -> dict[str, str]:
        """The credentials of the owner, as environment variables."""
        return {"AWS_ACCESS_KEY_ID": embedded_s3.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": embedded_s3.SECRET_KEY}

    def client(self, service: str, environ: Mapping[str, str] | None = None) -> Any:
        """Return a boto3 client.

        Args:
            service: its name in boto3.
            environ: the credentials, as environment variables; None: the owner's.
        """
        environ = environ or self.environ()
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=embedded_s3.REGION,
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environ.get("AWS_SESSION_TOKEN"),
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def assume(self, policy: Mapping[str, Any]) -> dict[str, str]:
        """Make a role that has a policy and nothing else, and return credentials of the role."""
        iam, name = self.client("iam"), f"role-{uuid.uuid4().hex}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        return self.assume_role(arn)

    def assume_role(self, arn: str) -> dict[str, str]:
        """Return credentials of a role, as Lambda gives them to a function."""
        session = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="signpost")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    def write_log(self, environ: Mapping[str, str], group: str) -> None:
        """Write a line as Lambda does, with the credentials of a function.

        Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs": Lambda makes a missing group, if the
        role may do so.

        Raises:
            ClientError: the role may not write.
        """
        logs = self.client("logs", environ)
        if group not in (each["logGroupName"] for each in self.client("logs").describe_log_groups()["logGroups"]):
            logs.create_log_group(logGroupName=group)
        stream = {"logGroupName": group, "logStreamName": uuid.uuid4().hex}
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "{}"}])


@contextmanager
def open_account() -> Iterator[Account]:
    """An empty account, while the block runs."""
    command = [sys.executable, "-m", "tests.deploy.aws_account"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            endpoint = server.stdout.readline().strip()
            assert endpoint, "the account did not start"
            yield Account(endpoint)
        finally:
            server.terminate()


def serve() -> None:
    """Serve an account on a free port, and print the URL."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    from local.embedded_s3.authentication import Authentication
    from local.embedded_s3.moto_state import OneAtATime
    from local.embedded_s3.objects import MotoObjects
    from local.embedded_s3.post_object import PostObject
    from local.embedded_s3.server import QuietRequestHandler
    from tests.deploy import moto_repairs

    moto_repairs.install()
    store = moto_repairs.ObjectPermissions(MotoObjects())
    s3 = PostObject(Authentication(store), store, time.time)
    others = moto_repairs.ServicePermissions(DomainDispatcherApplication(create_backend_app))

    def by_service(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        signed = environ.get("HTTP_AUTHORIZATION", "/s3/aws4_request")  # a presigned request has no such header
        return (s3 if "/s3/aws4_request" in signed else others)(environ, start_response)

    server = make_server("127.0.0.1", 0, OneAtATime(by_service), threaded=True, request_handler=QuietRequestHandler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve()
