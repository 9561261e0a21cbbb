"""The REST API of a stage, which the command finds in the account, so that each machine updates the same API.

Chalice itself knows its API only from `.chalice/deployed/STAGE.json`, which git ignores. Without this file, or with a
file of another API, Chalice makes a second API with another URL.
"""

from collections.abc import Iterator
from typing import Any, Final

from chalicelib.core.s3.stores import partition
from chalicelib.operator.aws import Aws
from chalicelib.operator.functions import Refused

from .stage_config import StageConfig

_APP_TAG: Final = "signpost:app"
_STAGE_TAG: Final = "signpost:stage"


class RestApis:
    """The REST APIs of a stage.

    Args:
        aws: the account.
        config: of the stage.
        function: the ARN of the function; None where there is no function yet.
    """

    def __init__(self, aws: Aws, config: StageConfig, function: str | None) -> None:
        self._aws, self._function, self._name = aws, function, config.app
        self._gateway = aws.client("apigateway")
        self._tags = {_APP_TAG: config.app, _STAGE_TAG: config.stage}
        apis = [api for page in self._gateway.get_paginator("get_rest_apis").paginate() for api in page["items"]]
        self.tagged = [str(api["id"]) for api in apis if self._tags.items() <= api.get("tags", {}).items()]
        self.found = self.tagged or list(self._leading(apis))

    def _leading(self, apis: list[dict[str, Any]]) -> Iterator[str]:
        """Yield the APIs that invoke the function: an earlier release, or an interrupted deployment, set no tags."""
        target = f"/functions/{self._function}/invocations"
        resources = self._gateway.get_paginator("get_resources")
        for api in apis:
            if api["name"] != self._name or self._function is None:
                continue
            pages = resources.paginate(restApiId=api["id"], embed=["methods"])
            methods = (
                method
                for page in pages
                for resource in page["items"]
                for method in resource.get("resourceMethods", {}).values()
            )
            if any(method.get("methodIntegration", {}).get("uri", "").endswith(target) for method in methods):
                yield str(api["id"])

    def only(self) -> str | None:
        """Return the id of the only API; None for no API.

        Raises:
            Refused: there are several APIs.
        """
        if len(self.found) > 1:
            tags = ",".join(f"{name}={value}" for name, value in self._tags.items())
            raise Refused(
                f"There are {len(self.found)} REST APIs for this stage: {', '.join(self.found)}. Delete each API that "
                "nobody uses:\n  aws apigateway delete-rest-api --rest-api-id ID\n"
                "Where you need several APIs, this command updates the only API that has the tags:\n"
                f"  aws apigateway tag-resource --resource-arn {self._arn('ID')} --tags {tags}"
            )
        return self.found[0] if self.found else None

    def tag(self, api_id: str) -> None:
        """Give the tags to one API, and take the tags from all others."""
        for other in self.tagged:
            if other != api_id:
                self._gateway.untag_resource(resourceArn=self._arn(other), tagKeys=[*self._tags])
        self._gateway.tag_resource(resourceArn=self._arn(api_id), tags=self._tags)

    def _arn(self, api_id: str) -> str:
        name, _ = partition(self._aws.region)
        return f"arn:{name}:apigateway:{self._aws.region}::/restapis/{api_id}"
