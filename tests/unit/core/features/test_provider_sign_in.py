"""Signing in with an issuer: the browser that began a sign-in ends it, as the person whom the issuer names."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.issuer_ports import Provider
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.sign_in_states import SignInStates
from chalicelib.core.access.signing import encode
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import BASE_URL, DEADLINE, NOW, allow, numbered
from tests.support.fakes import Randomness, Signpost, ask, signer, signpost
from tests.support.token_issuer import ISSUER, MemoryIssuerKeys, keys, token

CORP = Issuer("corp", ISSUER, ("files",), groups=("groups",), client_id="signpost")
OTHER = Issuer("other", "https://other.example.com", ("files",), client_id="signpost")
RULES = numbered(allow("/team/**", "read list", "group:corp:dev"), allow("/{user}/**", "read write", "authenticated"))
PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
AUTHORIZE = "https://id.example.com/authorize?tenant=1"


class FakeProviders:
    """Issuers that give out an ID token for the code `good`, and an answer to every verifier.

    Attributes:
        claims: more claims of the ID token; None removes a claim.
        down: whether the issuers answer nothing.
        redeemed: the code, the verifier and the redirect URI of each call.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.nonce = ""
        self.down = False
        self.names_itself = False
        self.redeemed: list[tuple[str, str, str]] = []

    def provider(self, issuer: Issuer, deadline: Deadline) -> Provider:
        if self.down:
            raise Unavailable("The issuer does not answer.", reason="the test stopped it")
        return Provider(AUTHORIZE, "https://id.example.com/end", self.names_itself)

    def redeem_code(
        self, issuer: Issuer, code: str, verifier: str, redirect_uri: str, deadline: Deadline
    ) -> str | None:
        self.provider(issuer, deadline)
        self.redeemed.append((code, verifier, redirect_uri))
        claims = {
            **{"iss": ISSUER, "aud": "signpost", "sub": "alice", "exp": NOW + 10**8, "iat": NOW, "nonce": self.nonce},
            **self.claims,
        }
        return token({name: value for name, value in claims.items() if value is not None}) if code == "good" else None


class Browser:
    """A browser at the service of a test: it keeps cookies, and follows no redirect."""

    def __init__(self, providers: FakeProviders, **settings: Any) -> None:
        self.providers = providers
        self.service = site(providers, **settings)
        self.cookies: dict[str, str] = {}
        self.now = NOW

    def get(self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] = PAGE) -> Reply:
        return self.send("GET", path, query, headers)

    def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] = PAGE
    ) -> Reply:
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        fields = {**headers, **(cookie if self.cookies else {})}
        reply = ask(method, path, service=self.service, query=query, headers=fields, now=self.now)
        name, _, value = "".join(reply.cookies).partition(";")[0].partition("=")
        if value:
            self.cookies[name] = value
        else:
            self.cookies.pop(name, None)
        return reply

    def begin(self, path: str = "/team/a") -> dict[str, str]:
        """Ask for the sign-in; the parameters that go to the issuer."""
        return sent_to_issuer(self.get("/-/login/corp", {"next": path}))

    def end(self, sent: Mapping[str, str], **more: str) -> Reply:
        """Come back from the issuer."""
        self.providers.nonce = sent["nonce"]
        answer = {"state": sent["state"], "code": "good", **more}
        return self.get("/-/callback/corp", {name: value for name, value in answer.items() if value})

    def sign_in(self) -> None:
        assert self.end(self.begin()).status == 303


def site(providers: FakeProviders, **settings: Any) -> Signpost:
    known = MemoryIssuerKeys(keys("rsa"))
    return signpost(**{"rules": RULES, "issuers": [CORP, OTHER], **settings}, providers=providers, issuer_keys=known)


def sent_to_issuer(reply: Reply) -> dict[str, str]:
    """The parameters of a redirect to the issuer."""
    assert reply.status == 303, reply.body
    assert reply.headers["Location"].startswith(f"{AUTHORIZE}&")
    return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))


@pytest.fixture
def browser() -> Browser:
    return Browser(FakeProviders())


def test_a_person_signs_in_and_returns_to_the_page(browser: Browser) -> None:
    browser.providers.claims = {"groups": ["dev", "unnamed"], "aud": ["signpost"], "email": "alice@example.com"}
    asked = "/team/%C3%BC%2Fb+c/?limit=2&download=a%20b%26c"
    sent = browser.begin(asked)
    assert sent["redirect_uri"] == f"{BASE_URL}/-/callback/corp"
    assert (sent["scope"], sent["response_type"]) == ("openid email profile", "code")
    reply = browser.end(sent)
    assert (reply.status, reply.headers["Location"]) == (303, BASE_URL + asked)
    ((code, verifier, redirect_uri),) = browser.providers.redeemed
    assert (code, redirect_uri) == ("good", sent["redirect_uri"])
    assert sent["code_challenge"] == encode(hashlib.sha256(verifier.encode()).digest())
    assert 43 <= len(verifier) <= 128
    for path, status in (("/team/a", 307), ("/corp:alice/a", 307), ("/corp:bob/a", 403)):
        assert browser.get(path).status == status
    assert browser.service.log[-1]["principal"] == "user:corp:alice"
    assert b"Visitor(name='alice@example.com', by_key=False" in browser.get("/team/").body
    assert "good" not in json.dumps(browser.service.log)


