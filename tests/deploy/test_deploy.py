"""docs/deploy.md as a newcomer follows it: the commands, in an environment that has only what the page names.

`make deploy` into an empty account creates what CONTRACT section 8 promises, changes it in place, and deletes it.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.iam_policy import policy
from local import embedded_s3
from tests.support.builders import mount

from .aws_account import PROJECT, Account, open_account
from .packages import requirements, write_wheels

DEPLOY = "make deploy STAGE=dev"
DELETE = ".venv/bin/chalice delete --stage dev"
COMMANDS = r"^ *((?:\.venv/bin/python|make) .*)$"
FUNCTION = "signpost-dev"
ROLE = "signpost-dev-api_handler"
METHODS = {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"}


class Newcomer(NamedTuple):
    """A copy of the project, and the environment of a person who follows the page.

    Attributes:
        environ: credentials and a region, and where pip takes packages from.
    """

    folder: Path
    environ: dict[str, str]

    def run(self, command: str) -> str:
        """Run a command of the page, and return the output."""
        line = ["bash", "-ec", command]
        done = subprocess.run(line, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def append_to_settings(self, text: str) -> None:
        """Add text at the end of the settings."""
        with (self.folder / "chalicelib/signpost.toml").open("a") as settings:
            settings.write(text)

    def name_variables(self, variables: dict[str, str]) -> None:
        """Add environment variables to the stages in .chalice/config.json."""
        file = self.folder / ".chalice/config.json"
        config = json.loads(file.read_text())
        for stage in ("dev", "prod"):
            config["stages"][stage]["environment_variables"] |= variables
        file.write_text(json.dumps(config))


def arrive(folder: Path) -> Newcomer:
    """Copy the project to a folder, where `make setup` has run."""
    copy = folder / "project"
    ignored = (".git", ".venv*", "deployments", "deployed", "__pycache__", "build")
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*ignored))
    (copy / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (copy / ".venv" / part.name).symlink_to(part)
    (copy / ".venv/ready").unlink(missing_ok=True)
    (copy / ".venv/ready").touch()
    return Newcomer(copy, {"PATH": os.defpath, "HOME": str(folder)})


class Deployed(NamedTuple):
    """A deployment of the stage `dev`."""

    newcomer: Newcomer
    account: Account

    def api_id(self) -> str:
        """The id of the only REST API."""
        (api,) = self.account.client("apigateway").get_rest_apis()["items"]
        return str(api["id"])

    def check_api(self) -> None:
        """Every path and method reaches the function; the API is regional, takes bytes and has a stage."""
        gateway, api_id = self.account.client("apigateway"), self.api_id()
        resources = gateway.get_resources(restApiId=api_id, embed=["methods"])["items"]
        assert {resource["path"] for resource in resources} == {"/", "/{proxy+}"}
        function = self.function()["Configuration"]["FunctionArn"]
        for resource in resources:
            assert resource["resourceMethods"].keys() == METHODS
            for method in METHODS:
                place = {"restApiId": api_id, "resourceId": resource["id"], "httpMethod": method}
                integration = gateway.get_integration(**place)
                assert (integration["type"].upper(), integration["httpMethod"]) == ("AWS_PROXY", "POST")
                assert integration["uri"].endswith(f"/functions/{function}/invocations")
                assert not gateway.get_method(**place)["apiKeyRequired"]
        api = gateway.get_rest_api(restApiId=api_id)
        assert api["binaryMediaTypes"] == ["*/*"]
        assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
        (stage,) = gateway.get_stages(restApiId=api_id)["item"]
        assert stage["stageName"] == "api"
        assert stage["deploymentId"] in [each["id"] for each in gateway.get_deployments(restApiId=api_id)["items"]]

    def function(self) -> dict[str, Any]:
        """The function, as AWS describes it."""
        function: dict[str, Any] = self.account.client("lambda").get_function(FunctionName=FUNCTION)
        return function

    def check_function(self) -> None:
        """The function runs as configured, and only this API may invoke it."""
        function = self.function()
        configuration = function["Configuration"]
        assert configuration["Handler"] == "app.app"
        assert configuration["Runtime"] == "python{}.{}".format(*sys.version_info)
        assert configuration["Architectures"] == ["arm64"]
        assert (configuration["MemorySize"], configuration["Timeout"]) == (1024, 10)
        stage = json.loads((self.newcomer.folder / ".chalice/config.json").read_text())["stages"]["dev"]
        assert configuration["Environment"]["Variables"] == stage["environment_variables"]
        assert configuration["Role"].endswith(f":role/{ROLE}")
        assert function["Concurrency"]["ReservedConcurrentExecutions"] == 10
        document = json.loads(self.account.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"])
        (statement,) = document["Statement"]
        who = (statement["Principal"], statement["Action"])
        assert who == ({"Service": "apigateway.amazonaws.com"}, "lambda:InvokeFunction")
        (source,) = (key for condition in statement["Condition"].values() for key in condition.values())
        assert source.startswith(f"arn:aws:execute-api:{embedded_s3.REGION}:")
        assert source.split(":", 5)[5] == f"{self.api_id()}/*"

    def check_role(self, document: dict[str, Any]) -> None:
        """The role is Lambda's and has this policy only."""
        iam = self.account.client("iam")
        (statement,) = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        (name,) = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
        assert iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"] == document
        assert iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"] == []

    def check_log(self) -> None:
        """The function can log. Chalice 1.34 sets the retention on another group, so the role must make a group."""
        groups = self.account.client("logs").describe_log_groups()["logGroups"]
        assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {f"/aws/lambda/{ROLE}": 30}
        role = self.account.client("iam").get_role(RoleName=ROLE)["Role"]
        self.account.write_log(self.account.assume_role(role["Arn"]), f"/aws/lambda/{FUNCTION}")
        self.account.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{FUNCTION}")

    def check_code(self) -> None:
        """The code is that of the project, with the packages for Lambda's machine.

        moto's Lambda does not return the code; its hash tells which zip of Chalice's the function has.
        """
        folder, digest = self.newcomer.folder, self.function()["Configuration"]["CodeSha256"]
        zips = (folder / ".chalice/deployments").glob("*.zip")
        hashes = {file: base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode() for file in zips}
        (code,) = (file for file in hashes if hashes[file] == digest)
        sources = [file for file in (folder / "chalicelib").rglob("*") if file.is_file()]
        ours = {"app.py", *(str(file.relative_to(folder)) for file in sources if "__pycache__" not in file.parts)}
        with zipfile.ZipFile(code) as archive:
            packed = {name for name in archive.namelist() if "__pycache__" not in name}
            assert "chalice/app.py" in packed
            assert {name for name in packed if not name.startswith(("chalice/", "compiled"))} == ours
            assert all(archive.read(name) == (folder / name).read_bytes() for name in ours)
            if (folder / "requirements.txt").read_text():
                assert archive.read("compiled.py") == b"MACHINE = 'aarch64'\n"


