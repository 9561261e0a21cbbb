"""Links: the rights of their maker, their end, and the requests that take a use."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_range_header

from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS, MAX_USES
from chalicelib.core.access.principals import ApiKeys, Scope
from chalicelib.core.access.service_tokens import ServiceTokens
from chalicelib.core.access.sessions import Sessions
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.web.byte_ranges import byte_ranges
from chalicelib.core.web.message import Reply
from tests.support.builders import ANN, BASE_URL, CI, DEADLINE, KEYS, NOW, allow, basic, deny, numbered, secret_of
from tests.support.fakes import Signpost, ask, code, signer, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

RULES = numbered(
    deny("/shared/closed/**", "read list"),
    allow("/shared/**", "read list write delete share", "key:ann"),
    allow("/inbox/**", "write share", "key:ann", overwrite=False, max_bytes=10),
    allow("/seen/**", "read", "key:ann"),
    allow("/only-share/**", "share", "key:ann"),
    allow("/shared/**", "read share", "key:ci"),
    allow("/public/**", "read share"),
)
AS_ANN, AS_CI = basic("ann"), basic("ci")
ONCE = {"if-none-match": "*"}


def a_service(counter: MemoryLinkUseCounter | None = None, **rest: Any) -> Signpost:
    return signpost(**{"rules": RULES, "counter": counter or MemoryLinkUseCounter(), "objects": MemoryStore(), **rest})


def make(
    service: Signpost, raw_path: str = "/shared/a%20b", headers: Mapping[str, str] = AS_ANN, **wanted: Any
) -> Reply:
    body = json.dumps(wanted).encode()
    return ask("POST", raw_path, service=service, query={"link": ""}, headers=headers, body=body)


def new_token(service: Signpost, raw_path: str = "/shared/a%20b", **wanted: Any) -> str:
    reply = make(service, raw_path, **wanted)
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["token"])


def use(service: Signpost, token: str, raw_path: str = "/shared/a%20b", method: str = "GET", **rest: Any) -> Reply:
    query = {"token": token, **rest.pop("query", {})}
    return ask(method, raw_path, service=service, query=query, **rest)


def test_a_link_is_the_ordinary_url_with_a_token() -> None:
    link = json.loads(make(a_service(), action="read", expires_in=60, uses=3).body)
    assert link == {
        "url": f"https://files.example.com/shared/a%20b?token={link['token']}",
        "token": link["token"],
        "expires_at": "2023-11-14T22:14:20Z",
        "uses": 3,
    }
    longest = json.loads(make(a_service(), expires_in=MAX_LINK_SECONDS, uses=MAX_USES).body)
    assert longest["uses"] == MAX_USES
    for body in (b"", b"{}", b'{"action": "read"}'):
        reply = ask("POST", "/shared/a", service=a_service(), query={"link": ""}, headers=AS_ANN, body=body)
        default = json.loads(reply.body)
        assert (default["expires_at"], default["uses"]) == ("2023-11-15T22:13:20Z", 1)
        assert reply.headers["Cache-Control"] == "no-store"


def test_making_a_link_needs_share_and_its_action() -> None:
    for headers, raw_path, wanted, status in (
        (AS_CI, "/shared/a", {}, 201),
        (AS_CI, "/shared/a", {"action": "write"}, 403),
        (AS_ANN, "/seen/a", {}, 403),
        (AS_ANN, "/only-share/a", {}, 403),
        (AS_ANN, "/inbox/a", {}, 403),
        (AS_ANN, "/inbox/a", {"action": "write"}, 201),
        (AS_ANN, "/shared/", {}, 201),
        (AS_ANN, "/shared/closed/a", {}, 403),
        ({}, "/public/a", {}, 201),
        (basic("ann", "wrong"), "/public/a", {}, 401),
    ):
        assert make(a_service(), raw_path, headers, **wanted).status == status, (headers, raw_path)


def test_without_a_table_links_have_no_number_of_uses() -> None:
    service = signpost(rules=RULES)
    assert (make(service).status, code(make(service))) == (501, "not-offered")
    assert use(service, new_token(a_service())).status == 503
    token = new_token(service, uses=None)
    assert [use(service, token).status for _ in range(3)] == [307] * 3
    service = signpost(rules=RULES, objects=MemoryStore(["shared/a"]))
    assert code(ask("GET", "/shared/", service=service, query={"links": ""}, headers=AS_ANN)) == "not-offered"


def test_no_link_opens_a_version_or_lets_a_header_through() -> None:
    everything = allow("/**", "read list write delete share versions purge", "key:ann")
    service = a_service(rules=numbered(everything._replace(pass_headers=("x-amz-tagging",))))
    requests = [(method, "") for method in ("GET", "HEAD", "OPTIONS", "PUT")]
    requests += [("GET", name) for name in ("presign", "w", "download", "uploadId")]
    for action, raw_path in (("read", "/a"), ("read", "/"), ("write", "/a"), ("write", "/")):
        token = new_token(service, raw_path, action=action, uses=None)
        for method, name in requests:
            reply = use(service, token, "/a", method, query={name: "9", "versionId": "v"})
            assert (reply.status, "Location" in reply.headers) == (403, False), (action, method, name)
        tagged = ONCE | {"x-amz-tagging": "a=b"}
        assert use(service, token, "/a", "GET" if action == "read" else "PUT", headers=tagged).status == 400


def test_a_directory_link_opens_what_its_maker_may_share_now() -> None:
    """The link opens the same paths as for its maker: by name, in a listing, as an image, to upload, and on a page."""
    allowed = allow("/shared/**", "read list write share", "key:ann")
    rules = numbered(deny("/shared/secret/**", "share"), deny("/shared/own", "share"), allowed)
    counter = MemoryLinkUseCounter()
    store = MemoryStore(["shared/a", "shared/own", "shared/secret/x", "shared/sub/y"])
    before, service = (
        a_service(counter, rules=current, objects=store) for current in (numbered(allowed), rules)
    )  # the rules before and after the link is made

    def names(token: str, **query: str) -> list[str]:
        listed = json.loads(use(service, token, "/shared/", query=query).body)["entries"]
        return [entry["name"] for entry in listed]

    for maker in (before, service):
        read, write = (new_token(maker, "/shared/", action=action, uses=None) for action in ("read", "write"))
        for name, opens in (("a", True), ("sub/y", True), ("own", False), ("secret/x", False), ("secret/", False)):
            for method, query in (("GET", {}), ("HEAD", {}), ("OPTIONS", {}), ("GET", {"presign": ""})):
                assert (use(service, read, f"/shared/{name}", method, query=query).status != 403) is opens, name
            for method, query in (("PUT", {}), ("POST", {"uploads": ""}), ("POST", {"uploadId": "u"})):
                reply = use(service, write, f"/shared/{name}", method, query=query, headers=ONCE)
                assert (reply.status != 403) is opens, name
        assert (names(read, recursive=""), names(read)) == (["a", "sub/y"], ["a", "sub/"])
        assert use(service, read, "/shared/secret/x", query={"w": "9"}).status == 403
        assert use(service, write, "/shared/secret/", headers={"accept": "text/html"}).status == 403
    listed = json.loads(ask("GET", "/shared/", service=service, query={"links": ""}, headers=AS_ANN).body)["entries"]
    assert [entry["name"] for entry in listed if "token=" in entry["url"]] == ["a"]
    for raw_path in ("/shared/own", "/shared/secret/x", "/shared/secret/"):
        assert make(service, raw_path).status == 403


def test_a_link_ends_with_a_right_or_the_key_of_its_maker() -> None:
    counter = MemoryLinkUseCounter()
    token = new_token(a_service(counter))
    for rules in (
        [rule for rule in RULES if "share" not in rule.actions],
        [rule for rule in RULES if rule.path != "/shared/**"],
        [*numbered(deny("/shared/a b", "read")), *RULES],
        [*numbered(deny("/shared/a b", "share")), *RULES],
    ):
        reply = use(a_service(counter, rules=numbered(*rules)), token)
        assert (reply.status, code(reply)) == (403, "link-invalid")
    assert use(a_service(counter, keys=[CI]), token).status == 403
    assert use(a_service(counter, keys=[CI, ANN]), token).status == 307


SIGN_INS = SignIns(keys=ApiKeys(KEYS), groups={}, revoked={})
SIGN_IN = SIGN_INS.of_key(ANN, secret_of("ann"), NOW - 9)


def by_service_token(path: str, actions: str, ends_at: int = int(NOW) + 100) -> dict[str, str]:
    """The header of a service token that the key ann made."""
    tokens, scope = ServiceTokens(signer("service token"), SIGN_INS), Scope(path, (*actions.split(),), ends_at)
    return {"authorization": f"Bearer {tokens.make(SIGN_IN, scope, DEADLINE)}"}


def test_a_link_of_a_service_token_ends_with_the_token_and_opens_no_more_than_the_token() -> None:
    service = a_service(objects=MemoryStore(["shared/a"]))
    reader = by_service_token("/shared/", "read share")
    for headers, raw_path, wanted, status in (
        (reader, "/shared/a", {}, 201),
        (reader, "/shared/a", {"action": "write"}, 403),
        (reader, "/shared/", {}, 403),  # a link to a directory lists the directory, and this token does not
        (by_service_token("/shared/", "read list share"), "/shared/", {}, 201),
        (by_service_token("/shared/", "read write"), "/shared/a", {}, 403),
        (by_service_token("/shared/", "write share"), "/shared/", {"action": "write"}, 201),
        (by_service_token("/inbox/", "write share"), "/shared/a", {"action": "write"}, 403),
        (by_service_token("/", "read share"), "/-/resize", {"u": "https://a.example.com", "sizes": ["9x"]}, 403),
    ):
        assert make(service, raw_path, headers, **wanted).status == status, (raw_path, wanted)
    for seconds, end in ((60, "22:14:20"), (100, "22:15:00"), (101, "22:15:00"), (9_999, "22:15:00")):
        link = json.loads(make(service, "/shared/a", reader, expires_in=seconds).body)
        assert link["expires_at"] == f"2023-11-14T{end}Z"
    lister = by_service_token("/shared/", "read list share")
    (entry,) = json.loads(ask("GET", "/shared/", service=service, query={"links": ""}, headers=lister).body)["entries"]
    for now, status in ((NOW + 100, 410), (NOW + 99, 307)):
        assert use(service, entry["url"].partition("token=")[2], "/shared/a", now=now).status == status


def test_every_credential_of_the_maker_revokes_a_link() -> None:
    service = a_service()
    cookie = Sessions(SIGN_INS, signer("session")).cookie_of_key(SIGN_IN, DEADLINE).partition(";")[0]
    for headers, status in (
        (AS_CI, 403),
        ({"cookie": cookie}, 403),  # without the origin of the service's own page
        ({"cookie": cookie, "origin": BASE_URL}, 204),
        (by_service_token("/inbox/", "share"), 403),
        (by_service_token("/shared/", "share"), 204),
        (AS_ANN, 204),
    ):
        token = new_token(service, "/shared/a")
        assert use(service, token, "/shared/a", "DELETE", headers=headers).status == status


# The requests that take a use, where the clock, the client's address or a failing store decides


def test_new_ranges_of_the_same_file_are_free_for_the_same_client_for_60_seconds() -> None:
    service = a_service()
    token = new_token(service, "/shared/")
    curl = {"user-agent": "curl/8"}

    def get(byte_range: str = "bytes=5-", raw_path: str = "/shared/a", agent: str = "curl/8", **rest: Any) -> int:
        return use(service, token, raw_path, headers={"user-agent": agent, "range": byte_range}, **rest).status

    assert use(service, token, "/shared/a", headers=curl).status == 307
    for number, byte_range in enumerate(["bytes=0-", "Bytes=-5", "bytes=0-4", "bytes=4-4", "bytes=0-1 ,\t3-"]):
        assert get(byte_range, now=NOW + 10 * number) == 307, byte_range
    assert get("bytes=00-") == 410  # the same range in another spelling
    assert get(address="192.0.2.2") == get(agent="wget") == get(now=NOW + 60) == 410
    for query in ({"response-expires": ""}, {"download": ""}, {"v": "1"}):
        assert get(query=query) == 410, query
    for raw_path in ("/shared/b", "/shared/a/", "/shared/sub/b", "/shared/"):
        assert get(raw_path=raw_path) == 410, raw_path
    malformed = ("", "x", "bytes=", "bytes=-", "bytes=5-4", "bytes=5", "bytes=1-,", "bytes=é-", "lines=5-", "bytes=5-;")
    for byte_range in malformed:
        assert get(byte_range) == 410, byte_range


def test_no_range_of_an_upload_or_a_listing_is_free() -> None:
    service = a_service()
    once = {"if-none-match": "*"}
    for method, raw_path, action, first in (("PUT", "/shared/a", "write", 307), ("GET", "/shared/", "read", 200)):
        token = new_token(service, "/shared/", action=action)
        assert use(service, token, raw_path, method, headers=once).status == first
        assert use(service, token, raw_path, method, headers=once | {"range": "bytes=0-"}).status == 410


@given(st.from_regex(r"(?i)bytes=[0-9, \t-]{0,12}", fullmatch=True))
def test_a_range_is_read_as_werkzeug_reads_it(field: str) -> None:
    """Every range that is free is a range for werkzeug, too, and each range has one spelling."""
    ranges = byte_ranges(field)
    if ranges is not None:
        assert byte_ranges(f"bytes={ranges}") == ranges
        first_text, _, last_text = ranges.split(",")[0].partition("-")
        parsed = parse_range_header(f"bytes={first_text}-{last_text}")
        assert parsed
        ends = (int(first_text), int(last_text) + 1 if last_text else None) if first_text else (-int(last_text), None)
        assert parsed.ranges == [ends]


def test_behind_a_cdn_the_client_of_a_free_range_has_the_address_that_the_cdn_saw() -> None:
    """test_client_address.py has all fields of `X-Forwarded-For` and all secrets."""
    cdns, ann, bob, secret = ("198.51.100.7", "198.51.100.8"), "203.0.113.1", "203.0.113.2", "new" * 11
    for known, statuses in ((lambda _: (secret.encode(),), [307, 410, 307]), (None, [307, 307, 410])):
        service = a_service(cdn_secrets=known)
        token = new_token(service, "/shared/a")
        for (viewer, cdn, byte_range), status in zip(
            ((ann, cdns[0], "0-9"), (bob, cdns[0], "10-19"), (ann, cdns[1], "20-29")), statuses, strict=True
        ):
            headers = {"x-forwarded-for": f"{viewer}, {cdn}", "x-signpost-cdn-secret": secret}
            headers["range"] = f"bytes={byte_range}"
            assert use(service, token, "/shared/a", headers=headers, address=cdn).status == status, (viewer, cdn)


def test_a_directory_that_cannot_be_listed_takes_no_use() -> None:
    store = MemoryStore()
    service = a_service(objects=store)
    token = new_token(service, "/shared/")
    store.error = OSError("gone")
    assert use(service, token, "/shared/", headers={}).status == 500
    store.error = None
    assert use(service, token, "/shared/", headers={}).status == 200
