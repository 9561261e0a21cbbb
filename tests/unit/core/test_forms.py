"""Forms: a policy that S3 holds them to, as botocore signs it, and no wider than the rule."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.post_policy import post_policy
from chalicelib.core.s3.presign import sign_form
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems import NotOffered, Unavailable, UnsupportedMediaType
from tests.support.builders import CREDENTIALS, NOW, allow, basic, deny, mount, numbered, request, target
from tests.support.fakes import ask, code, signpost

FREE = allow("/**", "write")
INBOX = target("inbox/")


def made(rule: Rule = FREE, **query: str) -> tuple[dict[str, str], list[Any]]:
    found = post_policy(request("POST", query=query), rule, INBOX)
    return found.fields, found.conditions


def test_a_form_uploads_below_its_directory_and_nowhere_else() -> None:
    fields, conditions = made()
    assert fields["key"] == "inbox/${filename}"
    assert {"bucket": "acme-files"} in conditions
    assert ["starts-with", "$key", "inbox/"] in conditions


@pytest.mark.parametrize(("limit", "most"), [(None, 5 * 1024**3), (10, 10), (0, 0), (6 * 1024**3, 5 * 1024**3)])
def test_a_form_has_the_size_that_the_rule_allows(limit: int | None, most: int) -> None:
    _, conditions = made(FREE._replace(max_bytes=limit))
    assert ["content-length-range", 0, most] in conditions


def test_a_form_fixes_its_type_and_headers() -> None:
    rule = FREE._replace(content_types=("image/*",), require_headers=(("cache-control", "private"),))
    fields, conditions = made(rule, type="image/png")
    for name, value in {"Content-Type": "image/png", "Cache-Control": "private"}.items():
        assert fields[name] == value
        assert {name: value} in conditions


@pytest.mark.parametrize(
    "query", [{}, {"type": "text/html"}, {"type": ""}, {"type": "image/png\n"}, {"type": "image/png;,text/html"}]
)
def test_a_type_that_the_rule_does_not_take(query: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"\?form&type=image/…"):
        made(FREE._replace(content_types=("image/*",)), **query)
    if query.get("type") != "text/html" and query:
        with pytest.raises(UnsupportedMediaType):
            made(FREE, **query)


@pytest.mark.parametrize(
    "rule",
    [
        FREE._replace(overwrite=False),
        FREE._replace(checksum=True),
        FREE._replace(require_headers=(("content-language", "de"),)),
        FREE._replace(require_headers=(("x-amz-object-lock-legal-hold", "ON"),)),
        FREE._replace(require_headers=(("cache-control", "private"), ("x-amz-tagging", "a=b"))),
    ],
)
def test_what_a_form_cannot_promise_is_not_offered(rule: Rule) -> None:
    with pytest.raises(NotOffered):
        made(rule)


@pytest.mark.parametrize("token", [None, "session/token=="])
def test_a_policy_is_signed_as_aws_says(token: str | None) -> None:
    """Each field but those that S3 exempts is met by a condition, and the signature is over the policy as sent."""
    credentials = Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, token)
    signed = sign_form(INBOX, post_policy(request("POST"), FREE, INBOX), credentials=credentials, now=NOW)
    policy = json.loads(base64.b64decode(signed.fields["policy"], validate=True))
    assert policy["expiration"] == "2023-11-14T22:18:20Z"
    assert signed.expires_at == NOW + 300
    named = {name for one in policy["conditions"] if isinstance(one, dict) for name in one}
    started = {
        one[1].removeprefix("$") for one in policy["conditions"] if isinstance(one, list) and one[0] == "starts-with"
    }
    assert set(signed.fields) - {"policy", "x-amz-signature"} == (named | started) - {"bucket"}
    assert ("x-amz-security-token" in signed.fields) == (token is not None)
    key = ("AWS4" + CREDENTIALS.secret_key).encode()
    for part in ("20231114", "eu-west-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert (
        signed.fields["x-amz-signature"] == hmac.new(key, signed.fields["policy"].encode(), hashlib.sha256).hexdigest()
    )
    assert signed.url == "https://acme-files.s3.eu-west-1.amazonaws.com/"


def test_ended_credentials_sign_no_form() -> None:
    ended = Credentials("AKID", "secret", "token", NOW - 1)
    with pytest.raises(Unavailable):
        sign_form(INBOX, post_policy(request("POST"), FREE, INBOX), credentials=ended, now=NOW)


OPEN = numbered(
    deny("/inbox/closed/**", "write"),
    allow("/inbox/**", "write", "key:ann", max_bytes=9),
    allow("/inbox/late/**", "write", "key:ann"),
    allow("/own/{user}/**", "write", "key:ann"),
    allow("/own/**", "write", "key:ann", max_bytes=9),
    allow("/plain/**", "write", "key:ann"),
    allow("/once/", "write", "key:ann"),
)


def ask_form(raw_path: str, **rest: Any) -> Any:
    by = signpost(rules=OPEN, mounts=rest.pop("mounts", [mount(prefix="t/")]))
    return ask(
        "POST", raw_path, by=by, query={"form": "", **rest.pop("query", {})}, headers=rest.pop("headers", basic("ann"))
    )


def test_whoever_may_write_all_of_a_directory_gets_a_form() -> None:
    reply = ask_form("/plain/")
    told = json.loads(reply.body)
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
    assert told["fields"]["key"] == "t/plain/${filename}"
    assert told["expires_at"] == "2023-11-14T22:18:20Z"
    assert ask_form("/plain/sub/").status == 200
    assert ask_form("/inbox/late/").status == 200


@pytest.mark.parametrize("raw_path", ["/inbox/", "/own/", "/once/"])
def test_where_rules_differ_below_a_directory_there_is_no_form(raw_path: str) -> None:
    assert (ask_form(raw_path).status, code(ask_form(raw_path))) == (501, "not-offered")


def test_nobody_else_gets_a_form() -> None:
    assert ask_form("/plain/", headers={}).status == 401
    assert ask_form("/plain/", headers=basic("ci")).status == 403
    assert ask_form("/nothing/").status == 403
    assert ask_form("/inbox/closed/").status == 403


def test_there_is_no_form_for_what_is_the_services_own_or_another_mounts() -> None:
    """A policy knows where keys begin, and no exceptions: a form could write what no PUT reaches."""
    everything = numbered(allow("/**", "write", "key:ann"))
    mounts = [mount(), mount("/plain/sub/other", bucket="other")]
    by = signpost(rules=everything, mounts=mounts)
    for raw_path, status in (("/", 501), ("/plain/", 501), ("/plain/sub/", 501), ("/else/", 200)):
        assert ask("POST", raw_path, by=by, query={"form": ""}, headers=basic("ann")).status == status


@pytest.mark.parametrize(
    ("raw_path", "prefix", "status"),
    [
        ("/a/", "", 501),
        ("/a/", "t/", 501),
        ("/a/", "t", 501),
        ("/a/-/", "t/", 501),
        ("/a/-/derived/", "t/", 404),
        ("/a/-/derived/sub/", "t/", 404),
        ("/a/-/derivedX/", "t/", 200),
        ("/a/sub/", "t/", 200),
        ("/a/sub/-/derived/", "t/", 200),
    ],
)
def test_no_form_leads_to_what_the_service_makes(raw_path: str, prefix: str, status: int) -> None:
    everything = numbered(allow("/**", "write", "key:ann"))
    by = signpost(rules=everything, mounts=[mount("/a", prefix=prefix)])
    assert ask("POST", raw_path, by=by, query={"form": ""}, headers=basic("ann")).status == status


def test_a_form_is_for_a_directory() -> None:
    assert ask_form("/plain/a").status == 405


def test_a_form_needs_a_mount() -> None:
    assert ask_form("/plain/", mounts=[mount("/docs")]).status == 404