def test_each_try_has_its_own_state_nonce_and_verifier_and_all_tabs_share_one_cookie(browser: Browser) -> None:
    tabs = [browser.begin(f"/team/{number}") for number in range(9)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({sent[name] for sent in tabs}) == len(tabs)
    assert len(browser.cookies) == 1
    for number, sent in enumerate(tabs):
        assert browser.end(sent).headers["Location"] == f"{BASE_URL}/team/{number}"


def test_a_state_of_another_cookie_begins_again_and_its_code_is_never_used(browser: Browser) -> None:
    """A thief who sends a callback URL of the own account signs nobody in; and fifty tabs without a cookie sign in."""
    thief = Browser(browser.providers)
    stolen = thief.begin("/team/of-the-thief")
    again = sent_to_issuer(browser.end(stolen))
    assert again["state"] != stolen["state"]
    assert browser.providers.redeemed == []
    assert browser.end(again).headers["Location"] == f"{BASE_URL}/team/of-the-thief"
    assert len(browser.providers.redeemed) == 1


def test_a_browser_without_cookies_and_an_old_state_end_on_a_page(browser: Browser) -> None:
    sent = browser.begin()
    browser.cookies.clear()
    sent = sent_to_issuer(browser.end(sent))
    browser.cookies.clear()
    assert_fault(browser.end(sent), 403, "did not keep the cookie")
    old = browser.begin()
    browser.now += 600
    assert_fault(browser.end(old), 403, "longer than ten minutes")
    browser.cookies.clear()
    assert_fault(browser.end(old), 403, "did not keep the cookie")


def test_after_the_hour_a_navigation_signs_in_by_itself_twice_and_a_script_gets_401(browser: Browser) -> None:
    browser.providers.claims = {"groups": ["dev"]}
    browser.sign_in()
    for _ in range(2):
        browser.now += 3_600
        for headers in ({"accept": "*/*"}, {**PAGE, "sec-fetch-mode": "cors"}, {**PAGE, "sec-fetch-dest": "iframe"}):
            assert browser.get("/team/a b", headers=headers).status == 401
        assert browser.send("PUT", "/corp:alice/x").status == 401
        tabs = [sent_to_issuer(browser.get("/team/", {"limit": str(number)})) for number in range(1, 5)]
        for number, sent in enumerate(tabs, 1):
            assert browser.end(sent).headers["Location"] == f"{BASE_URL}/team/?limit={number}"
    browser.now += 3_600
    assert browser.get("/team/a").status == 401
    browser.sign_in()
    browser.now += 3_600
    sent = sent_to_issuer(browser.get("/team/ü"))  # a browser would encode the path
    assert browser.end(sent).headers["Location"] == f"{BASE_URL}/"
    browser.sign_in()
    browser.now += 3_600
    sent_to_issuer(browser.get("/team/a"))


def test_a_person_whose_session_ended_signs_in_again_before_a_page_shows_the_parts_for_anyone() -> None:
    browser = Browser(FakeProviders(), rules=(*RULES, allow("/news/**", "list")._replace(number=3)))
    browser.sign_in()
    browser.now += 3_601
    assert browser.get("/").status == 303
    browser.cookies = {}
    assert b"news/" in browser.get("/").body


def test_a_fault_is_shown_with_the_way_back_and_nothing_begins_by_itself_afterwards(browser: Browser) -> None:
    faults: list[tuple[dict[str, Any], dict[str, str], int, str]] = [
        ({}, {"error": "access_denied", "code": ""}, 403, "corp did not sign you in (access_denied)"),
        ({}, {"error": "<script>", "code": ""}, 403, "corp did not sign you in (no code)"),
        ({}, {"error": "server_error", "code": ""}, 503, "corp is not available now. Try again in 5 seconds."),
        ({}, {"code": "used"}, 403, "corp did not accept its own code"),
        ({}, {"iss": "https://evil.example.com"}, 403, "did not come from corp"),
        ({"nonce": "of another sign-in"}, {}, 403, "not admitted here"),
        ({"nonce": None}, {}, 403, "not admitted here"),
        ({"aud": "files"}, {}, 403, "not admitted here"),
        ({"aud": ["signpost", "other"]}, {}, 403, "not admitted here"),
        ({"azp": "other"}, {}, 403, "not admitted here"),
        ({"iss": OTHER.issuer}, {}, 403, "not admitted here"),
        ({"exp": NOW - 31}, {}, 403, "not admitted here"),
        ({"iat": NOW + 10**6}, {}, 403, "not admitted here"),
        ({"iat": None}, {}, 403, "not admitted here"),
        ({"sub": "mallory"}, {}, 403, "ended your access"),
    ]
    for claims, answer, status, words in faults:
        tab = Browser(FakeProviders(), revoked={"user:corp:mallory": float("inf")})
        tab.sign_in()
        tab.now += 3_600
        tab.providers.claims = claims
        reply = tab.end(sent_to_issuer(tab.get("/team/a")), **answer)
        assert_fault(reply, status, words)
        assert b"next_path='/team/a'" in reply.body
        assert tab.get("/team/a").status == 401
    browser.providers.down = True
    reply = browser.get("/-/login/corp", {"next": "/team/a"})
    assert_fault(reply, 503, "Try again")
    assert reply.headers["Retry-After"]
    assert (
        browser.service.log[-1]["error"] == "the test stopped it; The issuer does not answer. Try again in 5 seconds."
    )


def test_a_missing_iss_is_a_fault_where_the_issuer_names_itself(browser: Browser) -> None:
    browser.providers.names_itself = True
    assert_fault(browser.end(browser.begin()), 403, "did not come from corp")
    assert browser.end(browser.begin(), iss=ISSUER).status == 303


def test_one_issuers_callback_refuses_the_state_of_another(browser: Browser) -> None:
    sent = browser.begin()
    reply = browser.get("/-/callback/other", {"state": sent["state"], "code": "good"})
    assert_fault(reply, 403, "did not begin here")
    for name in ("nobody", "corp/x", "CORP"):
        assert browser.get(f"/-/callback/{name}").status == browser.get(f"/-/login/{name}").status == 404
    assert browser.send("HEAD", "/-/callback/corp").status == 405
    assert browser.providers.redeemed == []


def test_signing_out_offers_the_issuers_page_and_nothing_begins_by_itself(browser: Browser) -> None:
    browser.sign_in()
    reply = browser.send("POST", "/-/logout", headers={**PAGE, "origin": BASE_URL})
    assert reply.headers["Location"] == f"{BASE_URL}/-/login?ended=corp"
    page = browser.get("/-/login", {"ended": "corp"})
    assert b"ended=('corp', 'https://id.example.com/end?client_id=signpost')" in page.body
    assert browser.get("/team/a").status == 401
    browser.providers.down = True
    assert b"ended=None" in browser.get("/-/login", {"ended": "corp"}).body
    assert b"ended=None" in browser.get("/-/login", {"ended": "https://evil.example.com"}).body


def test_signing_in_leads_only_to_the_service(browser: Browser) -> None:
    for path in ("//evil.example.com", "/\\evil.example.com", "https://u@evil.example.com", "/a\r\nb: c", "/\t/e", ""):
        assert browser.end(browser.begin(path)).headers["Location"] == f"{BASE_URL}/"
    assert browser.end(browser.begin("/" + quote("ü" * 500))).headers["Location"] == f"{BASE_URL}/{quote('ü' * 500)}"


def test_a_display_name_is_a_short_text_of_the_person_and_never_an_id(browser: Browser) -> None:
    names: list[tuple[dict[str, Any], str]] = [
        ({"email": 5, "preferred_username": "", "name": "ü" * 63}, "ü" * 63),
        ({"email": "e" * 64, "name": "a\nb"}, "alice"),
        ({"name": "user:corp:bob"}, "user:corp:bob"),
        ({}, "alice"),
    ]
    for claims, name in names:
        browser.providers.claims = {"groups": ["dev"], **claims}
        browser.sign_in()
        assert f"Visitor(name={name!r}".encode() in browser.get("/team/").body
        assert browser.get("/corp:alice/a").status == 307
        assert f"Visitor(name={name!r}".encode() in browser.get("/corp:bob/a").body  # the page of a refusal


def assert_fault(reply: Reply, status: int, words: str) -> None:
    assert (reply.status, words in reply.body.decode()) == (status, True), reply.body
    assert reply.cookies[0].startswith("__Host-signpost=; Max-Age=0;")


STATES = SignInStates(signer("sign-in"), Randomness())


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.binary(min_size=32, max_size=32))
def test_a_state_is_read_as_it_was_made_and_belongs_to_its_cookie(path: str, other: bytes) -> None:
    cookie = STATES.new_cookie()
    state = STATES.make("corp", path, cookie, NOW, DEADLINE, automatic=2, restarts=5)
    assert STATES.read(state.text, DEADLINE) == state
    assert STATES.is_of_browser(state, cookie, DEADLINE)
    assert not STATES.is_of_browser(state, encode(other), DEADLINE)
    assert STATES.nonce(state, cookie, DEADLINE) != STATES.nonce(state, encode(other), DEADLINE)


@given(st.text())
def test_no_other_text_is_a_state(text: str) -> None:
    assert STATES.read(text, DEADLINE) is None


def test_every_character_of_a_state_is_signed() -> None:
    cookie = STATES.new_cookie()
    text = STATES.make("corp", "/a", cookie, NOW, DEADLINE).text
    for place, character in enumerate(text):
        changed = STATES.read(text[:place] + ("A" if character != "A" else "B") + text[place + 1 :], DEADLINE)
        assert changed is None or not STATES.is_of_browser(changed, cookie, DEADLINE)
