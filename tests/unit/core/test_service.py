"""The pipeline: what each request is answered with, and that no way of asking is refused less than GET."""

import json
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest

from chalicelib.core.access.actions import METHODS, action_of
from chalicelib.core.ports import Metadata
from chalicelib.core.s3.stores import Credentials
from tests.support.builders import CREDENTIALS, NOW, allow, basic, mount, numbered, path
from tests.support.fakes import Failing, Objects, ask, code, signpost
from tests.support.oracles import botocore_url

OPEN = numbered(allow("/**", "read list write delete versions"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("raw_path", ["/a.txt", "/a/b//c", "/100%25%20%C3%BC+%3F"])
def test_a_redirect_leads_to_the_decoded_key_signed_for_the_method(method: str, raw_path: str) -> None:
    reply = ask(method, raw_path, by=signpost(rules=OPEN))
    assert (reply.status, reply.body) == (307, b"")
    assert unquote(urlsplit(reply.headers["Location"]).path) == unquote(raw_path)
    assert reply.headers["Location"] == botocore_url(
        method,
        "https://acme-files.s3.eu-west-1.amazonaws.com",
        unquote(raw_path)[1:],
        query={},
        headers={},
        credentials=CREDENTIALS,
        region="eu-west-1",
        expires=300,
        signed_at=NOW,
    )


def test_a_directory_is_an_ordinary_key_for_those_who_write() -> None:
    for method in ("PUT", "DELETE"):
        reply = ask(method, "/d//", by=signpost(rules=OPEN))
        assert urlsplit(reply.headers["Location"]).path == "/d//"


def test_what_the_contract_names_is_passed_on_signed_and_the_rest_ignored() -> None:
    reply = ask(
        "GET",
        "/a",
        by=signpost(rules=OPEN),
        query={"versionId": "v 1", "response-content-type": "text/plain", "v": "42", "X-Amz-Expires": "604800"},
        headers={"x-amz-checksum-mode": "ENABLED", "range": "bytes=0-9", "if-none-match": "*"},
    )
    found = parse_qs(urlsplit(reply.headers["Location"]).query, strict_parsing=True)
    assert {name: found[name] for name in found if not name.startswith("X-Amz-")} == {
        "versionId": ["v 1"],
        "response-content-type": ["text/plain"],
    }
    assert found["X-Amz-Expires"] == ["300"]
    assert found["X-Amz-SignedHeaders"] == ["host;x-amz-checksum-mode"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_presign_describes_the_same_url(method: str) -> None:
    headers = {"x-amz-meta-a": "1", "if-match": '"e"', "content-type": "a/b"}
    redirect = ask(method, "/a", by=signpost(rules=OPEN), headers=headers)
    reply = ask(method, "/a", by=signpost(rules=OPEN), headers=headers, query={"presign": ""})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.headers["Cache-Control"] == "no-store"
    assert json.loads(reply.body) == {
        "method": method,
        "url": redirect.headers["Location"],
        "headers": {"x-amz-meta-a": "1"} | ({"if-match": '"e"'} if method == "PUT" else {}),
        "expires_at": "2023-11-14T22:18:20Z",
    }


@pytest.mark.parametrize(
    ("method", "raw_path", "action"),
    [
        ("GET", "/a", "read"),
        ("HEAD", "/a", "read"),
        ("OPTIONS", "/a", "read"),
        ("GET", "/a/", "list"),
        ("HEAD", "/a/", "list"),
        ("OPTIONS", "/", "list"),
        ("PUT", "/a", "write"),
        ("PUT", "/a/", "write"),
        ("DELETE", "/a", "delete"),
        ("DELETE", "/a/", "delete"),
    ],
)
def test_a_method_at_a_path_is_one_action(method: str, raw_path: str, action: str) -> None:
    assert action_of(method, path(raw_path), {}) == action


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "CONNECT", "get", "", "BREW", "None"])
def test_any_other_method_is_refused_with_those_there_are(method: str) -> None:
    reply = ask(method, "/public/a", headers=basic("ann"))
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, PUT, POST, DELETE, OPTIONS")
    assert code(reply) == "method-not-allowed"


@pytest.mark.parametrize("query", [{}, {"presign": ""}, {"x": "link"}])
def test_a_post_is_refused_that_asks_for_nothing_there_is(query: dict[str, str]) -> None:
    reply = ask("POST", "/public/a", query=query, headers=basic("ann"))
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, PUT, DELETE, OPTIONS")


@pytest.mark.parametrize("raw_path", ["/", "/docs", "/docs/"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_whole_mount_is_neither_written_nor_deleted(method: str, raw_path: str) -> None:
    reply = ask(method, raw_path, by=signpost(rules=OPEN, mounts=[mount(), mount("/docs", bucket="docs")]))
    assert (reply.status, code(reply)) == (400, "bad-path")


def test_a_path_without_a_mount_is_not_found_by_those_who_may_read_it() -> None:
    by = signpost(mounts=[mount("/docs")])
    assert ask("GET", "/public/a", by=by).status == 404
    assert ask("GET", "/nothing", by=by).status == 401


PARTS = [
    ("POST", {"uploads": ""}),
    ("PUT", {"partNumber": "1", "uploadId": "u"}),
    ("POST", {"uploadId": "u"}),
    ("GET", {"uploadId": "u"}),
    ("DELETE", {"uploadId": "u"}),
]


@pytest.mark.parametrize(("method", "query"), PARTS)
def test_an_upload_in_parts_is_redirected_call_by_call(method: str, query: dict[str, str]) -> None:
    reply = ask(method, "/builds/a", query=query | {"v": "1", "versionId": "2"}, headers=basic("ci"))
    assert (reply.status, reply.headers["Cache-Control"]) == (307, "no-store")
    found = dict(parse_qsl(urlsplit(reply.headers["Location"]).query, keep_blank_values=True))
    assert {name: found[name] for name in found if not name.startswith("X-Amz-")} == query
    assert reply.headers["Location"].partition("?")[0].endswith("/builds/a")


@pytest.mark.parametrize(("method", "query"), PARTS)
def test_an_upload_in_parts_is_for_those_who_may_write(method: str, query: dict[str, str]) -> None:
    assert ask(method, "/builds/a", query=query, headers=basic("ann")).status == 403
    assert ask(method, "/builds/a", query=query).status == 401
    readers = signpost(rules=numbered(allow("/**", "read list delete share")))
    assert ask(method, "/builds/a", by=readers, query=query).status == 401


@pytest.mark.parametrize(("method", "query"), PARTS)
def test_an_upload_in_parts_goes_in_two_steps_too(method: str, query: dict[str, str]) -> None:
    told = json.loads(ask(method, "/builds/a", query=query | {"presign": ""}, headers=basic("ci")).body)
    assert told["method"] == method


def test_a_part_that_passes_for_nothing_replaces_and_deletes_nothing() -> None:
    for method, query in (("PUT", {"partNumber": "1"}), ("DELETE", {"uploads": ""}), ("PUT", {"uploadId": "u"})):
        assert code(ask(method, "/builds/a", query=query, headers=basic("ci"))) == "bad-parameter"


def test_what_is_there_is_kept_when_the_parts_are_put_together() -> None:
    by = signpost(rules=numbered(allow("/**", "write", overwrite=False)))
    query = {"uploadId": "u"}
    assert ask("POST", "/a", by=by, query={"uploads": ""}).status == 307
    assert ask("PUT", "/a", by=by, query=query | {"partNumber": "1"}).status == 307
    assert (ask("POST", "/a", by=by, query=query).status, code(ask("POST", "/a", by=by, query=query))) == (
        428,
        "precondition-required",
    )
    reply = ask("POST", "/a", by=by, query=query, headers={"if-none-match": "*"})
    assert "X-Amz-SignedHeaders=host%3Bif-none-match&" in reply.headers["Location"]


def test_what_a_rule_demands_of_an_upload_is_asked_of_whoever_may_upload() -> None:
    reply = ask("PUT", "/inbox/a", headers=basic("ann"))
    assert (reply.status, code(reply)) == (428, "precondition-required")
    assert ask("PUT", "/inbox/a").status == 401
    assert ask("PUT", "/inbox/a", headers=basic("ann") | {"if-none-match": "*"}).status == 307


def test_what_a_rule_demands_of_an_upload_is_signed() -> None:
    by = signpost(rules=numbered(allow("/**", "write", max_bytes=5)))
    location = ask("PUT", "/a", by=by, query={"size": "5"}).headers["Location"]
    assert "X-Amz-SignedHeaders=content-length%3Bhost&" in location
    assert "size" not in location


def test_what_a_rule_demands_of_an_upload_is_asked_of_nothing_else() -> None:
    by = signpost(rules=numbered(allow("/**", "read write delete", overwrite=False, max_bytes=5)))
    statuses = [ask(method, "/a", by=by).status for method in ("GET", "HEAD", "DELETE", "PUT")]
    assert statuses == [307, 307, 307, 411]


def test_a_mount_with_credentials_of_its_own_is_signed_with_them_alone() -> None:
    own = mount("/theirs", bucket="theirs")._replace(credentials=Credentials("THEIRS", "secret"))
    by = signpost(rules=OPEN, mounts=[own], credentials=Failing(AssertionError("asked")))
    assert "X-Amz-Credential=THEIRS%2F" in ask("GET", "/theirs/a", by=by).headers["Location"]
    both = signpost(rules=OPEN, mounts=[own, mount()])
    assert "X-Amz-Credential=AKIDEXAMPLE%2F" in ask("GET", "/a", by=both).headers["Location"]


def test_options_says_which_methods_there_are() -> None:
    reply = ask("OPTIONS", "/public/a")
    assert (reply.status, reply.headers["Allow"], reply.body) == (204, "GET, HEAD, PUT, POST, DELETE, OPTIONS", b"")


def test_a_chunked_upload_is_refused_before_it_is_redirected() -> None:
    chunked = {"transfer-encoding": "gzip, Chunked"}
    assert code(ask("PUT", "/builds/a", headers=basic("ci") | chunked)) == "length-required"
    assert ask("PUT", "/builds/a", headers=chunked).status == 401


@pytest.mark.parametrize("raw_path", ["/-/", "/-/x", "/%2D/x", "/-%2Fx", "/-/login/", "/-/assets"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_the_services_own_is_never_redirected(method: str, raw_path: str) -> None:
    assert ask(method, raw_path, by=signpost(rules=OPEN)).status == 404


def test_a_path_that_only_looks_like_the_services_own_is_a_key() -> None:
    for raw_path in ("/-", "/-x", "/a/-/b", "/--/a"):
        assert ask("GET", raw_path, by=signpost(rules=OPEN)).status == 307


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {"ETag": '"e"', "Content-Length": "5"}), (304, {"ETag": '"e"'}), (416, {})],
)
def test_head_inline_answers_what_the_store_says(status: int, headers: dict[str, str]) -> None:
    objects = Objects(Metadata(status, headers))
    by = signpost(rules=OPEN, objects=objects, head_inline=True)
    reply = ask("HEAD", "/a%20b", by=by, query={"versionId": "v"}, headers={"if-none-match": '"e"'})
    assert (reply.status, reply.body, reply.headers["Cache-Control"]) == (status, b"", "no-store")
    assert headers.items() <= reply.headers.items()
    target, query, asked = objects.asked[0]
    assert (target.key, query, asked["if-none-match"]) == ("a b", {"versionId": "v"}, '"e"')


def test_head_inline_asks_for_nothing_but_a_head() -> None:
    objects = Objects(Metadata(200, {}))
    by = signpost(rules=OPEN, objects=objects, head_inline=True)
    assert ask("GET", "/a", by=by).status == ask("PUT", "/a", by=by).status == 307
    assert ask("HEAD", "/a", by=by, query={"presign": ""}).status == 200
    assert objects.asked == []
