"""The file of a deployment, as Chalice reads it."""

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from chalice.config import Config

from chalicelib.operator.aws import Aws
from local.deployed_state import DeployedState, read_domain


class Gateway:
    """API Gateway with a domain that leads to APIs at two paths."""

    def get_base_path_mapping(self, domainName: str, basePath: str) -> dict[str, Any]:
        """Return a mapping of a domain."""
        if domainName != "files.example.com" or basePath not in ("(none)", "v1"):
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "GetBasePathMapping")
        return {"basePath": basePath}


class Account(Aws):
    """An account that has API Gateway alone."""

    def client(self, service: str, region: str | None = None) -> Gateway:
        """Return the client of API Gateway."""
        return Gateway()


def test_chalice_updates_the_api_and_the_domain_that_the_file_names(tmp_path: Path) -> None:
    """Without the mapping of a domain that leads to the API, Chalice fails; it deletes the mapping of another API."""
    aws, state = Account("eu-west-1"), DeployedState(tmp_path, "dev")
    assert state.api_id is None
    domain = {"domain_name": "files.example.com"}
    state.write(state, "api", read_domain(aws, domain))
    read = Config("dev", config_from_disk={"project_dir": str(tmp_path)}).deployed_resources("dev")
    assert read.resource_values("rest_api")["rest_api_id"] == "api"
    assert read.resource_values("api_gateway_custom_domain")["api_mapping"] == [{"key": "/"}]
    log_group = {"name": "log", "resource_type": "log_group", "log_group_name": "/aws/lambda/signpost-dev-api_handler"}
    state.file.write_text(json.dumps({"resources": [*json.loads(state.file.read_text())["resources"], log_group]}))
    (copy := DeployedState(tmp_path / "copy", "dev")).write(DeployedState(tmp_path, "dev"), "api", None)
    names = [each["name"] for each in json.loads(copy.file.read_text())["resources"]]
    assert names == ["rest_api", "api_gateway_custom_domain"]
    for changed, mapping in (({"url_prefix": "v1"}, [{"key": "/v1"}]), ({"domain_name": "new.example.com"}, [])):
        assert read_domain(aws, domain | changed)["api_mapping"] == mapping
