"""The administrator's tool with `--stage`: the environment of a stage's functions, and nothing of this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tool import Run

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # each run of the tool is a process


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, whose stage dev has a bucket of its own."""
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "deploy*"))
    configure(tmp_path, SIGNPOST_BUCKET="acme-dev")
    return tmp_path


def configure(project: Path, **variables: object) -> None:
    """Set `environment_variables` of the stage dev."""
    file = project / ".chalice/config.json"
    config = json.loads(file.read_text())
    config["stages"]["dev"]["environment_variables"] = variables
    file.write_text(json.dumps(config))


def add(project: Path, text: str) -> None:
    """Add tables or keys to the settings."""
    with (project / "chalicelib/signpost.toml").open("a") as file:
        file.write(text)


def run(project: Path, *arguments: str, stage: str | None = "dev", **variables: str) -> Run:
    """Run the tool with no other environment than these variables."""
    environ = {"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"} | variables
    command = [sys.executable, "-m", "chalicelib", *arguments, *(["--stage", stage] if stage else [])]
    process = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in process.stderr
    return Run(process.returncode, process.stdout, process.stderr)


def test_the_variables_are_only_those_of_the_stage(project: Path) -> None:
    assert "https://acme-dev.s3." in run(project, "check", SIGNPOST_BUCKET="mine").out
    configure(project)
    for stage, words in {
        "dev": "the environment variable SIGNPOST_BUCKET is not set",
        "dve": 'there is no stage "dve"; the stages are dev, prod, stack, terraform; did you mean "dev"?',
    }.items():
        refused = run(project, "check", stage=stage, SIGNPOST_BUCKET="mine")
        assert refused.status == 2
        assert words in refused.err
    configure(project, SIGNPOST_BUCKET=5)
    assert "environment_variables: SIGNPOST_BUCKET must be a text" in run(project, "check").err


def test_the_variables_of_lambda_and_of_the_template_are_set(project: Path) -> None:
    add(project, 'region = "${AWS_REGION}"\n')
    for stage in ("dev", "prod", "stack", "terraform"):
        checked = run(project, "check", stage=stage)
        assert (checked.status, checked.err) == (0, ""), stage
    assert "acme-dev.s3.eu-north-1." in run(project, "check", AWS_DEFAULT_REGION="eu-north-1").out
    # Only Lambda knows its region here, so the tool cannot know that the second region is another.
    add(project, '[[mounts]]\npath = "/b"\nbucket = "acme-dev"\nregion = "eu-west-1"\n')
    assert run(project, "check").status == 0
    assert run(project, "check", AWS_REGION="us-east-1").status == 2


def test_the_settings_file_is_that_of_the_stage(project: Path) -> None:
    (project / "chalicelib/dev.toml").write_text('[[mounts]]\npath = "/x"\nbucket = "other"\nregion = "eu-west-1"\n')
    for file in ("chalicelib/dev.toml", "/var/task/chalicelib/dev.toml"):
        configure(project, SIGNPOST_CONFIG=file)
        checked = run(project, "check", SIGNPOST_CONFIG="nowhere.toml")
        assert "https://other.s3.eu-west-1.amazonaws.com/" in checked.out


def test_a_variable_with_which_the_service_answers_500_is_a_mistake(project: Path) -> None:
    configure(project, SIGNPOST_BUCKET="acme", SIGNPOST_SECRET="c4n4ry")
    for command in (["check"], ["explain", "GET", "/"], ["policy"], ["policy", "--write"], ["link", "/a", "--as", "x"]):
        refused = run(project, *command)
        assert (refused.status, refused.out) == (2, "")
        assert "SIGNPOST_SECRET: holds a secret of fewer than 32 characters" in refused.err
        assert "c4n4ry" not in refused.err
    for name, value in (("AWS_ACCESS_KEY_ID", '"c4n4ry"'), ("AWS_SECRET_ACCESS_KEY", "c4n4ry ")):
        variables = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", name: value}
        refused = run(project, "check", stage=None, SIGNPOST_BUCKET="acme", AWS_REGION="eu-west-1", **variables)
        assert refused.status == 2
        assert f"the environment variable {name} is not a key" in refused.err
        assert "c4n4ry" not in refused.err


def test_explain_and_link_use_the_variables_of_the_stage(project: Path) -> None:
    sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    add(project, f'[[keys]]\nid = "ci"\nsha256 = "{sha256}"\n')
    add(project, '[[rules]]\npath = "/**"\nallow = ["read", "share"]\nto = ["key:ci"]\n')
    assert "bucket  acme-dev in" in run(project, "explain", "GET", "/a", "--as", "ci").out
    configure(project, SIGNPOST_BUCKET="acme-dev", SIGNPOST_SECRET="of-the-stage-" * 3)
    assert run(project, "link", "/a", "--as", "ci", SIGNPOST_SECRET="too-short").out.startswith("/a?token=")


def test_policy_replaces_the_file_only_with_a_whole_policy(project: Path) -> None:
    folder = project / ".chalice"
    before = {file.name: file.read_text() for file in folder.glob("policy-*.json")}
    configure(project)
    assert run(project, "policy", "--write").status == 2
    assert (folder / "policy-dev.json").read_text() == before["policy-dev.json"]
    configure(project, SIGNPOST_BUCKET="acme-dev")
    assert run(project, "policy", "--write") == (0, f"{folder / 'policy-dev.json'} is written.\n", "")
    assert (folder / "policy-dev.json").read_text() == run(project, "policy").out
    assert "arn:aws:s3:::acme-dev/*" in run(project, "policy").out
    assert (folder / "policy-dev.json").stat().st_mode & 0o777 == 0o644
    for stage in (None, "stack"):
        refused = run(project, "policy", "--write", stage=stage, SIGNPOST_BUCKET="acme", AWS_REGION="eu-west-1")
        assert (refused.status, refused.out) == (2, "")
    assert (folder / "policy-stack.json").read_text() == before["policy-stack.json"]
    add(project, 'region = "eu-west-1"\n[[mounts]]\npath = "/b"\nbucket = "beside"\nregion = "eu-west-1"\n')
    assert "arn:aws:s3:::beside/*" in run(project, "policy", stage="stack").out
    assert run(project, "policy", "--write", stage="terraform").status == 0  # Chalice reads this stage's policy-prod
    assert "signpost-example-bucket" in (folder / "policy-prod.json").read_text()
    assert not [*folder.glob("*.new")]
