"""The functions of a deployment: the one way to change their configuration, and to make the change live.

Where the alias `live` of a function runs a published version, the configuration of the version is fixed. A change of
the function is then live when a new version is published and the alias has moved to it (Lambda Developer Guide, "Create
an alias for a Lambda function"). The alias of a stack without versions runs `$LATEST`, so changes are live at once.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from chalicelib.stages import function_name

from .aws import Aws, code_of, read

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

ALIAS: Final = "live"
_LATEST: Final = "$LATEST"
_ABSENT: Final = "ResourceNotFoundException"
_CHANGED_BY_OTHERS: Final = ("ResourceConflictException", "PreconditionFailedException")
_ATTEMPTS: Final = 5
_CANARY_POLLS: Final = 240
_POLL_SECONDS: Final = 15
# No entry point knows this event: the service answers 501, and 500 where it cannot start. The log has its id.
_EVENT: Final = json.dumps({"requestContext": {"requestId": "signpost-publish"}}).encode()
# What a change of the settings must not bring along.
_CONFIGURATION: Final = ("CodeSha256", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout")

Sleep = Callable[[float], object]
Say = Callable[[str], object]
"""Prints a line."""


class Refused(Exception):
    """The command was refused; the text says what is live, where the command changed it, and what to do."""


class Function:
    """A function.

    Args:
        aws_lambda: the client of Lambda.
        name: of the function.
        sleep: waits for a number of seconds.
        say: prints a line.
    """

    def __init__(self, aws_lambda: "LambdaClient", name: str, sleep: Sleep, say: Say) -> None:
        self.name = name
        self._lambda = aws_lambda
        self._sleep = sleep
        self._say = say

    def live(self) -> Mapping[str, Any]:
        """Return the configuration that answers requests; raise Refused where there is no function."""
        alias = self._alias()
        return self._configuration(alias["FunctionVersion"] if alias else _LATEST)

    def prepare(self) -> None:
        """Wait while a canary runs. Raise Refused where there is no function, or a change would bring others along."""
        alias, latest = self._settled_alias(), self._configuration(_LATEST)
        if alias:
            self._check_latest(self._configuration(alias["FunctionVersion"]), latest)

    def update(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        """Change the configuration, and wait until Lambda has done the change.

        Args:
            change: returns the new values, from the configuration as it is; called again where somebody else changed
                the function meanwhile.
        """
        for attempt in range(_ATTEMPTS):
            configuration = self._configuration(_LATEST)
            values = {**change(configuration), **_revision(configuration)}
            try:
                self._lambda.update_function_configuration(FunctionName=self.name, **values)
                break
            except self._lambda.exceptions.ClientError as error:
                if code_of(error) not in _CHANGED_BY_OTHERS or attempt == _ATTEMPTS - 1:
                    raise
            self._wait_for_update()
        self._wait_for_update()

    def refusal(self) -> str:
        """Invoke the function once, and return why it cannot start; empty where the function starts."""
        try:
            answer = self._lambda.invoke(FunctionName=self.name, Payload=_EVENT)
        except self._lambda.exceptions.TooManyRequestsException:
            self._say(f"{self.name}: not tried, because no concurrency is free.")
            return ""
        if answer.get("FunctionError"):
            return "it fails before it can answer"
        response = json.loads(answer["Payload"].read())
        is_refused = isinstance(response, dict) and response.get("statusCode") == 500
        return "it answers 500 to every request" if is_refused else ""

    def release(self) -> None:
        """Make the updates live, where the function has the alias: publish a version, and move the alias to it."""
        alias = self._settled_alias()
        if not alias:
            return
        live, latest = self._configuration(alias["FunctionVersion"]), self._configuration(_LATEST)
        self._check_latest(live, latest)
        guard = {"CodeSha256": live["CodeSha256"], **_revision(latest)}
        version = self._lambda.publish_version(FunctionName=self.name, **guard)["Version"]
        waiter: Any = self._lambda.get_waiter("published_version_active")
        waiter.wait(FunctionName=self.name, Qualifier=version)
        self._lambda.update_alias(FunctionName=self.name, Name=ALIAS, FunctionVersion=version, **_revision(alias))

    def _settled_alias(self) -> Mapping[str, Any] | None:
        """Return the alias, None where there is none, as soon as no canary runs."""
        for poll in range(_CANARY_POLLS):
            alias = self._alias()
            if not (alias and (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")):
                return alias
            if poll == 0:
                self._say(f"{self.name}: a canary runs; waiting for its end.")
            self._sleep(_POLL_SECONDS)
        raise Refused(f"{self.name}: the canary did not end in an hour. End the deployment, and run the command again.")

    def _check_latest(self, live: Mapping[str, Any], latest: Mapping[str, Any]) -> None:
        """Refuse where the newest code or configuration is not live: for example, after a rollback of the code."""
        differences = [name for name in _CONFIGURATION if live.get(name) != latest.get(name)]
        if differences:
            raise Refused(
                f"{self.name}: {', '.join(differences)} of the alias {ALIAS} is not that of the function. Deploy the "
                "commit that must be live, and run the command again."
            )

    def _alias(self) -> Mapping[str, Any] | None:
        alias = read(self._lambda, "get_alias", _ABSENT, FunctionName=self.name, Name=ALIAS)
        return None if alias and alias["FunctionVersion"] == _LATEST else alias

    def _configuration(self, version: str) -> Mapping[str, Any]:
        named = {"FunctionName": self.name, "Qualifier": version}
        configuration = read(self._lambda, "get_function_configuration", _ABSENT, **named)
        if configuration is None:
            raise Refused(f"There is no function {self.name}. Deploy it, or name another deployment.")
        return configuration

    def _wait_for_update(self) -> None:
        self._lambda.get_waiter("function_updated_v2").wait(FunctionName=self.name)


def names_in_stage(stage: str) -> tuple[str, ...]:
    """Return the names of the functions of a stage that `chalice deploy` deployed; raise InvalidSettings."""
    return (function_name(stage),)


def names_in_stack(aws: Aws, stack: str) -> tuple[str, ...]:
    """Return the names of the functions of a stack; raise Refused where the stack has none."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    names = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Function"]
    if not names:
        raise Refused(f"The stack {stack} has no function. Deploy it, or name another stack.")
    return tuple(names)


def functions_named(aws: Aws, names: Sequence[str], sleep: Sleep, say: Say) -> list[Function]:
    """Return functions by their names."""
    return [Function(aws.client("lambda"), name, sleep, say) for name in names]


def _revision(value: Mapping[str, Any]) -> dict[str, Any]:
    """The argument by which Lambda refuses a call after a change by somebody else; emulators have no revisions."""
    return {"RevisionId": value["RevisionId"]} if "RevisionId" in value else {}
