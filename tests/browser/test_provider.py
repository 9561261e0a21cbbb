"""Signing in with a real OpenID provider: the way there and back, the end of a session, faults, and attacks."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contract.sites import Store

from .conftest import Visit
from .openid import CAN_SIGN_IN, CLIENT_SECRET, OpenId, callback_url, choose, identify, navigations, open_site
from .sites import Directory, Site, chromium_path
from .test_accessibility import check_accessibility
from .visitor import click

HOUR: Final = 3_601  # seconds, after which a session has ended
TABS: Final = 50
MAX_NAVIGATIONS: Final = 20  # two sign-ins that begin by themselves, with all redirects
SESSION: Final = "__Host-signpost"
FLOW: Final = "__Host-signpost-flow"
ALICE: Final = "Signed in as alice@example.com"


@pytest.fixture(scope="module")
def running(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, OpenId]]:
    """Signpost, and the providers with which people sign in."""
    with open_site(store, tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def signpost(running: tuple[Site, OpenId]) -> Site:
    """Signpost."""
    return running[0]


@pytest.fixture
def provider(running: tuple[Site, OpenId]) -> OpenId:
    """The providers, with which nothing is wrong."""
    running[1].set_clocks(0)
    return running[1]


@pytest.fixture
def page(visit: Visit, provider: OpenId) -> Page:
    """A page of a browser that has no cookie."""
    return new_page(visit)


def new_page(visit: Visit) -> Page:
    """A page of another browser that has no cookie."""
    return visit("about:blank", signed_in=False, ignore_https_errors=True)


def sign_in(page: Page, signpost: Site, id: str = "alice", path: str = "/team/") -> None:
    """Ask for a page, choose the issuer `corp`, and identify."""
    page.goto(signpost.url + path)
    choose(page, "corp")
    identify(page, id)


def forget(page: Page, *names: str) -> None:
    """Delete cookies of Signpost; the session with the provider stays."""
    for name in names or (SESSION, FLOW):
        page.context.clear_cookies(name=name, domain="localhost")


def visitor(page: Page, signpost: Site) -> str:
    """The name of the visitor, as a page of Signpost shows it; empty for nobody."""
    tab = page.context.new_page()
    tab.goto(f"{signpost.url}/all/")
    names = tab.get_by_text("Signed in as").all_inner_texts()
    tab.close()
    return names[0] if names else ""


def has_session(page: Page) -> bool:
    """Whether the browser has the cookie of a session."""
    return any(cookie["name"] == SESSION for cookie in page.context.cookies())


def expect_fault(page: Page, signpost: Site, statuses: tuple[int, ...], seen: list[Any]) -> None:
    """Expect that a page of Signpost tells a fault and offers the way back, after few requests."""
    assert urlsplit(page.url).netloc == urlsplit(signpost.url).netloc
    assert seen[-1].status in statuses, [(answer.status, answer.url) for answer in seen]
    assert len(seen) <= MAX_NAVIGATIONS
    assert seen[-1].headers["referrer-policy"] == "same-origin"  # the URL can have a code
    assert seen[-1].headers["cache-control"] == "no-store"
    if seen[-1].status == 503:
        assert int(seen[-1].headers["retry-after"]) > 0
    expect(page.get_by_role("alert")).to_be_visible()
    way_back = page.locator("a[href*='/-/login/corp']").get_attribute("href") or ""
    assert quote("/team/", safe="") in way_back or "next=/team/" in way_back


def test_a_button_for_each_issuer_is_beside_the_form(page: Page, signpost: Site) -> None:
    for path in ("/team/?limit=9", "/-/login"):
        page.goto(signpost.url + path)
        expect(page.get_by_label("Key id")).to_be_visible()
        links = page.locator("a[href*='/-/login/']").all()
        assert [link.inner_text() for link in links] == [f"Sign in with {name}" for name in CAN_SIGN_IN]
        check_accessibility(page)


def test_the_browser_returns_to_the_page_that_was_asked_for(page: Page, signpost: Site, directory: Directory) -> None:
    sign_in(page, signpost, path="/team/?limit=9&q=a+b%2Fc%2B")
    assert page.url == f"{signpost.url}/team/?limit=9&q=a%20b%2Fc%2B"
    expect(page.get_by_text(ALICE)).to_be_visible()
    files = Directory(signpost, f"team/{directory.prefix}")
    for name in ("a b+c.txt", "100%2F?#&.txt", "日本/ü  .txt", "//double.txt"):
        files.put(name, name.encode(), "text/plain; charset=utf-8")
        forget(page)
        page.goto(f"{files.url_of(name)}?v=1+2%2F3&v=2")
        choose(page, "corp")  # the provider knows the person
        expect(page.locator("body")).to_have_text(name)


def test_each_try_has_secrets_of_its_own(page: Page, signpost: Site, provider: OpenId) -> None:
    seen = []
    sign_in(page, signpost)
    for _ in range(3):
        page.goto(f"{signpost.url}/-/login/corp?next=/team/")
    asked = provider.asked("")
    tries = [request.query for request in asked if request.path == "/corp/auth"]
    forms = [request.form for request in asked if request.path == "/corp/token"]
    assert len(tries) == len(forms) == 4
    for query, form in zip(tries, forms, strict=True):
        digest = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        assert query["code_challenge"] == digest
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == form["redirect_uri"] == f"{signpost.url}/-/callback/corp"
        assert "client_secret" not in query
        seen += [query["state"], query["nonce"], query["code_challenge"], form["code_verifier"]]
    assert len({*seen}) == 16


def test_the_cookies_reach_only_this_origin_and_no_script(page: Page, signpost: Site) -> None:
    sign_in(page, signpost)
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies(signpost.url)}
    assert {*cookies} == {SESSION, FLOW}
    for cookie in cookies.values():
        attributes = {name: cookie[name] for name in ("domain", "path", "httpOnly", "secure", "sameSite")}
        assert attributes == {"domain": "localhost", "path": "/", "httpOnly": True, "secure": True, "sameSite": "Lax"}


def test_a_group_of_many_decides(page: Page, signpost: Site) -> None:
    sign_in(page, signpost, "many", "/many/")
    assert page.url == f"{signpost.url}/many/"
    expect(page.get_by_text("Signed in as many@example.com")).to_be_visible()
    answer = page.goto(f"{signpost.url}/team/")
    assert answer
    assert answer.status == 403


def test_fifty_tabs_without_a_cookie_reach_their_pages(page: Page, signpost: Site, directory: Directory) -> None:
    tabs = open_tabs(page, signpost, directory, "/-/login/corp?next=")
    for tab in tabs:
        tab.wait_for_url("**/corp/interaction/*")
    identify(tabs[0], "alice")
    for tab in tabs[1:]:
        tab.evaluate("location.reload()")  # the provider knows the person now
    expect_files(tabs)


def test_fifty_tabs_of_an_ended_session_reach_their_pages(
    page: Page, signpost: Site, provider: OpenId, directory: Directory
) -> None:
    provider.set_clocks(-HOUR)
    sign_in(page, signpost)
    provider.set_clocks(0)
    forget(page, FLOW)
    expect_files(open_tabs(page, signpost, directory, ""))


def open_tabs(page: Page, signpost: Site, directory: Directory, prefix: str) -> list[Page]:
    """Open the URLs of many files at once."""
    files = Directory(signpost, f"team/{directory.prefix}")
    tabs = [page.context.new_page() for _ in range(TABS)]
    for number in range(TABS):
        files.put(f"{number}.txt", f"file {number}".encode())
    for number, tab in enumerate(tabs):
        tab.evaluate("url => { location.href = url }", f"{signpost.url}{prefix}/{files.prefix}{number}.txt")
    return tabs


def expect_files(tabs: list[Page]) -> None:
    """Expect that each tab shows its file."""
    for number, tab in enumerate(tabs):
        expect(tab.locator("body")).to_have_text(f"file {number}")


def test_a_navigation_signs_in_again_twice_in_a_row_and_a_script_gets_401(
    page: Page, signpost: Site, provider: OpenId
) -> None:
    sign_in(page, signpost, path="/all/")
    for number in (1, 2, 3, 4):
        provider.set_clocks(number * HOUR)
        statuses = page.evaluate("Promise.all(['/all/', '/all/a.txt'].map(async (path) => (await fetch(path)).status))")
        assert statuses == [401, 401]
        answer = page.goto(f"{signpost.url}/all/?limit={number}")
        assert answer
        assert answer.url == f"{signpost.url}/all/?limit={number}"
        assert answer.status == (401 if number == 3 else 200)
        assert len(provider.asked("/auth")) == (number != 3)
        if number == 3:  # the person signs in
            provider.set_clocks(number * HOUR)
            choose(page, "corp")
        expect(page.get_by_text(ALICE)).to_be_visible()


# `tests/unit/backends/test_openid_providers.py` has more answers that make no sense.
ANSWERS: Final = (
    (200, "<html>"),
    (200, '{"id_token": "a.b.c"}'),
    (302, ""),
    (400, '{"error": "invalid_grant"}'),
    (500, "{}"),
)
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    *({"answers": {"/token": {"status": status, "body": body}}} for status, body in ANSWERS),
    {"ahead": HOUR},
)


def test_a_fault_of_the_provider_is_told_and_never_a_loop(page: Page, signpost: Site, provider: OpenId) -> None:
    """Neither for a person who asks to sign in, nor after the end of a session."""
    provider.set_clocks(-HOUR)
    sign_in(page, signpost)
    (ended,) = [cookie for cookie in page.context.cookies(signpost.url) if cookie["name"] == SESSION]
    provider.set_clocks(0)
    seen = navigations(page)
    for fault in FAULTS:
        for has_ended_session in (True, False):
            forget(page)
            provider.set(**fault)
            if has_ended_session:
                page.context.add_cookies([ended])  # type: ignore[list-item]
                seen.clear()
                page.goto(f"{signpost.url}/team/")
            else:
                page.goto(f"{signpost.url}/team/")
                seen.clear()
                choose(page, "corp")
            expect_fault(page, signpost, (403, 503), seen)
            assert not has_session(page)  # so a reload begins nothing by itself
    check_accessibility(page)
    provider.set()
    choose(page, "corp")
    assert page.url == f"{signpost.url}/team/"


def test_a_refusal_is_told_and_never_a_loop(page: Page, signpost: Site, provider: OpenId) -> None:
    for error in ("access_denied", "temporarily_unavailable", "<b>"):
        provider.set(refuse=error)
        page.goto(f"{signpost.url}/team/")
        seen = navigations(page)
        choose(page, "corp")
        expect_fault(page, signpost, (503,) if error == "temporarily_unavailable" else (403,), seen)
        assert page.locator("b").count() == 0


def test_a_person_who_cannot_be_admitted_is_told_and_never_in_a_loop(page: Page, signpost: Site) -> None:
    for id, name, status, words in (
        ("eve", "corp", 403, "ended your access"),
        ("crowd", "corp", 403, "groups do not fit"),
        ("alice", "strict", 403, "not admitted"),
        ("alice", "wrong", 503, "no answer that it can use"),
        ("", "down", 503, "no answer that it can use"),
    ):
        page.context.clear_cookies()
        page.goto(f"{signpost.url}/team/")
        seen = navigations(page)
        choose(page, name)
        if id:
            identify(page, id)
        expect_fault(page, signpost, (status,), seen)
        expect(page.get_by_role("alert")).to_contain_text(words)
        assert not has_session(page)


def test_blocked_cookies_are_told_and_never_a_loop(
    chromium: Browser, signpost: Site, provider: OpenId, tmp_path: Path
) -> None:
    blocked = {f"{signpost.url},*": {"setting": 2}}
    (tmp_path / "Default").mkdir()
    preferences = {"profile": {"content_settings": {"exceptions": {"cookies": blocked}}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(preferences))
    with chromium.browser_type.launch_persistent_context(
        tmp_path, executable_path=chromium_path(), args=["--disable-gpu"], ignore_https_errors=True
    ) as context:
        page = context.new_page()
        seen = navigations(page)
        sign_in(page, signpost)
        assert context.cookies(signpost.url) == []
        expect_fault(page, signpost, (403,), seen)
        assert len(provider.asked("/auth")) <= 4


def test_signing_out_ends_the_session_and_the_next_sign_in_waits_for_the_person(
    page: Page, signpost: Site, provider: OpenId
) -> None:
    sign_in(page, signpost)
    click(page, "Sign out")
    expect(page.get_by_label("Key id")).to_be_visible()
    assert visitor(page, signpost) == ""
    link = page.locator(f"a[href^='{provider.url}/corp/session/end']")
    expect(link).to_be_visible()
    check_accessibility(page)
    provider.asked("")
    answer = page.goto(f"{signpost.url}/team/")
    assert answer
    assert answer.status == 401
    assert provider.asked("/auth") == []
    page.go_back()
    link.click()
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    page.goto(f"{signpost.url}/team/")
    choose(page, "corp")
    expect(page.get_by_label("Account")).to_be_visible()


ELSEWHERE: Final = (
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https://user@evil.example/",
    "@evil.example",
    ".evil.example",
    "/\t/evil.example",
    "/\r\nX-Header: value",
    "\r\nLocation: https://evil.example",
    "javascript:alert(1)",
    "/\x00",
    "",
)


def test_the_browser_never_goes_to_another_origin(page: Page, signpost: Site, provider: OpenId) -> None:
    sign_in(page, signpost)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    for path in ELSEWHERE:
        answer = page.goto(f"{signpost.url}/-/login/corp?{urlencode({'next': path})}")
        assert answer
        assert answer.status < 500
        assert "x-header" not in answer.headers
        page.goto(f"{signpost.url}/-/login?{urlencode({'next': path})}")
        for link in page.locator("main a").all():
            assert "evil" not in str(link.get_attribute("href"))
    assert hosts == {urlsplit(url).netloc for url in (signpost.url, provider.url)}


def test_a_stolen_callback_signs_nobody_in_as_the_thief(visit: Visit, signpost: Site, provider: OpenId) -> None:
    """Neither a victim without a cookie, nor in a sign-in of their own, nor in a session."""
    thief = new_page(visit)
    sign_in(thief, signpost, "thief")
    for before in ("no cookie", "a sign-in", "a session"):
        stolen = callback_url(thief, f"{signpost.url}/-/login/corp?next=/team/")
        victim = new_page(visit)
        if before == "a sign-in":
            victim.goto(f"{signpost.url}/-/login/corp?next=/team/")
        elif before == "a session":
            sign_in(victim, signpost)
        victim.goto(stolen)
        assert visitor(victim, signpost) == (ALICE if before == "a session" else "")
        if before != "a session":  # the sign-in of the victim goes on
            identify(victim, "alice")
            assert visitor(victim, signpost) == ALICE


def test_a_callback_is_good_once_and_for_its_own_sign_in(
    visit: Visit, page: Page, signpost: Site, provider: OpenId
) -> None:
    victim = new_page(visit)
    sign_in(victim, signpost)
    sign_in(page, signpost, "thief")
    start = f"{signpost.url}/-/login/corp?next=/all/"
    code = parse_qs(urlsplit(callback_url(victim, start)).query)["code"][0]
    own = parse_qs(urlsplit(callback_url(page, start)).query)
    forget(page, SESSION)
    state = own["state"][0]
    for path, changed in (
        ("corp", {"code": code}),
        ("corp", {"code": "x\r\n&=" * 100}),
        ("corp", {"code": ""}),
        ("corp", {"iss": f"{provider.url}/other"}),
        ("corp", {"iss": ""}),
        ("corp", {"state": state[:9] + ("A" if state[9] != "A" else "B") + state[10:]}),
        ("corp", {"state": ""}),
        ("corp", {"state": "x" * 2_000}),
        ("other", {}),
        ("strict", {}),
        ("ci", {}),
        ("other", {"iss": f"{provider.url}/other"}),
    ):
        answer = page.goto(f"{signpost.url}/-/callback/{path}?{urlencode(own | changed, doseq=True)}")
        assert answer
        assert answer.status in (400, 403, 404), (path, changed)
        assert not has_session(page), (path, changed)
    assert provider.asked("/other/token") == []  # so no other issuer gets a code
    url = callback_url(page, start)
    page.goto(url)
    assert page.url == f"{signpost.url}/all/"
    forget(page, SESSION)
    answer = page.goto(url)
    assert answer
    assert answer.status == 403
    assert not has_session(page)
    url = callback_url(page, start)
    provider.set_clocks(601)
    answer = page.goto(url)
    assert answer
    assert answer.status == 403
    assert not has_session(page)
    assert provider.asked("/token") == []


def test_the_log_has_no_secret_of_a_sign_in(page: Page, signpost: Site, provider: OpenId) -> None:
    sign_in(page, signpost)
    secrets = {CLIENT_SECRET, "eyJ"}  # each token of an issuer begins so
    for request in provider.asked(""):
        values = {**request.query, **request.form}
        secrets |= {values[name] for name in ("state", "nonce", "code", "code_verifier") if name in values}
    secrets |= {str(cookie["value"]) for cookie in page.context.cookies(signpost.url)}
    page.goto(f"{signpost.url}/-/callback/corp?code=the-code&state=the-state&iss=the-iss&error=the-error")
    page.goto(f"{signpost.url}/-/callback/%FF?code=the-code&state=the-state")
    log = signpost.log.read_text()
    assert "/-/callback/corp" in log
    assert len(secrets) == 8
    assert [secret for secret in (*secrets, "the-code", "the-state", "the-error") if secret in log] == []
