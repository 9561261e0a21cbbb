"""A template as CloudFormation creates it: with values of parameters, and without what a condition leaves out.

Source: CloudFormation User Guide, "Intrinsic function reference", "Condition functions" and "Rules".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Tree = Any

_NO_VALUE = object()
_REFERENCE = re.compile(r"\$\{([^}!]+)\}")


class Creation:
    """The creation of a stack.

    Args:
        template: a template without transforms.
        given: values of parameters; the others have their defaults.

    Raises:
        AssertionError: CloudFormation accepts no such parameter or value.
    """

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        parameters = template["Parameters"]
        assert given.keys() <= parameters.keys()
        self._template = template
        self._values = {name: _value(each, given.get(name, each["Default"])) for name, each in parameters.items()}

    def template(self) -> dict[str, Any]:
        """Return the template with values in place of parameters and conditions."""
        parts = {name: self._existing(self._template[name]) for name in ("Resources", "Outputs")}
        return {**self._template, **parts}

    def refusals(self) -> list[str]:
        """Return the reasons of the rules that refuse the values."""
        rules = self._template.get("Rules", {}).values()
        applied = (rule for rule in rules if self._holds(rule.get("RuleCondition", {"Fn::And": []})))
        asserted = (each for rule in applied for each in rule["Assertions"])
        return [each["AssertDescription"] for each in asserted if not self._holds(each["Assert"])]

    def _existing(self, section: Mapping[str, Any]) -> dict[str, Any]:
        exists = {
            name: "Condition" not in it or self._holds({"Condition": it["Condition"]}) for name, it in section.items()
        }
        put = {name: self._put(it) for name, it in section.items() if exists[name]}
        return {name: {key: part for key, part in it.items() if key != "Condition"} for name, it in put.items()}

    def _holds(self, condition: Tree) -> bool:
        match condition:
            case {"Condition": name}:
                return self._holds(self._template["Conditions"][name])
            case {"Fn::Not": [part]}:
                return not self._holds(part)
            case {"Fn::And": parts}:
                return all(map(self._holds, parts))
            case {"Fn::Or": parts}:
                return any(map(self._holds, parts))
            case {"Fn::Equals": [one, other]}:
                return bool(self._put(one) == self._put(other))
        raise ValueError(f"unknown condition: {condition}")

    def _put(self, tree: Tree) -> Tree:
        match tree:
            case {"Ref": "AWS::NoValue"}:
                return _NO_VALUE
            case {"Ref": str(name)} if name in self._values:
                return self._values[name]
            case {"Fn::If": [name, yes, no]}:
                return self._put(yes if self._holds({"Condition": name}) else no)
            case {"Fn::Join": [separator, parts]} if all(isinstance(part, str) for part in self._put(parts)):
                return separator.join(self._put(parts))
            case {"Fn::Sub": str(text)}:
                text = _REFERENCE.sub(lambda found: str(self._values.get(found[1], found[0])), text)
                return {"Fn::Sub": text} if _REFERENCE.search(text) else text
            case dict():
                put = {name: self._put(part) for name, part in tree.items()}
                return {name: part for name, part in put.items() if part is not _NO_VALUE}
            case list():
                return [part for part in map(self._put, tree) if part is not _NO_VALUE]
        return tree


def references(tree: Tree) -> Iterator[str]:
    """Yield the logical ids and names that a part of a template refers to."""
    match tree:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": [name, _]}:
            yield name
        case {"Fn::Sub": [text, variables]}:
            yield from set(references({"Fn::Sub": text})) - variables.keys()
            yield from references(variables)
        case {"Fn::Sub": text}:
            yield from (name.partition(".")[0] for name in _REFERENCE.findall(text))
        case dict():
            for name, part in tree.items():
                yield from ([part] if isinstance(part, str) else part) if name == "DependsOn" else references(part)
        case list():
            for part in tree:
                yield from references(part)


def _value(parameter: Mapping[str, Any], given: object) -> str | list[str]:
    value = str(given)
    assert value in map(str, parameter.get("AllowedValues", [value])), value
    assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), value
    return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value
