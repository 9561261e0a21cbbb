"""The stack as CloudFormation gets it: the packaged template after AWS's own SAM transform."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local import embedded_s3

from .creation import Creation, references

BUCKET, TABLE, SECRET_NAME = "signpost-example-bucket", "signpost-links", "signpost-AbCdEf"
ARN = f"arn:aws:{{}}:{embedded_s3.REGION}:123456789012:"

# The references to resources that policies may contain, and the values that CloudFormation puts in their place.
REFERENCES = {
    "AWS::StackName": "signpost",
    "AWS::Partition": "aws",
    "AWS::Region": embedded_s3.REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::AccountId": "123456789012",
    "Bucket.Arn": f"arn:aws:s3:::{BUCKET}",
    "Table.Arn": f"{ARN.format('dynamodb')}table/{TABLE}",
    "Secret": f"{ARN.format('secretsmanager')}secret:{SECRET_NAME}",
}


class NoManagedPolicies:
    """The names of AWS's managed policies, for the transform: our functions need none, because they bring a role."""

    def load(self) -> dict[str, str]:
        """Return the ARNs by name."""
        return {}


class Stack(NamedTuple):
    """A CloudFormation template."""

    template: Mapping[str, Any]

    @property
    def resources(self) -> Mapping[str, Any]:
        """The resources by logical id."""
        resources: Mapping[str, Any] = self.template["Resources"]
        return resources

    def at(self, logical_id: str, *path: str | int) -> Any:
        """Return the value at a path below the properties of a resource."""
        value = self.resources[logical_id]["Properties"]
        for step in path:
            value = value[step]
        return value

    def of_type(self, kind: str) -> dict[str, Any]:
        """Return the properties of all resources of a type, by logical id."""
        return {name: it["Properties"] for name, it in self.resources.items() if it["Type"] == kind}

    def created(self, **parameters: str) -> "Stack":
        """Return the stack as CloudFormation creates it with values of parameters, or with the defaults."""
        return Stack(Creation(self.template, parameters).template())

    def refusals(self, **parameters: str) -> list[str]:
        """Return the reasons for which CloudFormation does not create the stack with values of parameters."""
        return Creation(self.template, parameters).refusals()

    def missing(self) -> set[str]:
        """Return the names that a resource or an output refers to, and that do not exist."""
        named = set(references([self.template["Resources"], self.template["Outputs"]]))
        return {name for name in named - self.resources.keys() if not name.startswith("AWS::")}

    def role_policy(self, **parameters: str) -> dict[str, Any]:
        """Return the one policy of the role of the functions, with its references resolved."""
        (policy,) = self.created(**parameters).at("ApiHandlerRole", "Policies")
        document: dict[str, Any] = self.resolve(policy["PolicyDocument"])
        return document

    def resolve(self, tree: Any) -> Any:
        """Resolve the references in a part of the template, as CloudFormation does.

        Raises:
            KeyError: a reference is unknown.
        """
        match tree:
            case {"Ref": name}:
                return self._value(name)
            case {"Fn::GetAtt": path}:
                return self._value(".".join(path))
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda reference: self._value(reference[1]), text)
            case dict():
                return {name: self.resolve(part) for name, part in tree.items()}
            case list():
                return [self.resolve(part) for part in tree]
        return tree

    def _value(self, name: str) -> str:
        logical_id = name.removesuffix(".Arn")
        if logical_id in self.of_type("AWS::Logs::LogGroup"):
            group = f"signpost-{logical_id}"  # CloudFormation makes the name
            return f"{ARN.format('logs')}log-group:{group}:*" if logical_id != name else group
        return REFERENCES[name]


def transform(file: Path) -> Stack:
    """Transform a template as AWS::Serverless-2016-10-31 does in CloudFormation, after `aws cloudformation package`."""
    from samtranslator.translator.transform import transform as translate  # type: ignore[import-untyped]

    template = json.loads(file.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            assert resource["Properties"]["CodeUri"] == "./deployment.zip"
            resource["Properties"]["CodeUri"] = "s3://code/deployment.zip"
    with pytest.MonkeyPatch.context() as environ:  # the transform asks boto3 for the region
        environ.setenv("AWS_DEFAULT_REGION", embedded_s3.REGION)
        return Stack(translate(template, {}, NoManagedPolicies()))


def values(tree: Any, *names: str) -> Iterator[Any]:
    """Yield all values in a tree that have one of the names."""
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            if name in names:
                yield value
            yield from values(value, *names)
    elif isinstance(tree, list):
        for item in tree:
            yield from values(item, *names)


def strings(tree: Any) -> Iterator[str]:
    """Yield all strings in a tree, except names."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping | list):
        for item in tree.values() if isinstance(tree, Mapping) else tree:
            yield from strings(item)
