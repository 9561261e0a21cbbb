"""Access: the rules decide for every way to ask, and every answer has its id, its headers and its line in the log."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import pytest

from chalicelib.core.access.actions import action_of
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.web.paths import Path
from local import dev_server
from tests.support.builders import ANN, CI, RULES, basic, bearer
from tests.support.entry_points import KEY_TABLES, Answer, rule_table
from tests.support.oracles import deciding

from .sites import Site, Store, Table, client_of, open_site

ORIGIN = "https://app.example.com"
SERVICE = f"""
[service]
realm = "Acme files"
head = "{{head}}"
cors_origins = ["{ORIGIN}"]

[[mounts]]
path = "/"
bucket = "{{bucket}}"
endpoint = "{{endpoint}}"
region = "{{region}}"
"""
TABLES = KEY_TABLES + "".join(map(rule_table, RULES))
SETTINGS = SERVICE + TABLES.replace("{", "{{").replace("}", "}}")


class Way(NamedTuple):
    """A way to ask for a file, and the status where GET is a redirect."""

    method: str
    query: str
    status: int
    is_inline: bool = False


WAYS = (
    *(
        Way("HEAD", "", 307),
        Way("HEAD", "", 200, True),
        Way("HEAD", "?presign", 200),
        Way("HEAD", "?presign", 200, True),
    ),
    *(
        Way("OPTIONS", "", 204),
        Way("GET", "?presign", 200),
        Way("GET", "?download", 307),
        Way("GET", "?versionId=1", 307),
    ),
)
WHO = {
    "anyone": {},
    "ann": basic("ann"),
    "ci": bearer("ci"),
    "wrong secret": basic("ann", "wrong"),
    "wrong scheme": {"authorization": "Digest x"},
}
FILES = ["public", "users/ann", "users/ci", "builds", "finance/secret", "finance", "inbox"]
PATHS = [*(f"/{folder}/a" for folder in FILES), "/nothing"]
PATHS += ["/public/", "/users/ann/", "/finance/", "/nothing/", "/"]
PATHS += ["//a", "/-/a", "/a/..", "/%zz", "/%FF", "/" + "a" * 1025]


@pytest.fixture(scope="module")
def rest_api(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A REST API in front of some files, which redirects HEAD."""
    for folder in FILES:
        client_of(store).put_object(Bucket=store.bucket, Key=f"{folder}/a", Body=b"a")
    site_folder = tmp_path_factory.mktemp("access")
    with open_site(store, table, site_folder, store.environ(), settings=SETTINGS, driver=driver) as site:
        yield site


