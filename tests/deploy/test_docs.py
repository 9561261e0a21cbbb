"""docs/deploy.md, held against what it describes: its parameters, its commands, and the function for a CDN."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
DEPLOY = (PROJECT / "docs/deploy.md").read_text()


def test_parameters() -> None:
    """The table names the parameters of the stack, and no others."""
    named = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|", DEPLOY, re.MULTILINE)
    template = json.loads((PROJECT / ".chalice/resources.json").read_text())
    assert {name for pair in named for name in pair if name} == template["Parameters"].keys()


def test_our_own_commands(tmp_path: Path) -> None:
    """Every command of ours that needs no AWS runs as it stands, in a copy of the project."""
    copy = tmp_path / "project"
    shutil.copytree(
        PROJECT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "deployments", "__pycache__", "build")
    )
    (copy / "requirements.txt").write_text("")  # test_chalice_deploy.py brings these, which takes most of the time
    commands = re.findall(r"^ *(\.venv/bin/(?:python|chalice package) ?.*)$", DEPLOY, re.MULTILINE)
    assert len(commands) == 5
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SIGNPOST_BUCKET": "acme-files",
        "SIGNPOST_TABLE": "acme-links",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for command in commands:
        line = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        done = subprocess.run(["bash", "-ec", line], cwd=copy, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (command, done.stderr)
    assert (copy / "build/terraform/chalice.tf.json").exists()
    policy = (copy / ".chalice/policy-dev.json").read_text()
    assert "arn:aws:s3:::acme-files/*" in policy
    assert ":table/acme-links" in policy


def options(command: str) -> dict[str, str]:
    """The options of an aws command in the page."""
    (line,) = re.findall(rf"^{command} ((?:.*\\\n)*.*)$", DEPLOY, re.MULTILINE)
    words = shlex.split(line.replace("\\\n", " "))
    return dict(zip(words[::2], words[1::2], strict=True))


def shorthand(part: dict[str, object]) -> str:
    """A structure as the AWS CLI takes it."""
    return ",".join(f"{name}={str(value).lower() if value is True else value}" for name, value in part.items())


def test_the_table_is_the_stacks() -> None:
    """The commands that make one for `chalice deploy` make what the stack does."""
    stack = json.loads((PROJECT / ".chalice/resources.json").read_text())["Resources"]["Table"]["Properties"]
    made = options("aws dynamodb create-table")
    assert made["--billing-mode"] == stack["BillingMode"]
    assert made["--attribute-definitions"] == shorthand(*stack["AttributeDefinitions"])
    assert made["--key-schema"] == shorthand(*stack["KeySchema"])
    expiring = options("aws dynamodb update-time-to-live")
    assert expiring["--time-to-live-specification"] == shorthand(stack["TimeToLiveSpecification"])
    assert made["--table-name"] == expiring["--table-name"]


def edge(headers: dict[str, list[dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """Run the Lambda@Edge function on a response's headers, with Node."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    event = {"Records": [{"cf": {"response": {"status": "401", "headers": headers}}}]}
    script = (
        f"import {{ handler }} from {json.dumps((PROJECT / 'docs/cdn/restore-headers.mjs').as_uri())};"
        f"console.log(JSON.stringify(await handler({json.dumps(event)})))"
    )
    command = ["node", "--input-type=module", "--eval", script]
    response = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout)
    found: dict[str, list[dict[str, str]]] = response["headers"]
    return found


def test_challenge_gets_its_name_back() -> None:
    """And only it: what else the answer carries stays."""
    other = {"x-request-id": [{"key": "X-Request-Id", "value": "1"}]}
    renamed = {
        "x-amzn-remapped-www-authenticate": [{"key": "x-amzn-Remapped-WWW-Authenticate", "value": 'Basic realm="a"'}]
    }
    challenge = {"www-authenticate": [{"key": "WWW-Authenticate", "value": 'Basic realm="a"'}]}
    assert edge({**other, **renamed}) == {**other, **challenge}
    assert edge(other) == other
