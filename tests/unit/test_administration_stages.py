"""The administrator's tool with `--stage`: the environment of a stage's functions, and nothing of this machine."""

import json
import shutil
from pathlib import Path

import pytest

from chalicelib import stages
from tests.support.tool import Run, Tool


class Project:
    """A copy of the project's settings and stages, and the tool, whose environment has only the variables of a call."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch, tool: Tool) -> None:
        self.folder, self._environment, self._tool = folder, environment, tool
        self.settings = folder / "chalicelib/signpost.toml"
        own = stages.PROJECT
        for file in (own / "chalicelib/signpost.toml", *(own / ".chalice").glob("*.json")):
            copy = folder / file.relative_to(own)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
        environment.setattr(stages, "PROJECT", folder)
        environment.setenv("SIGNPOST_CONFIG", str(self.settings))

    def configure(self, **variables: object) -> None:
        """Set `environment_variables` of the stage dev."""
        file = self.folder / ".chalice/config.json"
        config = json.loads(file.read_text())
        config["stages"]["dev"]["environment_variables"] = variables
        file.write_text(json.dumps(config))

    def add(self, text: str) -> None:
        """Add tables or keys to the settings."""
        self.settings.write_text(self.settings.read_text() + text)

    def run(self, *arguments: str, stage: str | None = "dev", **variables: str) -> Run:
        """Run the tool."""
        with self._environment.context() as own:
            for name, value in variables.items():
                own.setenv(name, value)
            return self._tool(*arguments, *(["--stage", stage] if stage else []))


@pytest.fixture
def project(tmp_path: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    """A project whose stage dev has a bucket of its own."""
    project = Project(tmp_path, environment, Tool(capsys))
    project.configure(SIGNPOST_BUCKET="acme-dev")
    return project


def test_the_variables_are_only_those_of_the_stage(project: Project) -> None:
    assert "https://acme-dev.s3." in project.run("check", SIGNPOST_BUCKET="mine").out
    project.configure()
    for stage, words in {
        "dev": "the environment variable SIGNPOST_BUCKET is not set",
        "dve": 'there is no stage "dve"; the stages are dev, prod, stack; did you mean "dev"?',
    }.items():
        refused = project.run("check", stage=stage, SIGNPOST_BUCKET="mine")
        assert refused.status == 2
        assert words in refused.err
    project.configure(SIGNPOST_BUCKET=5)
    assert "environment_variables: SIGNPOST_BUCKET must be a text" in project.run("check").err


def test_the_variables_of_lambda_and_of_the_template_are_set(project: Project) -> None:
    project.add('region = "${AWS_REGION}"\n')
    for stage in ("dev", "prod", "stack"):
        checked = project.run("check", stage=stage)
        assert (checked.status, checked.err) == (0, ""), stage
    assert "acme-dev.s3.eu-north-1." in project.run("check", AWS_DEFAULT_REGION="eu-north-1").out
    # Only Lambda knows its region here, so the tool cannot know that the second region is another.
    project.add('[[mounts]]\npath = "/b"\nbucket = "acme-dev"\nregion = "eu-west-1"\n')
    assert project.run("check").status == 0
    assert project.run("check", AWS_REGION="us-east-1").status == 2


def test_the_settings_file_is_the_file_of_the_stage(project: Project) -> None:
    (project.folder / "chalicelib/dev.toml").write_text(
        '[[mounts]]\npath = "/x"\nbucket = "other"\nregion = "eu-west-1"\n'
    )
    for file in ("chalicelib/dev.toml", "/var/task/chalicelib/dev.toml"):
        project.configure(SIGNPOST_CONFIG=file)
        checked = project.run("check", SIGNPOST_CONFIG="nowhere.toml")
        assert "https://other.s3.eu-west-1.amazonaws.com/" in checked.out


def test_a_variable_with_which_the_service_answers_500_is_a_mistake(project: Project) -> None:
    project.configure(SIGNPOST_BUCKET="acme", SIGNPOST_SECRET="c4n4ry")
    for command in (["check"], ["explain", "GET", "/"], ["policy"], ["policy", "--write"], ["link", "/a", "--as", "x"]):
        refused = project.run(*command)
        assert (refused.status, refused.out) == (2, "")
        assert "SIGNPOST_SECRET: holds a secret of fewer than 32 characters" in refused.err
        assert "c4n4ry" not in refused.err
    for name, value in (("AWS_ACCESS_KEY_ID", '"c4n4ry"'), ("AWS_SECRET_ACCESS_KEY", "c4n4ry ")):
        variables = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", name: value}
        refused = project.run("check", stage=None, SIGNPOST_BUCKET="acme", AWS_REGION="eu-west-1", **variables)
        assert refused.status == 2
        assert f"the environment variable {name} is not a key" in refused.err
        assert "c4n4ry" not in refused.err


def test_explain_and_link_use_the_variables_of_the_stage(project: Project) -> None:
    sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    project.add(f'[[keys]]\nid = "ci"\nsha256 = "{sha256}"\n')
    project.add('[[rules]]\npath = "/**"\nallow = ["read", "share"]\nto = ["key:ci"]\n')
    assert "bucket  acme-dev in" in project.run("explain", "GET", "/a", "--as", "ci").out
    project.configure(SIGNPOST_BUCKET="acme-dev", SIGNPOST_SECRET="of-the-stage-" * 3)
    assert project.run("link", "/a", "--as", "ci", SIGNPOST_SECRET="too-short").out.startswith("/a?token=")


def test_policy_replaces_the_file_only_with_a_whole_policy(project: Project) -> None:
    folder = project.folder / ".chalice"
    before = {file.name: file.read_text() for file in folder.glob("policy-*.json")}
    project.configure()
    assert project.run("policy", "--write").status == 2
    assert (folder / "policy-dev.json").read_text() == before["policy-dev.json"]
    project.configure(SIGNPOST_BUCKET="acme-dev")
    assert project.run("policy", "--write") == (0, f"{folder / 'policy-dev.json'} is written.\n", "")
    assert (folder / "policy-dev.json").read_text() == project.run("policy").out
    assert "arn:aws:s3:::acme-dev/*" in project.run("policy").out
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:corp-AbCdEf"
    project.configure(SIGNPOST_BUCKET="acme-dev", CORP=arn)
    issuer = '[[issuers]]\nname = "corp"\nissuer = "https://login.example.com"\naudience = "files"\n'
    mounts = project.settings.read_text()
    project.add(f'{issuer}client_id = "web"\nclient_secret = "${{CORP}}"\n')
    assert f'"{arn}"' in project.run("policy").out
    project.settings.write_text(mounts)
    assert (folder / "policy-dev.json").stat().st_mode & 0o777 == 0o644
    for stage in (None, "stack"):
        refused = project.run("policy", "--write", stage=stage, SIGNPOST_BUCKET="acme", AWS_REGION="eu-west-1")
        assert (refused.status, refused.out) == (2, "")
    assert (folder / "policy-stack.json").read_text() == before["policy-stack.json"]
    project.add('region = "eu-west-1"\n[[mounts]]\npath = "/b"\nbucket = "beside"\nregion = "eu-west-1"\n')
    assert "arn:aws:s3:::beside/*" in project.run("policy", stage="stack").out
    config = json.loads((folder / "config.json").read_text())
    config["stages"]["prod"]["iam_policy_file"] = "policy-own.json"  # the file that Chalice reads for the stage
    (folder / "config.json").write_text(json.dumps(config))
    assert project.run("policy", "--write", stage="prod").status == 0
    assert "signpost-example-bucket" in (folder / "policy-own.json").read_text()
    assert not [*folder.glob("*.new")]
