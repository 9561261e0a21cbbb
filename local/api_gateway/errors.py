"""The error answers of API Gateway and of a Function URL themselves, which the app never sees."""

import json

from chalice import local

from chalicelib.core.web.problems import uploads


class BadRequest(local.LocalGatewayException):
    """The request is malformed."""

    CODE = 400

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Bad Request"}')


class MissingAuthenticationToken(local.ForbiddenError):
    """No route matches: API Gateway's answer to an unknown path."""

    def __init__(self) -> None:
        super().__init__(
            {"x-amzn-ErrorType": "MissingAuthenticationTokenException"}, b'{"message":"Missing Authentication Token"}'
        )


class LengthRequired(local.LocalGatewayException):
    """The body is chunked, and S3 would refuse it after the redirect (FACTS 3.2)."""

    CODE = 411

    def __init__(self) -> None:
        refusal = uploads.LengthRequired()
        problem = {
            "type": "about:blank",
            "title": refusal.title,
            "status": refusal.status,
            "code": refusal.code,
            "detail": refusal.detail,
        }
        super().__init__({"Content-Type": "application/problem+json"}, json.dumps(problem).encode())


class RequestTooLong(local.LocalGatewayException):
    """The body is longer than API Gateway allows."""

    CODE = 413

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Request Too Long"}')


class InternalServerError(local.LocalGatewayException):
    """The function of a Function URL raised an exception, or set a header that is reserved for the platform."""

    CODE = 500

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Internal Server Error"}')


class BadGateway(local.LocalGatewayException):
    """The app behind the REST API raised an exception. On Lambda the invocation fails, and this is the whole answer."""

    CODE = 502

    def __init__(self) -> None:
        super().__init__({"x-amzn-ErrorType": "InternalServerErrorException"}, b'{"message": "Internal server error"}')
