"""The events as types: the fields that the service reads.

The other modules import this module for annotations alone, so that no start of a function loads it.
"""

from typing import NotRequired, TypedDict


class RestApiIdentity(TypedDict, total=False):
    """`requestContext.identity` of an event."""

    sourceIp: str


class RestApiContext(TypedDict):
    """`requestContext` of an event."""

    resourcePath: str
    httpMethod: NotRequired[str]
    path: NotRequired[str | None]
    identity: NotRequired[RestApiIdentity | None]
    requestId: NotRequired[str]


class RestApiEvent(TypedDict):
    """An event of a REST API: the fields that the service reads. API Gateway sends null for an empty map."""

    requestContext: RestApiContext
    httpMethod: NotRequired[str]
    path: NotRequired[str | None]
    pathParameters: NotRequired[dict[str, str] | None]
    queryStringParameters: NotRequired[dict[str, str] | None]
    multiValueQueryStringParameters: NotRequired[dict[str, list[str]] | None]
    headers: NotRequired[dict[str, str] | None]
    multiValueHeaders: NotRequired[dict[str, list[str]] | None]
    body: NotRequired[str | None]
    isBase64Encoded: NotRequired[bool]


class FunctionUrlHttp(TypedDict, total=False):
    """`requestContext.http` of an event."""

    method: str
    sourceIp: str


class FunctionUrlContext(TypedDict):
    """`requestContext` of an event."""

    stage: str
    http: FunctionUrlHttp
    domainName: NotRequired[str]
    requestId: NotRequired[str]


class FunctionUrlEvent(TypedDict):
    """An event of a Function URL: the fields that the service reads. Emulators send null for some fields."""

    version: str
    requestContext: FunctionUrlContext
    rawPath: NotRequired[str | None]
    rawQueryString: NotRequired[str | None]
    headers: NotRequired[dict[str, str] | None]
    cookies: NotRequired[list[str] | None]
    body: NotRequired[str | None]
    isBase64Encoded: NotRequired[bool]
