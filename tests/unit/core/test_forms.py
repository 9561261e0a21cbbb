"""A directory offers a form to a principal who may write everything below it, by one rule, in one mount."""

import json
from typing import Any

from tests.support.builders import allow, basic, deny, mount, numbered
from tests.support.fakes import ask, code, signpost

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


def test_where_rules_differ_below_a_directory_there_is_no_form() -> None:
    for raw_path in ("/inbox/", "/own/", "/once/"):
        reply = ask_form(raw_path)
        assert (reply.status, code(reply)) == (501, "not-offered")


def test_nobody_else_gets_a_form() -> None:
    assert ask_form("/plain/", headers={}).status == 401
    assert ask_form("/plain/", headers=basic("ci")).status == 403
    assert ask_form("/nothing/").status == 403
    assert ask_form("/inbox/closed/").status == 403


def test_no_form_leads_to_a_path_of_the_service_or_to_another_mount() -> None:
    """A policy has the beginning of keys, and no exceptions: such a form could write keys that no PUT can write."""
    everything = numbered(allow("/**", "write", "key:ann"))
    two_mounts = [mount(), mount("/plain/sub/other", bucket="other")]
    for mounts, raw_path, status in [
        *((two_mounts, raw_path, 501) for raw_path in ("/", "/plain/", "/plain/sub/")),
        (two_mounts, "/else/", 200),
        *(([mount("/a", prefix=prefix)], "/a/", 501) for prefix in ("", "t/", "t")),
        *(([mount("/a", prefix="t/")], f"/a/{rest}", 404) for rest in ("-/derived/", "-/derived/sub/")),
        *(([mount("/a", prefix="t/")], f"/a/{rest}", 200) for rest in ("-/derivedX/", "sub/", "sub/-/derived/")),
        ([mount("/a", prefix="t/")], "/a/-/", 501),
    ]:
        by = signpost(rules=everything, mounts=mounts)
        reply = ask("POST", raw_path, by=by, query={"form": ""}, headers=basic("ann"))
        assert reply.status == status, (mounts, raw_path)


def test_a_form_is_for_a_directory() -> None:
    assert ask_form("/plain/a").status == 405


def test_a_form_needs_a_mount() -> None:
    assert ask_form("/plain/", mounts=[mount("/docs")]).status == 404
