"""Events that no entry point is for: refused with an explanation, never read as another request, never a failure."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import Event, rest_event, url_event
from tests.support.entry_points import at_function_url, at_rest_api

pytestmark = pytest.mark.usefixtures("doors")

LOAD_BALANCER: Event = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/1"}},
    "httpMethod": "GET",
    "path": "/public/a.txt",
    "queryStringParameters": {},
    "headers": {"host": "files.example.com"},
    "body": "",
    "isBase64Encoded": False,
}
LATTICE: Event = {
    "version": "2.0",
    "path": "/public/a.txt",
    "method": "GET",
    "headers": {"host": ["files.example.com"]},
    "requestContext": {"serviceArn": "arn:aws:vpc-lattice:eu-west-1:1:service/svc-1", "timeEpoch": "1"},
}
NAMED_STAGE = url_event(raw_path="/prod/public/a.txt", domain="abc.execute-api.eu-west-1.amazonaws.com")
NAMED_STAGE["requestContext"]["stage"] = "prod"
WEB_SOCKET = {"requestContext": {"routeKey": "$connect", "connectionId": "a", "stage": "$default"}}
STRANGE: list[Event] = [{}, {"requestContext": None}, {"version": "2.0", "rawPath": "/public/a"}, {"Records": [{}]}]
OTHERS = [LOAD_BALANCER, LATTICE, NAMED_STAGE, WEB_SOCKET, *STRANGE]


def test_an_event_of_another_kind_is_refused_with_an_explanation() -> None:
    """Payload version 1.0 of an HTTP API has the shape of a REST API's event, and a path that is decoded."""
    for event in (*OTHERS, url_event(), rest_event() | {"version": "1.0"}):
        answer = at_rest_api(event)
        assert (answer.status, json.loads(answer.body)["code"]) == (501, "not-offered"), event
        assert "REST API" in json.loads(answer.body)["detail"]
    for event in (*OTHERS, rest_event()):
        answer = at_function_url(event)
        assert (answer.status, json.loads(answer.body)["code"]) == (501, "not-offered"), event
        assert "$default" in json.loads(answer.body)["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "requestContext", "http", "stage"]), inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_no_json_at_all_makes_an_entry_point_fail(event: Event) -> None:
    assert at_rest_api(event).status == at_function_url(event).status == 501
