"""The role of a function: whether IAM says that the role may do everything that the policy of the settings allows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from .aws import Aws, code_of, read
from .checks import Fault, NotAsked
from .permissions import Permissions

_REFUSED: Final = ("AccessDenied", "AccessDeniedException")


def examine_role(
    aws: Aws, function: str | None, policy: Mapping[str, Any], permissions: Permissions
) -> Iterator[Fault]:
    """Yield a fault for each statement of the policy with an action that IAM's simulation denies to the role.

    Args:
        aws: asks.
        function: the name of the function that has the role; None where no function is known.
        policy: from `iam_policy.policy`.
        permissions: the commands that give the policy to the role.

    Raises:
        NotAsked: no function is known, or the operator may not ask IAM.
    """
    if function is None:
        raise NotAsked("name the function: --stage STAGE, or --function NAME")
    configuration = read(
        aws.client("lambda"), "get_function_configuration", "ResourceNotFoundException", FunctionName=function
    )
    if configuration is None:
        yield Fault(
            f"there is no function {function} in {aws.region}; deploy it, or name another: --function",
            permissions.deploy(),
        )
        return
    role = configuration["Role"]
    for statement in policy["Statement"]:
        denied = _denied(aws, role, statement, function)
        if denied:
            yield Fault(f"{role} may not {', '.join(denied)} on {statement['Resource']}", permissions.of_role(role))


def _denied(aws: Aws, role: str, statement: Mapping[str, Any], function: str) -> list[str]:
    """Return the actions of a statement that IAM's simulation denies."""
    from botocore.exceptions import ClientError

    try:
        answer = aws.client("iam").simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=statement["Action"],
            ResourceArns=[_example(statement["Resource"], aws, function)],
            ContextEntries=list(_context(statement)),
        )
    except ClientError as error:
        if code_of(error) in _REFUSED:
            raise NotAsked("these credentials lack iam:SimulatePrincipalPolicy") from None
        raise
    return [each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]


def _example(resource: str, aws: Aws, function: str) -> str:
    """Return one resource of all those that a statement names: IAM simulates no pattern."""
    if resource == "*":
        return resource
    arn, partition, service, region, account, name = resource.split(":", 5)
    region, account = region.replace("*", aws.region), account.replace("*", aws.caller.account)
    name = name.replace("signpost-*", function).replace("*", "doctor")
    return ":".join((arn, partition, service, region, account, name))


def _context(statement: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield a value of each condition: for a pattern, the shortest text that the pattern stands for."""
    for values_of in statement.get("Condition", {}).values():
        for name, values in values_of.items():
            value = values[0].removesuffix("*")
            yield {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
