"""A stage in `.chalice/config.json`: read as Chalice reads the stage, and adapted in a copy for one deployment."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chalicelib.stages import function_name, variables_of

_HANDLER: Final = "api_handler"  # Chalice's name of the function behind the REST API


class StageConfig:
    """The configuration of a stage.

    Args:
        project: the directory of `.chalice/config.json`, whose stage exists: `chalicelib.stages` checks this.
        stage: the name of the stage.
    """

    def __init__(self, project: Path, stage: str) -> None:
        self._file = project / ".chalice/config.json"
        self._config: dict[str, Any] = json.loads(self._file.read_text("utf-8"))
        self._stage = self._config["stages"][stage]
        self.stage, self.app = stage, str(self._config["app_name"])
        self.function = function_name(stage)
        self.variables = variables_of(stage)

    def look_up(self, name: str) -> Any:
        """Return a value, from the most special place that has the value; None where no place has the value."""
        handlers = (each.get("lambda_functions", {}).get(_HANDLER, {}) for each in (self._stage, self._config))
        own, general = handlers
        return next((each[name] for each in (own, self._stage, general, self._config) if name in each), None)

    def adapt(self, variables: Mapping[str, str], layers: Sequence[str]) -> None:
        """Add variables and layers to the file, and remove the retention of the log.

        Chalice 1.34 sets the retention on a group that has the name of the role, where the function never logs.
        """
        own = self._stage.setdefault("lambda_functions", {}).setdefault(_HANDLER, {})
        own["layers"] = [*(self.look_up("layers") or ()), *layers]
        own["environment_variables"] = {**own.get("environment_variables", {}), **variables}
        for place in (own, self._stage, *self._config.get("lambda_functions", {}).values(), self._config):
            place.pop("log_retention_in_days", None)
        self._file.write_text(json.dumps(self._config), "utf-8")
