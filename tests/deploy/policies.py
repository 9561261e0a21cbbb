"""The IAM policies of `.chalice`, whole and less a part; that of the stack with what its references stand for."""

import copy
import json
from typing import Any, Final

from local import embedded_s3
from tests.deploy.deployments import BUCKET, ROOT

Document = dict[str, Any]

ARN: Final = f"arn:aws:{{}}:{embedded_s3.REGION}:123456789012:"
TABLE: Final = "signpost-links"
SECRET: Final = f"{ARN.format('secretsmanager')}secret:signpost-AbCdEf"
LOG_GROUP: Final = f"{ARN.format('logs')}log-group:/aws/lambda/signpost-{{}}:*"
# What CloudFormation puts in place of a reference to a resource of the stack.
REFERENCES: Final = {
    "Bucket.Arn": f"arn:aws:s3:::{BUCKET}",
    "Table.Arn": f"{ARN.format('dynamodb')}table/{TABLE}",
    "Secret": SECRET,
    "ApiHandlerLogGroup.Arn": LOG_GROUP.format("APIHandler"),
    "FunctionUrlHandlerLogGroup.Arn": LOG_GROUP.format("FunctionUrlHandler"),
}


def policy(stage: str) -> Document:
    """The policy of a stage, as `.chalice` has it, its references resolved."""
    document: Document = _resolved(json.loads((ROOT / f".chalice/policy-{stage}.json").read_text()))
    return document


def _resolved(value: Any) -> Any:
    """A part of a template as CloudFormation resolves it; it fails on a reference that is not known."""
    match value:
        case {"Ref": name}:
            return REFERENCES[name]
        case {"Fn::GetAtt": path}:
            return REFERENCES[".".join(path) if isinstance(path, list) else path]
        case {"Fn::Sub": str(text)}:
            before, _, rest = text.partition("${")
            name, _, after = rest.partition("}")
            return f"{before}{REFERENCES[name]}{after}"
        case dict():
            return {name: _resolved(part) for name, part in value.items()}
        case list():
            return [_resolved(part) for part in value]
    return value


def actions(document: Document) -> list[str]:
    """All that a policy allows."""
    return [action for statement in document["Statement"] for action in statement["Action"]]


def without_statement(document: Document, sid: str) -> Document:
    """The policy less one statement."""
    return document | {"Statement": [statement for statement in document["Statement"] if statement["Sid"] != sid]}


def without_action(document: Document, action: str) -> Document:
    """The policy less one action, and less a statement that has no other."""
    less = copy.deepcopy(document)
    for statement in less["Statement"]:
        statement["Action"] = [kept for kept in statement["Action"] if kept != action]
    return less | {"Statement": [statement for statement in less["Statement"] if statement["Action"]]}
