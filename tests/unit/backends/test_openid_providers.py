"""OpenID providers in the fake internet: their endpoints, and the ID token for the code of a sign-in."""

import json
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qs, unquote_plus, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.openid_providers import OpenIdProviders, _basic
from chalicelib.core.access.issuer_ports import Provider
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import NOW, soon
from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.fake_sockets.sitecustomize import FakeSockets

pytestmark = pytest.mark.timeout(60)

HOST, INNER_ADDRESS = "login.example.com", "10.0.0.5"
BASE = f"https://{HOST}"
CONFIGURATION, TOKEN = "/.well-known/openid-configuration", "/token"
CORP = Issuer("corp", BASE, ("files",), client_id="files:web")
SECRET, CODE, VERIFIER = "s3cr3t%+ü", "c0d3", "v3r1f13r"
BASIC = "Basic " + b64encode(b"files%3Aweb:s3cr3t%25%2B%C3%BC").decode()
DAY, MINUTE = 24 * 60 * 60, 60


class World:
    """One container in the fake internet with one provider, and a clock that the test sets."""

    def __init__(self, internet: FakeInternet, sockets: FakeSockets) -> None:
        self.internet, self.sockets = internet, sockets
        self.now = NOW
        self.warnings: list[str] = []
        internet.add(HOST, ADDRESS)
        self.configure()
        self.answer(id_token="a.b.c")
        self.start()

    def start(self) -> None:
        """Start a new container."""
        secrets = {"corp": lambda _: SECRET.encode()}
        self.providers = OpenIdProviders(secrets, lambda: self.now, self.warnings.append)

    def configure(self, **members: Any) -> None:
        """Serve a configuration with changes; a member that is `...` is left out."""
        endpoints = {"authorization_endpoint": f"{BASE}/authorize?x=1", "token_endpoint": f"{BASE}{TOKEN}"}
        members = {"issuer": BASE, **endpoints, **members}
        text = json.dumps({name: value for name, value in members.items() if value is not ...})
        self.internet.serve(CONFIGURATION, text.encode())

    def answer(self, status: int = 200, **members: Any) -> None:
        """Let the token endpoint answer."""
        self.internet.serve(TOKEN, json.dumps(members).encode(), status=status)

    def provider(self, issuer: Issuer = CORP) -> Provider:
        return self.providers.provider(issuer, soon())

    def redeem(self, issuer: Issuer = CORP, code: str = CODE) -> str | None:
        return self.providers.redeem_code(issuer, code, VERIFIER, "https://files.example.com/-/callback/corp", soon())

    def fails(self, reason: str, issuer: Issuer = CORP) -> None:
        """Assert that a code cannot be redeemed, with this reason for the log, and without a secret or a URL."""
        with pytest.raises(Unavailable) as refusal:
            pytest.fail(f"{self.redeem(issuer)} was returned")
        shown = f"{refusal.value.reason} {refusal.value!r} {refusal.value.__cause__!r} {refusal.value.__context__!r}"
        assert reason in refusal.value.reason
        assert not any(secret in shown for secret in (SECRET, CODE, VERIFIER, "canary"))
        assert HOST not in refusal.value.detail

    def requests(self) -> list[str]:
        """Return and forget the paths that the provider was asked for."""
        return self.internet.take_paths()


@pytest.fixture
def world(internet: FakeInternet, monkeypatch: pytest.MonkeyPatch) -> World:
    internet.forget()
    return World(internet, internet.patch(monkeypatch))


def test_the_endpoints_come_from_the_configuration_and_are_kept_for_a_day(world: World) -> None:
    world.configure(end_session_endpoint=None, authorization_response_iss_parameter_supported="false")
    assert [world.provider() for _ in range(3)] == [Provider(f"{BASE}/authorize?x=1", "", False)] * 3
    assert world.requests() == [CONFIGURATION]
    world.configure(end_session_endpoint=f"{BASE}/end", authorization_response_iss_parameter_supported=True)
    world.now += DAY
    assert world.provider().end_session_endpoint == ""
    world.now += 1
    assert world.provider() == Provider(f"{BASE}/authorize?x=1", f"{BASE}/end", True)
    assert world.requests() == [CONFIGURATION]
    world.configure(issuer="https://mallory.example.com")
    world.now += DAY + 1
    assert [world.provider().end_session_endpoint for _ in range(3)] == [f"{BASE}/end"] * 3
    assert world.requests() == [CONFIGURATION]
    (warning,) = world.warnings
    assert warning.startswith(f"{BASE}{CONFIGURATION}: has another `issuer` than the settings")


def test_after_a_failed_discovery_there_is_no_other_for_a_minute(world: World) -> None:
    world.internet.serve(CONFIGURATION, status=500)
    for _ in range(3):
        world.fails("answers with status 500")
    assert world.requests() == [CONFIGURATION]
    world.configure()
    world.now += MINUTE
    assert world.redeem() == "a.b.c"


