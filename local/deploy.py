"""`make deploy`: the REST API of a stage, from a copy of the deployed files; and everything that Chalice does not do.

Nothing in the account changes before the settings are checked, the API is found and the package is complete. A
deployment that was interrupted is completed by the same command.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import bootstrap, stages
from chalicelib.environment import DEFAULT_REGION, Environment
from chalicelib.iam_policy import policy_of
from chalicelib.operator.aws import Aws, read
from chalicelib.operator.checks import reason_of
from chalicelib.operator.functions import Refused
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.settings.mounts import UNKNOWN_REGION

from . import chalice_project, wheels
from .chalice_project import PROJECT, ChaliceFailed
from .deployed_state import DeployedState, read_domain
from .live_function import read_function
from .rest_apis import RestApis
from .stage_config import StageConfig


def main() -> int:
    """Deploy the stage that the command line names, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description="Deploy the REST API of a stage.")
    parser.add_argument("--stage", required=True, help="the name of the stage in .chalice/config.json")
    parser.add_argument("--new", action="store_true", help="make another REST API, with another URL")
    parser.add_argument(
        "--remove", metavar="NAME", nargs="+", default=[], help="remove variables that only the function has"
    )
    options = parser.parse_args()
    try:
        deploy(options.stage, new=options.new, removed=options.remove)
    except InvalidSettings as error:
        print(*error.warnings, *error.mistakes, sep="\n", file=sys.stderr)
        print("Nothing is deployed, because of these mistakes.", file=sys.stderr)
        return 1
    except (Refused, ChaliceFailed, wheels.NotDownloaded) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot deploy: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(
            f"AWS did not do what was asked: {reason_of(error)}. Check the credentials with `aws sts "
            "get-caller-identity`, and run the command again: it completes an interrupted deployment.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The same command completes the deployment.", file=sys.stderr)
        return 1
    return 0


def deploy(stage: str, *, new: bool, removed: Sequence[str]) -> None:
    """Deploy a stage.

    Args:
        stage: the name of the stage.
        new: whether to make an API beside the API that the account has.
        removed: the names of variables that somebody set on the function, and that go.

    Raises:
        InvalidSettings: the service would answer 500 to every request.
        Refused, NotDownloaded: nothing has changed in the account.
        ChaliceFailed: Chalice cannot package, and nothing has changed; or Chalice did not complete the deployment.
        OSError: a file cannot be read or written.
    """
    aws = _account(stage)
    config = StageConfig(PROJECT, stage)
    print(f"Deploying {config.function} to the account {aws.caller.account} in {aws.region}.", flush=True)
    function, state = read_function(aws, config.function), DeployedState(PROJECT, stage)
    apis = RestApis(aws, config, function.arn)
    api_id = None if new else apis.only()
    if not new:
        state.check_account(aws.caller.account, aws.region, api_id)
    print(f"The REST API {api_id} will be updated." if api_id else "A new REST API will be made.", flush=True)
    kept = function.by_hand(config.variables, removed)
    environment = stages.environment_of_tool(stage, kept)
    settings = _check_and_write_policy(stage, environment)
    for line in function.changes(config.variables, removed):
        print(line, flush=True)
    if function.has_published_other_settings(environment.settings_file, settings.issuers):
        print(f"The published settings stay live, and differ from {environment.settings_file}. To publish this file:")
        print(f"  .venv/bin/python -m chalicelib publish --stage {stage}", flush=True)
    with TemporaryDirectory() as scratch:
        project = Path(scratch, "project")
        chalice_project.export(project)
        StageConfig(project, stage).adapt(kept, function.settings_layers)
        domain = config.look_up("api_gateway_custom_domain")
        copied_state = DeployedState(project, stage)
        copied_state.write(state, api_id, read_domain(aws, domain) if domain else None)
        pip_environ = wheels.download(project, Path(scratch, "wheels"))
        chalice_project.package(project, stage, Path(scratch, "package"), pip_environ)
        chalice_project.deploy(project, stage, [*kept.values(), *config.variables.values()])
        state.file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copied_state.file, state.file)
    deployed = DeployedState(PROJECT, stage)
    apis.tag(str(deployed.api_id))
    _keep_log(aws, config)
    print(*_directions(deployed.url, settings), sep="\n")


def _account(stage: str) -> Aws:
    """The account and the region to deploy to."""
    if stage == stages.STACK:
        raise Refused("The stage `stack` is for `make package`. Deploy another stage: make deploy STAGE=dev")
    region = stages.environment_of_tool(stage).region
    if region in ("", UNKNOWN_REGION):
        raise Refused(f"Name the region to deploy to: export {DEFAULT_REGION}=eu-west-1")
    return Aws(region)


def _check_and_write_policy(stage: str, environment: Environment) -> Settings:
    """Check the settings with the environment that the function will have, and write the policy for them."""
    settings, warnings = bootstrap.inspect_settings(environment)
    print(*warnings, sep="\n", end="\n" * bool(warnings), file=sys.stderr)
    print(f"{stages.write_policy(stage, policy_of(settings, environment))} is written.", flush=True)
    return settings


def _keep_log(aws: Aws, config: StageConfig) -> None:
    """Make the log group of the function, where Lambda has not made the group yet, and set its retention."""
    group, days = f"/aws/lambda/{config.function}", config.look_up("log_retention_in_days")
    if days is None:
        return
    logs = aws.client("logs")
    read(logs, "create_log_group", "ResourceAlreadyExistsException", logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


def _directions(url: str, settings: Settings) -> list[str]:
    """Where the service is, and a command to try: curl asks for the secret of the key."""
    key = next((f"-u {key.id} " for key in settings.keys if not key.in_urls), "")
    return [f"The service is at {url}", f"  curl -L {key}{url}"]


if __name__ == "__main__":
    sys.exit(main())
