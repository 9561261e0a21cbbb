"""`/-/token`: the lines to paste, the end of a token, and any body as input."""

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.rules import ACTIONS
from chalicelib.core.web.message import Reply, origin_of
from tests.support.builders import BASE_URL, NOW, allow, numbered, secret_of
from tests.support.fakes import Signpost, ask, signpost

FORM = "application/x-www-form-urlencoded"
RULES = numbered(allow("/**", " ".join(ACTIONS), "key:ci"))


class Person:
    """A person who is signed in at a service, whose pages have this URL."""

    def __init__(self, url: str = BASE_URL) -> None:
        self.service: Signpost = signpost(rules=RULES, public_url=url)
        self.headers = {"origin": origin_of(url)}
        form = urlencode({"id": "ci", "secret": secret_of("ci")}).encode()
        signed_in = ask("POST", "/-/login", service=self.service, headers=self.headers, body=form)
        self.headers["cookie"] = signed_in.cookies[0].partition(";")[0]

    def post(self, body: bytes, content_type: str = "application/json", now: float = NOW) -> Reply:
        headers = {**self.headers, "content-type": content_type}
        return ask("POST", "/-/token", service=self.service, headers=headers, body=body, now=now)

    def make(self, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.post(json.dumps(fields).encode()).body)
        return made


PERSON = Person()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.sampled_from(ACTIONS),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"path": JSON_VALUES, "actions": JSON_VALUES, "expires_in": JSON_VALUES | st.integers(1, 50_000)}
)


@given(FIELDS.map(lambda fields: json.dumps(fields).encode()) | st.binary(max_size=80), st.sampled_from(["", FORM]))
def test_any_body_makes_a_token_or_is_refused_and_never_another_error(body: bytes, content_type: str) -> None:
    assert PERSON.post(body, content_type).status in (200, 201, 400, 414)


def test_a_form_is_known_by_its_media_type_and_has_a_limit() -> None:
    form = b"path=/a&action=read"
    for content_type in (FORM, "Application/X-WWW-Form-Urlencoded ; charset=UTF-8"):
        assert b"made=NewServiceToken(/a read " in PERSON.post(form, content_type).body
    assert PERSON.post(form).status == 400
    assert b"The form is too long." in PERSON.post(form + b"&x=" + b"a" * 8192, FORM).body


def test_the_command_is_for_the_first_action_of_the_token() -> None:
    for path, actions, options, url in [
        ("/a/", ["list", "read"], "", "/a/"),
        ("/a/", ["read"], "", "/a/FILE"),
        ("/a/b", ["write", "read"], "", "/a/b"),
        ("/a/", ["delete", "write"], " -T FILE", "/a/"),
        ("/a/ü&'$(b).txt", ["write"], " -T FILE", "/a/%C3%BC%26%27%24%28b%29.txt"),
        ("/a/", ["delete"], " -X DELETE", "/a/FILE"),
    ]:
        made = PERSON.make(path=path, actions=actions)
        assert made["actions"] == [action for action in ACTIONS if action in actions]
        assert made["curl"] == f'curl -L{options} -H "Authorization: Bearer {made["token"]}" {BASE_URL}{url}'


def test_netrc_names_the_host_without_a_port() -> None:
    for url, host in [
        ("https://files.example.com", "files.example.com"),
        ("https://files.example.com:8443/api", "files.example.com"),
        ("http://[2001:db8::1]:8000", "2001:db8::1"),
    ]:
        made = Person(url).make(path="/a/b")
        assert made["netrc"] == f"machine {host} login token password {made['token']}"
        assert f"{url}/a/b" in made["curl"]


def test_a_token_ends_twelve_hours_after_the_sign_in_at_the_latest() -> None:
    late, latest_end = NOW + 11.5 * 3600, "2023-11-15T10:13:20Z"
    assert json.loads(PERSON.post(b'{"path": "/a"}', now=late).body)["expires_at"] == latest_end
    assert json.loads(PERSON.post(b'{"path": "/a", "expires_in": 1800}', now=late).body)["expires_at"] == latest_end
    assert PERSON.post(b'{"path": "/a", "expires_in": 1801}', now=late).status == 400
    assert (
        b"made=NewServiceToken(/a read until 1700043200)"
        in PERSON.post(b"path=/a&action=read&hours=8", FORM, late).body
    )
    assert PERSON.post(b'{"path": "/a"}', now=NOW + 12 * 3600).status == 401


def test_a_link_to_the_page_fills_the_form_and_asks_for_listing_only_with_a_directory() -> None:
    for path, actions in (("", "('read',)"), ("/a b", "('read',)"), ("/a b/", "('read', 'list')")):
        reply = ask("GET", "/-/token", service=PERSON.service, headers=PERSON.headers, query={"path": path})
        assert f"path={path!r}, actions={actions}, latest_end=1700043200" in reply.body.decode()
