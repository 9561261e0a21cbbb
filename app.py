"""The entry points, without logic: `app` answers events of a REST API, `function_url` events of a Function URL."""

from typing import Any

from chalice.app import Chalice

from chalicelib import bootstrap
from chalicelib.events import function_url as function_url_events
from chalicelib.events import rest_api as rest_api_events


class RestApi(Chalice):
    """The handler of a REST API. Chalice deploys its routes and serves them in `chalice local`.

    Chalice's own code around a view takes as long as a bare redirect, and fails for some requests: it answers 400 to a
    client without `Accept`, and 500 to an event that it does not know (FACTS 2.5, 2.7). So it does not run here.
    """

    def __call__(self, event: object, context: Any) -> dict[str, object]:
        """Answer an event of a REST API."""
        request = rest_api_events.to_request(event, bootstrap.deadline(context))
        return rest_api_events.from_reply(bootstrap.application().handle(request))


bootstrap.start()

app = RestApi("signpost")
# For the whole API: without */* a binary reply depends on the first type in the client's Accept (FACTS 1.13).
app.api.binary_types = ["*/*"]

if bootstrap.is_chalice_cli():
    from local.api_gateway import rest_api as local_rest_api

    local_rest_api.install()


# content_types=[] lets every type through: for other types than these, Chalice would answer 415 (FACTS 2.4).
@app.route(rest_api_events.ROOT, methods=[*rest_api_events.METHODS], content_types=[])
@app.route(rest_api_events.ALL_OTHERS, methods=[*rest_api_events.METHODS], content_types=[])
def rest_api() -> None:
    """Name the routes that Chalice deploys. `RestApi` answers the events, so this view never runs."""


def function_url(event: object, context: Any) -> dict[str, object]:
    """Answer an event of a Function URL, which Chalice does not understand (FACTS 2.7)."""
    request = function_url_events.to_request(event, bootstrap.deadline(context))
    return function_url_events.from_reply(bootstrap.application().handle(request))
