"""The stack as CloudFormation gets it: the packaged template after AWS's own SAM transform."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REGION = "eu-west-1"


class NoManagedPolicies:
    """What the transform asks for the names of AWS's managed policies; our functions bring their own role."""

    def load(self) -> dict[str, str]:
        """The ARN of each by its name."""
        return {}


@dataclass(frozen=True)
class Stack:
    """A CloudFormation template."""

    template: Mapping[str, Any]

    @property
    def resources(self) -> Mapping[str, Any]:
        """The resources by their logical id."""
        resources: Mapping[str, Any] = self.template["Resources"]
        return resources

    def at(self, logical_id: str, *path: str | int) -> Any:
        """A property of a resource, or what stands deeper in it."""
        value = self.resources[logical_id]["Properties"]
        for step in path:
            value = value[step]
        return value

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of all resources of one type, by their logical id."""
        return {name: it["Properties"] for name, it in self.resources.items() if it["Type"] == kind}


def transform(file: Path) -> Stack:
    """Do as the macro AWS::Serverless-2016-10-31 does in CloudFormation, after `aws cloudformation package`."""
    from samtranslator.translator.transform import transform as translate  # type: ignore[import-untyped]

    template = json.loads(file.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Properties"]["CodeUri"] == "./deployment.zip"
            resource["Properties"]["CodeUri"] = "s3://code/deployment.zip"
    with pytest.MonkeyPatch.context() as environ:  # it asks boto3 for the region
        environ.setenv("AWS_DEFAULT_REGION", REGION)
        return Stack(translate(template, {}, NoManagedPolicies()))


def lint(file: Path) -> str:
    """What cfn-lint has to say: errors and warnings."""
    program = str(Path(sys.executable).with_name("cfn-lint"))
    command = [program, "--regions", REGION, "--format", "parseable", "--", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr


def arn(logical_id: str) -> dict[str, list[str]]:
    """The ARN of a resource of the stack."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def given(condition: str, value: Any) -> dict[str, list[Any]]:
    """A value that is there under a condition only."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def values(tree: Any, *names: str) -> Iterator[Any]:
    """What stands anywhere in a tree under one of the names."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if name in names:
                yield value
            yield from values(value, *names)
    elif isinstance(tree, list):
        for item in tree:
            yield from values(item, *names)


def strings(tree: Any) -> Iterator[str]:
    """All strings in a tree that are not names."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from strings(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from strings(item)
