"""Oracles: other implementations, or very simple implementations, whose results the code must equal."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.utils import percent_encode

from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.stores import Credentials


class _At(S3SigV4QueryAuth):
    """botocore's signer at a given time."""

    def __init__(self, credentials: Credentials, region: str, expires: int, signed_at: float) -> None:
        frozen = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.session_token)
        super().__init__(frozen, "s3", region, expires)
        self._timestamp = f"{datetime.fromtimestamp(int(signed_at), UTC):%Y%m%dT%H%M%SZ}"

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._timestamp
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # the stubs hide it


def botocore_url(
    method: str,
    base: str,
    key: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    expires: int,
    signed_at: float,
) -> str:
    """The URL that botocore presigns for a key below `base`."""
    url = f"{base}/{percent_encode(key, safe='/~')}"
    request = AWSRequest(method, url, params=dict(query), headers=dict(headers))
    _At(credentials, region, expires, signed_at).add_auth(request)
    return str(request.url)


def matches(pattern: str, path: str, user: str) -> bool:
    """Whether a rule's pattern matches a path. Only a pattern that begins with `/-/` matches a path below `/-/`."""
    if path.startswith("/-/") and not pattern.startswith("/-/"):
        return False
    segments, names = pattern[1:].split("/"), path[1:].split("/")
    if segments[-1] == "**":
        segments.pop()
        if len(names) <= len(segments):
            return False
        names = names[: len(segments)]
    return len(segments) == len(names) and all(
        segment == name or (name != "" and (segment == "*" or (segment == "{user}" and name == user)))
        for segment, name in zip(segments, names, strict=True)
    )


def deciding(rules: Iterable[Rule], principal: Principal, action: str, path: str) -> Rule | None:
    """The first rule in file order that matches path, action and principal; the built-in rule is the last rule."""
    rules = [*rules]
    for rule in [*rules, Rule(len(rules) + 1, "/-/*", True, ("read",), ("authenticated",))]:
        concerns = action in rule.actions and not set(rule.to).isdisjoint(principal.tags)
        if concerns and matches(rule.path, path, principal.id):
            return rule
    return None
