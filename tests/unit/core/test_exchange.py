"""The frame: one reply and one log line for every request, whatever happens inside, and nothing secret in either."""

import itertools
import json
from collections.abc import Mapping

import pytest

from chalicelib.core.access.actions import METHODS
from chalicelib.core.application import Application
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.cors import Cors
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems import InternalError, Misconfigured, Unavailable
from tests.support.builders import NOW, RULES, basic, request
from tests.support.fakes import Failing, PlainPages, application, ask, code, signpost

ORIGIN = "https://app.example.com"
FIELDS = ["id", "principal", "method", "action", "path", "rule", "status", "code", "bucket", "key", "ms"]


class Told:
    """A pipeline that raises what it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, request: Request, now: float, trace: AccessLogEntry) -> Reply:
        raise self.error


ANSWERS = [
    ("GET", "/public/a", {}, 307),
    ("HEAD", "/public/a", {}, 307),
    ("OPTIONS", "/public/a", {}, 204),
    ("GET", "/%zz", {}, 400),
    ("GET", "/nothing", {}, 401),
    ("GET", "/nothing", basic("ann"), 403),
    ("GET", "/-/x", {}, 404),
    ("POST", "/public/a", {}, 405),
    ("GET", "/" + "a" * 1025, {}, 414),
    ("GET", "/public/", {}, 200),
]


@pytest.mark.parametrize(("method", "raw_path", "headers", "status"), ANSWERS)
def test_every_answer_carries_its_id_and_what_caches_and_browsers_need(
    method: str, raw_path: str, headers: Mapping[str, str], status: int
) -> None:
    reply = application().handle(request(method, raw_path, headers=headers, request_id="an-id"))
    assert reply.status == status
    assert reply.headers["X-Request-Id"] == "an-id"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["Vary"] == "Authorization, Cookie"
    assert reply.headers["Cache-Control"] == "no-store"
    assert not any(name.startswith("Access-Control") for name in reply.headers)
    if status >= 400:
        assert json.loads(reply.body)["request_id"] == "an-id"


@pytest.mark.parametrize(("method", "raw_path", "headers", "status"), ANSWERS)
def test_a_configured_origin_may_read_every_answer_refusals_too(
    method: str, raw_path: str, headers: Mapping[str, str], status: int
) -> None:
    reply = application(cors_origins=[ORIGIN]).handle(request(method, raw_path, headers={**headers, "origin": ORIGIN}))
    assert reply.status == status
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in reply.headers["Vary"].split(", ")
    stranger = application(cors_origins=[ORIGIN]).handle(
        request(method, raw_path, headers={**headers, "origin": "null"})
    )
    assert stranger.status == status
    assert "Access-Control-Allow-Origin" not in stranger.headers


def test_a_preflight_is_answered_alike_for_every_path_and_only_for_a_configured_origin() -> None:
    by = application(cors_origins=[ORIGIN])
    preflight = {"origin": ORIGIN, "access-control-request-method": "PUT"}
    replies = {
        (reply.status, tuple(sorted(reply.headers.items())), reply.body)
        for raw_path in ("/public/a", "/finance/secret/a", "/nothing", "/-/x", "/%zz", "//", "/" + "a" * 2000)
        for reply in [by.handle(request("OPTIONS", raw_path, headers=preflight))]
    }
    assert len(replies) == 1
    assert next(iter(replies))[0] == 204
    stranger = preflight | {"origin": "https://evil.example.com"}
    assert by.handle(request("OPTIONS", "/nothing", headers=stranger)).status == 401


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("raw_path", ["/public/a", "/public/", "/nothing", "/-/x", "/%zz"])
def test_a_head_has_no_body(raw_path: str, accept: str) -> None:
    assert ask("HEAD", raw_path, headers={"accept": accept}).body == b""
    assert ask("HEAD", raw_path, headers={"accept": accept}, query={"presign": ""}).body == b""


SECRET = "canary-9f8e7d"


class Chatty(Exception):
    """Raised with a secret in its message, on top of another with one."""

    def __init__(self) -> None:
        super().__init__(f"https://b.s3.amazonaws.com/?X-Amz-Signature={SECRET}")
        self.__cause__ = ValueError(SECRET)


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("error", [Chatty(), RecursionError(SECRET), KeyError(SECRET)])
def test_what_should_not_happen_is_a_500_that_tells_nothing(accept: str, error: Exception) -> None:
    by = signpost(credentials=Failing(error))
    log = by.log
    reply = by.application.handle(request(headers={"accept": accept}))
    assert reply.status == 500
    assert b"internal-error" in reply.body
    assert b"req-1" in reply.body
    shown = f"{reply.body!r} {dict(reply.headers)} {log}"
    assert SECRET not in shown
    assert "Traceback" not in shown
    assert type(error).__name__ not in reply.body.decode()
    assert [line["code"] for line in log] == ["internal-error"]
    assert str(log[0]["error"]).startswith(f"{type(error).__name__} < fakes.py:")


@pytest.mark.parametrize("method", [*METHODS, "POST", "BREW"])
@pytest.mark.parametrize("raw_path", ["/", "/public/a", "/nothing", "/-/x", "/%zz"])
def test_a_misconfigured_service_answers_500_to_everything(method: str, raw_path: str) -> None:
    log: list[Mapping[str, object]] = []
    mistakes = ["signpost.toml:3: mounts[1].bucket: is missing", "signpost.toml:9: keys[1].id: is missing"]
    reply = application(Told(Misconfigured(mistakes)), log=log).handle(request(method, raw_path))
    assert (reply.status, reply.headers["X-Request-Id"]) == (500, "req-1")
    assert "Location" not in reply.headers
    assert "signpost.toml" not in f"{reply.body!r} {dict(reply.headers)}"
    assert log[0]["error"] == tuple(mistakes)


def test_what_is_out_of_reach_is_a_503_to_try_again() -> None:
    log: list[Mapping[str, object]] = []
    unavailable = Unavailable("S3 does not answer.")
    unavailable.__cause__ = ConnectionError(SECRET)
    reply = application(Told(unavailable), log=log).handle(request())
    assert (reply.status, reply.headers["Retry-After"], code(reply)) == (503, "5", "unavailable")
    assert log[0]["error"] == "ConnectionError"
    assert "Location" not in reply.headers


def lines(method: str, raw_path: str, headers: Mapping[str, str]) -> list[Mapping[str, object]]:
    by = signpost()
    by.application.handle(request(method, raw_path, headers=headers))
    return by.log


@pytest.mark.parametrize(
    ("method", "raw_path", "headers", "line"),
    [
        (
            *("GET", "/public/%C3%BC", {}),
            ["anyone", "GET", "read", "/public/ü", 1, 307, None, "acme-files", "public/ü"],
        ),
        (
            *("PUT", "/builds/a/", basic("ci")),
            ["key:ci", "PUT", "write", "/builds/a/", 3, 307, None, "acme-files", "builds/a/"],
        ),
        (
            *("GET", "/finance/secret/a", basic("ann")),
            ["key:ann", "GET", "read", "/finance/secret/a", 4, 403, "forbidden", None, None],
        ),
        (
            *("GET", "/nothing", {}),
            ["anyone", "GET", "read", "/nothing", None, 401, "credentials-missing", None, None],
        ),
        (
            *("GET", "/nothing", basic("ann", "x")),
            [None, "GET", "read", "/nothing", None, 401, "credentials-invalid", None, None],
        ),
        ("GET", "/%zz", {}, [None, "GET", None, "/%zz", None, 400, "bad-path", None, None]),
        ("POST", "/a", {}, [None, "POST", None, "/a", None, 405, "method-not-allowed", None, None]),
        ("OPTIONS", "/public/", {}, ["anyone", "OPTIONS", "list", "/public/", 1, 204, None, None, None]),
    ],
)
def test_one_line_is_logged_for_each_request(
    method: str, raw_path: str, headers: Mapping[str, str], line: list[object]
) -> None:
    assert lines(method, raw_path, headers) == [dict(zip(FIELDS, ["req-1", *line, 0.0], strict=True))]


def test_a_line_can_always_be_written_as_json() -> None:
    for raw_path in ("/\ud800", "/%00", "/\n{", "/a\u2028", '/"'):
        assert "\n" not in json.dumps(lines("GET", raw_path, {})[0])


def test_the_log_says_how_long_the_answer_took() -> None:
    log: list[Mapping[str, object]] = []
    clock = itertools.count(NOW, 0.25)
    by = Application(
        answer=lambda *_: Reply(200, {}),
        cors=Cors((), METHODS),
        pages=PlainPages,
        realm="Acme",
        sign_in=True,
        public_url=None,
        authorization_header=None,
        clock=lambda: next(clock),
        log=log.append,
    )
    by.handle(request())
    assert log[0]["ms"] == 250.0


def test_the_realm_is_the_one_configured() -> None:
    challenge = application(Told(InternalError())).handle(request()).headers.get("WWW-Authenticate")
    assert challenge is None
    assert 'realm="Acme files"' in ask("GET", "/nothing", by=signpost(rules=RULES)).headers["WWW-Authenticate"]


def test_another_header_is_read_in_the_place_of_authorization() -> None:
    """A CDN puts its own signature into Authorization (FACTS 1.14), which says nothing about the client."""
    frame = application(authorization_header="x-signpost-authorization")
    ann, ci, cdn = basic("ann")["authorization"], basic("ci")["authorization"], "AWS4-HMAC-SHA256 Credential=AKID"
    for headers, status in [
        ({"authorization": cdn, "x-signpost-authorization": ann}, 307),
        ({"authorization": ann, "x-signpost-authorization": ci}, 403),
        ({"authorization": ann, "x-signpost-authorization": "x"}, 401),
        ({"authorization": ann}, 401),
        ({"authorization": cdn}, 401),
    ]:
        reply = frame.handle(request(raw_path="/users/ann/a", headers=headers))
        assert reply.status == status, headers
        assert reply.headers["Vary"] == "Authorization, Cookie, x-signpost-authorization"
    assert (
        application().handle(request(raw_path="/users/ann/a", headers={"x-signpost-authorization": ann})).status == 401
    )
    assert code(frame.handle(request(raw_path="/users/ann/a", headers={"authorization": cdn}))) == "credentials-missing"
