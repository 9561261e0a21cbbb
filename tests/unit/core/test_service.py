"""The service: methods, reserved paths, steps of an upload in parts, versions, and the order of its checks."""

import json

from chalicelib.core.access.actions import METHODS
from chalicelib.core.s3.stores import Credentials
from tests.support.builders import allow, basic, deny, mount, numbered
from tests.support.fakes import Failing, ask, code, signpost
from tests.support.store import MemoryStore

OPEN = numbered(allow("/**", "read list write delete versions"))


def test_other_methods_are_refused_with_the_list_of_methods() -> None:
    for method in ("PATCH", "TRACE", "CONNECT", "get", "", "BREW", "None"):
        reply = ask(method, "/public/a", headers=basic("ann"))
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, PUT, POST, DELETE, OPTIONS")
        assert code(reply) == "method-not-allowed"
    for query in ({}, {"presign": ""}, {"x": "link"}):
        reply = ask("POST", "/public/a", query=query, headers=basic("ann"))
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD, PUT, DELETE, OPTIONS")
    reply = ask("OPTIONS", "/public/a")
    assert (reply.status, reply.headers["Allow"], reply.body) == (204, "GET, HEAD, PUT, POST, DELETE, OPTIONS", b"")


def test_a_path_without_a_mount_is_not_found_for_callers_who_may_read_it() -> None:
    service = signpost(mounts=[mount("/docs")])
    assert ask("GET", "/public/a", service=service).status == 404
    assert ask("GET", "/nothing", service=service).status == 401


def test_reserved_paths_are_never_redirected() -> None:
    for raw_path in ("/-/", "/-/x", "/%2D/x", "/-%2Fx", "/-/login/", "/-/callback/", "/-/assets"):
        for method in METHODS:
            assert ask(method, raw_path, service=signpost(rules=OPEN)).status == 404
    for raw_path in ("/-", "/-x", "/a/-/b", "/--/a"):
        assert ask("GET", raw_path, service=signpost(rules=OPEN)).status == 307


def test_each_step_of_an_upload_in_parts_can_be_presigned_for_callers_who_may_write() -> None:
    part, upload = {"partNumber": "1", "uploadId": "u"}, {"uploadId": "u"}
    steps = [("POST", {"uploads": ""}), ("PUT", part), *((method, upload) for method in ("POST", "GET", "DELETE"))]
    for method, query in steps:
        presigned = ask(method, "/builds/a", query=query | {"presign": ""}, headers=basic("ci"))
        assert json.loads(presigned.body)["method"] == method
        assert ask(method, "/builds/a", query=query, headers=basic("ann")).status == 403


def test_uploads_must_satisfy_the_rule_and_other_methods_need_not() -> None:
    """The rules decide first, so a refusal of an upload shows nothing to a caller who may not write."""
    service = signpost(rules=numbered(allow("/**", "read write delete", overwrite=False, max_bytes=5)))
    assert [ask(method, "/a", service=service).status for method in ("GET", "HEAD", "DELETE", "PUT")] == [
        307,
        307,
        307,
        411,
    ]
    chunked = {"transfer-encoding": "gzip, Chunked"}
    assert code(ask("PUT", "/builds/a", headers=basic("ci") | chunked)) == "length-required"
    assert ask("PUT", "/builds/a", headers=chunked).status == ask("PUT", "/inbox/a").status == 401


def test_a_mount_with_credentials_of_its_own_is_signed_with_them_alone() -> None:
    own = mount("/theirs", bucket="theirs")._replace(credentials=Credentials("THEIRS", "secret"))
    service = signpost(rules=OPEN, mounts=[own], credentials=Failing(AssertionError("asked")))
    assert "X-Amz-Credential=THEIRS%2F" in ask("GET", "/theirs/a", service=service).headers["Location"]
    both = signpost(rules=OPEN, mounts=[own, mount()])
    assert "X-Amz-Credential=AKIDEXAMPLE%2F" in ask("GET", "/a", service=both).headers["Location"]


def test_no_credentials_are_fetched_before_the_rules_allow_the_request() -> None:
    service = signpost(credentials=Failing(AssertionError("asked")))
    for method in METHODS:
        query = {"link": ""} if method == "POST" else {}
        assert ask(method, "/nothing", service=service, query=query).status == 401
        assert ask(method, "/nothing", service=service, query=query, headers=basic("ann")).status == 403


def test_versions_need_an_action_of_their_own_in_every_way_to_ask() -> None:
    """Ann may use versions below /a/ and purge below /b/; ci may do nothing else there. Only DELETE purges."""
    rules = numbered(
        deny("/a/closed", "read"),
        allow("/a/**", "read list write delete share", "key:ann"),
        allow("/a/**", "versions", "key:ann", "key:ci"),
        allow("/b/**", "read list write delete share", "key:ann"),
        allow("/b/**", "purge", "key:ann", "key:ci"),
    )
    png = b"\x89PNG\r\n\x1a\n" + bytes(99)
    store = MemoryStore({"a/x": png, "b/x": png})
    for method, query, status, is_inline in (
        *(("HEAD", {}, 307, False), ("HEAD", {}, 200, True), ("HEAD", {"presign": ""}, 200, True)),
        *(("OPTIONS", {}, 204, False), ("GET", {}, 307, False), ("GET", {"download": ""}, 307, False)),
        *(("GET", {"presign": ""}, 200, False), ("GET", {"w": "9"}, 307, False), ("PUT", {}, 307, False)),
        *(("PUT", {"partNumber": "1", "uploadId": "u"}, 307, False), ("DELETE", {"uploadId": "u"}, 307, False)),
        *(("POST", {"link": ""}, 501, False), ("GET", {"directory": ""}, 200, False)),
    ):
        service = signpost(rules=rules, head_inline=is_inline, objects=store)
        name, version = "" if "directory" in query else "x", query | {"versionId": "1"}
        for who, statuses in {"ann": [status, 403], "ci": [403, 403]}.items():
            replies = [
                ask(method, f"/{top}/{name}", service=service, query=version, headers=basic(who)) for top in "ab"
            ]
            assert [reply.status for reply in replies] == statuses, (method, query, who)
        assert ask(method, "/a/closed", service=service, query=version, headers=basic("ann")).status == 403
    service, old = signpost(rules=rules), {"versionId": "1"}
    for who, top, status in (("ann", "a", 403), ("ann", "b", 307), ("ci", "a", 403), ("ci", "b", 403)):
        for query in ({}, {"presign": ""}):
            reply = ask("DELETE", f"/{top}/x", service=service, query=query | old, headers=basic(who))
            assert reply.status == (200 if query and status == 307 else status)
    refused = ask("GET", "/b/x", service=service, query=old, headers=basic("ann"))
    assert "may not read old versions here" in json.loads(refused.body)["detail"]
    assert ask("GET", "/b/x", service=service, query=old).status == 401
