"""Links through the whole pipeline: who makes them, what they open, what takes a use, and who takes them back."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_range_header

from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS, MAX_USES
from chalicelib.core.access.rules import Rule
from chalicelib.core.link_uses import _range
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.message import Reply
from tests.support.builders import ANN, CI, CREDENTIALS, NOW, allow, basic, deny, mount, numbered
from tests.support.fakes import Failing, Fixed, Objects, Signpost, ask, code, signpost
from tests.support.token_store import Tokens

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


def a_service(tokens: Tokens | None = None, **rest: Any) -> Signpost:
    return signpost(rules=rest.pop("rules", RULES), counter=tokens or Tokens(), objects=Objects(), **rest)


def make(
    by: Signpost, raw_path: str = "/shared/a%20b", headers: Mapping[str, str] = AS_ANN, now: float = NOW, **wanted: Any
) -> Reply:
    return ask("POST", raw_path, by=by, query={"link": ""}, headers=headers, body=json.dumps(wanted).encode(), now=now)


def token_of(reply: Reply) -> str:
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["token"])


def use(by: Signpost, token: str, raw_path: str = "/shared/a%20b", method: str = "GET", **rest: Any) -> Reply:
    query = {"token": token, **rest.pop("query", {})}
    return ask(method, raw_path, by=by, query=query, **rest)


# Making one


def test_a_link_is_the_ordinary_url_with_a_token() -> None:
    reply = make(a_service(), action="read", expires_in=60, uses=3)
    made = json.loads(reply.body)
    assert (reply.status, reply.headers["Cache-Control"]) == (201, "no-store")
    assert made == {
        "url": f"https://files.example.com/shared/a%20b?token={made['token']}",
        "token": made["token"],
        "expires_at": "2023-11-14T22:14:20Z",
        "uses": 3,
    }
    assert len(made["token"]) <= 64


@pytest.mark.parametrize("body", [b"", b"{}", b'{"action": "read"}'])
def test_what_is_not_said_is_a_file_that_opens_once_within_a_day(body: bytes) -> None:
    reply = ask("POST", "/shared/a", by=a_service(), query={"link": ""}, headers=AS_ANN, body=body)
    made = json.loads(reply.body)
    assert (made["expires_at"], made["uses"]) == ("2023-11-15T22:13:20Z", 1)


@pytest.mark.parametrize(
    ("headers", "raw_path", "wanted", "status"),
    [
        ({}, "/shared/a", {}, 401),
        (AS_CI, "/shared/a", {}, 201),
        (AS_CI, "/shared/a", {"action": "write"}, 403),
        (AS_CI, "/inbox/a", {"action": "write"}, 403),
        (AS_ANN, "/seen/a", {}, 403),
        (AS_ANN, "/only-share/a", {}, 403),
        (AS_ANN, "/inbox/a", {}, 403),
        (AS_ANN, "/inbox/a", {"action": "write"}, 201),
        (AS_ANN, "/shared/", {}, 201),
        (AS_ANN, "/shared/closed/a", {}, 403),
        ({}, "/public/a", {}, 201),
        (basic("ann", "wrong"), "/public/a", {}, 401),
    ],
)
def test_one_is_made_by_whoever_may_share_and_do_that(
    headers: Mapping[str, str], raw_path: str, wanted: dict[str, Any], status: int
) -> None:
    assert make(a_service(), raw_path, headers, **wanted).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'"read"',
        b"[" * 4_000,
        b'{"uses": 1}' + b" " * 5_000 + b"}",
        b'{"action": "delete"}',
        b'{"action": "list"}',
        b'{"action": []}',
        b'{"expires_in": 0}',
        b'{"expires_in": -1}',
        b'{"expires_in": "60"}',
        b'{"expires_in": 1.5}',
        b'{"expires_in": null}',
        b'{"expires_in": true}',
        b'{"uses": 0}',
        b'{"uses": "1"}',
        b'{"uses": 1e9}',
        b'{"use": 1}',
        b'{"\\ud800": 1}',
        b'{"expires_in": ' + b"9" * 4_900 + b"}",
        json.dumps({"expires_in": MAX_LINK_SECONDS + 1}).encode(),
        json.dumps({"uses": MAX_USES + 1}).encode(),
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_what_cannot_be_made_is_a_bad_request(body: bytes) -> None:
    reply = ask("POST", "/shared/a", by=a_service(), query={"link": ""}, headers=AS_ANN, body=body)
    assert (reply.status, code(reply)) == (400, "bad-request")


def test_without_a_table_links_have_no_number_of_uses() -> None:
    by = signpost(rules=RULES)
    assert (make(by).status, code(make(by))) == (501, "not-offered")
    token = token_of(make(by, uses=None))
    assert [use(by, token).status for _ in range(3)] == [307] * 3


def test_the_holder_of_a_link_makes_no_other() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/", uses=None))
    assert ask("POST", "/shared/a", by=by, query={"link": "", "token": token}).status == 403


# Using one


def test_it_opens_without_credentials_and_once() -> None:
    tokens = Tokens()
    by = a_service(tokens)
    token = token_of(make(by))
    first = use(by, token)
    assert (first.status, first.headers["Cache-Control"]) == (307, "no-store")
    assert first.headers["Location"].startswith("https://acme-files.s3.eu-west-1.amazonaws.com/shared/a%20b?X-Amz")
    assert token not in first.headers["Location"]
    assert first.headers["Referrer-Policy"] == "no-referrer"
    second = use(by, token)
    assert (second.status, code(second)) == (410, "link-used-up")
    assert "Location" not in second.headers


def test_a_cache_keeps_no_redirect_of_a_link() -> None:
    by = a_service(mounts=[mount(cache_seconds=100)])
    assert ask("GET", "/public/a", by=by).headers["Cache-Control"] == "public, max-age=100"
    token = token_of(make(by, "/public/a", uses=None))
    assert use(by, token, "/public/a").headers["Cache-Control"] == "no-store"


def test_it_decides_whatever_comes_beside_it() -> None:
    by = a_service()
    token = token_of(make(by, uses=None))
    assert use(by, token, headers=basic("ann", "wrong")).status == 307
    assert use(by, "x", headers=AS_ANN).status == 403


def test_it_ends() -> None:
    by = a_service()
    token = token_of(make(by, expires_in=60, uses=None))
    assert use(by, token, now=NOW + 59).status == 307
    late = use(by, token, now=NOW + 60)
    assert (late.status, code(late)) == (410, "link-expired")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_to_look_takes_no_use_and_says_when_none_is_left(method: str) -> None:
    by = a_service()
    token = token_of(make(by))
    assert [use(by, token, method=method).status for _ in range(3)] == [307 if method == "HEAD" else 204] * 3
    assert use(by, token).status == 307
    assert use(by, token, method=method).status == 410


@pytest.mark.parametrize(
    "header",
    [
        {"sec-purpose": "prefetch"},
        {"sec-purpose": "prefetch;prerender"},
        {"sec-purpose": "Prefetch"},
        {"sec-purpose": "a, prefetch ;anonymous-client-ip"},
        {"purpose": "prefetch"},
        {"x-moz": "prefetch"},
        {"x-purpose": "preview"},
    ],
    ids=str,
)
def test_a_prefetch_takes_no_use_and_gets_nothing(header: dict[str, str]) -> None:
    by = a_service()
    token = token_of(make(by))
    reply = use(by, token, headers=header)
    assert (reply.status, code(reply)) == (403, "prefetch-refused")
    assert use(by, token).status == 307


@pytest.mark.parametrize(
    ("method", "raw_path", "query", "headers"),
    [
        ("GET", "/shared/other", {}, {}),
        ("PUT", "/shared/a%20b", {}, {}),
        ("POST", "/shared/a%20b", {}, {}),
        ("GET", "/shared/a%20b", {"download": "a/b"}, {}),
        ("GET", "/shared/a%20b", {}, {"x-amz-acl": "public-read"}),
        ("GET", "/shared/%zz", {}, {}),
    ],
)
def test_a_refused_request_takes_no_use(
    method: str, raw_path: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    by = a_service()
    token = token_of(make(by))
    assert use(by, token, raw_path, method, query=query, headers=headers).status in (400, 403, 405)
    assert use(by, token).status == 307


def test_what_fails_after_the_check_takes_no_use() -> None:
    tokens = Tokens()
    credentials = Fixed(Credentials("AKID", "secret", "token", NOW - 1))
    by = a_service(tokens, credentials=credentials)
    token = token_of(make(by))
    assert use(by, token).status == 503
    credentials.credentials = CREDENTIALS
    assert use(by, token).status == 307


def test_a_directory_that_cannot_be_listed_takes_no_use() -> None:
    tokens = Tokens()
    broken = signpost(rules=RULES, counter=tokens, objects=Failing(OSError("gone")))
    token = token_of(make(broken, "/shared/"))
    assert use(broken, token, "/shared/").status == 500
    assert use(a_service(tokens), token, "/shared/").status == 200


def test_the_client_that_took_the_use_asks_again_for_parts_of_the_same_file_for_a_minute() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/"))
    curl = {"user-agent": "curl/8"}

    def get(byte_range: str = "bytes=5-", raw_path: str = "/shared/a", **rest: Any) -> int:
        return use(by, token, raw_path, headers=curl | {"range": byte_range} | rest.pop("more", {}), **rest).status

    assert use(by, token, "/shared/a", headers=curl).status == 307
    for number, byte_range in enumerate(["bytes=0-", "Bytes=-5", "bytes=0-4", "bytes=4-4", "bytes=0-1 ,\t3-"]):
        assert get(byte_range, now=NOW + 10 * number) == 307
    assert get("bytes=00-") == 410  # the same part in another spelling
    assert get(address="192.0.2.2") == get(more={"user-agent": "wget"}) == get(now=NOW + 60) == 410
    for query in ({"response-expires": ""}, {"download": ""}, {"v": "1"}):
        assert get(query=query) == 410
    for raw_path in ("/shared/b", "/shared/a/", "/shared/sub/b", "/shared/"):
        assert get(raw_path=raw_path) == 410
    for byte_range in (
        "",
        "x",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=5",
        "bytes=1-,",
        "bytes=é-",
        "lines=5-",
        "bytes=5-;",
    ):
        assert get(byte_range) == 410, byte_range


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_of_fifty_equal_requests_with_a_range_as_many_succeed_as_there_are_uses(method: str) -> None:
    """Fifty people behind one address, with one browser, or one person who writes."""
    by = a_service()
    token = token_of(make(by, action="write" if method == "PUT" else "read", uses=3))
    headers = {"range": "bytes=0-", "if-none-match": "*"}
    answers = [use(by, token, method=method, headers=headers).status for _ in range(50)]
    assert sorted(answers) == [307] * 3 + [410] * 47


def test_a_write_opens_nothing_and_a_listing_no_parts() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/", action="write"))
    byte_range = {"range": "bytes=0-", "if-none-match": "*"}
    assert use(by, token, "/shared/a", "PUT", headers={"if-none-match": "*"}).status == 307
    assert use(by, token, "/shared/a", "PUT", headers=byte_range).status == 410
    token = token_of(make(by, "/shared/"))
    assert use(by, token, "/shared/").status == 200
    assert use(by, token, "/shared/", headers=byte_range).status == 410


@given(st.from_regex(r"(?i)bytes=[0-9, \t-]{0,12}", fullmatch=True))
def test_a_range_is_read_as_werkzeug_reads_it(field: str) -> None:
    """Every range that is free is a range to others, too, and each part has one spelling."""
    found = _range(field)
    if found is not None:
        assert _range(f"bytes={found}") == found
        theirs = parse_range_header(f"bytes={found.split(',')[0]}")
        assert theirs
        ((first, end),) = theirs.ranges
        first_text, _, last_text = found.split(",")[0].partition("-")
        assert (
            (first, end) == (int(first_text), int(last_text) + 1 if last_text else None)
            if first_text
            else (-int(last_text), None)
        )


def test_behind_a_cdn_the_address_that_counts_is_the_one_that_the_cdn_appended() -> None:
    """Only beside the CDN's secret: whoever reaches the service's own host writes any `X-Forwarded-For`."""
    cdn, ann, bob = "198.51.100.7", "203.0.113.1", "203.0.113.2"
    secrets = (b"old" * 11, b"new" * 11)
    by, without = (a_service(cdn_secrets=known) for known in (lambda _: secrets, None))

    def get(asked: Signpost, token: str, seen: str, secret: str, byte_range: str, address: str = cdn) -> int:
        headers = {"x-forwarded-for": seen, "x-signpost-cdn-secret": secret, "range": f"bytes={byte_range}"}
        return use(asked, token, headers=headers, address=address).status

    good, forged = "new" * 11, f"{bob}, {ann}"
    for seen in (ann, f"{ann}, {cdn}", f"{bob}, {ann},{cdn}", f"{bob},\t{ann} "):
        token = token_of(make(by))
        assert get(by, token, seen, good, "0-9") == 307
        assert get(by, token, f"{bob}, {cdn}", good, "10-") == 410
        assert get(by, token, f"{ann}, {bob}, {cdn}", good, "10-") == 410
        assert get(by, token, seen, "old" * 11, "10-", address="198.51.100.8") == (410 if cdn in seen else 307)
    for asked, secret in ((by, "wrong"), (by, ""), (by, "é\ud800"), (without, good)):
        token = token_of(make(asked))
        assert get(asked, token, ann, secret, "0-9", address=bob) == 307
        assert get(asked, token, forged, secret, "10-", address=ann) == 410
        assert get(asked, token, "", secret, "10-", address=bob) == 307
    for seen in ("", ",", cdn, f" ,{cdn}"):  # the CDN appended nothing, so the address that connected counts
        token = token_of(make(by))
        assert get(by, token, seen, good, "0-9") == 307
        assert get(by, token, "", "", "10-") == 307


def test_out_of_the_tables_reach_it_is_a_503_and_no_redirect() -> None:
    tokens = Tokens()
    by = a_service(tokens)
    token = token_of(make(by))
    tokens.reachable = False
    for method in ("GET", "HEAD", "OPTIONS"):
        reply = use(by, token, method=method)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        assert "Location" not in reply.headers
    tokens.reachable = True
    assert use(by, token).status == 307
    assert use(signpost(rules=RULES), token_of(make(by))).status == 503


def test_the_log_names_the_link_and_not_its_token() -> None:
    from tests.support.builders import request

    by = a_service()
    token = token_of(make(by))
    by.application.handle(request("GET", "/shared/a%20b", query={"token": token}))
    assert str(by.log[-1]["principal"]).startswith("link:")
    assert token not in json.dumps(by.log)


# Writing by one


def test_a_write_link_uploads_one_file_under_the_issuers_limits() -> None:
    by = a_service()
    token = token_of(make(by, "/inbox/a", action="write"))
    good = {"if-none-match": "*", "content-length": "10"}
    assert use(by, token, "/inbox/a", "PUT", headers={"content-length": "10"}).status == 428
    assert use(by, token, "/inbox/a", "PUT", headers={"if-none-match": "*"}).status == 411
    assert use(by, token, "/inbox/a", "PUT", headers=good | {"content-length": "11"}).status == 413
    assert use(by, token, "/inbox/a", "PUT", headers=good, query={"presign": ""}).status == 200
    assert use(by, token, "/inbox/a", "PUT", headers=good).status == 410


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_write_link_reads_nothing(method: str) -> None:
    by = a_service()
    token = token_of(make(by, action="write"))
    assert use(by, token, method=method).status == 403


def test_a_person_with_a_write_link_to_a_directory_gets_a_page_to_upload_from() -> None:
    by = a_service()
    token = token_of(make(by, "/inbox/", action="write"))
    browser = {"accept": "text/html"}
    for _ in range(2):
        reply = use(by, token, "/inbox/", headers=browser)
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"rows=None" in reply.body
        assert b"uploads=Uploads(overwrite=False, max_bytes=10, content_types=(), " in reply.body
        assert b"may_share=False" in reply.body
        assert b"inbox=True" in reply.body
    assert use(by, token, "/inbox/").status == 403
    assert use(by, token, "/inbox/a", headers=browser).status == 403
    good = {"if-none-match": "*", "content-length": "10"}
    assert use(by, token, "/inbox/a", "PUT", headers=good, query={"presign": ""}).status == 200
    assert use(by, token, "/inbox/", headers=browser).status == 410


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("POST", {"uploads": ""}),
        ("PUT", {"partNumber": "1", "uploadId": "u", "size": "5"}),
        ("POST", {"uploadId": "u"}),
        ("GET", {"uploadId": "u"}),
        ("DELETE", {"uploadId": "u"}),
    ],
)
def test_parts_go_by_a_write_link_that_has_no_number_of_uses(method: str, query: dict[str, str]) -> None:
    by = a_service()
    free, counted = (token_of(make(by, "/inbox/a", action="write", uses=uses)) for uses in (None, 5))
    once = {"if-none-match": "*"}
    assert use(by, free, "/inbox/a", method, query=query, headers=once).status == 307
    assert code(use(by, counted, "/inbox/a", method, query=query)) == "not-offered"
    assert use(by, free, "/inbox/b", method, query=query).status == 403


def test_a_write_link_replaces_nothing_even_where_its_maker_could() -> None:
    by = a_service()
    free = token_of(make(by, "/shared/", action="write", uses=None))
    for method, query in (("PUT", {}), ("PUT", {"presign": ""}), ("POST", {"uploadId": "u"})):
        for headers in ({}, {"if-match": '"e"'}, {"if-none-match": '"e"'}):
            assert code(use(by, free, "/shared/a", method, query=query, headers=headers)) == "precondition-required"
        assert use(by, free, "/shared/a", method, query=query, headers={"if-none-match": "*"}).status in (200, 307)
    assert ask("PUT", "/shared/a", by=by, headers=AS_ANN).status == 307
    page = use(by, free, "/shared/", headers={"accept": "text/html"}).body
    assert b"uploads=Uploads(overwrite=False" in page


def test_no_link_opens_a_version_or_lets_a_header_through() -> None:
    everything = allow("/**", "read list write delete share versions purge", "key:ann")
    by = a_service(rules=numbered(everything._replace(pass_headers=("x-amz-tagging",))))
    for action, where in (("read", "/a"), ("read", "/"), ("write", "/a"), ("write", "/")):
        token = token_of(make(by, where, action=action, uses=None))
        for method, query in (
            *((method, {}) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")),
            *(("GET", {name: "9"}) for name in ("presign", "w", "download", "uploadId")),
        ):
            if method != "DELETE":  # with a token it revokes the link
                reply = use(by, token, "/a", method, query={**query, "versionId": "v"})
                assert (reply.status, "Location" in reply.headers) == (403, False)
        put = {"if-none-match": "*", "x-amz-tagging": "a=b"}
        assert use(by, token, "/a", "GET" if action == "read" else "PUT", headers=put).status == 400


def test_no_form_goes_by_a_link() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/", action="write", uses=None))
    assert code(ask("POST", "/shared/", by=by, query={"form": "", "token": token})) == "not-offered"


# Directories


def test_that_of_a_directory_opens_what_is_below_for_reading_and_listing() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/", uses=None))
    assert use(by, token, "/shared/").status == 200
    assert use(by, token, "/shared/sub/").status == 200
    assert use(by, token, "/shared/sub/x").status == 307
    for method, raw_path in [
        ("GET", "/"),
        ("GET", "/shared"),
        ("GET", "/seen/x"),
        ("GET", "/shared/closed/x"),
        ("GET", "/shared/closed/"),
        ("PUT", "/shared/x"),
    ]:
        assert use(by, token, raw_path, method).status == 403, raw_path


def test_a_directorys_link_opens_what_its_maker_may_share_at_that_moment() -> None:
    """As if the maker asked, for the very path: by name, in a listing, as an image, to upload, and inside a page."""
    allowed = allow("/shared/**", "read list write share", "key:ann")
    rules = numbered(deny("/shared/secret/**", "share"), deny("/shared/own", "share"), allowed)
    keys = ["shared/a", "shared/own", "shared/secret/x", "shared/sub/y"]
    tokens, store = Tokens(), Objects(buckets={"acme-files": keys})
    before = signpost(rules=numbered(allowed), counter=tokens, objects=store)
    by = signpost(rules=rules, counter=tokens, objects=store)
    for maker in (before, by):  # whether the rule came before the link or after it
        read, write = (token_of(make(maker, "/shared/", action=action, uses=None)) for action in ("read", "write"))
        once = {"if-none-match": "*"}
        for name, opens in (("a", True), ("sub/y", True), ("own", False), ("secret/x", False), ("secret/", False)):
            for method, query in (("GET", {}), ("HEAD", {}), ("OPTIONS", {}), ("GET", {"presign": ""})):
                assert (use(by, read, f"/shared/{name}", method, query=query).status != 403) is opens, name
            for method, query in (("PUT", {}), ("POST", {"uploads": ""}), ("POST", {"uploadId": "u"})):
                reply = use(by, write, f"/shared/{name}", method, query=query, headers=once)
                assert (reply.status != 403) is opens, name
        listed = json.loads(use(by, read, "/shared/", query={"recursive": ""}).body)["entries"]
        assert [entry["name"] for entry in listed] == ["a", "sub/y"]
        listed = json.loads(use(by, read, "/shared/").body)["entries"]
        assert [entry["name"] for entry in listed] == ["a", "sub/"]
        assert use(by, read, "/shared/secret/x", query={"w": "9"}).status == 403
        assert use(by, write, "/shared/secret/", headers={"accept": "text/html"}).status == 403
    owned = json.loads(ask("GET", "/shared/", by=by, query={"links": ""}, headers=AS_ANN).body)["entries"]
    assert {entry["name"]: "token=" in entry["url"] for entry in owned if entry["type"] == "file"} == {
        "a": True,
        "own": False,
    }
    for raw_path in ("/shared/own", "/shared/secret/x", "/shared/secret/"):
        assert make(by, raw_path).status == 403


def test_what_a_link_lists_can_be_followed_with_it() -> None:
    by = signpost(
        rules=RULES, counter=Tokens(), objects=Objects(buckets={"acme-files": ["shared/a b", "shared/closed/x"]})
    )
    token = token_of(make(by, "/shared/", uses=None))
    listed = json.loads(use(by, token, "/shared/").body)
    assert [entry["url"] for entry in listed["entries"]] == [f"https://files.example.com/shared/a%20b?token={token}"]


# The issuer


@pytest.mark.parametrize(
    "left",
    [
        [rule for rule in RULES if "share" not in rule.actions],
        [rule for rule in RULES if rule.path != "/shared/**"],
        [*numbered(deny("/shared/a b", "read")), *RULES],
        [*numbered(deny("/shared/a b", "share")), *RULES],
    ],
)
def test_a_link_never_exceeds_its_issuers_rights(left: list[Rule]) -> None:
    tokens = Tokens()
    token = token_of(make(a_service(tokens)))
    reply = use(a_service(tokens, rules=numbered(*left)), token)
    assert (reply.status, code(reply)) == (403, "link-invalid")


def test_a_link_ends_with_its_issuers_key() -> None:
    tokens = Tokens()
    token = token_of(make(a_service(tokens)))
    assert use(a_service(tokens, keys=[CI]), token).status == 403
    assert use(a_service(tokens, keys=[CI, ANN]), token).status == 307


# Revoking


def revoke(by: Signpost, token: str, headers: Mapping[str, str] = AS_ANN, raw_path: str = "/shared/a%20b") -> Reply:
    return ask("DELETE", raw_path, by=by, query={"token": token}, headers=headers)


@pytest.mark.parametrize("used", [0, 1])
def test_its_issuer_takes_it_back_before_and_after_it_was_used(used: int) -> None:
    by = a_service()
    token = token_of(make(by, uses=3))
    for _ in range(used):
        assert use(by, token).status == 307
    done = revoke(by, token)
    assert (done.status, done.body) == (204, b"")
    for reply in (use(by, token), use(by, token, headers={"range": "bytes=0-"})):
        assert (reply.status, code(reply)) == (410, "link-revoked")
    assert revoke(by, token).status == 204


def test_nobody_else_takes_it_back() -> None:
    by = a_service()
    token = token_of(make(by))
    assert revoke(by, token, AS_CI).status == 403
    assert revoke(by, token, {}).status == 401
    assert revoke(by, token, basic("ann", "wrong")).status == 401
    assert use(by, token).status == 307


def test_only_at_its_own_path() -> None:
    by = a_service()
    token = token_of(make(by, "/shared/"))
    assert revoke(by, token, raw_path="/shared/x").status == 403
    assert revoke(by, "x", raw_path="/shared/x").status == 403
    assert revoke(by, token, raw_path="/shared/").status == 204


def test_a_delete_with_a_token_never_deletes_the_file() -> None:
    by = a_service()
    for token in (token_of(make(by)), "x", ""):
        assert "Location" not in revoke(by, token).headers


def test_one_without_a_number_of_uses_cannot_be_taken_back_and_says_so() -> None:
    by = a_service()
    reply = revoke(by, token_of(make(by, uses=None)))
    assert (reply.status, code(reply)) == (409, "not-revocable")
