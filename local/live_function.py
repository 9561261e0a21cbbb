"""The function of a stage as it runs now: its variables and its layer of published settings, which deployments keep."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core.access.issuers import Issuer
from chalicelib.operator.aws import Aws, read
from chalicelib.operator.functions import Refused
from chalicelib.operator.settings_layer import SettingsLayer, read_settings_files
from chalicelib.settings.load import InvalidSettings


class LiveFunction:
    """A function. Its values may be secrets, so it has no repr that shows a value.

    Args:
        name: of the function, which Chalice gives.
        configuration: the answer of GetFunctionConfiguration; empty where there is no function yet.
        layer: of the published settings.
    """

    def __init__(self, name: str, configuration: Mapping[str, Any], layer: SettingsLayer) -> None:
        environment = configuration.get("Environment", {})
        if "Error" in environment:
            raise Refused(
                f"Lambda cannot decrypt the variables of {name}, so this deployment would lose the variables that are "
                "not in .chalice/config.json. Give your credentials kms:Decrypt on the function's key."
            )
        self.arn = configuration.get("FunctionArn")
        self.variables: Mapping[str, str] = environment.get("Variables", {})
        self._configuration, self._layer = configuration, layer
        self.settings_layers = layer.arns_in(configuration)

    def by_hand(self, written: Mapping[str, str], removed: Iterable[str]) -> dict[str, str]:
        """Return the variables that only the function has, except the variables to remove.

        Raises:
            Refused: a variable to remove is in .chalice/config.json.
        """
        for name in removed:
            if name in written:
                raise Refused(f"{name} is in .chalice/config.json: remove {name} there, not with REMOVE={name}.")
        return {name: value for name, value in self.variables.items() if name not in {*written, *removed}}

    def changes(self, written: Mapping[str, str], removed: Iterable[str]) -> Iterator[str]:
        """Yield lines that name, without a value, each variable that this deployment replaces, removes or keeps."""
        replaced = [name for name, value in self.variables.items() if written.get(name, value) != value]
        if replaced:
            yield f"Replaced by the values in .chalice/config.json: {_names(replaced)}."
        if gone := [name for name in removed if name in self.variables]:
            yield f"Removed from the function: {_names(gone)}."
        if absent := {*removed} - {*gone}:
            yield f"Not removed, because the function does not have them: {_names(absent)}."
        if kept := self.by_hand(written, removed):
            yield (
                f"Kept, though not in .chalice/config.json: {_names(kept)}. Write each variable into "
                "environment_variables of the stage, or remove it from the function with REMOVE=NAME."
            )

    def has_published_other_settings(self, settings_file: str, issuers: Sequence[Issuer]) -> bool:
        """Whether the published settings, which stay live, differ from a file. The keys of issuers do not count."""
        if not self.settings_layers:
            return False
        version = self._layer.version_in(self._configuration)
        try:
            files = read_settings_files(settings_file, issuers)
        except InvalidSettings:  # nobody can have published the file as it is
            return True
        return version is None or version.settings_digest != files.settings_digest


def read_function(aws: Aws, name: str) -> LiveFunction:
    """Return a function of the account."""
    client = aws.client("lambda")
    configuration = read(client, "get_function_configuration", "ResourceNotFoundException", FunctionName=name)
    return LiveFunction(name, configuration or {}, SettingsLayer(client, name))


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
