"""No way of asking is refused less than GET, and nothing is redirected that the rules refuse."""

import json

import pytest

from chalicelib.core.access.actions import METHODS, action_of
from chalicelib.core.access.principals import ANYONE
from tests.support.builders import ANN, CI, RULES, allow, basic, bearer, deny, numbered, path
from tests.support.fakes import Failing, ask, code, signpost
from tests.support.file_store import Files
from tests.support.oracles import deciding

WAYS: dict[str, tuple[str, dict[str, str], bool, int]] = {
    "HEAD": ("HEAD", {}, False, 307),
    "HEAD inline": ("HEAD", {}, True, 200),
    "HEAD ?presign": ("HEAD", {"presign": ""}, False, 200),
    "HEAD inline ?presign": ("HEAD", {"presign": ""}, True, 200),
    "OPTIONS": ("OPTIONS", {}, False, 204),
    "GET ?presign": ("GET", {"presign": ""}, False, 200),
    "GET ?download": ("GET", {"download": ""}, False, 307),
    "GET ?versionId": ("GET", {"versionId": "1"}, False, 307),
}
WHO = {
    "anyone": {},
    "ann": basic("ann"),
    "ci": bearer("ci"),
    "wrong secret": basic("ann", "wrong"),
    "wrong scheme": {"authorization": "Digest x"},
}
PATHS = [
    "/public/a",
    "/users/ann/a",
    "/users/ci/a",
    "/builds/a",
    "/finance/secret/a",
    "/finance/a",
    "/nothing",
    "/inbox/a",
]
PATHS += [
    "/public/",
    "/users/ann/",
    "/finance/",
    "/nothing/",
    "/",
    "//a",
    "/-/a",
    "/a/..",
    "/%zz",
    "/%FF",
    "/" + "a" * 1025,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("raw_path", PATHS, ids=lambda raw_path: raw_path[:20])
def test_every_way_of_asking_is_refused_exactly_where_get_is(way: str, who: str, raw_path: str) -> None:
    method, query, inline, allowed = WAYS[way]
    by = signpost(head_inline=inline)
    get = ask("GET", raw_path, headers=WHO[who])
    reply = ask(method, raw_path, by=by, query=query, headers=WHO[who])
    if get.status == 307:
        assert reply.status == allowed
    elif get.status == 200:
        assert reply.status == (204 if method == "OPTIONS" else 200)
    else:
        assert get.status in (400, 401, 403, 404, 414)
        assert reply.status == get.status
        assert "Location" not in reply.headers
        assert method == "HEAD" or code(reply) == code(get)
        assert reply.headers.get("WWW-Authenticate") == get.headers.get("WWW-Authenticate")


@pytest.mark.parametrize("way", [way for way in WAYS if way != "OPTIONS"])
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ({"versionId": "\n"}, {}),
        ({"download": "a/b"}, {}),
        ({"uploads": ""}, {}),
        ({}, {"x-amz-acl": "public-read"}),
        ({}, {"x-amz-meta-a": "ü"}),
    ],
)
def test_what_get_does_not_pass_on_is_passed_on_in_no_way(
    way: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    method, more, inline, _ = WAYS[way]
    by = signpost(head_inline=inline)
    get = ask("GET", "/public/a", query=query, headers=headers)
    assert get.status == 400
    assert ask(method, "/public/a", by=by, query=more | query, headers=headers).status == get.status


def test_versions_are_reached_with_an_action_of_their_own() -> None:
    """In no way without, by whoever may do everything else; and of the methods only DELETE erases."""
    rules = numbered(
        deny("/a/closed", "read"),
        allow("/a/**", "read list write delete share", "key:ann"),
        allow("/a/**", "versions", "key:ann", "key:ci"),
        allow("/b/**", "read list write delete share", "key:ann"),
        allow("/b/**", "purge", "key:ann", "key:ci"),
    )
    ways = {**WAYS, "?w": ("GET", {"w": "9"}, False, 307), "a directory": ("GET", {}, False, 200)}
    ways |= {"write": ("PUT", {}, False, 307), "part": ("PUT", {"partNumber": "1", "uploadId": "u"}, False, 307)}
    ways |= {"link": ("POST", {"link": ""}, False, 501), "abort": ("DELETE", {"uploadId": "u"}, False, 307)}
    png = b"\x89PNG\r\n\x1a\n" + bytes(99)
    for way, (method, query, inline, allowed) in ways.items():
        by = signpost(rules=rules, head_inline=inline, objects=Files({"a/x": png, "b/x": png}))
        name = "" if way == "a directory" else "x"
        version = query | {"versionId": "1"}
        for who, statuses in {"ann": (allowed, 403), "ci": (403, 403)}.items():
            found = [ask(method, f"/{top}/{name}", by=by, query=version, headers=basic(who)).status for top in "ab"]
            assert tuple(found) == statuses, (way, who)
        assert ask(method, "/a/closed", by=by, query=version, headers=basic("ann")).status == 403
    by = signpost(rules=rules)
    for who, top, status in (("ann", "a", 403), ("ann", "b", 307), ("ci", "a", 403), ("ci", "b", 403)):
        for query in ({}, {"presign": ""}):
            reply = ask("DELETE", f"/{top}/x", by=by, query=query | {"versionId": "1"}, headers=basic(who))
            assert reply.status == (200 if query and status == 307 else status)
    refused = ask("GET", "/b/x", by=by, query={"versionId": "1"}, headers=basic("ann"))
    assert "may not read old versions here" in json.loads(refused.body)["detail"]
    assert ask("GET", "/b/x", by=by, query={"versionId": "1"}).status == 401


@pytest.mark.parametrize("who", ["anyone", "ann", "ci"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("raw_path", PATHS[:12])
def test_only_what_the_rules_allow_is_redirected(method: str, raw_path: str, who: str) -> None:
    principal = {"anyone": ANYONE, "ann": ANN.principal(), "ci": CI.principal()}[who]
    action = action_of(method, path(raw_path), {})
    rule = deciding(RULES, principal, action, raw_path)
    reply = ask(method, raw_path, headers=WHO[who])
    if rule is None or not rule.allows:
        assert reply.status == (401 if who == "anyone" else 403)
    elif action == "list":
        assert reply.status == 200
    elif action == "write" and not rule.overwrite:
        assert reply.status == 428
    else:
        assert reply.status == 307


def test_no_credential_is_asked_for_before_the_rules_have_said_yes() -> None:
    by = signpost(credentials=Failing(AssertionError("asked")))
    for method in METHODS:
        query = {"link": ""} if method == "POST" else {}
        assert ask(method, "/nothing", by=by, query=query).status == 401
        assert ask(method, "/nothing", by=by, query=query, headers=basic("ann")).status == 403
