"""The stages of a deployment: the environment and the policy of a stage's functions, from the files in `.chalice`."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .environment import CONFIG, DEFAULT_REGION, MARK_KEY, REGION, SECRET, SET_BY_LAMBDA, Environment, of_process
from .settings.load import InvalidSettings
from .settings.mistakes import did_you_mean
from .settings.mounts import UNKNOWN_REGION

PROJECT: Final = Path(__file__).resolve().parent.parent
STACK: Final = "stack"
"""The stage of `make package`. A CloudFormation template sets some variables of this stage."""

_CONFIG: Final = ".chalice/config.json"
_TEMPLATE: Final = ".chalice/resources.json"

# Placeholders for values that only the deployment knows. For every other variable, its own name is the placeholder.
_PLACEHOLDERS: Final = {
    DEFAULT_REGION: UNKNOWN_REGION,
    MARK_KEY: "",  # no placeholder: the tool must name nobody by a key that is not the stack's
    REGION: UNKNOWN_REGION,
    SECRET: f"arn:aws:secretsmanager:{UNKNOWN_REGION}:000000000000:secret:of-the-stack",
}


def environment_of_tool(stage: str | None, by_hand: Mapping[str, str] = MappingProxyType({})) -> Environment:
    """Return the environment of a stage's functions, in the region of this process or of its AWS profile.

    Without a stage, return the environment of this process. The other argument, and what this raises, are as in
    `environment_of`.
    """
    process = of_process()
    if stage is None:
        return process
    region = process.region or _region_of_profile()
    return environment_of(stage, Environment({**process.variables, REGION: region, DEFAULT_REGION: region}), by_hand)


def _region_of_profile() -> str:
    from botocore.session import Session  # a deployment without a region in the environment uses the profile's

    return Session().get_config_variable("region") or ""


def environment_of(stage: str, own: Environment, by_hand: Mapping[str, str] = MappingProxyType({})) -> Environment:
    """Return the environment of a stage's functions.

    Lambda and the template set some variables, whose values only the deployment knows. Such a value comes from `own`,
    else it is a placeholder. The functions see no other variable of `own`.

    Args:
        stage: the name of the stage in `.chalice/config.json`.
        own: the environment of the administrator's tool.
        by_hand: variables that somebody set on the function, and that `.chalice/config.json` does not have.

    Raises:
        InvalidSettings: the stage does not exist, or a file in `.chalice` cannot be used.
    """
    given = {**by_hand, **variables_of(stage)}
    unknown = [*SET_BY_LAMBDA, *(name for name, value in given.items() if not isinstance(value, str))]
    variables = {
        name: own.variables.get(name) or _PLACEHOLDERS.get(name, name.lower().replace("_", "-")) for name in unknown
    }
    variables |= {name: value for name, value in given.items() if isinstance(value, str)}
    if CONFIG in variables:  # on Lambda the project is in /var/task, which is also the current directory
        variables[CONFIG] = str(PROJECT / variables[CONFIG].removeprefix("/var/task/"))
    elif CONFIG in own.variables:
        variables[CONFIG] = own.variables[CONFIG]
    return Environment(variables)


def function_name(stage: str) -> str:
    """Return the name that Chalice gives the function of a stage; raise InvalidSettings for no such stage."""
    config, _ = _stage(stage)
    return f"{config['app_name']}-{stage}"


def policy_file(stage: str) -> Path:
    """Return the file of the policy of a stage's role, which Chalice reads; raise InvalidSettings for no such stage."""
    config, own = _stage(stage)
    name = own.get("iam_policy_file") or config.get("iam_policy_file") or f"policy-{stage}.json"
    return PROJECT / ".chalice" / str(name)


def write_policy(stage: str, document: Mapping[str, Any]) -> Path:
    """Replace the policy of a stage's role, and return its file. The old policy stays until the new one is complete."""
    file = policy_file(stage)
    new_file = file.with_name(f"{file.name}.new")
    new_file.write_text(f"{json.dumps(document, indent=2)}\n")
    new_file.replace(file)
    return file


def template_policy() -> dict[str, Any]:
    """Return the policy for the resources of the template; raise InvalidSettings where the file cannot be used."""
    return _read(policy_file(STACK))


def variables_of(stage: str) -> dict[str, Any]:
    """Return the variables of the functions, merged as by Chalice; a value that the template computes is not a text.

    Raises:
        InvalidSettings: the stage does not exist, or a file in `.chalice` cannot be used.
    """
    config, own = _stage(stage)
    template = _read(PROJECT / _TEMPLATE)["Globals"]["Function"]["Environment"]["Variables"] if stage == STACK else {}
    handler = own.get("lambda_functions", {}).get("api_handler", {})
    written = {name: value for part in (config, own, handler) for name, value in _table(part).items()}
    wrong = [name for name, value in written.items() if not isinstance(value, str)]
    if wrong:
        file = PROJECT / _CONFIG
        raise InvalidSettings(f"{file}: environment_variables: {name} must be a text in quotes" for name in wrong)
    return {**template, **written}


def _table(part: Mapping[str, Any]) -> dict[str, Any]:
    value = part.get("environment_variables", {})
    return value if isinstance(value, dict) else {}  # as Chalice does


def _stage(stage: str) -> tuple[dict[str, Any], dict[str, Any]]:
    config = _read(PROJECT / _CONFIG)
    stages = config.get("stages", {})
    if stage not in stages:
        names = f"the stages are {', '.join(stages)}{did_you_mean(stage, stages)}"
        raise InvalidSettings([f'{PROJECT / _CONFIG}: there is no stage "{stage}"; {names}'])
    return config, stages[stage]


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InvalidSettings([f"{file}: cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise InvalidSettings([f"{file}: is not JSON: {error}"]) from None
    if not isinstance(content, dict):
        raise InvalidSettings([f"{file}: must be an object: {{…}}"])
    return content
