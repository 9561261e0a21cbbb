"""`chalice deploy` into an empty account: what it creates is what CONTRACT section 8 promises."""

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local import embedded_s3
from tests.deploy.deployments import PACKAGES, ROOT, Account, Project, checkout, open_account

FUNCTION = "signpost-dev"
ROLE = "signpost-dev-api_handler"
METHODS = {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"}
POLICY = json.loads((ROOT / ".chalice/policy-dev.json").read_text())


class Deployed(NamedTuple):
    """A deployment that ran to its end; `output` is what it printed."""

    project: Project
    output: str

    @property
    def account(self) -> Account:
        return self.project.account

    @property
    def api_id(self) -> str:
        (api,) = self.account.client("apigateway").get_rest_apis()["items"]
        return str(api["id"])

    def function(self) -> dict[str, Any]:
        found: dict[str, Any] = self.account.client("lambda").get_function(FunctionName=FUNCTION)
        return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with open_account() as account:
        project = checkout(tmp_path_factory.mktemp("project"), account)
        yield Deployed(project, project.chalice("deploy", "--stage", "dev"))


def test_it_ends_with_the_address(deployed: Deployed) -> None:
    assert f"https://{deployed.api_id}.execute-api.{embedded_s3.REGION}.amazonaws.com/api/" in deployed.output


def test_every_path_and_method_reaches_the_function(deployed: Deployed) -> None:
    gateway = deployed.account.client("apigateway")
    resources = {
        resource["path"]: resource
        for resource in gateway.get_resources(restApiId=deployed.api_id, embed=["methods"])["items"]
    }
    assert resources.keys() == {"/", "/{proxy+}"}
    function = deployed.function()["Configuration"]["FunctionArn"]
    for resource in resources.values():
        assert resource["resourceMethods"].keys() == METHODS
        for method in METHODS:
            place = {"restApiId": deployed.api_id, "resourceId": resource["id"], "httpMethod": method}
            integration = gateway.get_integration(**place)
            assert (integration["type"].upper(), integration["httpMethod"]) == ("AWS_PROXY", "POST")
            assert integration["uri"].endswith(f"/functions/{function}/invocations")
            assert not gateway.get_method(**place)["apiKeyRequired"]


def test_the_api_is_regional_and_binary_and_has_a_stage(deployed: Deployed) -> None:
    gateway = deployed.account.client("apigateway")
    api = gateway.get_rest_api(restApiId=deployed.api_id)
    assert api["binaryMediaTypes"] == ["*/*"]
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    (stage,) = gateway.get_stages(restApiId=deployed.api_id)["item"]
    (deployment,) = gateway.get_deployments(restApiId=deployed.api_id)["items"]
    assert (stage["stageName"], stage["deploymentId"]) == ("api", deployment["id"])


def test_the_function_runs_as_configured(deployed: Deployed) -> None:
    function = deployed.function()
    configuration = function["Configuration"]
    assert configuration["Handler"] == "app.app"
    assert configuration["Runtime"] == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert configuration["Architectures"] == ["arm64"]
    assert (configuration["MemorySize"], configuration["Timeout"]) == (1024, 10)
    assert configuration["Environment"]["Variables"] == {"SIGNPOST_BUCKET": "signpost-example-bucket"}
    assert configuration["Role"].endswith(f":role/{ROLE}")
    assert function["Concurrency"]["ReservedConcurrentExecutions"] == 10


def test_the_role_is_lambdas_and_may_do_what_the_policy_says(deployed: Deployed) -> None:
    iam = deployed.account.client("iam")
    (statement,) = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    (name,) = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    assert iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"] == POLICY
    assert iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"] == []


def test_only_this_api_may_invoke_the_function(deployed: Deployed) -> None:
    policy = json.loads(deployed.account.client("lambda").get_policy(FunctionName=FUNCTION)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert statement["Action"] == "lambda:InvokeFunction"
    (source,) = (key for condition in statement["Condition"].values() for key in condition.values())
    assert source.startswith(f"arn:aws:execute-api:{embedded_s3.REGION}:")
    assert source.split(":", 5)[5] == f"{deployed.api_id}/*"


def test_the_function_can_log(deployed: Deployed) -> None:
    """Chalice 1.34 sets the retention on a group that is not the function's, so the role must make its own."""
    groups = deployed.account.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {f"/aws/lambda/{ROLE}": 30}
    role = deployed.account.client("iam").get_role(RoleName=ROLE)["Role"]
    deployed.account.write_log(deployed.account.assume(role["Arn"]), f"/aws/lambda/{FUNCTION}")


def deployed_zip(deployed: Deployed) -> Path:
    """moto's Lambda does not give the code back; its hash says which of the zips that Chalice made it was given."""
    zips = (deployed.project.folder / ".chalice/deployments").glob("*.zip")
    deployed_hash = deployed.function()["Configuration"]["CodeSha256"]
    (code,) = (
        file for file in zips if base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode() == deployed_hash
    )
    return code


def test_it_brings_what_it_needs(deployed: Deployed) -> None:
    """Chalice would go on without a package that it cannot bring."""
    assert "Could not install" not in deployed.output
    with zipfile.ZipFile(deployed_zip(deployed)) as archive:
        packed = set(archive.namelist())
    assert packed >= {"jinja2/__init__.py", "markupsafe/__init__.py", "pyvips/__init__.py", "cffi/__init__.py"}
    compiled = {name for name in packed if name.endswith(".so")}
    assert {name.partition(".")[0] for name in compiled} == {"_libvips", "_cffi_backend", "markupsafe/_speedups"}
    assert not any("x86_64" in name for name in compiled)


def test_the_code_is_the_project(deployed: Deployed) -> None:
    folder = deployed.project.folder
    sources = (file for file in (folder / "chalicelib").rglob("*") if file.is_file())
    ours = {"app.py", *(str(file.relative_to(folder)) for file in sources if "__pycache__" not in file.parts)}
    with zipfile.ZipFile(deployed_zip(deployed)) as archive:
        packed = {name for name in archive.namelist() if "__pycache__" not in name}
        assert "chalice/app.py" in packed
        names = {name for name in packed if not name.startswith(("chalice/", *PACKAGES))}
        assert names == ours
        assert all(archive.read(name) == (folder / name).read_bytes() for name in names)


def test_a_second_deployment_changes_it_in_place_and_delete_leaves_nothing(tmp_path: Path) -> None:
    with open_account() as account:
        project = checkout(tmp_path, account)
        (tmp_path / "requirements.txt").write_text("")  # to bring these twice would take most of the time
        first = Deployed(project, project.chalice("deploy", "--stage", "dev"))
        api_id = first.api_id
        settings = tmp_path / "chalicelib/signpost.toml"
        settings.write_text(settings.read_text() + "# changed\n")
        second = Deployed(project, project.chalice("deploy", "--stage", "dev"))
        assert second.api_id == api_id
        test_every_path_and_method_reaches_the_function(second)
        test_only_this_api_may_invoke_the_function(second)
        test_the_role_is_lambdas_and_may_do_what_the_policy_says(second)
        test_the_code_is_the_project(second)

        project.chalice("delete", "--stage", "dev")
        assert account.client("apigateway").get_rest_apis()["items"] == []
        assert account.client("lambda").list_functions()["Functions"] == []
        assert account.client("iam").list_roles()["Roles"] == []
        # Chalice keeps the log, for good: it takes the retention away.
        (group,) = account.client("logs").describe_log_groups()["logGroups"]
        assert "retentionInDays" not in group
