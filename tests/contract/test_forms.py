"""Forms: the form of `POST /dir/?form` uploads only what the rule of the directory allows."""

import base64
import html
import json
import re
from typing import Any

import pytest

from tests.support.entry_points import Answer

from . import probes
from .drivers import over_http
from .sites import REFUSED, Site, Store, client_of
from .upload_sites import form_call

Fields = dict[str, str]


@pytest.fixture
def form(upload_site: Site, store: Store) -> dict[str, Any]:
    """A form for photos of 1,000 bytes at most, with a header that the rule requires."""
    probes.need(probes.takes_forms(store), "POST policies")
    answer = upload_site.curl("-d", "", f"{upload_site.at('/photos/')}?form&type=image/png")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def post(site: Site, url: str, fields: Fields, body: bytes, name: str) -> Answer:
    """Send one form with curl."""
    return site.curl(*form_call(site, url, fields, body, name), user=None)


@over_http
def test_a_form_uploads_any_number_of_files(upload_site: Site, store: Store, form: dict[str, Any], name: str) -> None:
    """The sender chooses names below the directory; the type and the headers are those of the rule."""
    assert post(upload_site, form["url"], form["fields"], b"x" * 1000, name).status == 201
    stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/photos/{name}")
    assert stored["Body"].read() == b"x" * 1000
    assert (stored["ContentType"], stored["Metadata"]) == ("image/png", {"from": "a form"})
    for number in range(3):
        fields = {**form["fields"], "key": f"tenant/photos/{name}/{number}.png"}
        assert post(upload_site, form["url"], fields, b"", "x").status == 201
    found = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix=f"tenant/photos/{name}/")
    assert [item["Key"][-5:] for item in found["Contents"]] == ["0.png", "1.png", "2.png"]


@over_http
def test_a_form_of_a_role(session_site: Site, store: Store, name: str) -> None:
    """On Lambda, the session token is a field. The store refuses a form without the token or with another token."""
    probes.need(probes.takes_forms(store) and probes.has_roles(store), "POST policies for roles")
    form = session_site.curl("-d", "", f"{session_site.at('/forms/')}?form").json()
    assert post(session_site, form["url"], form["fields"], b"x", name).status == 201
    token = form["fields"].pop("x-amz-security-token")
    for fields in ({}, {"x-amz-security-token": token[:-8] + "AAAAAAA="}):
        assert post(session_site, form["url"], form["fields"] | fields, b"x", f"not-{name}").status in REFUSED
    found = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix="tenant/forms/")
    assert [item["Key"] for item in found["Contents"]] == [f"tenant/forms/{name}"]


@over_http
@pytest.mark.usefixtures("unchanged")
def test_the_store_refuses_a_file_that_is_too_large(upload_site: Site, form: dict[str, Any], name: str) -> None:
    for size in (1001, 1_000_000):
        answer = post(upload_site, form["url"], form["fields"], b"x" * size, name)
        assert (answer.status, b"EntityTooLarge" in answer.body) == (400, True)


@over_http
@pytest.mark.usefixtures("unchanged")
def test_the_store_refuses_fields_that_are_changed_or_missing_or_added(
    upload_site: Site, form: dict[str, Any], name: str
) -> None:
    changes: list[dict[str, str | None]] = [
        {"key": "tenant/photo/${filename}"},
        {"key": "tenant/${filename}"},
        {"key": "x/tenant/photos/${filename}"},
        {"key": "${filename}"},
        {"key": None},
        {"Content-Type": "image/jpeg"},
        {"Content-Type": "text/html"},
        {"Content-Type": None},
        {"x-amz-meta-from": "elsewhere"},
        {"x-amz-meta-from": None},
        {"success_action_status": "200"},
        {"acl": "public-read"},
        {"x-amz-meta-more": "x"},
        {"x-amz-storage-class": "STANDARD"},
        {"success_action_redirect": "https://example.com/"},
        {"policy": None},
        {"x-amz-signature": None},
        {"x-amz-signature": "0" * 64},
        {"x-amz-date": None},
        {"x-amz-credential": None},
        {"x-amz-algorithm": None},
        {"x-amz-date": "20200101T000000Z"},
        {"x-amz-credential": "AKIDOTHER/20200101/us-east-1/s3/aws4_request"},
        {"x-amz-algorithm": "AWS4-HMAC-SHA1"},
    ]
    policy = base64.b64decode(form["fields"]["policy"]).decode()
    for old, new in (("tenant/photos/", "tenant/"), ("1000", "9000"), ("image/png", "text/html"), ("Z", "9Z")):
        assert old in policy
        changes.append({"policy": base64.b64encode(policy.replace(old, new).encode()).decode()})
    calls = []
    for change in changes:
        fields = {field: value for field, value in {**form["fields"], **change}.items() if value is not None}
        calls.append(form_call(upload_site, form["url"], fields, b"x", name))
    for answer, change in zip(upload_site.curl_all(calls, user=None), changes, strict=True):
        assert answer.status in REFUSED, change


