"""The versions of the functions: the alias that each entry point invokes, and what publishes and shifts versions.

The alias always exists, so `Versions` changes neither a URL nor the API. With `Versions=off` the alias runs the newest
code. Else it runs a published version, and with `canary` CodeDeploy moves the alias to the next version in two steps
(CloudFormation User Guide, "UpdatePolicy attribute", CodeDeployLambdaAliasUpdate).
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chalicelib.operator.functions import ALIAS

from .metrics import ENTRY_POINTS, REST_API, EntryPoint, Tree

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}
# The alarms on errors: an error of the new version shifts the requests back.
_ALARMS: Final = ("Errors", "ServerErrors")
_ROLLBACK_EVENTS: Final = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")


def conditions() -> Tree:
    """Return the conditions of the resources, by name."""
    return {
        f"{each.prefix}{name}": {"Fn::And": [{"Condition": each.condition}, {"Condition": f"Has{name}"}]}
        for each in ENTRY_POINTS
        for name in ("Versions", "Canary")
    }


def versions() -> Tree:
    """Return the resources, by logical id."""
    return {name: resource for each in ENTRY_POINTS for name, resource in _of_entry_point(each)}


def complete(template: Tree, archive: Path) -> None:
    """Let the REST API invoke the alias, and publish a version for each change of the code or of a function.

    CloudFormation publishes a version where a property of `AWS::Lambda::Version` changes.

    Args:
        template: the template of Chalice, which is changed.
        archive: the zip of the functions.
    """
    for operations in template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        for operation in operations.values():
            uri = operation["x-amazon-apigateway-integration"]["uri"]
            uri["Fn::Sub"] = uri["Fn::Sub"].replace(f"${{{REST_API.function}.Arn}}", f"${{{REST_API.alias}}}")
    code = b64encode(hashlib.sha256(archive.read_bytes()).digest()).decode()
    for each in ENTRY_POINTS:
        function = [template["Globals"], template["Resources"][each.function]]
        digest = hashlib.sha256(json.dumps(function, sort_keys=True).encode()).hexdigest()[:12]
        # Parameters that change a function. SettingsLayer is none of them: `publish` itself publishes a version.
        description = {"Fn::Sub": f"{digest} traces ${{Tracing}} ${{ExistingBucket}} ${{ExistingTable}}"}
        properties = template["Resources"][each.version]["Properties"]
        properties |= {"CodeSha256": code, "Description": description}


def _of_entry_point(each: EntryPoint) -> Iterator[tuple[str, Tree]]:
    function = {"FunctionName": {"Ref": each.function}}
    number = {"Fn::GetAtt": [each.version, "Version"]}
    deployments = f"{each.prefix}Deployments"
    names = {"ApplicationName": {"Ref": "Deployments"}, "DeploymentGroupName": {"Ref": deployments}}
    yield (
        each.version,
        {
            "Type": "AWS::Lambda::Version",
            "Condition": f"{each.prefix}Versions",
            "UpdateReplacePolicy": "Retain",  # for a rollback
            "Properties": function,
        },
    )
    yield (
        each.alias,
        {
            "Type": "AWS::Lambda::Alias",
            "Condition": each.condition,
            "UpdatePolicy": {"Fn::If": ["HasCanary", {"CodeDeployLambdaAliasUpdate": names}, _NO_VALUE]},
            "Properties": {
                "Name": ALIAS,
                **function,
                "FunctionVersion": {"Fn::If": ["HasVersions", number, "$LATEST"]},
            },
        },
    )
    yield (
        deployments,
        {
            "Type": "AWS::CodeDeploy::DeploymentGroup",
            "Condition": f"{each.prefix}Canary",
            "Properties": {
                "ApplicationName": {"Ref": "Deployments"},
                "ServiceRoleArn": {"Fn::GetAtt": ["DeploymentsRole", "Arn"]},
                "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
                "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes",
                "AlarmConfiguration": {
                    "Enabled": True,
                    "Alarms": [{"Name": {"Ref": f"{each.prefix}{name}"}} for name in _ALARMS],
                },
                "AutoRollbackConfiguration": {"Enabled": True, "Events": list(_ROLLBACK_EVENTS)},
            },
        },
    )
