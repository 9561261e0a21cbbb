"""Repairs of moto 5.2.5 for deployments; each class names a difference from AWS.

All of this runs in the process of `tests.deploy.aws_account`, so nothing leaks into the tests.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import moto.apigateway.urls
import moto.awslambda.urls
from moto.apigateway.responses import APIGatewayResponse
from moto.awslambda.responses import LambdaResponse
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import AccessDeniedError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import IAMRequest
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.test import run_wsgi_app

from local.embedded_s3.authentication import ACCESS_KEY
from local.embedded_s3.errors import access_denied
from local.embedded_s3.target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RestApis(APIGatewayResponse):
    """Imports the Swagger 2.0 that Chalice writes, and tags the API; moto tags only stages.

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

    def tag_resource(self) -> Any:
        self._tagged_api().tags |= self._get_param("tags")
        return 204, {}, ""

    def untag_resource(self) -> Any:
        for name in self.querystring["tagKeys"]:
            self._tagged_api().tags.pop(name, None)
        return 204, {}, ""

    def _tagged_api(self) -> Any:
        return self.backend.get_rest_api(unquote(self.path).rpartition("/restapis/")[2])

    def _define(self, api_id: str, document: dict[str, Any], mode: str) -> Any:
        del document["swagger"]
        api = self.backend.put_rest_api(api_id, document, fail_on_warnings=False, mode=mode)
        api.binaryMediaTypes = document["x-amazon-apigateway-binary-media-types"]
        return 200, {}, json.dumps(api.to_dict())


class FunctionCode(LambdaResponse):
    """Returns the code of a function as a `data:` URL; AWS returns a presigned URL (GetFunction), moto nothing."""

    def get_function(self) -> str:
        answer = json.loads(super().get_function())
        code = self.backend.get_function(answer["Configuration"]["FunctionName"]).code_bytes
        answer["Code"] = {"Location": f"data:application/zip;base64,{b64encode(code).decode()}"}
        return json.dumps(answer)


def install() -> None:
    """Let these classes answer in place of moto's own classes. Call this before the server is made."""
    repairs = {
        APIGatewayResponse: (moto.apigateway.urls, RestApis),
        LambdaResponse: (moto.awslambda.urls, FunctionCode),
    }
    for own, (urls, repaired) in repairs.items():
        for pattern, handler in urls.url_paths.items():
            if handler == own.dispatch:
                urls.url_paths[pattern] = repaired.dispatch
    moto.apigateway.urls.url_paths["{0}/tags/(?P<arn>arn:[^/]+)/restapis/(?P<api>[^/]+)$"] = RestApis.dispatch


class StackSecret(CloudFormationModel):
    """A secret that a stack makes, which moto does not know: AWS::SecretsManager::Secret, where `Ref` is the ARN.

    moto finds this class by its base.
    """

    def __init__(self, arn: str) -> None:
        self.physical_resource_id = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Id"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> StackSecret:
        length = cloudformation_json["Properties"]["GenerateSecretString"]["PasswordLength"]
        absent = dict.fromkeys(("secret_binary", "description", "tags", "kms_key_id", "client_request_token"))
        created = secretsmanager_backends[account_id][region_name].create_secret(
            resource_name, secret_string=token_hex(length)[:length], replica_regions=[], force_overwrite=False, **absent
        )
        return cls(json.loads(created)["ARN"])

    def delete(self, account_id: str, region_name: str) -> None:
        backend = secretsmanager_backends[account_id][region_name]
        backend.delete_secret(self.physical_resource_id, None, force_delete_without_recovery=True)

    def is_created(self) -> bool:
        return True


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
BUCKET_ACTIONS = {"list-type": "ListBucket", "versions": "ListBucketVersions", "versioning": "GetBucketVersioning"}
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
        found = [action for name, action in BUCKET_ACTIONS.items() if method == "GET" and name in target.parameters()]
        return [(found[0] if found else "OfTheBucketItself", "")]
    special = {"uploadId": UPLOAD_ACTIONS, "versionId": VERSION_ACTIONS}
    found = [actions[method] for name, actions in special.items() if name in target.parameters() and method in actions]
    action = found[0] if found else OBJECT_ACTIONS.get(method, "PutObject")
    # PutObject and CreateMultipartUpload, "Permissions": tags need an action of their own.
    tagging = ["PutObjectTagging"] if "HTTP_X_AMZ_TAGGING" in environ else []
    # CopyObject, "Permissions": a copy of a version reads the version.
    source = ["GetObjectVersion"] if "?versionId=" in environ.get("HTTP_X_AMZ_COPY_SOURCE", "") else []
    return [(action, f"/{path}") for action in (action, *tagging, *source)]


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
