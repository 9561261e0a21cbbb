"""The administrator's tool with `--stage`: what the functions of a stage will read, and nothing of this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project whose stage dev has a bucket of its own."""
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "deploy*"))
    configure(tmp_path, "dev", SIGNPOST_BUCKET="acme-dev")
    return tmp_path


def configure(project: Path, stage: str, **variables: object) -> None:
    """Set `environment_variables` of a stage."""
    file = project / ".chalice/config.json"
    config = json.loads(file.read_text())
    config["stages"][stage]["environment_variables"] = variables
    file.write_text(json.dumps(config))


def run(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with nothing in the environment but what is given."""
    environ = {"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"} | environ
    command = [sys.executable, "-m", "chalicelib", *arguments]
    return subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=30)


def printed(project: Path, stage: str, **environ: str) -> dict[str, Any]:
    """The statements of the policy of a stage, by their names."""
    done = run(project, "policy", "--stage", stage, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    return {statement["Sid"]: statement for statement in json.loads(done.stdout)["Statement"]}


def add(project: Path, text: str) -> None:
    with (project / "chalicelib/signpost.toml").open("a") as file:
        file.write(text)


def test_the_variables_are_those_of_the_stage_alone(project: Path) -> None:
    assert "https://acme-dev.s3." in run(project, "check", "--stage", "dev", SIGNPOST_BUCKET="mine").stdout
    configure(project, "dev")
    done = run(project, "check", "--stage", "dev", SIGNPOST_BUCKET="mine")
    assert done.returncode == 2
    assert "the environment variable SIGNPOST_BUCKET is not set" in done.stderr
    done = run(project, "check", "--stage", "dve")
    assert done.returncode == 2
    assert 'there is no stage "dve"; the stages are dev, prod, stack, terraform; did you mean "dev"?' in done.stderr
    configure(project, "dev", SIGNPOST_BUCKET=5)
    assert "environment_variables: SIGNPOST_BUCKET must be a text" in run(project, "check", "--stage", "dev").stderr


def test_what_the_template_and_lambda_set_counts_as_set(project: Path) -> None:
    add(project, 'region = "${AWS_REGION}"\n')
    for stage in ("dev", "prod", "stack", "terraform"):
        done = run(project, "check", "--stage", stage)
        assert (done.returncode, done.stderr) == (0, ""), stage
    assert "acme-dev.s3.eu-north-1." in run(project, "check", "--stage", "dev", AWS_DEFAULT_REGION="eu-north-1").stdout
    # Only Lambda knows its region here, so nobody can say that this is another one.
    more = '[[mounts]]\npath = "/b"\nbucket = "acme-dev"\nregion = "eu-west-1"\n'
    add(project, more)
    assert run(project, "check", "--stage", "dev").returncode == 0
    assert run(project, "check", "--stage", "dev", AWS_REGION="us-east-1").returncode == 2


def test_the_settings_file_is_the_one_that_the_stage_reads(project: Path) -> None:
    (project / "chalicelib/dev.toml").write_text('[[mounts]]\npath = "/x"\nbucket = "other"\nregion = "eu-west-1"\n')
    for written in ("chalicelib/dev.toml", "/var/task/chalicelib/dev.toml"):
        configure(project, "dev", SIGNPOST_CONFIG=written)
        done = run(project, "check", "--stage", "dev", SIGNPOST_CONFIG="nowhere.toml")
        assert "https://other.s3.eu-west-1.amazonaws.com/" in done.stdout


def test_what_the_service_would_not_start_with_is_a_mistake(project: Path) -> None:
    """The settings file is not all that the service reads."""
    configure(project, "dev", SIGNPOST_BUCKET="acme", SIGNPOST_SECRET="c4n4ry")
    for command in (["check"], ["explain", "GET", "/"], ["policy"], ["policy", "--write"], ["link", "/a", "--as", "x"]):
        done = run(project, *command, "--stage", "dev")
        assert (done.returncode, done.stdout) == (2, "")
        assert "SIGNPOST_SECRET: holds a secret of fewer than 32 characters" in done.stderr
        assert "c4n4ry" not in done.stderr
    own = {"SIGNPOST_BUCKET": "acme", "AWS_REGION": "eu-west-1"}
    for name, value in (("AWS_ACCESS_KEY_ID", '"c4n4ry"'), ("AWS_SECRET_ACCESS_KEY", "c4n4ry ")):
        wrong = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"} | {name: value}
        done = run(project, "check", **own, **wrong)
        assert done.returncode == 2
        assert f"the environment variable {name} is not a key" in done.stderr
        assert "c4n4ry" not in done.stderr


def test_explain_and_link_speak_of_the_stage(project: Path) -> None:
    sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    add(project, f'[[keys]]\nid = "ci"\nsha256 = "{sha256}"\n')
    add(project, '[[rules]]\npath = "/**"\nallow = ["read", "share"]\nto = ["key:ci"]\n')
    assert "bucket  acme-dev in" in run(project, "explain", "GET", "/a", "--as", "ci", "--stage", "dev").stdout
    configure(project, "dev", SIGNPOST_BUCKET="acme-dev", SIGNPOST_SECRET="of-the-stage-" * 3)
    done = run(
        project, "link", "/a", "--as", "ci", "--stage", "dev", SIGNPOST_SECRET="mine-which-nobody-reads-at-all-12"
    )
    assert done.stdout.startswith("/a?token=")


def test_writing_a_policy_replaces_the_file_only_on_success(project: Path) -> None:
    file = project / ".chalice/policy-dev.json"
    before = file.read_text()
    configure(project, "dev")
    assert run(project, "policy", "--stage", "dev", "--write").returncode == 2
    assert file.read_text() == before
    configure(project, "dev", SIGNPOST_BUCKET="acme-dev")
    done = run(project, "policy", "--stage", "dev", "--write")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file} is written.\n", "")
    assert file.read_text() == run(project, "policy", "--stage", "dev").stdout
    assert "arn:aws:s3:::acme-dev/*" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    stack = (project / ".chalice/policy-stack.json").read_text()
    for arguments in (("--write",), ("--write", "--stage", "stack")):
        done = run(project, "policy", *arguments, SIGNPOST_BUCKET="acme", AWS_REGION="eu-west-1")
        assert (done.returncode, done.stdout) == (2, "")
    assert (project / ".chalice/policy-stack.json").read_text() == stack
    assert run(project, "policy", "--stage", "terraform", "--write").returncode == 0  # the file that Chalice reads
    assert "signpost-example-bucket" in (project / ".chalice/policy-prod.json").read_text()
    assert not [*(project / ".chalice").glob("*.new")]


def test_a_key_of_kms_is_in_the_policy_for_s3_alone(project: Path) -> None:
    add(project, f'region = "eu-west-1"\nkms_key = "{KEY}"\n')
    more = '[[mounts]]\npath = "/{0}"\nbucket = "{0}-files"\nregion = "{1}"\nkms_key = "{2}"\n'
    add(project, more.format("two", "eu-west-1", KEY))
    chinese = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-5"
    add(project, more.format("cn", "cn-north-1", chinese))
    for stage, first in (("dev", 1), ("stack", 2)):
        statements = printed(project, stage)
        assert statements["Key1"] == {
            "Sid": "Key1",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],  # an upload in parts needs both
            "Resource": KEY,
            "Condition": {"StringEquals": {"kms:ViaService": ["s3.eu-west-1.amazonaws.com"]}},
        }
        assert statements["Key2"]["Resource"] == chinese
        names = ["s3.cn-north-1.amazonaws.com.cn", "s3.cn-north-1.amazonaws.com"]
        assert statements["Key2"]["Condition"]["StringEquals"]["kms:ViaService"] == names
        assert "Key3" not in statements
        others = [statements[f"Objects{number}"]["Resource"] for number in (2, 3)]
        assert others == ["arn:aws:s3:::two-files/*", "arn:aws-cn:s3:::cn-files/*"]
        assert statements[f"List{first}"]["Action"] == ["s3:ListBucket"]
    assert statements["Objects1"]["Resource"] == {"Fn::Sub": "${Bucket.Arn}/*"}


def test_a_key_of_kms_that_cannot_work_is_refused(project: Path) -> None:
    before = (project / "chalicelib/signpost.toml").read_text()
    wrong = {
        f'region = "us-east-1"\nkms_key = "{KEY}"\n': "is in another region than the bucket",
        f'region = "any"\nendpoint = "https://s3.example.com"\nkms_key = "{KEY}"\n': "is for a bucket on AWS",
        f'kms_key = "{KEY.replace("key/1a2b3c", "alias/mine")}"\n': "and of no alias",
        'kms_key = "1a2b3c"\n': "the ARN of a key of KMS",
    }
    for text, words in wrong.items():
        (project / "chalicelib/signpost.toml").write_text(before)
        add(project, text)
        done = run(project, "check", "--stage", "dev")
        assert done.returncode == 2
        assert "mounts[1].kms_key: " in done.stderr
        assert words in done.stderr
