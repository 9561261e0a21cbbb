"""The two doors, opened as Lambda opens them: an event in, and what the platform would send as the answer."""

import base64
import json
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import app
from chalicelib.core.access.rules import Rule

from .builders import BASE_URL, KEYS, RULES, Event, Fields, rest_event, url_event

ORIGIN = "https://app.example.com"

# The windows are days long, so that the two answers to one request fall into the same; and they call both by one name.
SERVICE = (
    f'[service]\nrealm = "Acme files"\npublic_url = "{BASE_URL}"\ncors_origins = ["{ORIGIN}"]\nurl_seconds = 604800\n'
)
MOUNTS = """
[[mounts]]
path = "/"
bucket = "${SIGNPOST_BUCKET}"
stable_seconds = 302400
[[mounts]]
path = "/public/docs"
bucket = "other-docs"
prefix = "v2/"
endpoint = "http://127.0.0.1:9000"
stable_seconds = 302400
cache_seconds = 100
"""


def rule_table(rule: Rule) -> str:
    """A rule as the settings file writes it."""
    verb = "allow" if rule.allows else "deny"
    lists = f"{verb} = {json.dumps(rule.actions)}\nto = {json.dumps(rule.to)}\n"
    overwrite = "" if rule.overwrite else "overwrite = false\n"
    passed = f"pass_headers = {json.dumps(rule.pass_headers)}\n" if rule.pass_headers else ""
    return f"[[rules]]\npath = {json.dumps(rule.path)}\n{lists}{overwrite}{passed}"


KEY_TABLES = "".join(
    f'[[keys]]\nid = "{key.id}"\nsha256 = "{key.sha256}"\ngroups = {json.dumps(key.groups)}\n' for key in KEYS
)
SETTINGS = SERVICE + MOUNTS + KEY_TABLES + "".join(map(rule_table, RULES))


class Answer(NamedTuple):
    """What a client gets, whichever door it used; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def at_rest_api(event: Event) -> Answer:
    """Answer an event of the REST API."""
    return _answer(app.app(event, None))


def at_function_url(event: Event) -> Answer:
    """Answer an event of the Function URL."""
    return _answer(app.function_url(event, None))


def at_both(
    method: str = "GET", raw_path: str = "/public/a.txt", query: str = "", headers: Fields = (), body: bytes = b""
) -> tuple[Answer, Answer]:
    """Send one request through both doors."""
    return (
        at_rest_api(rest_event(method, raw_path, query, headers, body)),
        at_function_url(url_event(method, raw_path, query, headers, body)),
    )


def place(location: str) -> tuple[str, str]:
    """The bucket and key that a presigned URL leads to."""
    parts = urlsplit(location)
    path = unquote_to_bytes(parts.path).decode("utf-8")
    if parts.netloc == "127.0.0.1:9000":
        bucket, _, key = path[1:].partition("/")
        return bucket, key
    assert parts.netloc.endswith(".s3.eu-west-1.amazonaws.com")
    return parts.netloc.partition(".")[0], path[1:]


def decoded(raw_path: str) -> str | None:
    """A path decoded once; None where it is no UTF-8."""
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeError:
        return None


def _answer(result: Event) -> Answer:
    result = json.loads(json.dumps(result))  # as Lambda does; it fails on bytes
    assert not result.get("multiValueHeaders")
    cookies = result.get("cookies") or []
    body = base64.b64decode(result["body"], validate=True) if result.get("isBase64Encoded") else result["body"].encode()
    headers = {name.lower(): value for name, value in result["headers"].items()}
    return Answer(result["statusCode"], headers | ({"set-cookie": cookies[0]} if cookies else {}), body)
