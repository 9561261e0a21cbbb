"""`publish`, on moto: a fake invocation builds the service from the layers and the variables that a function has."""

import io
import json
import re
import shlex
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

import chalicelib.environment
from chalicelib import bootstrap
from chalicelib.environment import Environment
from chalicelib.operator import reports
from chalicelib.operator.settings_layer import read_settings_files
from chalicelib.settings.load import inspect
from chalicelib.stages import PROJECT
from tests.support.cdn_key import pem
from tests.support.entry_points import EntryPoints, at_both, entry_points
from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.tool import Run, Tool
from tests.unit.core.access.test_issuer_keys import jwks, rsa

from .account import REGION, Session, call

STAGE, STACK, OTHERS = (
    "signpost-prod",
    ("files-api", "files-url"),
    f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:layer",
)
OPEN = """
[[mounts]]
path = "/"
bucket = "${SIGNPOST_BUCKET}"
[[rules]]
path = "/public/**"
allow = ["read"]
to = ["anyone"]
"""
CLOSED = OPEN.replace("/public/", "/other/")
ISSUER = '[[issuers]]\nname = "corp"\nissuer = "https://login.example.com"\naudience = "files"\n'


class Cloud:
    """An account with the function of the stage prod, and a stack with two functions.

    Attributes:
        settings: the settings file.
        invoked: the functions that were invoked.
        refusals: the codes with which AWS refuses the next updates of a function.
        meanwhile: runs while a function is invoked.
        answers: the answers of functions that cannot answer requests.
        guards: the arguments of each operation by which AWS refuses a call after a change by others.
    """

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._environment, self._capsys = folder, environment, capsys
        self.tool = Tool(capsys)
        self.settings = folder / "signpost.toml"
        self.invoked: list[str] = []
        self.refusals: dict[str, list[str]] = {}
        self.meanwhile: Callable[[], object] = dict
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.guards: dict[str, set[str]] = {}
        session = Session(region_name=REGION, aws_access_key_id="AKID", aws_secret_access_key="secret")
        environment.setattr(boto3, "DEFAULT_SESSION", session)
        environment.setenv("SIGNPOST_CONFIG", str(self.settings))
        environment.setenv("AWS_REGION", REGION)
        events: Any = session.events  # the stubs know no handler that answers in place of AWS
        events.register("before-call.lambda.Invoke", self._invoke)
        events.register("before-parameter-build.lambda.Invoke", lambda params, **_: self._begin(params))
        events.register(
            "before-parameter-build.lambda.UpdateFunctionConfiguration", lambda params, **_: self._begin(params)
        )
        events.register("before-call.lambda.UpdateFunctionConfiguration", self._refuse)
        events.register("after-call.lambda.GetFunctionConfiguration", lambda parsed, **_: parsed.update(RevisionId="r"))
        events.register("before-parameter-build.lambda", lambda params, model, **_: self._guard(model.name, params))
        self.aws: Any = boto3.client("lambda", region_name=REGION)
        role = boto3.client("iam").create_role(RoleName="signpost", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self.values: dict[str, Any] = {"Runtime": "python3.13", "Handler": "app.app", "Role": role}
        self.values["Environment"] = {"Variables": {"SIGNPOST_BUCKET": "acme"}}
        self.aws.create_function(FunctionName=STAGE, Code={"ZipFile": code("1")}, **self.values)
        functions = {
            name.replace("-", ""): {
                "Type": "AWS::Lambda::Function",
                "Properties": {**self.values, "FunctionName": name, "Code": {"ZipFile": "app = None"}},
            }
            for name in STACK
        }
        boto3.client("cloudformation").create_stack(
            StackName="signpost", TemplateBody=json.dumps({"Resources": functions})
        )

    def publish(self, text: str | None = None, *, stack: bool = False) -> Run:
        """Run `publish` with settings; None goes back."""
        where = ("--stack", "signpost") if stack else ("--stage", "prod")
        if text is None:
            return self.tool("publish", *where, "--rollback")
        self.settings.write_text(text)
        return self.tool("publish", *where)

    def versions(self, deployment: str = STAGE) -> list[int]:
        """The versions of the layer."""
        found = self.aws.list_layer_versions(LayerName=f"{deployment}-settings")["LayerVersions"]
        return sorted(version["Version"] for version in found)

    def layers(self, function: str, version: str = "$LATEST") -> list[str]:
        """The layers of a function: name and version."""
        configuration = self.aws.get_function_configuration(FunctionName=function, Qualifier=version)
        return [layer["Arn"].partition("layer:")[2] for layer in configuration["Layers"]]

    def container(self, function: str) -> EntryPoints:
        """A new container of a function: the service as Lambda starts it, with the function's layers below /opt."""
        opt = self._folder / "opt" / "+".join(self.layers(function)).replace(":", "-")
        backend = _backend()
        for name in self.layers(function):
            content = backend.get_layer_version(*name.split(":")).code_bytes
            zipfile.ZipFile(io.BytesIO(content)).extractall(opt)
        variables = (
            self.aws.get_function_configuration(FunctionName=function).get("Environment", {}).get("Variables", {})
        )
        with self._environment.context() as own:
            own.delenv("SIGNPOST_CONFIG")
            own.setattr(chalicelib.environment, "PUBLISHED_SETTINGS", str(opt / "signpost/signpost.toml"))
            credentials = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
            for name, value in {**variables, **credentials, "AWS_LAMBDA_FUNCTION_NAME": function}.items():
                own.setenv(name, value)
            return entry_points(bootstrap.application.__wrapped__())

    def _begin(self, params: dict[str, Any]) -> None:
        self._function = params["FunctionName"]

    def _invoke(self, params: dict[str, Any], **_: object) -> object:
        function = self._function
        self.invoked.append(function)
        self.meanwhile()
        if function in self.answers:
            status, parsed = self.answers[function]
            return SimpleNamespace(status_code=status), {"ResponseMetadata": {}, **parsed}
        answer = self.container(function).rest_api(json.loads(params["body"]), None)
        parsed = {"Payload": io.BytesIO(json.dumps(answer).encode()), "ResponseMetadata": {}}
        return SimpleNamespace(status_code=200), parsed

    def _guard(self, operation: str, params: dict[str, Any]) -> None:
        self.guards[operation] = {"RevisionId", "CodeSha256"} & params.keys()

    def _refuse(self, **_: object) -> object:
        codes = self.refusals.get(self._function)
        if not codes:
            return None
        refusal = {"Error": {"Code": codes.pop(0)}, "ResponseMetadata": {"HTTPStatusCode": 409, "HTTPHeaders": {}}}
        return SimpleNamespace(status_code=409), refusal


def _backend() -> Any:
    from moto.awslambda.models import lambda_backends

    return lambda_backends[DEFAULT_ACCOUNT_ID][REGION]


def code(text: str) -> bytes:
    """A zip."""
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as writer:
        writer.writestr("app.py", text)
    return archive.getvalue()


@pytest.fixture
def cloud(environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cloud]:
    with mock_aws():
        yield Cloud(tmp_path, environment, capsys)


def statuses(container: EntryPoints) -> set[int]:
    return {answer.status for answer in at_both(of=container)}


def test_settings_go_live_side_by_side_with_the_older_settings_and_go_back(cloud: Cloud) -> None:
    other = cloud.aws.publish_layer_version(LayerName="other", Content={"ZipFile": code("")})["LayerVersionArn"]
    cloud.aws.update_function_configuration(FunctionName=STAGE, Layers=[other])
    first = cloud.publish(OPEN)
    assert (first.status, first.err, cloud.layers(STAGE)) == (0, "", ["other:1", "signpost-prod-settings:1"])
    older = cloud.container(STAGE)
    assert "Back to version 1: python -m chalicelib publish --stage prod --rollback" in cloud.publish(CLOSED).out
    assert cloud.layers(STAGE) == ["other:1", "signpost-prod-settings:2"]
    assert (statuses(older), statuses(cloud.container(STAGE))) == ({307}, {401})
    assert (cloud.publish(CLOSED).out, cloud.versions()) == (
        "These settings are live already, as version 2. Nothing is published.\n",
        [1, 2],
    )
    assert "signpost-prod: version 1 is live.\nThere is no earlier version" in cloud.publish().out
    assert statuses(cloud.container(STAGE)) == {307}
    refused = cloud.publish()
    assert (refused.status, "There is no earlier version: version 1" in refused.err) == (1, True)
    assert "Back to version 1:" in cloud.publish(CLOSED).out  # not to version 2, which was given up
    assert (cloud.publish().status, cloud.layers(STAGE)) == (0, ["other:1", "signpost-prod-settings:1"])
    assert (cloud.versions(), cloud.invoked) == ([1, 2, 3], [STAGE] * 5)


def test_the_commands_of_the_pages_do_what_the_pages_say(cloud: Cloud) -> None:
    cloud.publish(OPEN)
    pages = [(PROJECT / "docs" / name).read_text() for name in ("operating.md", "incidents.md")]
    commands = [
        line.split() for page in pages for line in re.findall(r"-m chalicelib (publish --.*)$", page, re.MULTILINE)
    ]
    assert len(commands) == 6
    for number, command in enumerate(commands):
        cloud.settings.write_text(f"{OPEN}# {number}\n")
        assert cloud.tool(*command).status == 0, command
    assert (cloud.layers(STAGE), cloud.versions()) == (["signpost-prod-settings:4"], [1, 2, 3, 4])
    for line in re.findall(r"^aws lambda (.*-layer-version.*)$", pages[0], re.MULTILINE):
        operation, *options = shlex.split(line)
        call(cloud.aws, operation, options)
    assert cloud.versions() == [2, 3, 4]


def test_a_mistake_or_a_wrong_name_changes_nothing(cloud: Cloud) -> None:
    assert cloud.publish(OPEN.replace("allow", "alow")).status == 2
    assert cloud.publish().err.startswith("There is no earlier version: no published settings are live.")
    cloud.settings.write_text(OPEN)
    (cloud.settings.parent / "cdn.pem").write_text(pem("P-256"))
    cdn = 'cdn = {domain = "cdn.example.com", key_pair_id = "K1", private_key = "cdn.pem"}'
    assert (
        "is a file, which is not published: write ${NAME}"
        in cloud.publish(OPEN.replace("[[rules]]", f"{cdn}\n[[rules]]", 1)).err
    )
    cloud.settings.write_text(OPEN)
    for option in (("--stage", "dev"), ("--stack", "none"), ("--stage", "stack")):
        assert cloud.tool("publish", *option).status == 1, option
    assert cloud.versions() == []


def test_settings_that_the_deployed_function_refuses_are_put_back(cloud: Cloud) -> None:
    cloud.publish(OPEN, stack=True)
    cloud.aws.update_function_configuration(FunctionName=STACK[1], Environment={"Variables": {}})
    run = cloud.publish(CLOSED, stack=True)
    assert "files-url cannot start with version 2: it answers 500 to every request." in run.err
    cloud.answers[STACK[1]] = (200, {"FunctionError": "Unhandled"})
    assert "files-url cannot start with version 3: it fails before" in cloud.publish(CLOSED, stack=True).err
    assert [cloud.layers(name) for name in STACK] == [["signpost-settings:1"]] * 2
    cloud.answers[STACK[1]] = (429, {"Error": {"Code": "TooManyRequestsException"}})
    run = cloud.publish(CLOSED, stack=True)
    assert (run.status, "files-url: not tried, because no concurrency is free." in run.out) == (0, True)


def test_an_update_waits_for_others_and_one_that_fails_is_repaired_by_the_next_run(cloud: Cloud) -> None:
    cloud.refusals[STACK[0]] = ["ResourceConflictException", "PreconditionFailedException"]
    arn = f"{OTHERS}:signpost-settings:1"
    assert f"--parameter-overrides SettingsLayer={arn}\n" in cloud.publish(OPEN, stack=True).out
    cloud.refusals[STACK[1]] = ["AccessDeniedException"]
    run = cloud.publish(CLOSED, stack=True)
    assert run.status == 1
    assert "409 AccessDeniedException. Run the command again, or go back with --rollback." in run.err
    assert "files-api: version 2\nfiles-url: version 1\n" in run.err
    assert cloud.publish(CLOSED, stack=True).status == 0
    assert (cloud.versions("signpost"), {*map(tuple, map(cloud.layers, STACK))}) == ([1, 2], {("signpost-settings:2",)})


def test_with_the_alias_a_new_version_goes_live_after_the_canary_and_never_with_other_code(cloud: Cloud) -> None:
    for name in STACK:
        cloud.aws.publish_version(FunctionName=name)
        cloud.aws.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    canary = {"AdditionalVersionWeights": {"1": 0.1}}
    cloud.aws.update_alias(FunctionName=STACK[0], Name="live", FunctionVersion="1", RoutingConfig=canary)
    cloud.settings.write_text(OPEN)

    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        assert cloud.versions("signpost") == []
        if len(waits) == 3:
            cloud.aws.update_alias(FunctionName=STACK[0], Name="live", FunctionVersion="1", RoutingConfig={})

    own = Environment({"SIGNPOST_CONFIG": str(cloud.settings), "SIGNPOST_BUCKET": "acme", "AWS_REGION": REGION})
    settings, _ = inspect(own.settings_file, own.variables, own.region)
    assert reports.publish(own, settings, None, "signpost", lambda: 0, sleep) == 0
    assert len(waits) == 3
    wanted = {"UpdateFunctionConfiguration": {"RevisionId"}, "UpdateAlias": {"RevisionId"}}
    wanted["PublishVersion"] = {"RevisionId", "CodeSha256"}
    assert {name: cloud.guards[name] for name in wanted} == wanted
    for name in STACK:
        version = cloud.aws.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        assert (version, cloud.layers(name, version), cloud.layers(name, "1")) == ("2", ["signpost-settings:1"], [])
    cloud.aws.update_function_configuration(FunctionName=STACK[1], MemorySize=256)
    run = cloud.publish(CLOSED, stack=True)
    assert (run.status, "files-url: MemorySize of the alias live is not that of the function." in run.err) == (1, True)
    assert (cloud.versions("signpost"), cloud.layers(STACK[0])) == ([1], ["signpost-settings:1"])
    cloud.aws.update_function_configuration(FunctionName=STACK[1], MemorySize=128)
    cloud.meanwhile = lambda: cloud.aws.update_function_configuration(FunctionName=STACK[1], MemorySize=256)
    assert "files-api: version 2\nfiles-url: version 1\n" in cloud.publish(CLOSED, stack=True).err


def test_an_alias_that_runs_the_newest_code_stays(cloud: Cloud) -> None:
    """A stack without versions has such an alias: with a fixed version, its next update would not go live."""
    for name in STACK:
        cloud.aws.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    assert cloud.publish(OPEN, stack=True).status == 0
    assert {cloud.aws.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for name in STACK} == {"$LATEST"}


def test_the_keys_of_issuers_are_fetched_or_stay_and_the_same_files_are_the_same_bytes(
    cloud: Cloud, environment: pytest.MonkeyPatch
) -> None:
    file = cloud.settings.parent / "keys/ci.json"
    file.parent.mkdir()
    file.write_bytes(jwks(rsa(kid="f")))
    text = f'{OPEN}{ISSUER}{ISSUER.replace("corp", "ci").replace("login", "ci")}jwks = "keys/ci.json"\n'
    with FakeInternet() as internet:
        internet.add("login.example.com", ADDRESS)
        internet.patch(environment)
        refused = cloud.publish(text)
        assert (refused.status, "the keys cannot be fetched, and issuers.json does not" in refused.err) == (2, True)
        configuration = {"issuer": "https://login.example.com", "jwks_uri": "https://login.example.com/keys"}
        internet.serve("/.well-known/openid-configuration", json.dumps(configuration).encode())
        internet.serve("/keys", jwks(rsa(kid="a")))
        assert cloud.publish(text).status == 0
        snapshot = cloud.settings.with_name("issuers.json")
        snapshot.write_text(snapshot.read_text().replace('"fetched_at": 1', '"fetched_at": 2'))
        assert "live already" in cloud.publish(text).out
        internet.serve("/keys", jwks(rsa(kid="b")))
        assert "version 2 is live" in cloud.publish(text).out
        internet.serve("/keys", status=500)
        run = cloud.publish(text)
        assert ("live already" in run.out, "the keys of an earlier fetch are published" in run.err) == (True, True)
    issuers = inspect(str(cloud.settings), {"SIGNPOST_BUCKET": "acme"}, REGION)[0].issuers
    archives = {read_settings_files(str(cloud.settings), issuers).archive() for _ in range(2)}
    assert archives == {_backend().get_layer_version("signpost-prod-settings", "2").code_bytes}
    names = zipfile.ZipFile(io.BytesIO(archives.pop())).namelist()
    assert names == [f"signpost/{name}" for name in ("issuers.json", "keys/ci.json", "signpost.toml")]
