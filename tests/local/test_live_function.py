"""What a deployment keeps of a function, with a stand-in for Lambda. tests/deploy/test_deploy.py has the rest."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.operator.functions import Refused
from chalicelib.operator.settings_layer import SettingsLayer, read_settings_files
from local.live_function import LiveFunction

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:signpost-dev-settings:1"


class Lambda:
    """Lambda with the last published version of one layer."""

    description = ""

    def publish_layer_version(self, **version: Any) -> dict[str, Any]:
        """Publish a version."""
        self.description = version["Description"]
        return {"Version": 1, "LayerVersionArn": ARN}

    def get_layer_version(self, **_: Any) -> dict[str, Any]:
        """Return the version."""
        return {"LayerVersionArn": ARN, "Description": self.description}


def test_published_settings_are_compared_with_the_file(tmp_path: Path) -> None:
    file, client = tmp_path / "signpost.toml", Lambda()
    file.write_text("# one\n")
    layer = SettingsLayer(client, "signpost-dev")  # type: ignore[arg-type]
    layer.publish(read_settings_files(str(file), ()), None)
    functions = [LiveFunction("signpost-dev", {"Layers": layers}, layer) for layers in ([{"Arn": ARN}], [])]
    assert [each.has_published_other_settings(str(file), ()) for each in functions] == [False, False]
    file.write_text("# two\n")
    assert [each.has_published_other_settings(str(file), ()) for each in functions] == [True, False]
    file.unlink()
    assert functions[0].has_published_other_settings(str(file), ())


def test_variables_that_nobody_can_read_are_not_lost() -> None:
    environment = {"Error": {"ErrorCode": "AccessDeniedException"}}
    with pytest.raises(Refused, match="Lambda cannot decrypt the variables of signpost-dev"):
        LiveFunction("signpost-dev", {"Environment": environment}, SettingsLayer(Lambda(), "signpost-dev"))  # type: ignore[arg-type]
