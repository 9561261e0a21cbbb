"""The application: one reply and one log line for every request, even after a failure, and no secret in them."""

import itertools
import json
from collections.abc import Mapping

from chalicelib.core.access.actions import METHODS
from chalicelib.core.application import Application
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.cors import Cors
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.base import Misconfigured, Unavailable
from tests.support.builders import NOW, basic, request
from tests.support.fakes import Failing, PlainPages, ask, code, signpost

ORIGIN = "https://app.example.com"
BROWSER = {"accept": "text/html", "sec-fetch-mode": "navigate"}
SECRET = "canary-9f8e7d"


class ErrorWithSecrets(Exception):
    """An error with a secret in its message and in its cause."""

    def __init__(self) -> None:
        super().__init__(f"https://b.s3.amazonaws.com/?X-Amz-Signature={SECRET}")
        self.__cause__ = ValueError(SECRET)


def raising(error: Exception) -> tuple[Application, list[Mapping[str, object]]]:
    """An application whose service raises an error, and its log. Each call of its clock adds a quarter of a second."""

    def answer(request: Request, now: float, log_entry: AccessLogEntry) -> Reply:
        raise error

    log: list[Mapping[str, object]] = []
    clock = itertools.count(NOW, 0.25)
    return Application(
        answer=answer,
        cors=Cors((), METHODS),
        pages=PlainPages,
        realm="Acme files",
        sign_in=True,
        issuers=(),
        public_url=None,
        authorization_header=None,
        address_of=None,
        clock=lambda: next(clock),
        log=log.append,
    ), log


def test_a_head_has_no_body() -> None:
    for accept, raw_path in itertools.product(
        ("*/*", "text/html"), ("/public/a", "/public/", "/nothing", "/-/x", "/%zz")
    ):
        for query in ({}, {"presign": ""}):
            assert ask("HEAD", raw_path, headers={"accept": accept}, query=query).body == b""


def test_an_unexpected_error_is_a_500_that_says_nothing_about_the_error() -> None:
    for error, accept in itertools.product((ErrorWithSecrets(), RecursionError(SECRET)), ("*/*", "text/html")):
        service = signpost(credentials=Failing(error))
        reply = service.application.handle(request(headers={"accept": accept}))
        assert reply.status == 500
        assert b"internal-error" in reply.body
        assert b"req-1" in reply.body
        shown = f"{reply.body!r} {dict(reply.headers)} {service.log}"
        assert SECRET not in shown
        assert "Traceback" not in shown
        assert type(error).__name__ not in reply.body.decode()
        assert [line["code"] for line in service.log] == ["internal-error"]
        assert str(service.log[0]["error"]).startswith(f"{type(error).__name__} < fakes.py:")


def test_a_misconfigured_service_answers_500_to_everything() -> None:
    mistakes = ["signpost.toml:3: mounts[1].bucket: is missing", "signpost.toml:9: keys[1].id: is missing"]
    application, log = raising(Misconfigured(mistakes))
    for method, raw_path in itertools.product([*METHODS, "BREW"], ("/", "/public/a", "/nothing", "/-/x", "/%zz")):
        log.clear()
        reply = application.handle(request(method, raw_path))
        assert (reply.status, reply.headers["X-Request-Id"]) == (500, "req-1")
        assert not {"Location", "WWW-Authenticate"} & reply.headers.keys()
        assert "signpost.toml" not in f"{reply.body!r} {dict(reply.headers)}"
        assert [line["error"] for line in log] == [tuple(mistakes)]


def test_an_unreachable_backend_is_a_503_with_retry_after_and_the_log_has_the_duration() -> None:
    unavailable = Unavailable("S3 does not answer.")
    unavailable.__cause__ = ConnectionError(SECRET)
    application, log = raising(unavailable)
    reply = application.handle(request())
    assert (reply.status, reply.headers["Retry-After"], code(reply)) == (503, "5", "unavailable")
    assert (log[0]["error"], log[0]["ms"]) == ("ConnectionError", 250.0)
    assert "Location" not in reply.headers


def test_a_log_line_can_always_be_written_as_json() -> None:
    for raw_path in ("/\ud800", "/%00", "/\n{", "/a\u2028", '/"'):
        service = signpost()
        service.application.handle(request("GET", raw_path))
        assert "\n" not in json.dumps(service.log[0])


def test_a_path_that_cannot_be_decoded_is_in_no_log_error_or_repr() -> None:
    too_long = "a" * 1_025
    for start, method in itertools.product(("/%zz", "/\ud800", "/%ff", "//", "/../", f"/{too_long}"), ("GET", "BREW")):
        service, asked = signpost(), request(method, f"{start}{SECRET}", headers={"accept": "text/html"})
        reply = service.application.handle(asked)
        assert reply.status in (400, 405, 414)
        assert (service.log[0]["path"], SECRET in f"{reply.body!r} {dict(reply.headers)} {service.log} {asked!r}") == (
            None,
            False,
        )
    for method in ("GET", "BREW"):  # no rule decides about BREW, and the log has its path too
        service = signpost()
        service.application.handle(request(method, "/public/%20a"))
        assert service.log[0]["path"] == "/public/ a"


