"""An AWS account to deploy into, and a copy of the project to deploy from.

The account is moto, repaired, in a process of its own: `python -m tests.deploy.deployments` serves it until it is
ended. S3 verifies signatures, and every service asks IAM what a role may do; the account's own key may do everything.
"""

from __future__ import annotations

import json
import os
import shutil
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

ROOT = Path(__file__).parents[2]
PROJECT = ("app.py", "chalicelib", "local", "requirements.txt", ".chalice")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "deployed", "deployments")
BUCKET = "signpost-example-bucket"

# How the names of all files begin that requirements.txt brings into a zip.
PACKAGES = ("_cffi_backend.", "_libvips.", "cffi", "cryptography", "jinja2", "markupsafe", "pycparser", "pyvips")


class Account(NamedTuple):
    """A running account."""

    endpoint: str

    def environ(self) -> dict[str, str]:
        """The credentials of its owner, as environment variables."""
        return {"AWS_ACCESS_KEY_ID": embedded_s3.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": embedded_s3.SECRET_KEY}

    def client(self, service: str, environ: Mapping[str, str] | None = None) -> Any:
        """A boto3 client with the credentials of an environment, the owner's if none is given."""
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

    def make_role(self, document: Mapping[str, Any]) -> str:
        """Make a role with this policy and nothing else; its ARN."""
        iam, name = self.client("iam"), f"role-{uuid.uuid4().hex}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(document))
        return str(arn)

    def assume(self, role_arn: str) -> dict[str, str]:
        """The credentials of a role, as Lambda gives them to a function."""
        session = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="signpost")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }

    def write_log(self, environ: Mapping[str, str], group: str) -> None:
        """Write a line as Lambda does with the role of a function.

        Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs": Lambda makes the group where there is
        none, if the role may.

        Raises:
            ClientError: the role may not.
        """
        logs = self.client("logs", environ)
        if group not in (found["logGroupName"] for found in self.client("logs").describe_log_groups()["logGroups"]):
            logs.create_log_group(logGroupName=group)
        stream = {"logGroupName": group, "logStreamName": uuid.uuid4().hex}
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "{}"}])


class Project(NamedTuple):
    """A checkout of the project that deploys into an account."""

    folder: Path
    account: Account

    def chalice(self, *arguments: str) -> str:
        """Run a `chalice` command to its end and return what it printed."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIGNPOST_"))}
        environ |= self.account.environ()
        environ |= {"AWS_ENDPOINT_URL": self.account.endpoint, "AWS_DEFAULT_REGION": embedded_s3.REGION}
        environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        environ["PIP_NO_BUILD_ISOLATION"] = (
            "0"  # as `make package`: pip would fetch what makes pyvips, three times over
        )
        command = [str(Path(sys.executable).with_name("chalice")), *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def checkout(folder: Path, account: Account) -> Project:
    """Copy the project, without what earlier deployments left."""
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy(source, folder / name)
    return Project(folder, account)


@contextmanager
def open_account() -> Iterator[Account]:
    """An empty account, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.deploy.deployments"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            endpoint = server.stdout.readline().strip()
            assert endpoint, "the account did not start"
            yield Account(endpoint)
        finally:
            server.terminate()


def serve() -> None:
    """Serve an account on a free port, and print where."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    from local.embedded_s3.authentication import Authentication
    from local.embedded_s3.moto_state import OneAtATime
    from local.embedded_s3.objects import MotoObjects
    from local.embedded_s3.post_object import PostObject
    from local.embedded_s3.server import QuietRequestHandler
    from tests.deploy import moto_repairs

    moto_repairs.install_rest_api_import()
    store = moto_repairs.ObjectPermissions(MotoObjects())
    s3 = PostObject(Authentication(store), store, time.time)
    others = moto_repairs.ServicePermissions(DomainDispatcherApplication(create_backend_app))

    def by_service(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        signed = environ.get("HTTP_AUTHORIZATION", "/s3/aws4_request")  # a presigned request has none
        return (s3 if "/s3/aws4_request" in signed else others)(environ, start_response)

    server = make_server("127.0.0.1", 0, OneAtATime(by_service), threaded=True, request_handler=QuietRequestHandler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve()
