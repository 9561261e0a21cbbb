"""Builders: values and events with defaults, so that a test names only the fields that the test is about."""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

from chalicelib.core.access.principals import ANYONE, ApiKey, Principal, sha256_of
from chalicelib.core.access.rules import Grant, Rule, RuleSet
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.s3.stores import Credentials, Variant, bucket_url
from chalicelib.core.web.message import Request
from chalicelib.core.web.paths import Path, decode
from chalicelib.core.web.times import Deadline

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
BASE_URL = "https://files.example.com"
CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

DEADLINE = Deadline(lambda: 0.0, 9.0)  # of a clock that stands still


def soon(seconds: float = 9.0) -> Deadline:
    """The deadline of a request that begins now."""
    return Deadline(time.monotonic, seconds)


Event = dict[str, Any]
Fields = Sequence[tuple[str, str]]


def secret_of(key_id: str) -> str:
    """The secret of a key made by `api_key`."""
    return f"the secret of {key_id}"


def api_key(key_id: str, *groups: str) -> ApiKey:
    """A key as the settings hold it."""
    return ApiKey(key_id, (sha256_of(secret_of(key_id)),), groups)


def basic(key_id: str, secret: str | None = None) -> dict[str, str]:
    """The header of Basic credentials; by default with the right secret."""
    pair = f"{key_id}:{secret_of(key_id) if secret is None else secret}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def bearer(key_id: str) -> dict[str, str]:
    """The header of a key's secret as a Bearer."""
    return {"authorization": f"Bearer {secret_of(key_id)}"}


def mount(
    path: str = "",
    *,
    bucket: str = "acme-files",
    prefix: str = "",
    region: str = "eu-west-1",
    endpoint: str | None = None,
    public_endpoint: str | None = None,
    url_seconds: int = 300,
    stable_seconds: int = 0,
    cache_seconds: int = 0,
    addressing: str = "path",
    variant: Variant = Variant(),  # noqa: B008 - immutable
    lfs: bool = False,
) -> Mount:
    """A mount, with the URL that the settings give to its bucket."""
    return Mount(
        path=path,
        bucket=bucket,
        prefix=prefix,
        region=region,
        endpoint=endpoint,
        bucket_url=bucket_url(bucket, region, public_endpoint or endpoint, addressing=addressing, variant=variant),
        url_seconds=url_seconds,
        stable_seconds=stable_seconds,
        cache_seconds=cache_seconds,
        addressing=addressing,
        variant=variant,
        lfs=lfs,
    )


def allow(path: str, actions: str, *to: str, overwrite: bool = True, max_bytes: int | None = None) -> Rule:
    """A rule that allows, by default to anyone; `numbered` gives the rule its number."""
    return Rule(0, path, True, tuple(actions.split()), to or ("anyone",), overwrite, max_bytes)


def deny(path: str, actions: str, *to: str) -> Rule:
    """A rule that denies, by default to anyone; `numbered` gives the rule its number."""
    return Rule(0, path, False, tuple(actions.split()), to or ("anyone",))


def numbered(*rules: Rule) -> tuple[Rule, ...]:
    """The rules of a file."""
    return tuple(rule._replace(number=number) for number, rule in enumerate(rules, 1))


CI = api_key("ci", "builders")
ANN = api_key("ann", "staff", "finance")
KEYS = (CI, ANN)
RULES = numbered(
    allow("/public/**", "read list versions"),
    allow("/users/{user}/**", "read list write delete versions", "authenticated")._replace(
        pass_headers=("x-amz-server-side-encryption-customer-key",)
    ),
    allow("/builds/**", "read write delete versions purge", "group:builders"),
    deny("/finance/secret/**", "read list", "group:staff"),
    allow("/finance/**", "read list versions", "group:finance"),
    allow("/inbox/**", "write", "authenticated", overwrite=False),
)


def granted(path: str, method: str = "GET") -> Grant:
    """The grant of a path where everything is allowed."""
    everything = RuleSet(numbered(allow("/**", "read list write delete")))
    return everything.authorize(ANYONE, {"PUT": "write", "DELETE": "delete"}.get(method, "read"), decode(path))


def target(key: str = "a.txt", on: Mount | None = None) -> Target:
    """A target with any key, even one that no path can name."""
    return Mounts([on or mount()]).resolve(granted("/x"))._replace(key=key)


def principal(principal_id: str, *groups: str) -> Principal:
    """The principal of a key."""
    return api_key(principal_id, *groups).principal()


def path(text: str) -> Path:
    """A path already decoded."""
    return Path(text)


def request(
    method: str = "GET",
    raw_path: str = "/public/a.txt",
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    request_id: str = "req-1",
    body: bytes = b"",
    address: str = "192.0.2.1",
    deadline: Deadline = DEADLINE,
) -> Request:
    """A request as an entry point passes the request to the application."""
    return Request(method, raw_path, query or {}, headers or {}, request_id, BASE_URL, address, deadline, body)


# API Gateway does not pass these headers on (FACTS 1.6).
HIDDEN_BY_REST_API = {"content-length", "content-md5", "expect", "transfer-encoding", "te", "connection"}


def rest_event(
    method: str = "GET",
    raw_path: str = "/public/a.txt",
    query: str = "",
    headers: Fields = (),
    body: bytes = b"",
    *,
    base_path: str = "",
    stage: str = "api",
) -> Event:
    """The event of a REST API for a request as a client writes it (FACTS 1.1 to 1.6)."""
    raw_path = "/" + raw_path.lstrip("/")
    sent = [(name, value) for name, value in headers if name.lower() not in HIDDEN_BY_REST_API]
    parameters = parse_qsl(query, keep_blank_values=True)
    resource = "/" if raw_path == "/" else "/{proxy+}"
    return {
        "resource": resource,
        "path": base_path + raw_path,
        "httpMethod": method,
        "headers": dict(sent) or None,
        "multiValueHeaders": _many(sent) or None,
        "queryStringParameters": dict(parameters) or None,
        "multiValueQueryStringParameters": _many(parameters) or None,
        "pathParameters": {"proxy": raw_path[1:].removesuffix("/")} if resource != "/" else None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/{stage}{raw_path}",
            "stage": stage,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "curl/8.5.0"},
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def url_event(
    method: str = "GET",
    raw_path: str = "/public/a.txt",
    query: str = "",
    headers: Fields = (),
    body: bytes = b"",
    *,
    domain: str = "abc.lambda-url.eu-west-1.on.aws",
) -> Event:
    """The event of a Function URL for the same request (FACTS 1.8)."""
    sent = _many([(name.lower(), value) for name, value in headers])
    cookies = [cookie for field in sent.pop("cookie", []) for cookie in field.split("; ")]
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": {name: ",".join(values) for name, values in sent.items()},
        "requestContext": {
            "domainName": domain,
            "http": {
                "method": method,
                "path": unquote(raw_path),
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(NOW * 1000),
        },
        "isBase64Encoded": bool(body),
    }
    return (
        event | ({"cookies": cookies} if cookies else {}) | ({"body": base64.b64encode(body).decode()} if body else {})
    )


def _many(pairs: Fields) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
