"""`python -m chalicelib publish`: makes settings live without a deployment, and goes back to the settings before."""

import os
from collections.abc import Callable
from functools import partial
from typing import Final

from chalicelib.backends.cdn_keys import is_file
from chalicelib.backends.issuer_snapshot import is_url, source_of
from chalicelib.environment import Environment
from chalicelib.issuer_snapshots import describe, fetch_snapshot
from chalicelib.settings.load import InvalidSettings, Settings

from .aws import Aws
from .checks import reason_of
from .functions import Function, Refused, Say, Sleep, functions_named, names_in_stack, names_in_stage
from .settings_layer import SettingsFiles, SettingsLayer, SettingsVersion, read_settings_files

_NONE: Final = "no published settings"


class Deployment:
    """The published settings of a deployment, and the functions that read them.

    Args:
        layer: the versions of the settings.
        functions: all functions of the deployment.
        option: names the deployment on the command line: `--stage dev`.
        say: prints a line.
    """

    def __init__(self, layer: SettingsLayer, functions: list[Function], option: str, say: Say) -> None:
        self._layer = layer
        self._functions = functions
        self._option = option
        self._say = say

    def publish(self, files: SettingsFiles) -> None:
        """Publish files, and make them live; raise Refused.

        A run that was interrupted can begin again. Files that are live are not published again.
        """
        live = self._live()
        newest = _newest(live)
        if newest is None or not newest.has(files):
            version = self._layer.publish(files, newest)
            self._say(f"{self._layer.name}: version {version.number} is published.")
        elif all(version == newest for version in live.values()):
            self._say(f"These settings are live already, as version {newest.number}. Nothing is published.")
            return
        else:
            version = newest
        self._make_live(version, live)

    def roll_back(self) -> None:
        """Make the version live that was live before; raise Refused where there is none."""
        live = self._live()
        newest = _newest(live)
        version = self._layer.version(newest.previous) if newest else None
        if version is None:
            state = f"version {newest.number} of {self._layer.name} is live" if newest else f"{_NONE} are live"
            raise Refused(
                f"There is no earlier version: {state}. Publish the settings of an earlier commit:\n"
                f"git checkout COMMIT && python -m chalicelib publish {self._option}"
            )
        self._make_live(version, live)

    def _live(self) -> dict[Function, SettingsVersion | None]:
        for function in self._functions:
            function.prepare()
        return {function: self._layer.version_in(function.live()) for function in self._functions}

    def _make_live(self, version: SettingsVersion, before: dict[Function, SettingsVersion | None]) -> None:
        """Point all functions to a version, try each function, and only then move aliases."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for function in self._functions:
                function.update(partial(self._layer.layers_with, version))
            for function in self._functions:
                refusal = function.refusal()
                if refusal:
                    self._put_back(before)
                    raise Refused(
                        f"{function.name} cannot start with version {version.number}: {refusal}. Its log says why. All "
                        "functions have the settings that they had before. Publish from the commit that is deployed."
                    )
            for function in self._functions:
                function.release()
        except Refused as refused:
            raise Refused(self._with_states(str(refused))) from None
        except (BotoCoreError, ClientError) as error:
            text = f"{reason_of(error)}. Run the command again, or go back with --rollback."
            raise Refused(self._with_states(text)) from None
        self._report(version)

    def _put_back(self, before: dict[Function, SettingsVersion | None]) -> None:
        for function, version in before.items():
            function.update(partial(self._layer.layers_with, version))

    def _with_states(self, text: str) -> str:
        return "\n".join((text, *map(self._state, self._functions)))

    def _state(self, function: Function) -> str:
        """Return the version of a function as a line, after a failure that may last."""
        try:
            version = self._layer.version_in(function.live())
        except Exception as error:
            return f"{function.name}: not known: {reason_of(error)}"
        return f"{function.name}: {f'version {version.number}' if version else _NONE}"

    def _report(self, version: SettingsVersion) -> None:
        for function in self._functions:
            self._say(f"{function.name}: version {version.number} is live.")
        if version.previous:
            back = f"python -m chalicelib publish {self._option} --rollback"
            self._say(f"Back to version {version.previous}: {back}")
        else:
            self._say("There is no earlier version to go back to.")
        if self._option.startswith("--stack"):
            self._say(f"At the next update of the stack: --parameter-overrides SettingsLayer={version.arn}")


def files_of(environment: Environment, settings: Settings, clock: Callable[[], float], say: Say) -> SettingsFiles:
    """Return the files to publish, after a fetch of the issuers' keys; raise InvalidSettings.

    Where an issuer does not answer, the keys in the snapshot at hand stay.

    Args:
        environment: names the settings file.
        settings: in that file.
        clock: returns the Unix time in seconds.
        say: prints a warning.
    """
    directory = os.path.dirname(environment.settings_file)
    if any(is_url(source_of(issuer)) for issuer in settings.issuers):
        for failure in fetch_snapshot(settings.issuers, directory, clock):
            say(f"{failure}; the keys of an earlier fetch are published")
    files = [mount.cdn.domain for mount in settings.mounts if mount.cdn and is_file(mount.cdn.private_key)]
    if files:
        text = (
            "the private_key of the cdn {} is a file, which is not published: write ${{NAME}}, and set NAME to an ARN"
        )
        raise InvalidSettings([text.format(domain) for domain in files])
    describe(settings.issuers, directory, clock())  # raises where a file of keys cannot be used
    return read_settings_files(environment.settings_file, settings.issuers)


def deployment_of(aws: Aws, stage: str | None, stack: str | None, sleep: Sleep, say: Say) -> Deployment:
    """Return the deployment of a stage, or of a stack; raise Refused or InvalidSettings.

    Args:
        aws: the clients.
        stage: the name of a stage that `chalice deploy` deployed; None for a stack.
        stack: the name of the stack.
        sleep: waits for a number of seconds.
        say: prints a line.
    """
    names = names_in_stage(stage) if stage else names_in_stack(aws, str(stack))
    layer = SettingsLayer(aws.client("lambda"), names[0] if stage else str(stack))
    option = f"--stage {stage}" if stage else f"--stack {stack}"
    return Deployment(layer, functions_named(aws, names, sleep, say), option, say)


def _newest(live: dict[Function, SettingsVersion | None]) -> SettingsVersion | None:
    """The newest version that a function has: after an interrupted run, not all functions have it."""
    return max((version for version in live.values() if version), default=None)
