"""A directory offers a form where one rule and one mount decide about everything below the directory."""

from tests.support.builders import allow, basic, deny, mount, numbered
from tests.support.fakes import ask, signpost

RULES = numbered(
    deny("/inbox/closed/**", "write"),
    allow("/inbox/**", "write", "key:ann", max_bytes=9),
    allow("/inbox/late/**", "write", "key:ann"),
    allow("/own/{user}/**", "write", "key:ann"),
    allow("/own/**", "write", "key:ann", max_bytes=9),
    allow("/plain/**", "write", "key:ann"),
    allow("/once/", "write", "key:ann"),
)


def test_where_one_rule_decides_there_is_a_form() -> None:
    for raw_path, status in (
        *((raw_path, 200) for raw_path in ("/plain/", "/plain/sub/", "/inbox/late/")),
        *((raw_path, 501) for raw_path in ("/inbox/", "/own/", "/once/")),
        *((raw_path, 403) for raw_path in ("/nothing/", "/inbox/closed/")),
    ):
        reply = ask("POST", raw_path, service=signpost(rules=RULES), query={"form": ""}, headers=basic("ann"))
        assert reply.status == status, raw_path
    reply = ask("POST", "/plain/", service=signpost(rules=RULES), query={"form": ""}, headers=basic("ci"))
    assert reply.status == 403


def test_no_form_leads_to_a_path_of_the_service_or_to_another_mount() -> None:
    """A policy allows a prefix of keys, without exceptions: such a form could write keys that no PUT can write."""
    everything = numbered(allow("/**", "write", "key:ann"))
    two_mounts = [mount(), mount("/plain/sub/other", bucket="other")]
    for mounts, raw_path, status in (
        *((two_mounts, raw_path, 501) for raw_path in ("/", "/plain/", "/plain/sub/")),
        (two_mounts, "/else/", 200),
        ([mount("/docs")], "/plain/", 404),
        *(([mount("/a", prefix=prefix)], "/a/", 501) for prefix in ("", "t/", "t")),
        *(([mount("/a", prefix="t/")], f"/a/{rest}", 404) for rest in ("-/derived/", "-/derived/sub/")),
        *(([mount("/a", prefix="t/")], f"/a/{rest}", 200) for rest in ("-/derivedX/", "sub/", "sub/-/derived/")),
        ([mount("/a", prefix="t/")], "/a/-/", 501),
    ):
        service = signpost(rules=everything, mounts=mounts)
        reply = ask("POST", raw_path, service=service, query={"form": ""}, headers=basic("ann"))
        assert reply.status == status, (mounts, raw_path)
