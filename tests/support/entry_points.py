"""Both entry points as Lambda runs them: each gets an event, and gives the answer that the platform sends on."""

import base64
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import app
from chalicelib.core.access.rules import Rule
from chalicelib.core.application import Application
from chalicelib.events import function_url, rest_api

from .builders import BASE_URL, DEADLINE, KEYS, RULES, Event, Fields, rest_event, url_event

Handler = Callable[[Event, Any], Event]


class EntryPoints(NamedTuple):
    """The handler of each kind of event."""

    rest_api: Handler
    function_url: Handler


OF_APP = EntryPoints(app.app, app.function_url)


class Answer(NamedTuple):
    """The last answer that a client gets: the status, the header fields by lower-case names, the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.json()["code"])

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


def entry_points(application: Application) -> EntryPoints:
    """Both entry points of any application, in place of the application of `app`."""

    def of_rest_api(event: Event, context: object) -> Event:
        return rest_api.from_reply(application.handle(rest_api.to_request(event, DEADLINE)))

    def of_function_url(event: Event, context: object) -> Event:
        return function_url.from_reply(application.handle(function_url.to_request(event, DEADLINE)))

    return EntryPoints(of_rest_api, of_function_url)


def answer(handler: Handler, event: Event) -> Answer:
    """Answer an event."""
    response = json.loads(json.dumps(handler(event, None)))  # as Lambda does, which fails on bytes
    assert response["isBase64Encoded"] is True
    headers = {name.lower(): value for name, value in response["headers"].items()}
    cookies = response.get("cookies") or response.get("multiValueHeaders", {}).get("Set-Cookie")
    body = base64.b64decode(response["body"], validate=True)
    return Answer(response["statusCode"], headers | ({"set-cookie": cookies[0]} if cookies else {}), body)


def at_function_url(event: Event) -> Answer:
    """Answer an event of the Function URL of `app`."""
    return answer(app.function_url, event)


def at_both(
    method: str = "GET",
    raw_path: str = "/public/a.txt",
    query: str = "",
    headers: Fields = (),
    body: bytes = b"",
    *,
    of: EntryPoints = OF_APP,
) -> tuple[Answer, Answer]:
    """Send one request to the REST API and to the Function URL."""
    return (
        answer(of.rest_api, rest_event(method, raw_path, query, headers, body)),
        answer(of.function_url, url_event(method, raw_path, query, headers, body)),
    )


def rule_table(rule: Rule) -> str:
    """A rule as the settings file writes it."""
    verb = "allow" if rule.allows else "deny"
    lists = f"{verb} = {json.dumps(rule.actions)}\nto = {json.dumps(rule.to)}\n"
    overwrite = "" if rule.overwrite else "overwrite = false\n"
    passed = f"pass_headers = {json.dumps(rule.pass_headers)}\n" if rule.pass_headers else ""
    return f"[[rules]]\npath = {json.dumps(rule.path)}\n{lists}{overwrite}{passed}"


KEY_TABLES = "".join(
    f'[[keys]]\nid = "{key.id}"\nsha256 = {json.dumps(key.sha256)}\ngroups = {json.dumps(key.groups)}\n' for key in KEYS
)

SETTINGS = (
    f'[service]\nrealm = "Acme files"\npublic_url = "{BASE_URL}"\n'
    '[[mounts]]\npath = "/"\nbucket = "${SIGNPOST_BUCKET}"\n'
    '[[mounts]]\npath = "/public/docs"\nbucket = "other-docs"\nendpoint = "http://127.0.0.1:9000"\n'
    f"{KEY_TABLES}{''.join(map(rule_table, RULES))}"
)
