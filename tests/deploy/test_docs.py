"""docs/deploy.md, held against what it describes: its parameters, its commands, and the function for a CDN."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import embedded_s3
from tests.deploy.deployments import open_account

PROJECT = Path(__file__).parent.parent.parent
DEPLOY = (PROJECT / "docs/deploy.md").read_text()


def test_parameters() -> None:
    """The table names the parameters of the stack, and no others."""
    named = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|", DEPLOY, re.MULTILINE)
    template = json.loads((PROJECT / ".chalice/resources.json").read_text())
    assert {name for pair in named for name in pair if name} == template["Parameters"].keys()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs a command in a copy of the project, with what the page names and nothing else: credentials and a region."""
    copy, venv = tmp_path / "project", tmp_path / "project/.venv"
    ignored = (".git", ".venv*", "deployments", "deployed", "__pycache__", "build")
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*ignored))
    (copy / "requirements.txt").write_text("")  # test_chalice_deploy.py brings these, which takes most of the time
    venv.mkdir()
    for part in Path(sys.prefix).iterdir():
        (venv / part.name).symlink_to(part)
    (venv / "ready").unlink(missing_ok=True)
    (venv / "ready").touch()  # `make setup` has run
    with open_account() as account:
        environ = account.environ() | {"AWS_DEFAULT_REGION": embedded_s3.REGION, "AWS_ENDPOINT_URL": account.endpoint}
        environ |= {"PATH": os.defpath, "HOME": str(tmp_path)}

        def run(command: str) -> str:
            line = ["bash", "-ec", command]
            done = subprocess.run(line, cwd=copy, env=environ, capture_output=True, text=True, timeout=100)
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            return done.stdout

        yield run


def test_our_own_commands(newcomer: Callable[[str], str], tmp_path: Path) -> None:
    """Every command of ours runs as it stands and in its order, after what the page tells to write."""
    commands = re.findall(r"^ *((?:\.venv/bin/(?:python|chalice package)|make) .*)$", DEPLOY, re.MULTILINE)
    assert len(commands) == 9
    folder = tmp_path / "project/.chalice"
    config = json.loads((folder / "config.json").read_text())
    for stage in ("dev", "prod"):
        config["stages"][stage]["environment_variables"]["SIGNPOST_BUCKET"] = "acme-files"
    deployed = 0
    for command in commands:
        if command == "make deploy STAGE=dev" and deployed:
            named = re.search(r"```json\n(\"SIGNPOST_TABLE.*?)```", DEPLOY, re.DOTALL)
            assert named
            config["stages"]["dev"]["environment_variables"] |= json.loads(f"{{{named[1]}}}")
        (folder / "config.json").write_text(json.dumps(config))
        deployed += command == "make deploy STAGE=dev"
        output = newcomer(command)
        assert deployed == 0 or "make deploy" not in command or "execute-api" in output
    assert deployed == 2
    assert (folder.parent / "build/terraform/chalice.tf.json").exists()
    assert (folder.parent / "build/sam.json").exists()
    policy = (folder / "policy-dev.json").read_text()
    assert "arn:aws:s3:::acme-files/*" in policy
    assert ":table/signpost-dev" in policy
    assert '"secretsmanager:GetSecretValue"' in policy


def test_nothing_is_deployed_or_packaged_with_a_mistake_in_the_settings(
    newcomer: Callable[[str], str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    policies = {file: file.read_text() for file in (project / ".chalice").glob("policy-*.json")}
    with (project / "chalicelib/signpost.toml").open("a") as settings:
        settings.write('[[rules]]\npath = "/x"\ndeny = ["read"]\nto = ["group:nobody"]\n')
    for command in ("make deploy STAGE=dev", "make package"):
        with pytest.raises(AssertionError, match='"group:nobody" is a group that no key has'):
            newcomer(command)
    with pytest.raises(AssertionError, match="Say which stage"):
        newcomer("make deploy")
    assert {file: file.read_text() for file in policies} == policies
    assert not (project / "build").exists()
    assert not (project / ".chalice/deployed").exists()


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


def node(script: str, *arguments: str | Path, kind: str = "commonjs") -> dict[str, Any]:
    """Run a script with Node, and return what the script prints as JSON."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    command = ["node", f"--input-type={kind}", "--eval", script, *map(str, arguments)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    found: dict[str, Any] = json.loads(printed)
    return found


def edge(headers: dict[str, list[dict[str, str]]]) -> dict[str, list[dict[str, str]]]:
    """Run the Lambda@Edge function on a response's headers, with Node."""
    event = {"Records": [{"cf": {"response": {"status": "401", "headers": headers}}}]}
    script = (
        f"import {{ handler }} from {json.dumps((PROJECT / 'docs/cdn/restore-headers.mjs').as_uri())};"
        f"console.log(JSON.stringify(await handler({json.dumps(event)})))"
    )
    found: dict[str, list[dict[str, str]]] = node(script, kind="module")["headers"]
    return found


# A CloudFront Function is a script, not a module, and has none of Node's own objects: `vm` gives it no more than that.
VIEWER_REQUEST = """
const script = require("fs").readFileSync(process.argv[1], "utf8");
const handler = require("vm").runInNewContext(script + "; handler");
console.log(JSON.stringify(handler(JSON.parse(process.argv[2]))));
"""


def viewer_request(headers: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Run the CloudFront Function on a request's headers, with Node."""
    event = {"version": "1.0", "viewer": {"ip": "203.0.113.1"}, "request": {"method": "GET", "headers": headers}}
    found: dict[str, dict[str, str]] = node(VIEWER_REQUEST, PROJECT / "docs/cdn/viewer-request.js", json.dumps(event))[
        "headers"
    ]
    return found


def test_the_clients_authorization_travels_under_another_name() -> None:
    """And no client chooses what CloudFront is to say of the client."""
    host, ann = {"host": {"value": "files.example.com"}}, {"value": "Basic YW5uOng="}
    forged = {"x-forwarded-for": {"value": "192.0.2.1"}, "x-signpost-authorization": {"value": "Basic Ym9iOng="}}
    assert viewer_request({**host, "authorization": ann, **forged}) == {
        **host,
        "authorization": ann,
        "x-signpost-authorization": ann,
    }
    assert viewer_request({**host, **forged}) == host


def test_challenge_gets_its_name_back() -> None:
    """And only it: what else the answer carries stays."""
    other = {"x-request-id": [{"key": "X-Request-Id", "value": "1"}]}
    renamed = {
        "x-amzn-remapped-www-authenticate": [{"key": "x-amzn-Remapped-WWW-Authenticate", "value": 'Basic realm="a"'}]
    }
    challenge = {"www-authenticate": [{"key": "WWW-Authenticate", "value": 'Basic realm="a"'}]}
    assert edge({**other, **renamed}) == {**other, **challenge}
    assert edge(other) == other
