"""The reports of `doctor` and `adopt`, printed while the checks run."""

import sys
from collections.abc import Callable, Iterable
from functools import partial

from chalicelib import bootstrap
from chalicelib.environment import DEFAULT_REGION, Environment
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.settings.mounts import UNKNOWN_REGION

from .adopt import apply_repairs, checks_of_bucket
from .aws import Aws
from .checks import Outcome, outcomes
from .doctor import checks_of_deployment


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


def _report(region: str, examine: Callable[[Aws], Iterable[Outcome]]) -> int:
    """Print the outcomes as they come, and return 1 where there is a fault, and 2 where no region is known."""
    if region in ("", UNKNOWN_REGION):
        print(f"Name the region of the functions: export {DEFAULT_REGION}=eu-west-1", file=sys.stderr)
        return 2
    faults = 0
    for outcome in examine(Aws(region)):
        print(*outcome.lines(), sep="\n", flush=True)
        faults += len(outcome.faults)
    print(f"{faults} fault{'s'[: faults != 1]}.")
    return int(faults > 0)
