"""Runs the commands that ask AWS or change AWS: prints the results, and returns the exit status."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from chalicelib import bootstrap, key_secrets
from chalicelib.environment import DEFAULT_REGION, SECRET, Environment
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.settings.mounts import UNKNOWN_REGION

from .adopt import apply_repairs, checks_of_bucket
from .aws import Aws
from .checks import Outcome, outcomes, reason_of
from .doctor import checks_of_deployment
from .functions import Refused, Sleep, functions_named
from .publish import deployment_of, files_of
from .secret_rotation import INVOCATION_SECONDS, place_of, restart, rotate


def doctor(environment: Environment, stage: str | None, function: str | None, clock: Callable[[], float]) -> int:
    """Print what is wrong with a deployment, and the repair of each fault; return the exit status.

    Args:
        environment: of the functions.
        stage: the name of the stage; None where the environment of this process counts.
        function: the name of the function whose role is asked; None for the function of the stage.
        clock: returns the Unix time in seconds.
    """
    examine = partial(checks_of_deployment, environment=environment, stage=stage, function=function, clock=clock)
    return _report(environment.region, lambda aws: outcomes(examine(aws)))


def adopt(environment: Environment, bucket: str, *, apply: bool) -> int:
    """Print what a bucket lacks, or do what is missing; return the exit status.

    Args:
        environment: of the functions.
        bucket: the name of the bucket.
        apply: whether to do what is missing.
    """
    settings: Settings | None = None
    try:
        settings, _ = bootstrap.inspect_settings(environment)
    except InvalidSettings as error:
        print(*error.mistakes, "The bucket is compared with empty settings.", sep="\n", file=sys.stderr)

    def examine(aws: Aws) -> Iterable[Outcome]:
        found = outcomes(checks_of_bucket(aws, bucket, settings))
        return apply_repairs(aws, found) if apply else found

    return _report(environment.region, examine)


def publish(
    environment: Environment,
    settings: Settings | None,
    stage: str | None,
    stack: str | None,
    clock: Callable[[], float],
    sleep: Sleep,
) -> int:
    """Make settings live without a deployment, or go back to the settings before; return the exit status.

    Args:
        environment: of the functions.
        settings: of the environment; None to go back.
        stage: the name of the stage; None for a stack.
        stack: the name of the stack.
        clock: returns the Unix time in seconds.
        sleep: waits for a number of seconds.
    """
    files = files_of(environment, settings, clock, lambda text: print(text, file=sys.stderr)) if settings else None

    def change(aws: Aws) -> None:
        deployment = deployment_of(aws, stage, stack, sleep, partial(print, flush=True))
        if files:
            deployment.publish(files)
        else:
            deployment.roll_back()

    return _change(environment.region, change)


def rotate_secret(environment: Environment, names: Sequence[str], clock: Callable[[], float], sleep: Sleep) -> int:
    """Replace the signing secret while the service runs; return the exit status.

    Args:
        environment: names the place of the secret.
        names: of all functions that read the secret.
        clock: returns the Unix time in seconds.
        sleep: waits for a number of seconds.
    """

    def change(aws: Aws) -> None:
        place = place_of(environment.variables.get(SECRET, ""))
        if place is None:
            raise Refused(
                f"{SECRET} is not the ARN of a secret in Secrets Manager or of a parameter in SSM. Put the secret "
                f"there, set {SECRET} to the ARN, and deploy."
            )
        functions = functions_named(aws, names, sleep, partial(print, flush=True))
        for function in functions:
            function.prepare()
        wait = partial(sleep, INVOCATION_SECONDS)
        rotate(place, partial(restart, functions, clock), wait, key_secrets.random_secret())
        print("The new secret signs. Links that the old secret signed stay good until the next rotation.")

    return _change(environment.region, change)


def _change(region: str, change: Callable[[Aws], object]) -> int:
    """Change something on AWS; print why it was not done, and return 1, or 2 where no region is known."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not _is_known(region):
        return 2
    try:
        change(Aws(region))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"{reason_of(error)}. Nothing is lost: run the command again.", file=sys.stderr)
        return 1
    return 0


def _is_known(region: str) -> bool:
    """Whether a region is known; else print what to do."""
    if region not in ("", UNKNOWN_REGION):
        return True
    print(f"Name the region of the functions: export {DEFAULT_REGION}=eu-west-1", file=sys.stderr)
    return False


def _report(region: str, examine: Callable[[Aws], Iterable[Outcome]]) -> int:
    """Print the outcomes as they come, and return 1 where there is a fault, and 2 where no region is known."""
    if not _is_known(region):
        return 2
    faults = 0
    for outcome in examine(Aws(region)):
        print(*outcome.lines(), sep="\n", flush=True)
        faults += len(outcome.faults)
    print(f"{faults} fault{'s'[: faults != 1]}.")
    return int(faults > 0)
