"""The form of an inbox: where a page has a form, and what its policy allows."""

import base64
import json
from typing import Any

from chalicelib.core.web.page_views import UploadForm
from chalicelib.core.web.times import rfc3339
from tests.support.builders import BASE_URL, NOW, allow, deny, mount, numbered

from .test_directory_pages import AS_ANN, Browser

EVERYTHING = allow("/**", "write share", "key:ann")


def form(browser: Browser, raw_path: str = "/in/", token: str = "", **query: str) -> UploadForm | None:
    """The form of a page: for the holder of a link where there is a token, else for the person."""
    view = browser.view(raw_path, None, token=token, **query) if token else browser.view(raw_path, AS_ANN, **query)
    assert view.uploads
    return view.uploads.form


def signed_form(browser: Browser, raw_path: str = "/in/", token: str = "", **query: str) -> UploadForm:
    found = form(browser, raw_path, token, **query)
    assert found
    assert found.url
    return found


def policy(found: UploadForm) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.b64decode(found.fields["policy"]))
    return decoded


def test_each_form_uploads_into_a_directory_of_its_own() -> None:
    """The token of a link does not travel to S3, whose log keeps the URL of the page after the upload."""
    browser = Browser(rules=[EVERYTHING], mounts=[mount(prefix="t/")])
    token = browser.new_token("/in/", action="write", uses=None)
    forms = [signed_form(browser), signed_form(browser), signed_form(browser, token=token)]
    for found in forms:
        prefix = found.fields["key"].removesuffix("${filename}")
        assert ["starts-with", "$key", prefix] in policy(found)["conditions"]
        assert {"success_action_redirect": f"{BASE_URL}/-/received"} in policy(found)["conditions"]
        assert (prefix[:5], len(prefix), prefix[-1]) == ("t/in/", len("t/in/") + 24 + 1, "/")
        assert token not in repr(found.fields) + str(policy(found))
        assert found.fields["policy"] not in repr(found)
    assert len({found.fields["key"] for found in forms}) == 3
    headers = browser.open("/in/", AS_ANN).headers
    assert f"form-action 'self' {forms[0].url};" in headers["Content-Security-Policy"]


def test_the_form_of_a_link_ends_with_the_link() -> None:
    browser = Browser(rules=[EVERYTHING])
    for expires_in, seconds in ((60, 60), (86_400, 300)):
        token = browser.new_token("/in/", action="write", uses=None, expires_in=expires_in)
        found = signed_form(browser, token=token)
        assert (found.seconds, policy(found)["expiration"]) == (seconds, rfc3339(int(NOW) + seconds))


def test_there_is_no_form_where_a_form_could_break_a_rule_or_a_link() -> None:
    deep = "/in/" + "x" * 1_000 + "/"
    for rules, raw_path in (
        ([EVERYTHING._replace(overwrite=False)], "/in/"),
        ([EVERYTHING._replace(checksum=True)], "/in/"),
        ([EVERYTHING._replace(require_headers=(("content-language", "de"),))], "/in/"),
        ([deny("/in/*/closed/**", "write"), EVERYTHING], "/in/"),
        ([allow("/in/*", "write", "key:ann"), EVERYTHING._replace(actions=("share",))], "/in/"),
        ([EVERYTHING], deep),
    ):
        assert form(Browser(rules=numbered(*rules)), raw_path) is None, (rules, raw_path)
    secrets = Browser(rules=numbered(deny("/in/*/secret/**", "share"), EVERYTHING))
    assert signed_form(secrets)
    assert form(secrets, token=secrets.new_token("/in/", action="write", uses=None)) is None
    plain = Browser(rules=[EVERYTHING])
    assert form(plain, token=plain.new_token("/in/", action="write", uses=5)) is None
    assert form(Browser(rules=[EVERYTHING], mounts=[mount("/elsewhere")])) is None
    listing = Browser(rules=[allow("/**", "write list read", "key:ann")])
    assert form(listing) is None
    assert "form-action 'self';" in listing.open("/in/", AS_ANN).headers["Content-Security-Policy"]


def test_an_exception_for_a_name_that_the_form_does_not_have_leaves_the_form() -> None:
    rules = numbered(deny("/in/closed/**", "write"), allow("/in/open/**", "write", "key:ann", max_bytes=9), EVERYTHING)
    browser = Browser(rules=rules, mounts=[mount(), mount("/in/other", bucket="other")])
    for raw_path in ("/in/", "/"):
        assert signed_form(browser, raw_path).max_bytes == 5 * 1024**3
    assert signed_form(browser, "/in/open/").max_bytes == 9


def test_the_visitor_chooses_one_type_of_several_and_the_policy_fixes_the_type() -> None:
    photos = Browser(rules=[EVERYTHING._replace(content_types=("image/*", "text/plain"))])
    for chosen in ({}, {"type": "text/html"}, {"type": "image/png;,text/html"}, {"type": ""}):
        found = form(photos, **chosen)
        assert found
        assert ("image/heic" in found.types, found.types[-1], found.url) == (True, "text/plain", "")
    for browser, query, media_type in (
        (photos, {"type": "image/png"}, "image/png"),
        (photos, {"type": "image/x-other"}, "image/x-other"),
        (Browser(rules=[EVERYTHING._replace(content_types=("text/csv",))]), {}, "text/csv"),
    ):
        found = signed_form(browser, **query)
        assert (found.media_type, found.fields["Content-Type"]) == (media_type, media_type)
        assert {"Content-Type": media_type} in policy(found)["conditions"]
    assert "Content-Type" not in signed_form(Browser(rules=[EVERYTHING])).fields
