"""`.chalice/deployed/STAGE.json`: what Chalice 1.34 remembers of the last deployment, and needs to update an API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chalicelib.operator.aws import Aws, read
from chalicelib.operator.functions import Refused

_API: Final = "rest_api"
_DOMAIN: Final = "api_gateway_custom_domain"
_ROOT: Final = "(none)"  # API Gateway's name of the mapping without a path


class DeployedState:
    """The file of a stage.

    Args:
        project: the directory of `.chalice`.
        stage: the name of the stage.
    """

    def __init__(self, project: Path, stage: str) -> None:
        self.file = project / f".chalice/deployed/{stage}.json"
        try:
            resources = json.loads(self.file.read_text("utf-8"))["resources"]
            self._resources: dict[str, Any] = {resource["name"]: resource for resource in resources}
        except (OSError, ValueError, LookupError, TypeError):
            self._resources = {}  # the file is written anew

    @property
    def api_id(self) -> str | None:
        """The id of the REST API; None where the file names no API."""
        api_id: str | None = self._resources.get(_API, {}).get("rest_api_id")
        return api_id

    @property
    def url(self) -> str:
        """The URL of the REST API, after a deployment."""
        return str(self._resources[_API]["rest_api_url"])

    def check_account(self, account: str, region: str, found: str | None) -> None:
        """Check that the file is of this account and region.

        Args:
            account, region: where the command deploys to.
            found: the id of the API in this account and region.

        Raises:
            Refused: the file names an API that is not here.
        """
        parts = str(self._resources.get("api_handler", {}).get("lambda_arn", "")).split(":")
        elsewhere = len(parts) > 4 and (parts[4], parts[3]) != (account, region)
        if self.api_id is None or (found is not None and not elsewhere):
            return
        of = f" of account {parts[4]} in {parts[3]}" if elsewhere else ""
        raise Refused(
            f"{self.file} names the REST API {self.api_id}{of}. The account {account} has no such API in {region}. "
            "Take the credentials and the region of that API. Where this account and region are right, delete the "
            "file, or make a new API with another URL: NEW=1."
        )

    def write(self, source: "DeployedState", api_id: str | None, domain: dict[str, Any] | None) -> None:
        """Write what Chalice must know before a deployment. Chalice finds the function and the role by their names.

        Args:
            source: the file of the last deployment from this machine, which counts where it names the API.
            api_id: the API to update; None to make an API.
            domain: the entry of the domain, from `read_domain`.
        """
        if api_id is not None and source.api_id == api_id:
            # Chalice would fail where somebody has deleted the log group that it made, under a wrong name, before.
            resources = [each for each in source._resources.values() if each["resource_type"] != "log_group"]
        else:
            api = {"name": _API, "resource_type": "rest_api", "rest_api_id": api_id}
            resources = [each for each in (api if api_id else None, domain) if each]
        self.file.parent.mkdir(parents=True)
        self.file.write_text(json.dumps({"resources": resources, "schema_version": "2.0", "backend": "api"}))


def read_domain(aws: Aws, config: Mapping[str, str]) -> dict[str, Any]:
    """Return Chalice's entry of a custom domain: without the entry, Chalice fails where the domain leads to an API.

    The entry has the mapping of the stage alone, because Chalice deletes the other mappings of an entry.

    Args:
        aws: the account.
        config: `api_gateway_custom_domain` of the stage.
    """
    name, path = config["domain_name"], config.get("url_prefix", "").strip("/") or _ROOT
    place = {"domainName": name, "basePath": path}
    found = read(aws.client("apigateway"), "get_base_path_mapping", "NotFoundException", **place)
    api_mapping = [{"key": f"/{path}".replace(_ROOT, "")}] if found else []
    return {"name": _DOMAIN, "resource_type": "domain_name", "domain_name": name, "api_mapping": api_mapping}
