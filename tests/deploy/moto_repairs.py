"""Repairs of moto 5.2.5 for deployments; each class names one difference from AWS.

All of this runs in the process of `tests.deploy.aws_account`, so nothing leaks into the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from moto.apigateway import urls
from moto.apigateway.responses import APIGatewayResponse
from moto.core.exceptions import AccessDeniedError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import IAMRequest
from werkzeug.test import run_wsgi_app

from local.embedded_s3.authentication import ACCESS_KEY
from local.embedded_s3.errors import access_denied
from local.embedded_s3.target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RestApiImport(APIGatewayResponse):
    """Imports the Swagger 2.0 that Chalice writes.

    moto requires an `info.description` and OpenAPI 3, which AWS does not, and moto ignores the endpoint type and the
    binary types: API Gateway REST API Reference, ImportRestApi and PutRestApi; Developer Guide, "API Gateway
    extensions to OpenAPI", x-amazon-apigateway-binary-media-types.
    """

    def import_rest_api(self) -> Any:
        document = json.loads(self.body)
        endpoint: Any = {"types": [self._get_param("endpointConfigurationTypes", "EDGE")]}
        api = self.backend.create_rest_api(document["info"]["title"], "", endpoint_configuration=endpoint)
        return self._define(api.id, document, "merge")

    def put_rest_api(self) -> Any:
        api_id = self.path.removeprefix("/restapis/").split("/")[0]
        return self._define(api_id, json.loads(self.body), self._get_param("mode", "merge"))

    def _define(self, api_id: str, document: dict[str, Any], mode: str) -> Any:
        del document["swagger"]
        api = self.backend.put_rest_api(api_id, document, fail_on_warnings=False, mode=mode)
        api.binaryMediaTypes = document["x-amazon-apigateway-binary-media-types"]
        return 200, {}, json.dumps(api.to_dict())


def install_rest_api_import() -> None:
    """Let `RestApiImport` answer in place of moto's own class. Call this before the server is made."""
    for pattern, handler in urls.url_paths.items():
        if handler == APIGatewayResponse.dispatch:
            urls.url_paths[pattern] = RestApiImport.dispatch


@dataclass(frozen=True)
class Caller:
    """The signer of a request, whose permissions moto's IAM decides.

    moto itself reads only the `Authorization` header, so a presigned request fails. For every service except S3, moto
    asks IAM about the resource `*`, which no policy that names its resources allows. Here IAM gets the right question.

    Args:
        credential: of the signature: key, date, region, service, `aws4_request`.
        token: of the session; empty for none.
    """

    credential: str
    token: str

    def may(self, action: str, resource: str) -> bool:
        """Whether the policies of the caller allow an action; the account's own key may do everything.

        Args:
            action: without the name of the service, which the credential has.
            resource: its ARN.
        """
        if self.credential.startswith(f"{ACCESS_KEY}/"):
            return True
        headers = {"Authorization": f"Credential={self.credential},", "X-Amz-Security-Token": self.token}
        question = IAMRequest(DEFAULT_ACCOUNT_ID, "", "", {}, b"", headers, action)
        try:
            question.check_action_permitted(resource)
        except AccessDeniedError:
            return False
        return True


# "Actions, resources, and condition keys for Amazon S3", Service Authorization Reference; "Multipart upload API and
# permissions" of the User Guide: the action of a method, and its action with a versionId or an uploadId.
OBJECT_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "DELETE": "DeleteObject"}  # else PutObject
VERSION_ACTIONS = {"GET": "GetObjectVersion", "HEAD": "GetObjectVersion", "DELETE": "DeleteObjectVersion"}
UPLOAD_ACTIONS = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}


class ObjectPermissions:
    """Checks the permissions of S3 before `app`; signatures were verified. A role may at most list a bucket."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target = S3Target.parse(environ["REQUEST_URI"])
        caller = _s3_caller(environ, target.parameters())
        bucket = f"arn:aws:s3:::{target.bucket}"
        if not all(caller.may(action, f"{bucket}{unquote(path)}") for action, path in _questions(environ, target)):
            return access_denied("Access Denied")(environ, start_response)
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        # GetObject, HeadObject, "Permissions": S3 hides a missing object from a caller who may not list the bucket.
        if status.startswith("404") and not caller.may("ListBucket", bucket):
            return access_denied("Access Denied")(environ, start_response)
        start_response(status, headers.to_wsgi_list())
        return body


def _questions(environ: WSGIEnvironment, target: S3Target) -> Iterable[tuple[str, str]]:
    """The actions of a request, each with the path of its resource in the bucket."""
    method = environ["REQUEST_METHOD"]
    path = target.path.removeprefix("/").partition("/")[2]
    if not path:
        return [("ListBucket" if method == "GET" and "list-type" in target.parameters() else "OfTheBucketItself", "")]
    special = {"uploadId": UPLOAD_ACTIONS, "versionId": VERSION_ACTIONS}
    found = [actions[method] for name, actions in special.items() if name in target.parameters() and method in actions]
    action = found[0] if found else OBJECT_ACTIONS.get(method, "PutObject")
    # PutObject and CreateMultipartUpload, "Permissions": tags need an action of their own.
    tagging = ["PutObjectTagging"] if "HTTP_X_AMZ_TAGGING" in environ else []
    return [(action, f"/{path}") for action in (action, *tagging)]


def _s3_caller(environ: WSGIEnvironment, parameters: Mapping[str, list[str]]) -> Caller:
    if "X-Amz-Credential" in parameters:
        return Caller(parameters["X-Amz-Credential"][0], parameters.get("X-Amz-Security-Token", [""])[0])
    return _header_caller(environ)


def _header_caller(environ: WSGIEnvironment) -> Caller:
    credential = re.search("Credential=([^,]+)", environ["HTTP_AUTHORIZATION"])
    assert credential
    return Caller(credential[1], environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))


# The same reference for the other services: the end of the ARN, from the body of the request.
RESOURCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "logs": lambda body: f"log-group:{body.get('logGroupName')}:log-stream:{body.get('logStreamName', '')}",
    "dynamodb": lambda body: f"table/{body.get('TableName')}",
    "secretsmanager": lambda body: f"secret:{body.get('SecretId', '').rpartition(':secret:')[2]}",
    "ssm": lambda body: f"parameter/{body.get('Name', '').rpartition(':parameter/')[2]}",
}


class ServicePermissions:
    """Checks the permissions of the services with JSON before `app`; a role may not use other services."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        caller = _header_caller(environ)
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = BytesIO(body)
        _, _, region, service, _ = caller.credential.split("/")
        name = RESOURCES[service](json.loads(body)) if service in RESOURCES else "*"
        if not caller.may(action, f"arn:aws:{service}:{region}:{DEFAULT_ACCOUNT_ID}:{name}"):
            start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [json.dumps({"__type": "AccessDeniedException", "message": f"{service}:{action}"}).encode()]
        return self._app(environ, start_response)
