"""docs/deploy.md as a newcomer follows it: the commands, in an environment that has only what the page names.

`make deploy` into an empty account creates what CONTRACT section 8 promises, changes it in place, and deletes it.
"""

import json
import os
import re
import shutil
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from chalicelib.iam_policy import policy
from local import embedded_s3
from tests.support.builders import mount

from .aws_account import PROJECT, Account, open_account
from .newcomer import COMMANDS, FUNCTION, Newcomer, environ_of
from .packages import requirements, write_source, write_wheels

DEPLOY = "make deploy STAGE=dev"
DELETE = ".venv/bin/chalice delete --stage dev"
ROLE = "signpost-dev-api_handler"
ARCHIVE = """
[[mounts]]
path = "/archive"
bucket = "archive"
endpoint = "https://s3.example.com"
region = "us-east-1"
access_key = "${ARCHIVE_KEY}"
secret_key = "${ARCHIVE_SECRET}"
"""
METHODS = {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"}


def arrive(folder: Path, account: Account | None = None) -> Newcomer:
    """Copy the project to a folder, where `make setup` has run and the bucket is named; the zip needs no packages."""
    copy = folder / "project"
    ignored = (".git", ".venv*", "deployments", "deployed", "__pycache__", "build")
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*ignored))
    (copy / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (copy / ".venv" / part.name).symlink_to(part)
    (copy / ".venv/ready").unlink(missing_ok=True)
    environ = {"PATH": os.defpath, "HOME": str(folder)}
    if account:
        environ |= environ_of(account)
    newcomer = Newcomer(copy, environ).require("", {})
    newcomer.name_variables({"SIGNPOST_BUCKET": "acme-files"})
    return newcomer


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

    def publish(self, layer: str) -> str:
        """Publish an empty layer, and return the ARN of its version."""
        with zipfile.ZipFile(content := BytesIO(), "w"):
            published = self.account.client("lambda").publish_layer_version(
                LayerName=layer, Content={"ZipFile": content.getvalue()}
            )
        return str(published["LayerVersionArn"])

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
        """The function can log."""
        role = self.account.client("iam").get_role(RoleName=ROLE)["Role"]
        self.account.write_log(self.account.assume_role(role["Arn"]), f"/aws/lambda/{FUNCTION}")
        self.check_log_group()

    def check_log_group(self) -> None:
        """The only log group has the retention of the stage; Chalice 1.34 alone makes a group with another name."""
        groups = self.account.client("logs").describe_log_groups()["logGroups"]
        assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {f"/aws/lambda/{FUNCTION}": 30}

    def check_code(self) -> None:
        """The code is that of the project, with the packages for Lambda's machine."""
        folder = self.newcomer.folder
        sources = [file for file in (folder / "chalicelib").rglob("*.*") if file.suffix not in (".pyc", ".md")]
        ours = {"app.py", *(str(file.relative_to(folder)) for file in sources)}
        with urlopen(self.function()["Code"]["Location"]) as code, zipfile.ZipFile(BytesIO(code.read())) as archive:
            packed = set(archive.namelist())
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
    pip = write_wheels(tmp_path / "wheels", ["x86_64", "aarch64"])
    api_ids: list[str] = []
    mounts = [mount(bucket="acme-files")]
    with open_account() as account:
        newcomer = arrive(tmp_path, account).require(requirements(tmp_path / "wheels"), pip)
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
            url = f"https://{api_ids[0]}.execute-api.{embedded_s3.REGION}.amazonaws.com/api/"
            assert output.endswith(f"The service is at {url}\n  curl -L -u ci {url}\n")
            deployed.check_api()
            deployed.check_function()
            deployed.check_log()
            links = (variables["SIGNPOST_TABLE"], variables["SIGNPOST_SECRET"]) if again else ()
            deployed.check_role(policy(mounts, (), *links))
            deployed.check_code()
            newcomer.require("", {})  # to bring the package again would take long
            newcomer.append_to_settings("# changed\n")
        assert api_ids == [api_ids[0]] * 2
        assert (newcomer.folder / "build/sam.json").exists()

        newcomer.run(DELETE)
        assert account.client("apigateway").get_rest_apis()["items"] == []
        assert account.client("lambda").list_functions()["Functions"] == []
        assert account.client("iam").list_roles()["Roles"] == []
        deployed.check_log_group()


def test_every_machine_updates_the_same_api_and_keeps_what_was_set_by_hand(tmp_path: Path) -> None:
    """The second machine knows nothing of the first deployment, which an earlier release made: the API has no tags."""
    with open_account() as account:
        first, second = arrive(tmp_path / "first", account), arrive(tmp_path / "second", account)
        gateway, functions = account.client("apigateway"), account.client("lambda")
        deployed = Deployed(second, account)
        first.run(DEPLOY)
        api_id = deployed.api_id()
        tags = gateway.get_rest_api(restApiId=api_id)["tags"]
        arn = f"arn:aws:apigateway:{embedded_s3.REGION}::/restapis/"
        gateway.untag_resource(resourceArn=f"{arn}{api_id}", tagKeys=[*tags])
        archive = {"ARCHIVE_KEY": "AKIDARCHIVE", "ARCHIVE_SECRET": "value-of-archive"}
        by_hand = archive | {"SIGNPOST_BUCKET": "bucket-of-hand"}
        layers = deployed.publish("signpost-dev-settings"), deployed.publish("other")  # the former has other settings
        functions.update_function_configuration(
            FunctionName=FUNCTION, Environment={"Variables": by_hand}, Layers=[*layers]
        )

        second.append_to_settings(ARCHIVE)  # they need the variables that were set by hand
        printed = second.run(DEPLOY)
        assert deployed.api_id() == api_id
        assert gateway.get_rest_api(restApiId=api_id)["tags"] == tags
        assert "Replaced by the values in .chalice/config.json: SIGNPOST_BUCKET.\n" in printed
        assert "Kept, though not in .chalice/config.json: ARCHIVE_KEY, ARCHIVE_SECRET." in printed
        assert "The published settings stay live, and differ from " in printed
        assert "\n  .venv/bin/python -m chalicelib publish --stage dev\n" in printed
        assert not any(value in printed for value in by_hand.values())
        configuration = deployed.function()["Configuration"]
        assert configuration["Environment"]["Variables"] == archive | {"SIGNPOST_BUCKET": "acme-files"}
        assert [layer["Arn"] for layer in configuration["Layers"]] == [layers[0]]

        # NEW=1 makes a second API, which then has the tags: the file of the first machine still names the old API.
        refused = second.refusal(f"{DEPLOY} REMOVE=SIGNPOST_BUCKET")
        assert "SIGNPOST_BUCKET is in .chalice/config.json" in refused
        (second.folder / "chalicelib/signpost.toml").write_text((first.folder / "chalicelib/signpost.toml").read_text())
        printed = second.run(f'{DEPLOY} NEW=1 REMOVE="ARCHIVE_KEY ARCHIVE_SECRET"')
        assert "Removed from the function: ARCHIVE_KEY, ARCHIVE_SECRET.\n" in printed
        assert deployed.function()["Configuration"]["Environment"]["Variables"] == {"SIGNPOST_BUCKET": "acme-files"}
        apis = {api["id"]: api["tags"] for api in gateway.get_rest_apis()["items"]}
        new_id = next(other for other in apis if other != api_id)
        assert apis == {api_id: {}, new_id: tags}

        # A dependency that is left out stops before any change.
        before = deployed.function()["Configuration"], gateway.get_rest_apis()["items"]
        source = write_source(tmp_path / "source")
        printed = first.require(requirements(tmp_path / "source"), source).refusal(DEPLOY)
        assert f"The REST API {new_id} will be updated.\n" in printed
        assert "no wheel for Lambda's Python and architecture" in printed
        assert (deployed.function()["Configuration"], gateway.get_rest_apis()["items"]) == before

        gateway.tag_resource(resourceArn=f"{arn}{api_id}", tags=tags)
        refused = first.refusal(DEPLOY)
        assert "There are 2 REST APIs for this stage" in refused
        assert f"--resource-arn {arn}ID --tags signpost:app=signpost,signpost:stage=dev\n" in refused
        for api in (api_id, new_id):
            gateway.delete_rest_api(restApiId=api)
        refused = second.refusal(DEPLOY)
        assert f"dev.json names the REST API {new_id}. The account 123456789012 has no such API" in refused
        elsewhere = second._replace(environ=second.environ | {"AWS_DEFAULT_REGION": "eu-west-2"})
        assert f"{new_id} of account 123456789012 in eu-west-1. The account" in elsewhere.refusal(DEPLOY)
        assert gateway.get_rest_apis()["items"] == []


def test_a_deployment_without_aws_is_refused_with_one_sentence(tmp_path: Path) -> None:
    newcomer, region = arrive(tmp_path), {"AWS_DEFAULT_REGION": embedded_s3.REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    key = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    for environ, reason in (
        ({}, "Name the region to deploy to: export AWS_DEFAULT_REGION=eu-west-1"),
        (region, "AWS did not do what was asked: NoCredentialsError."),
        (region | key, "AWS did not do what was asked: EndpointConnectionError."),
    ):
        printed = newcomer._replace(environ=newcomer.environ | environ).refusal(DEPLOY)
        sentence, make = printed.splitlines()
        assert sentence.startswith(reason)
        assert make.startswith("make: ***")


def test_settings_with_a_mistake_are_neither_deployed_nor_packaged(tmp_path: Path) -> None:
    with open_account() as account:
        newcomer = arrive(tmp_path, account)
        policies = {file: file.read_text() for file in (newcomer.folder / ".chalice").glob("policy-*.json")}
        newcomer.append_to_settings('[[rules]]\npath = "/x"\ndeny = ["read"]\nto = ["group:nobody"]\n')
        for command in (DEPLOY, "make package"):
            assert '"group:nobody" is a group that no key has' in newcomer.refusal(command)
        assert "Say which stage" in newcomer.refusal("make deploy")
        assert account.client("lambda").list_functions()["Functions"] == []
    assert {file: file.read_text() for file in policies} == policies
    assert not (newcomer.folder / "build").exists()