@over_http
def test_the_form_of_an_inbox_cannot_touch_the_file_of_another_person(
    upload_site: Site, store: Store, name: str
) -> None:
    probes.need(probes.takes_forms(store), "POST policies")

    def inbox_form(uses: int | None) -> tuple[str, Fields]:
        body = json.dumps({"action": "write", "uses": uses})
        link = upload_site.curl("-d", body, f"{upload_site.at(f'/photos/{name}/')}?link").json()["url"]
        page = upload_site.curl("-H", "Accept: text/html", f"{link}&type=image/png", user=None).body.decode()
        url = re.search('<form [^>]*action="([^"]*)" enctype', page)
        fields = re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
        return url[1] if url else "", {field: html.unescape(value) for field, value in fields}

    def stored() -> dict[str, str]:
        found = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix=f"tenant/photos/{name}/")
        return {item["Key"]: item["ETag"] for item in found["Contents"]}

    assert inbox_form(uses=5) == ("", {})
    (url, theirs), (_, mine) = inbox_form(uses=None), inbox_form(uses=None)
    for fields, body in ((theirs, b"theirs"), (mine, b"mine")):
        answer = post(upload_site, url, fields, body, "a.png")
        landing_url = f"{upload_site.url}/-/received"
        assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, landing_url)
    key = theirs["key"].replace("${filename}", "a.png")
    before = stored()
    assert before.keys() == {key, mine["key"].replace("${filename}", "a.png")}
    changes = [
        {"key": key},
        {"key": f"tenant/photos/{name}/a.png"},
        {"Content-Type": "text/html"},
        {"Content-Type": "image/png;,text/html"},
        {"success_action_redirect": "https://example.com/"},
    ]
    calls = [form_call(upload_site, url, {**mine, **change}, b"x", "a.png") for change in changes]
    calls.append(form_call(upload_site, url, mine, b"x" * 1001, "a.png"))
    assert [answer.status in REFUSED for answer in upload_site.curl_all(calls, user=None)] == [True] * len(calls)
    assert stored() == before


@over_http
def test_a_form_is_for_one_bucket(upload_site: Site, store: Store, form: dict[str, Any], name: str) -> None:
    other = form["url"].replace(store.bucket, f"{store.bucket}-versions")
    assert post(upload_site, other, form["fields"], b"x", name).status in REFUSED
    assert "Contents" not in client_of(store).list_objects_v2(
        Bucket=f"{store.bucket}-versions", Prefix="tenant/photos/"
    )


@pytest.mark.usefixtures("unchanged")
def test_there_is_no_form_where_a_form_cannot_keep_the_rule(upload_site: Site) -> None:
    for path, status in (
        ("/photos/?form&type=text/html", 415),
        ("/photos/?form", 415),
        *((f"/{folder}/?form&type=image/png;,text/html", 415) for folder in ("photos", "forms")),
        ("/photos/?form&type=image/png%0A", 415),
        ("/forms/?form&type=", 415),
        ("/once/?form", 501),
        ("/summed/?form", 501),
        ("/brief/?form", 501),
        ("/free/x?form", 405),
    ):
        answer = upload_site.curl("-d", "", upload_site.at(path))
        assert (answer.status, "fields" in answer.json()) == (status, False), path
        assert not path.startswith("/photos/") or "?form&type=image/" in answer.json()["detail"]
    for user in (None, "ci:wrong"):
        url = upload_site.at("/photos/?form&type=image/png")
        assert upload_site.curl("-d", "", url, user=user).status == 401
