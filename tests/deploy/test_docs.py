"""docs/deploy.md compared with the stack, and the functions for a CDN. test_deploy.py runs the commands."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml

from chalicelib.operator.permissions import Permissions

from .aws_account import PROJECT

PAGE = (PROJECT / "docs/deploy.md").read_text()
TEMPLATE = json.loads((PROJECT / ".chalice/resources.json").read_text())


def test_the_page_has_all_parameters_with_their_defaults() -> None:
    """An empty default has a name in the page."""
    found: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`\w+`(?:, `\w+`)?) \| (.*?) \|", PAGE, re.MULTILINE):
        found |= dict(zip(re.findall(r"\w+", names), defaults.replace("`", "").split(", "), strict=True))
    empty = {"": {"none", "made up"}}
    assert found.keys() == TEMPLATE["Parameters"].keys()
    for name, parameter in TEMPLATE["Parameters"].items():
        assert found[name] in empty.get(parameter["Default"], {str(parameter["Default"])}), name


def options(command: str) -> dict[str, str]:
    """Return the options of a command of the AWS CLI in the page."""
    (line,) = re.findall(rf"^{command} ((?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    words = shlex.split(line.replace("\\\n", " "))
    return dict(zip(words[::2], words[1::2], strict=True))


def test_each_deployment_of_the_stack_sends_the_template_through_a_bucket(built: Path) -> None:
    """CloudFormation quotas: the size of a template in a request. The CLI writes the template as YAML."""
    assert len(yaml.safe_dump(json.loads((built / "sam.json").read_text()))) > 51_200
    commands = re.findall(r"aws cloudformation deploy ((?:.*\\\n)*.*)", f"{PAGE}\n{Permissions('stack').deploy()}")
    sending = [
        each for each in commands if each.startswith("--template-file build/packaged.yaml --s3-bucket ARTIFACTS ")
    ]
    assert sending == [each for each in commands if each.startswith("--")]
    assert len(sending) == 4


def test_the_command_of_the_page_moves_the_alias_of_the_stack(built: Path) -> None:
    resources = json.loads((built / "sam.json").read_text())["Resources"].values()
    aliases = [each["Properties"]["Name"] for each in resources if each["Type"] == "AWS::Lambda::Alias"]
    assert aliases == [options("aws lambda update-alias")["--name"]] * 2


def shorthand(part: dict[str, object]) -> str:
    """Write a structure as the AWS CLI reads it."""
    return ",".join(f"{name}={str(value).lower() if value is True else value}" for name, value in part.items())


def test_the_commands_of_the_page_make_the_table_of_the_stack() -> None:
    table = TEMPLATE["Resources"]["Table"]["Properties"]
    create, expire = options("aws dynamodb create-table"), options("aws dynamodb update-time-to-live")
    assert create["--billing-mode"] == table["BillingMode"]
    assert create["--attribute-definitions"] == shorthand(*table["AttributeDefinitions"])
    assert create["--key-schema"] == shorthand(*table["KeySchema"])
    assert expire["--time-to-live-specification"] == shorthand(table["TimeToLiveSpecification"])
    assert create["--table-name"] == expire["--table-name"]


def test_terraform_deploys_the_packaged_template(built: Path) -> None:
    """CloudFormation has the parameters, allows what the template makes, and finds the code where Terraform puts it."""
    (text,) = re.findall(r"^```hcl\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    options = hcl2.SerializationOptions(strip_string_quotes=True, explicit_blocks=False)
    page = hcl2.loads(text, serialization_options=options)
    resources = {name: body for each in page["resource"] for kind in each.values() for name, body in kind.items()}
    assert resources.keys() == {"code", "template", "signpost"}
    template, stack = json.loads((built / "sam.json").read_text()), resources["signpost"]
    assert stack["parameters"].keys() <= template["Parameters"].keys()
    assert template["Transform"] == "AWS::Serverless-2016-10-31"
    roles = [each for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    assert roles
    assert not any("RoleName" in each["Properties"] for each in roles)  # names need CAPABILITY_NAMED_IAM
    assert stack["capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

    (local,) = page["locals"]
    file, old = re.findall(r'"(?:\$\{path\.module\}/)?([^"]+)"', local["template"])
    assert (file, resources["template"]["content"]) == ("build/sam.json", "${local.template}")
    assert resources["code"]["source"].endswith("/build/deployment.zip")
    uploaded = json.loads((built / "sam.json").read_text().replace(old, local["code"]))
    functions = [each for each in uploaded["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]
    code = "s3://${aws_s3_object.code.bucket}/${aws_s3_object.code.key}"
    assert [each["Properties"]["CodeUri"] for each in functions] == [code, code]
    assert "aws_s3_object.template.key" in stack["template_url"]
    assert len(json.dumps(uploaded)) < 1_000_000  # CloudFormation quotas: the size of a template in S3


def node(script: str, *arguments: str | Path, kind: str = "commonjs") -> Any:
    """Run a script with Node, and return the JSON that the script prints."""
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    command = ["node", f"--input-type={kind}", "--eval", script, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)


# A CloudFront Function is a script, not a module, and has none of Node's own objects: `vm` gives no more.
VIEWER_REQUEST = """
const script = require("fs").readFileSync(process.argv[1], "utf8");
const handler = require("vm").runInNewContext(script + "; handler");
const viewer = {ip: "203.0.113.1"};
const ask = (headers) => handler({version: "1.0", viewer, request: {method: "GET", headers}}).headers;
console.log(JSON.stringify(JSON.parse(process.argv[2]).map(ask)));
"""


def test_the_viewer_request_function_copies_authorization_and_removes_forged_headers() -> None:
    """No client decides the headers in which CloudFront describes the client."""
    host, ann = {"host": {"value": "files.example.com"}}, {"value": "Basic YW5uOng="}
    forged = {"x-forwarded-for": {"value": "192.0.2.1"}, "x-signpost-authorization": {"value": "Basic Ym9iOng="}}
    sent = [{**host, "authorization": ann, **forged}, {**host, **forged}]
    passed = node(VIEWER_REQUEST, PROJECT / "docs/cdn/viewer-request.js", json.dumps(sent))
    assert passed == [{**host, "authorization": ann, "x-signpost-authorization": ann}, host]


def test_the_edge_function_restores_the_name_of_the_challenge_and_nothing_else() -> None:
    other = {"x-request-id": [{"key": "X-Request-Id", "value": "1"}]}
    renamed = [{"key": "x-amzn-Remapped-WWW-Authenticate", "value": 'Basic realm="a"'}]
    challenge = [{"key": "WWW-Authenticate", "value": 'Basic realm="a"'}]
    sent = [{**other, "x-amzn-remapped-www-authenticate": renamed}, other]
    script = (
        f"import {{ handler }} from {json.dumps((PROJECT / 'docs/cdn/restore-headers.mjs').as_uri())};"
        'const event = (headers) => ({Records: [{cf: {response: {status: "401", headers}}}]});'
        f"const answers = await Promise.all({json.dumps(sent)}.map((headers) => handler(event(headers))));"
        "console.log(JSON.stringify(answers.map((answer) => answer.headers)))"
    )
    assert node(script, kind="module") == [{**other, "www-authenticate": challenge}, other]
