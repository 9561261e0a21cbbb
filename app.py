"""The doors: Chalice routes for a REST API, one handler for a Function URL. No logic."""

from typing import Any, Final

from chalice.app import CaseInsensitiveMapping, Chalice, Response

from chalicelib import wiring
from chalicelib.events import function_url as function_url_events
from chalicelib.events import rest_api as rest_api_events
from chalicelib.events.body import encoded

# All that API Gateway knows, so that the methods we do not offer are refused in our words, not in its own (FACTS 1.10).
_METHODS: Final = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]


# Chalice answers 400 where a binary reply meets no matching Accept (FACTS 2.5); it looks after the view has run.
_ACCEPTS_ALL: Final = CaseInsensitiveMapping({"accept": "*/*"})


class BinaryResponse(Response):
    """A response whose body is bytes, and leaves as base64: no type of content is a special case (FACTS 2.5)."""

    def to_dict(self, binary_types: list[str] | None = None) -> dict[Any, Any]:
        """Return the response in the form of a Lambda proxy integration, whatever its type is."""
        body = encoded(self.body)
        headers = {"headers": self.headers, "multiValueHeaders": {}}
        return {**headers, "statusCode": self.status_code, "body": body, "isBase64Encoded": True}


class RestApi(Chalice):
    """Chalice, but for events that it does not know: its own answer, a 500, explains nothing (FACTS 2.7)."""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer an event; one of another kind than a REST API's is refused in a form that all others understand."""
        if rest_api_events.accepts(event):
            answer: dict[str, Any] = super().__call__(event, context)
            return answer
        request = rest_api_events.to_refusal(event, wiring.deadline(context))
        return function_url_events.from_reply(wiring.exchange().handle(request))


app = RestApi("signpost")
# For the whole API: without */* a binary reply depends on the first type in the client's Accept (FACTS 1.13).
app.api.binary_types = ["*/*"]

if wiring.under_chalice_cli():
    from local.api_gateway import rest_api as local_rest_api

    local_rest_api.install()


# No content types: Chalice would answer 415 to others (FACTS 2.4). /{proxy+} gives its view no argument (FACTS 2.1).
@app.route("/", methods=_METHODS, content_types=[])
@app.route("/{proxy+}", methods=_METHODS, content_types=[])
def rest_api() -> Response:
    """Answer a REST API event."""
    current: Any = app.current_request
    request = rest_api_events.to_request(current.to_original_event(), wiring.deadline(app.lambda_context))
    current.headers = _ACCEPTS_ALL
    return BinaryResponse(**rest_api_events.from_reply(wiring.exchange().handle(request)))


def function_url(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a Function URL event (payload v2), which Chalice itself does not understand (FACTS 2.7)."""
    request = function_url_events.to_request(event, wiring.deadline(context))
    return function_url_events.from_reply(wiring.exchange().handle(request))