@pytest.fixture(scope="module")
def function_url(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Function URL in front of the same files, which answers HEAD inline."""
    folder, url = tmp_path_factory.mktemp("inline"), dev_server.FUNCTION_URL
    with open_site(
        store, table, folder, store.environ(), settings=SETTINGS, head="inline", entry_point=url, driver=driver
    ) as site:
        yield site


class Call(NamedTuple):
    """A request with headers alone."""

    method: str
    path: str
    headers: Mapping[str, str] = {}


def ask_all(site: Site, calls: Sequence[Call]) -> list[Answer]:
    """Send requests, and follow no redirect."""
    words = []
    for method, path, headers in calls:
        fields = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
        words.append((*(["-I"] if method == "HEAD" else ["-X", method]), *fields, site.at(path)))
    return site.curl_all(words, user=None)


def challenge(answer: Answer) -> str | None:
    """The challenge of a 401, which the entry points rename on AWS (FACTS 1.7)."""
    return answer.headers.get("www-authenticate", answer.headers.get("x-amzn-remapped-www-authenticate"))


def test_every_way_to_ask_is_refused_exactly_where_get_is(rest_api: Site, function_url: Site) -> None:
    """Each way meets each path and each caller; the callers of a path follow from the number of the way."""
    for number, way in enumerate(WAYS):
        site = function_url if way.is_inline else rest_api
        asked = [(path, [*WHO.values()][(number + place) % len(WHO)]) for place, path in enumerate(PATHS)]
        gets = ask_all(site, [Call("GET", path, headers) for path, headers in asked])
        answers = ask_all(site, [Call(way.method, path + way.query, headers) for path, headers in asked])
        for case, get, answer in zip(asked, gets, answers, strict=True):
            if get.status in (200, 307):
                allowed = way.status if get.status == 307 else 204 if way.method == "OPTIONS" else 200
                assert answer.status == allowed, (way, case)
                continue
            assert (answer.status, challenge(answer)) == (get.status, challenge(get)), (way, case)
            assert get.status in (400, 401, 403, 404, 414)
            assert "location" not in answer.headers
            assert way.method == "HEAD" or answer.code == get.code


def test_no_way_to_ask_passes_on_what_get_refuses(rest_api: Site, function_url: Site) -> None:
    refused: tuple[tuple[str, dict[str, str]], ...] = (
        ("versionId=%0A", {}),
        ("download=a%2Fb", {}),
        ("uploads", {}),
        ("", {"x-amz-acl": "public-read"}),
        ("", {"x-amz-meta-a": "ü"}),
    )
    for way in (Way("GET", "", 400), Way("GET", "", 400, True), *WAYS):
        if way.method != "OPTIONS":
            path = f"/public/a{way.query or '?'}&"
            calls = [Call(way.method, path + query, headers) for query, headers in refused]
            answers = ask_all(function_url if way.is_inline else rest_api, calls)
            assert [answer.status for answer in answers] == [400] * len(refused), way


def test_only_requests_that_the_rules_allow_are_redirected(rest_api: Site) -> None:
    principals = {"anyone": ANYONE, "ann": ANN.principal(), "ci": CI.principal()}
    cases = [*product(principals, ("GET", "PUT", "DELETE"), PATHS[:12])]
    answers = ask_all(rest_api, [Call(method, path, WHO[who]) for who, method, path in cases])
    for (who, method, path), answer in zip(cases, answers, strict=True):
        action = action_of(method, Path(path), {})
        rule = deciding(RULES, principals[who], action, path)
        if rule is None or not rule.allows:
            status = 401 if who == "anyone" else 403
        else:
            status = 200 if action == "list" else 428 if action == "write" and not rule.overwrite else 307
        assert answer.status == status, (who, method, path)


# method, path, headers, then the fields of the line: principal, action, path, rule, status, code and key
LINES: list[tuple[str, str, dict[str, str], list[object]]] = [
    ("GET", "/public/%C3%BC", {}, ["anyone", "read", "/public/ü", 1, 307, None, "public/ü"]),
    ("HEAD", "/public/a", {}, ["anyone", "read", "/public/a", 1, 307, None, "public/a"]),
    ("PUT", "/builds/a/", bearer("ci"), ["key:ci", "write", "/builds/a/", 3, 307, None, "builds/a/"]),
    ("GET", "/finance/secret/a", basic("ann"), ["key:ann", "read", "/finance/secret/a", 4, 403, "forbidden", None]),
    ("GET", "/nothing", {}, ["anyone", "read", "/nothing", None, 401, "credentials-missing", None]),
    ("GET", "/nothing", basic("ann", "x"), [None, "read", "/nothing", None, 401, "credentials-invalid", None]),
    ("GET", "/-/x", {}, [None, None, "/-/", None, 404, "not-found", None]),
    ("GET", "/%zz", {}, [None, None, None, None, 400, "bad-path", None]),
    ("GET", "/" + "a" * 1025, {}, [None, None, None, None, 414, "key-too-long", None]),
    ("POST", "/public/a", {}, [None, None, "/public/a", None, 405, "method-not-allowed", None]),
    ("OPTIONS", "/public/", {}, ["anyone", "list", "/public/", 1, 204, None, None]),
    ("GET", "/public/", {}, ["anyone", "list", "/public/", 1, 200, None, None]),
]


def test_every_answer_has_its_id_its_headers_and_one_line_in_the_log(rest_api: Site, store: Store) -> None:
    for method, path, headers, fields in LINES:
        before = len(rest_api.log.read_text().splitlines())
        (answer,) = ask_all(rest_api, [Call(method, path, headers)])
        new = rest_api.log.read_text().splitlines()[before:]
        (line,) = [json.loads(text) for text in new if text.startswith("{")]
        names = ("principal", "action", "path", "rule", "status", "code", "key")
        assert [line[name] for name in names] == fields, path
        assert (line["method"], line["id"]) == (method, answer.headers["x-request-id"])
        assert line["bucket"] == (store.bucket if line["key"] else None)
        assert line["ms"] >= 0
        assert answer.status == line["status"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["vary"] == "Authorization, Cookie, Origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
        if answer.status >= 400:
            assert answer.json()["request_id"] == line["id"]
        assert (answer.status == 401) == (challenge(answer) or "").startswith('Basic realm="Acme files"')


def test_pages_of_a_configured_origin_may_read_every_answer(rest_api: Site) -> None:
    for origin, allowed in ((ORIGIN, ORIGIN), ("null", None)):
        answers = ask_all(rest_api, [Call(line[0], line[1], {**line[2], "origin": origin}) for line in LINES])
        for answer, (_, path, _, (*_, status, _, _)) in zip(answers, LINES, strict=True):
            assert (answer.status, answer.headers.get("access-control-allow-origin")) == (status, allowed), path
    preflight = {"origin": ORIGIN, "access-control-request-method": "PUT"}
    answers = ask_all(rest_api, [Call("OPTIONS", path, preflight) for path in PATHS])
    assert {answer.status for answer in answers} == {204}
    assert len({answer.headers["access-control-allow-methods"] for answer in answers}) == 1
    foreign = Call("OPTIONS", "/nothing", {**preflight, "origin": "https://evil.example.com"})
    assert ask_all(rest_api, [foreign])[0].status == 401
