"""The minutes from a clone to the first 307, for each way of the pages: `python -m tests.deploy.first_redirect`.

Each way clones HEAD into an empty folder, and runs the commands of its page in their order. AWS is moto. No suite runs
this script, because each way installs all packages anew. `make run` takes `PORT` and `S3_PORT` from the environment.

The functions answer in Lambda's Python on this machine, as `test_boot.py` boots the zip. `make deploy` prints the URL
of a directory, which never redirects. So the request is for a file below the rule of the shipped settings.
"""

import os
import re
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from urllib.request import urlretrieve

from local import embedded_s3
from tests.support.builders import basic

from .aws_account import PROJECT, Account, open_account
from .conftest import REST_API, Machine
from .newcomer import COMMANDS, FUNCTION, Newcomer, environ_of
from .runtime_api import recompile, runtime
from .stack import REFERENCES, TABLE, transform

INHERITED = r"PATH|HOME|PORT|S3_PORT|PIP_.*"  # PIP_*: the network of this machine
BUCKET, ARTIFACTS = "acme-files", "artifacts"
FILE = "/builds/first.txt"  # the rule of the shipped settings lets the key `ci` read it
PAGE = (PROJECT / "docs/deploy.md").read_text()
NEW_KEY, CHECK, DEPLOY = re.findall(COMMANDS, PAGE, re.MULTILINE)[:3]
STACK = r"^## With one stack\n\n```sh\n(make package)\n(aws cloudformation package .*)\n"
((PACKAGE, UPLOAD),) = re.findall(STACK, PAGE, re.MULTILINE)


def run_locally(newcomer: Newcomer, _account: Account) -> int:
    """README.md: return the status of the first command that `make run` prints, without `-L`."""
    folder, environ = newcomer
    with Popen(["make", "run"], cwd=folder, env=environ, stdout=PIPE, text=True, start_new_session=True) as server:
        assert server.stdout
        try:
            printed = next((line for line in server.stdout if "curl -L " in line), "")
            assert printed, "`make run` printed no curl command"
            return int(newcomer.run(printed.replace("curl -L ", "curl -sS -o /dev/null -w '%{http_code}' ")))
        finally:
            os.killpg(server.pid, signal.SIGINT)  # Ctrl-C
            server.stdout.read()  # until all processes have ended


def deploy(newcomer: Newcomer, account: Account) -> int:
    """docs/deploy.md, "With `make deploy`": return the status of the deployed function."""
    newcomer.name_variables({"SIGNPOST_BUCKET": BUCKET})
    secret = newcomer.write_settings(NEW_KEY)
    newcomer.run(CHECK)
    newcomer.run(DEPLOY)
    function = account.client("lambda").get_function(FunctionName=FUNCTION)
    archive = newcomer.folder.parent / "deployed.zip"
    urlretrieve(function["Code"]["Location"], archive)
    configuration = function["Configuration"]
    environ = configuration["Environment"]["Variables"] | account.assume_role(configuration["Role"])
    return status_of(archive, environ, secret)


def package(newcomer: Newcomer, account: Account) -> int:
    """docs/deploy.md, "With one stack": return the status of the packaged function.

    moto has no SAM transform, so nothing creates the stack. The function gets the variables that the template names.
    """
    secret = newcomer.write_settings(NEW_KEY)
    newcomer.run(PACKAGE)
    build = newcomer.folder / "build"
    archive = build / "deployment.zip"
    if shutil.which("aws"):
        s3 = account.client("s3")
        s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})
        newcomer.run(UPLOAD.replace("ARTIFACTS", ARTIFACTS))
        uploaded = re.search(rf"s3://{ARTIFACTS}/(\w+)", (build / "packaged.yaml").read_text())
        assert uploaded
        archive = newcomer.folder.parent / "uploaded.zip"
        s3.download_file(ARTIFACTS, uploaded[1], str(archive))
    else:
        say("The AWS CLI is missing, so the zip comes from build/.")
    say("CloudFormation is not run, because moto has no SAM transform.")
    resources = {"Bucket": BUCKET, "Table": TABLE, "Secret": REFERENCES["Secret"]}
    variables = transform(build / "sam.json").created(BucketName=BUCKET).at("APIHandler", "Environment", "Variables")
    environ = {name: resources[it["Ref"]] if "Ref" in it else secrets.token_hex(32) for name, it in variables.items()}
    return status_of(archive, environ | account.environ(), secret)


def status_of(archive: Path, environ: Mapping[str, str], secret: str) -> int:
    """Return the status of a GET at the function of a zip."""
    folder = archive.parent / "machine"
    shutil.unpack_archive(archive, folder / "task")
    recompile(folder / "task")
    machine = Machine(runtime(folder / "runtime"), folder / "task", folder, dict(environ))
    with machine.run(REST_API) as container:
        return container.ask("GET", FILE, headers=tuple(basic("ci", secret).items())).status


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try each way, and print its minutes; return 1 where a way gave no 307."""
    statuses = []
    for way, attempt in {"make run": run_locally, "make deploy": deploy, "one stack": package}.items():
        with TemporaryDirectory() as folder, open_account() as account:
            inherited = {name: it for name, it in os.environ.items() if re.fullmatch(INHERITED, name)}
            newcomer, begun = Newcomer(Path(folder), inherited | environ_of(account)), time.monotonic()
            newcomer.run(f"git clone --quiet '{PROJECT}' signpost")
            try:
                statuses.append(attempt(newcomer._replace(folder=Path(folder, "signpost")), account))
            except AssertionError as error:
                say(str(error))
                statuses.append(0)
            say(f"{way}: {(time.monotonic() - begun) / 60:.1f} minutes, {statuses[-1] or 'no answer'}")
    return int(set(statuses) != {307})


if __name__ == "__main__":
    sys.exit(main())