def test_the_page_deploys_changes_in_place_and_deletes(tmp_path: Path) -> None:
    """Every command of ours runs as it stands and in its order, after the changes that the page asks for.

    A small package stands for the packages of the service, which `test_zip.py` looks for in its zip.
    """
    page = (PROJECT / "docs/deploy.md").read_text()
    commands = re.findall(COMMANDS, page, re.MULTILINE)
    named = re.search(r"```json\n(\"SIGNPOST_TABLE.*?)```", page, re.DOTALL)
    assert (len(commands), commands.count(DEPLOY)) == (8, 2)
    assert named
    assert DELETE in page
    packages = write_wheels(tmp_path / "wheels", ["x86_64", "aarch64"])
    newcomer = arrive(tmp_path)
    (newcomer.folder / "requirements.txt").write_text(requirements(tmp_path / "wheels"))
    (newcomer.folder / ".venv/ready").touch()
    api_ids: list[str] = []
    mounts, folder = [mount(bucket="acme-files")], newcomer.folder
    newcomer.name_variables({"SIGNPOST_BUCKET": "acme-files"})
    with open_account() as account:
        environ = {"AWS_DEFAULT_REGION": embedded_s3.REGION, "AWS_ENDPOINT_URL": account.endpoint}
        newcomer = newcomer._replace(environ=newcomer.environ | packages | account.environ() | environ)
        deployed = Deployed(newcomer, account)
        for command in commands:
            again = command == DEPLOY and bool(api_ids)
            if again:
                newcomer.name_variables(variables := json.loads(f"{{{named[1]}}}"))
            if "secret rotate" in command:
                secret = account.client("secretsmanager").create_secret(Name="signing", SecretString="old" * 12)
                newcomer.name_variables(variables | {"SIGNPOST_SECRET": secret["ARN"]})
            output = newcomer.run(command)
            if "key new" in command:
                newcomer.append_to_settings(output[output.index("[[keys]]") :])
            if command != DEPLOY:
                continue
            api_ids.append(deployed.api_id())
            assert f"https://{api_ids[0]}.execute-api.{embedded_s3.REGION}.amazonaws.com/api/" in output
            assert "Could not install" not in output  # Chalice would go on without the package
            deployed.check_api()
            deployed.check_function()
            deployed.check_log()
            links = (variables["SIGNPOST_TABLE"], variables["SIGNPOST_SECRET"]) if again else ()
            deployed.check_role(policy(mounts, (), *links))
            deployed.check_code()
            (folder / "requirements.txt").write_text("")  # to bring the package again would take long
            (folder / ".venv/ready").touch()
            newcomer.append_to_settings("# changed\n")
        assert api_ids == [api_ids[0]] * 2
        assert (folder / "build/sam.json").exists()

        newcomer.run(DELETE)
        assert account.client("apigateway").get_rest_apis()["items"] == []
        assert account.client("lambda").list_functions()["Functions"] == []
        assert account.client("iam").list_roles()["Roles"] == []
        # Chalice keeps the log for good: Chalice removes the retention.
        (group,) = account.client("logs").describe_log_groups()["logGroups"]
        assert "retentionInDays" not in group


def test_settings_with_a_mistake_are_neither_deployed_nor_packaged(tmp_path: Path) -> None:
    newcomer = arrive(tmp_path)
    policies = {file: file.read_text() for file in (newcomer.folder / ".chalice").glob("policy-*.json")}
    newcomer.append_to_settings('[[rules]]\npath = "/x"\ndeny = ["read"]\nto = ["group:nobody"]\n')
    for command in (DEPLOY, "make package"):
        with pytest.raises(AssertionError, match='"group:nobody" is a group that no key has'):
            newcomer.run(command)
    with pytest.raises(AssertionError, match="Say which stage"):
        newcomer.run("make deploy")
    assert {file: file.read_text() for file in policies} == policies
    assert not (newcomer.folder / "build").exists()
    assert not (newcomer.folder / ".chalice/deployed").exists()
