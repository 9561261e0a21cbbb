"""Links to `/-/resize`: who may make a link, which images a link shows, and that a link opens nothing else."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS
from chalicelib.core.access.resize_tokens import OF_HOST, OF_URL, ResizeTokens
from chalicelib.core.access.signing import encode
from chalicelib.core.web import image_parameters
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems.access import TooManyGroups
from chalicelib.core.web.problems.images import SizeNotAllowed
from tests.support.builders import (
    ANN,
    CI,
    DEADLINE,
    NOW,
    allow,
    api_key,
    basic,
    deny,
    numbered,
    path,
    request,
    secret_of,
)
from tests.support.fakes import Signpost, Source, ask, code, signer, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter

PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)
URL, OTHER = "https://images.example.com/a.png?b=c&d", "https://images.example.com/b.png"
RESIZE = "/-/resize"
W320 = {"w": "320"}
RULES = numbered(allow(RESIZE, "read share", "key:ann"), allow("/**", "read list write delete share"))
NO_READ = numbered(allow(RESIZE, "share", "key:ann"), deny(RESIZE, "read"))
SIZED = numbered(allow(RESIZE, "read share", "key:ann")._replace(image_sizes=("9x9",)))
AS_ANN = basic("ann")


def a_service(rules: Any = RULES, **rest: Any) -> Signpost:
    return signpost(rules=rules, source=Source({URL: PNG, OTHER: PNG}), counter=MemoryLinkUseCounter(), **rest)


def make(service: Signpost, headers: dict[str, str] = AS_ANN, **wanted: Any) -> Reply:
    return ask("POST", RESIZE, service=service, query={"link": ""}, headers=headers, body=json.dumps(wanted).encode())


def token_of(reply: Reply) -> str:
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["token"])


def show(service: Signpost, token: str, u: str = URL, query: dict[str, str] | None = None, **rest: Any) -> Reply:
    return ask(
        rest.pop("method", "GET"), RESIZE, service=service, query={"token": token, "u": u, **(query or W320)}, **rest
    )


def test_a_link_shows_one_url_in_its_sizes_and_caches_keep_it_until_its_end() -> None:
    service = a_service()
    reply = make(service, u=URL, sizes=["320x", "x99", "9x8"], expires_in=4_000)
    link = json.loads(reply.body)
    assert link == {
        "url": "https://files.example.com/-/resize?token="
        f"{link['token']}&w=320&u=https%3A%2F%2Fimages.example.com%2Fa.png%3Fb%3Dc%26d",
        "token": link["token"],
        "sizes": ["320x", "x99", "9x8"],
        "expires_at": "2023-11-14T23:20:00Z",
    }
    for query in (W320, {"h": "99"}, {"w": "9", "h": "8", "fit": "cover", "format": "webp"}):
        for method in ("GET", "HEAD"):
            reply = show(service, link["token"], URL, query, method=method)
            assert (reply.status, reply.headers["Cache-Control"]) == (200, "public, max-age=3600")
    late = show(service, link["token"], now=NOW + 3_990)
    assert (late.status, late.headers["Cache-Control"]) == (200, "public, max-age=10")
    assert code(show(service, link["token"], now=NOW + 4_000)) == "link-expired"
    for query in ({"w": "321"}, {"w": "9"}, {"w": "320", "q": "9"}, {"w": "320", "h": "99"}):
        assert code(show(service, link["token"], URL, query)) == "size-not-allowed"
    for u in (OTHER, URL + "&", URL.upper(), URL.replace("https", "http")):
        assert code(show(service, link["token"], u)) == "link-invalid", u
    for query, name in (({"u": URL}, "?w: "), (W320, "?u: ")):
        reply = ask("GET", RESIZE, service=service, query={"token": link["token"], **query})
        assert (reply.status, json.loads(reply.body)["detail"][:4]) == (400, name)


def test_a_link_shows_every_url_of_one_host() -> None:
    service = a_service()
    reply = make(service, host="images.example.com", sizes=["320x"])
    token = token_of(reply)
    assert json.loads(reply.body)["url"].endswith(f"?token={token}&w=320&u=")
    assert [show(service, token, u).status for u in (URL, OTHER)] == [200, 200]
    for u in ("https://x.images.example.com/a.png", "https://images.example.com:444/a.png", "https://evil.test/"):
        assert code(show(service, token, u)) == "link-invalid"


def test_a_link_is_judged_as_if_its_maker_asked() -> None:
    token = token_of(make(a_service(), u=URL, sizes=["320x", "9x9"]))
    for rules in (numbered(allow(RESIZE, "read", "key:ann")), NO_READ, numbered(allow("/**", "read share")), ()):
        assert code(show(a_service(rules), token)) == "link-invalid"
    for keys in ([CI], [ANN._replace(in_urls=True)]):
        assert code(show(a_service(keys=keys), token)) == "link-invalid"
    assert code(show(a_service(SIZED), token)) == "size-not-allowed"
    assert show(a_service(SIZED), token, URL, {"w": "9", "h": "9"}).status == 200


def test_making_a_link_needs_share_and_read_at_the_endpoint() -> None:
    wanted: dict[str, Any] = {"u": URL, "sizes": ["320x"]}
    assert make(a_service(), {}, **wanted).status == 401
    assert make(a_service(), basic("ci"), **wanted).status == 403
    assert make(a_service(NO_READ), **wanted).status == 403
    assert code(make(a_service(SIZED), **wanted)) == "size-not-allowed"
    service = a_service()
    token = token_of(make(service, **wanted))
    reply = ask("POST", RESIZE, service=service, query={"link": "", "token": token, "u": URL, "w": "320"})
    assert code(reply) == "link-invalid"


def test_a_bad_body_makes_no_link() -> None:
    service = a_service()
    good: dict[str, Any] = {"u": URL, "sizes": ["320x"]}
    bad: list[dict[str, Any]] = [
        *({}, {"u": URL}, {"sizes": ["320x"]}, good | {"host": "images.example.com"}, good | {"u": 5}, good | {"v": 1}),
        *(good | {"sizes": sizes} for sizes in ([], "320x", ["x"], ["0x9"], ["4097x"], [9], ["320"], ["9x"] * 17)),
        *(good | {"expires_in": seconds} for seconds in (0, MAX_LINK_SECONDS + 1, "9", None)),
        *({"host": host, "sizes": ["9x"]} for host in ("Images.example.com", "", 5)),
    ]
    for wanted in bad:
        assert make(service, **wanted).status in (400, 403), wanted
    for wanted in (good | {"u": "https://evil.test/a"}, {"host": "evil.test", "sizes": ["9x"]}):
        assert code(make(service, **wanted)) == "source-not-allowed"


def test_each_kind_of_token_opens_its_own_kind_alone() -> None:
    service = a_service()
    file = json.loads(ask("POST", "/a", service=service, query={"link": ""}, headers=AS_ANN).body)["token"]
    assert code(show(service, file)) == "link-invalid"
    of_url, of_host = make(service, u=URL, sizes=["320x"]), make(service, host="images.example.com", sizes=["320x"])
    for token in (token_of(of_url), token_of(of_host)):
        for method, raw_path in (("GET", "/a"), ("GET", "/"), ("POST", "/-/thumbnail")):
            assert (
                code(ask(method, raw_path, service=service, query={"token": token, "u": URL, "w": "320"}))
                == "link-invalid"
            )


def test_every_character_of_a_token_counts() -> None:
    service = a_service()
    token = token_of(make(service, u=URL, sizes=["320x"]))
    for place, char in enumerate(token):
        assert code(show(service, token[:place] + ("A" if char != "A" else "B") + token[place + 1 :])) == "link-invalid"


def resize_tokens() -> ResizeTokens:
    return ResizeTokens(signer("resize token"), Source().host)


@given(
    st.sampled_from([OF_URL, OF_HOST]),
    st.binary(min_size=14, max_size=300),
    st.lists(st.sampled_from(["320x", "x99", "9x8"]), min_size=1, max_size=9),
)
def test_a_token_gives_its_maker_again_whoever_the_maker_is(kind: int, maker: bytes, sizes: list[str]) -> None:
    source = URL if kind == OF_URL else "images.example.com"
    token = resize_tokens().make(kind, source, sizes, 99, maker, DEADLINE)
    for size in ("320x", "x99", "9x8"):
        shown = request(query={"token": token, "u": URL, **dict(parse_qsl(image_parameters.query_of(size)))})
        if size in sizes:
            link = resize_tokens().read(shown, path(RESIZE))
            assert (link.maker, link.expires_at) == (maker, 99)
        else:
            with pytest.raises(SizeNotAllowed):
                resize_tokens().read(shown, path(RESIZE))


def test_a_token_of_a_person_has_at_most_512_characters() -> None:
    def make_token(maker_bytes: int) -> str:
        return resize_tokens().make(OF_URL, URL, ["9x9"], 99, b"p" * maker_bytes, DEADLINE)

    assert len(make_token(357)) == 512
    with pytest.raises(TooManyGroups, match="514"):
        make_token(358)


@given(st.text(max_size=60) | st.binary(max_size=60).map(encode))
def test_garbage_is_refused(token: str) -> None:
    assert code(show(a_service(), token)) in ("link-invalid", "bad-parameter")


def test_the_log_holds_neither_a_token_nor_a_publishable_key() -> None:
    """The log has no accepted secret, and no refused secret."""
    site = api_key("site")._replace(in_urls=True)
    service = a_service((*RULES, *numbered(allow(RESIZE, "read", "key:site"))), keys=[ANN, site])
    token = token_of(make(service, u=URL, sizes=["320x"]))
    service.log.clear()
    for method in ("GET", "HEAD", "OPTIONS"):
        for secret in ({"token": token}, {"k": secret_of("site")}, {"token": token[:-1]}, {"k": "c4n4ry"}):
            ask(method, RESIZE, service=service, query={"u": URL, **W320, **secret})
    assert [line["status"] for line in service.log] == [200, 200, 403, 401] * 2 + [204, 204, 403, 401]
    assert (str(service.log[0]["principal"])[:5], service.log[1]["principal"]) == ("link:", "key:site")
    for secret_text in (token, token[-22:], secret_of("site"), "c4n4ry"):
        assert secret_text not in json.dumps(service.log)