def test_a_configuration_that_makes_no_sense_is_refused_with_its_reason(world: World) -> None:
    urls: tuple[Any, ...] = (f"http://{HOST}/", "/x", "", 5, f"{BASE}/\r\nX: y", f"{BASE}/#f", f"https://a@{HOST}/")
    endpoints = ("authorization_endpoint", "token_endpoint", "end_session_endpoint")
    bad = [(name, url) for name in endpoints for url in (*urls, "javascript:")]
    for name, value in (("issuer", f"{BASE}/"), ("issuer", ...), *((name, None) for name in endpoints[:2]), *bad):
        world.configure(**{name: value})
        world.fails(f"`{name}`")
        world.now += MINUTE
    world.internet.redirect(CONFIGURATION, "/other")
    world.fails("status 302")
    assert {*world.requests()} == {CONFIGURATION}


def test_a_code_is_redeemed_with_its_verifier_and_the_secret(world: World) -> None:
    assert world.redeem() == "a.b.c"
    discovery, request = world.internet.seen
    assert (discovery.body, request.path) == (b"", TOKEN)
    form = {
        "grant_type": ["authorization_code"],
        "code": [CODE],
        "redirect_uri": ["https://files.example.com/-/callback/corp"],
        "code_verifier": [VERIFIER],
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    basic: tuple[Any, ...] = (..., None, [], ["client_secret_basic", "client_secret_post"], ["private_key_jwt"], "x")
    for methods in (*basic, ["client_secret_post"], ["none", "client_secret_post"]):
        world.configure(token_endpoint_auth_methods_supported=methods)
        world.start()
        assert world.redeem() == "a.b.c"
        request = world.internet.seen[-1]
        by_form = {} if methods in basic else {"client_id": ["files:web"], "client_secret": [SECRET]}
        assert parse_qs(request.body.decode(), strict_parsing=True) == {**form, **by_form}
        assert request.headers.get("authorization") == (None if by_form else BASIC)


def test_a_code_that_the_issuer_refuses_has_no_token(world: World) -> None:
    for status in (400, 401, 403):
        world.answer(status, error="invalid_grant", error_description="canary")
        assert world.redeem() is None
    assert world.redeem(code="\ud800") is None


def test_every_other_answer_is_a_failure_with_its_reason(world: World) -> None:
    url = f"{BASE}{TOKEN}"
    for status, members, reason in (
        (401, {"error": "invalid_client", "error_description": "canary"}, " status 401 and invalid_client"),
        (400, {"error": "canary"}, " status 400 in place"),
        (400, {"error": ["invalid_grant"]}, " status 400 in place"),
        (403, {}, " status 403 in place"),
        (500, {"error": "invalid_grant"}, " status 500 in place"),
        (302, {"id_token": "canary"}, " status 302 in place"),
        (200, {"error": "invalid_grant", "access_token": "canary"}, "out `id_token`"),
        (200, {"id_token": ["canary"]}, "out `id_token`"),
    ):
        world.answer(status, **members)
        world.fails(f"{url}: answers with{reason}")
    for body in (b"", b"<html>canary", b'{"id_token": "a", "id_token": "canary"}'):
        world.internet.serve(TOKEN, body)
        world.fails(f"{url}: is not an object in strict JSON")
    world.internet.serve(TOKEN, b"canary" * 11_000)
    world.fails(f"{url}: answers with more than 65,536 bytes")
    world.internet.script(TOKEN, lambda stream: stream.write(b"canary"))
    world.fails(f"{url}: does not answer: BadStatusLine")


def test_discovery_takes_two_seconds_and_a_code_the_time_of_the_request(world: World) -> None:
    world.redeem()
    discovery, code = world.sockets.timeouts
    assert discovery <= 2 < code
    world.sockets.silent.add(ADDRESS)
    with pytest.raises(Unavailable):
        world.providers.redeem_code(CORP, CODE, VERIFIER, "https://x", soon(0.2))


def test_an_inner_address_needs_the_word_of_the_settings_and_only_for_the_host_of_the_issuer(world: World) -> None:
    world.internet.ports[INNER_ADDRESS] = world.internet.ports[ADDRESS]
    world.internet.names[HOST] = [INNER_ADDRESS]
    world.fails("has an inner address: set `inner = true`")
    world.now += MINUTE
    inner = CORP._replace(inner=True, jwks="https://keys.cdn.example.com/")
    assert world.redeem(inner) == "a.b.c"
    world.internet.names["keys.cdn.example.com"] = [INNER_ADDRESS]
    for authority in ("keys.cdn.example.com", f"{HOST}:8443", INNER_ADDRESS):
        world.configure(token_endpoint=f"https://{authority}{TOKEN}")
        world.start()
        world.fails(f"https://{authority}{TOKEN}: has an inner address", inner)


@given(st.text(st.characters(codec="utf-8")), st.binary())
def test_a_colon_or_any_other_character_stays_in_its_part_of_basic(client_id: str, secret: bytes) -> None:
    before, after = b64decode(_basic(client_id, secret).removeprefix("Basic ")).split(b":")
    assert unquote_plus(before.decode()) == client_id
    assert unquote_to_bytes(after.replace(b"+", b" ")) == secret