def test_a_page_offers_to_sign_in_only_where_signing_in_can_change_the_answer() -> None:
    """The page names the caller, except for the holder of a link. Signing out is for a caller with a cookie."""
    ann, token = basic("ann"), {"token": "x"}
    cases: list[tuple[str, str, dict[str, str], dict[str, str], int, bool, str, bool]] = [
        # method, path, query, headers, status; whether signing in may help, the visitor's name, whether by cookie
        ("GET", "/nothing", {}, {}, 401, True, "", False),
        ("GET", "/nothing", {}, ann, 403, True, "ann", False),
        ("GET", "/nothing", {}, basic("ann", "wrong"), 401, True, "", False),
        ("PUT", "/nothing", {}, {}, 401, False, "", False),
        ("GET", "/nothing", token, {}, 403, False, "", False),
        ("GET", "/nothing", token, ann, 403, False, "", False),
        ("DELETE", "/nothing", token, ann, 403, False, "", False),
        ("GET", "/%zz", {}, {}, 400, False, "", False),
        ("GET", "/-/x", {}, ann, 404, False, "", False),
    ]
    for sign_in in (True, False):
        service = signpost(sign_in=sign_in)
        for method, raw_path, query, headers, status, may_help, name, by_cookie in cases:
            if "token" in query and not sign_in:
                continue
            reply = ask(method, raw_path, service=service, query=query, headers={**headers, **BROWSER})
            page = reply.body.decode()
            assert reply.status == status, (method, raw_path, query)
            next_path = raw_path if may_help and sign_in else ""
            assert f"next_path={next_path!r}" in page, (method, raw_path, query, sign_in)
            visitor = (
                f"Visitor(name={name!r}, by_key={bool(name)}, by_cookie={by_cookie}, link_expires_at=None, "
                f"sign_in={sign_in}, base_url='https://files.example.com', accept_language='', link_maker='')"
            )
            assert f"{visitor}, status={status}, title='" in page, page
            assert "request_id='req-1'" in page
    signed_in = ask("POST", "/-/login", headers={"origin": "https://files.example.com"}, body=login("ann"))
    cookie = signed_in.cookies[0].partition(";")[0]
    page = ask("GET", "/nothing", headers={"cookie": cookie, **BROWSER}).body.decode()
    assert "Visitor(name='ann', by_key=True, by_cookie=True, " in page
    assert "next_path='/nothing'" in page
    page_with_key = ask("GET", "/nothing", headers={"cookie": cookie, **ann, **BROWSER}).body.decode()
    assert "by_cookie=False" in page_with_key


def login(key_id: str) -> bytes:
    """The form of the sign-in page."""
    return f"id={key_id}&secret=the+secret+of+{key_id}".encode()


def test_another_header_is_read_in_the_place_of_authorization() -> None:
    """A CDN puts its own signature into Authorization (FACTS 1.14), which says nothing about the client."""
    application = signpost(authorization_header="x-signpost-authorization").application
    ann, ci, cdn = basic("ann")["authorization"], basic("ci")["authorization"], "AWS4-HMAC-SHA256 Credential=AKID"
    for headers, status in (
        ({"authorization": cdn, "x-signpost-authorization": ann}, 307),
        ({"authorization": ann, "x-signpost-authorization": ci}, 403),
        ({"authorization": ann, "x-signpost-authorization": "x"}, 401),
        ({"authorization": ann}, 401),
        ({"authorization": cdn}, 401),
    ):
        reply = application.handle(request(raw_path="/users/ann/a", headers=headers))
        assert reply.status == status, headers
        assert reply.headers["Vary"] == "Authorization, Cookie, x-signpost-authorization"
    assert code(application.handle(request(raw_path="/users/ann/a", headers={"authorization": cdn}))) == (
        "credentials-missing"
    )
    assert ask("GET", "/users/ann/a", headers={"x-signpost-authorization": ann}).status == 401
    reply = signpost(authorization_header="x-a", cors_origins=[ORIGIN]).application.handle(request())
    assert reply.headers["Vary"] == "Authorization, Cookie, Origin, x-a"


def test_the_public_url_replaces_the_url_of_the_request() -> None:
    service = signpost(public_url="https://public.example.com")
    page = ask("GET", "/nothing", service=service, headers=BROWSER).body.decode()
    assert "https://public.example.com" in page
    assert "https://files.example.com" not in page
