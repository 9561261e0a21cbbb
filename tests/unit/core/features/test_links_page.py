"""Revocable links and `/-/links`, where the settings, the clock or the list decides."""

import json

from chalicelib.core.access.issuer_claims import person
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.link_tokens import MAX_REVOCABLE_LINKS
from chalicelib.core.access.sessions import Sessions
from tests.support.builders import BASE_URL, DEADLINE, NOW, allow, basic, numbered
from tests.support.fakes import Signpost, ask, code, makers, signer, signpost
from tests.support.revocable_links import MemoryRevocableLinks
from tests.support.store import MemoryStore

RULES = numbered(allow("/public/**", "read share"), allow("/shared/**", "read list share", "authenticated"))
CORP = Issuer("corp", "https://id.example.com", ("files",))
AS_ANN = basic("ann")


def make(service: Signpost, raw_path: str = "/shared/a", headers: dict[str, str] = AS_ANN, seconds: int = 60) -> str:
    """The token of a new revocable link, or the code of the refusal."""
    body = json.dumps({"uses": None, "revocable": True, "expires_in": seconds}).encode()
    reply = ask("POST", raw_path, service=service, query={"link": ""}, headers=headers, body=body)
    return str(code(reply) or json.loads(reply.body)["token"])


def test_a_link_is_revocable_only_with_a_table_and_a_maker_who_can_list_it() -> None:
    without = signpost(rules=RULES)
    assert make(without) == "not-offered"
    assert code(ask("GET", "/-/links", service=without, headers=AS_ANN)) == "not-offered"
    service = signpost(rules=RULES, revocable_links=MemoryRevocableLinks())
    assert make(service, "/public/a", {}) == "credentials-missing"
    token = make(service, "/public/a")
    assert ask("GET", "/public/a", service=without, query={"token": token}).status == 503
    for method, status in (("GET", 307), ("DELETE", 204), ("GET", 410)):
        headers = AS_ANN if method == "DELETE" else {}
        assert ask(method, "/public/a", service=service, query={"token": token}, headers=headers).status == status


def test_a_maker_has_a_limit_of_live_links() -> None:
    service = signpost(rules=RULES, revocable_links=MemoryRevocableLinks())
    for seconds in (60, *[90] * (MAX_REVOCABLE_LINKS - 1)):
        assert len(make(service, seconds=seconds)) == 64
    assert make(service) == "too-many-links"
    for now, count in ((NOW + 59, MAX_REVOCABLE_LINKS), (NOW + 60, MAX_REVOCABLE_LINKS - 1), (NOW + 90, 0)):
        reply = ask("GET", "/-/links", service=service, headers=AS_ANN, now=now)
        assert len(json.loads(reply.body)["links"]) == count


def test_a_person_lists_links_as_a_page_and_the_holder_sees_the_name_of_the_person() -> None:
    """An opaque id of an issuer tells a person nothing, so the table keeps the name of the session."""
    service = signpost(
        rules=RULES, revocable_links=MemoryRevocableLinks(), issuers=[CORP], objects=MemoryStore(["shared/b/c"])
    )
    sign_in = makers(issuers=[CORP], rules=RULES).of(person("user:corp:1f9c", []), NOW)
    sessions = Sessions(makers(issuers=[CORP])._sign_ins, signer("session"))
    cookie = sessions.cookie_of_person(sign_in, "Alice B.", 0, DEADLINE).partition(";")[0]
    browser = {"cookie": cookie, "origin": BASE_URL, "accept": "text/html"}
    token = make(service, "/shared/b/", browser)
    page = ask("GET", "/-/links", service=service, headers=browser).body.decode()
    assert "name='Alice B.'" in page
    assert f"path='/shared/b/', action='read', expires_at={int(NOW) + 60}, url='{BASE_URL}/shared/b/'" in page
    assert token not in page
    held = ask("GET", "/shared/b/", service=service, query={"token": token}, headers={"accept": "text/html"})
    assert "link_maker='Alice B.'" in held.body.decode()
    assert "1f9c" not in held.body.decode()
    (line,) = [line for line in service.log if line["path"] == "/-/links"]
    assert line["principal"] == "user:corp:1f9c"
