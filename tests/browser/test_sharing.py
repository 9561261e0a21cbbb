"""Sharing by a link, and deleting."""

import re

from playwright.sync_api import Page, Request, Route, expect

from .conftest import Visit
from .sites import Site, file


def share(page: Page, name: str, **choices: str) -> str:
    """Make a link to a row of the table, and return it."""
    page.get_by_role("button", name=f"Share {name}").click()
    dialog = page.get_by_role("dialog")
    for label, choice in choices.items():
        dialog.get_by_label(label.replace("_", " ")).select_option(choice)
    dialog.get_by_role("button", name="Make a link").click()
    expect(dialog.get_by_label("The link")).to_be_focused()
    return dialog.get_by_label("The link").input_value()


def test_a_file_is_shared_once(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a b.bin", b"for you", "application/octet-stream")
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto(site.at(place))
    link = share(page, "a b.bin", Number_of_uses="once", Valid_for="1 hour")
    assert re.fullmatch(re.escape(site.at(f"{place}a b.bin")) + r"\?token=[\w-]{60}", link)
    expect(page.get_by_text("The link works once, until ")).to_be_visible()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    first = visit(signed_in=False)
    with first.expect_download() as started:
        first.evaluate("url => { location.href = url }", link)
    assert started.value.path().read_bytes() == b"for you"
    second = visit(signed_in=False, user_agent="another browser")
    second.goto(link)
    expect(second.get_by_role("heading", name="This link has been used up")).to_be_visible()
    expect(second.get_by_text("Ask the sender for a new link.")).to_be_visible()
    assert second.get_by_label("Secret").count() == 0


def test_a_directory_is_shared_with_everything_below(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}sub/deep/a.bin", b"for you", "application/octet-stream")
    site.put(f"{place}other.txt")
    page = visit()
    page.goto(site.at(place))
    link = share(page, "sub/")
    guest = visit(signed_in=False)
    guest.goto(link)
    expect(guest.get_by_text("Shared with you by a link, until ")).to_be_visible()
    expect(guest.get_by_role("navigation", name="Breadcrumb").get_by_role("link")).to_have_count(0)
    guest.get_by_role("link", name="deep/ directory").click()
    with guest.expect_download() as started:
        guest.get_by_role("link", name="Download a.bin").click()
    assert started.value.path().read_bytes() == b"for you"
    guest.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="sub").click()
    expect(guest).to_have_url(link)
    assert guest.get_by_role("button").all_inner_texts() == ["Name", "Size", "Modified"]


def test_the_directory_itself_is_shared_to_upload_into(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a.txt", b"old")
    page = visit()
    page.goto(site.at(place))
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog", name=f"Share {place[:-1]}")
    dialog.get_by_label("upload").check()
    dialog.get_by_label("Number of uses").select_option("5 times")
    with page.expect_response(re.compile(r"\?link")) as answered:
        dialog.get_by_role("button", name="Make a link").click()
    assert answered.value.request.post_data_json == {"action": "write", "expires_in": 86_400, "uses": 5}
    expect(dialog.get_by_text("The link works 5 times, until ")).to_be_visible()
    guest = visit(signed_in=False)
    puts: list[Request] = []
    guest.on("request", lambda request: puts.append(request) if request.method == "PUT" else None)
    guest.goto(dialog.get_by_label("The link").input_value())
    expect(guest.get_by_text("but not see the files that are here.")).to_be_visible()
    expect(guest.get_by_text("Each file gets a unique name, so no file is replaced.")).to_be_visible()
    guest.locator("#files").set_input_files(
        [file("a.txt", b"new"), file("tar", b"no extension"), file(".env", b"hidden")]
    )
    expect(guest.locator("[data-state=done]")).to_have_count(3)
    guest.locator("#files").set_input_files([file("a.txt", b"newer")])
    expect(guest.locator("[data-state=done]")).to_have_count(4)
    bodies = {site.get(key): key.removeprefix(place) for key in site.keys(place)}
    assert bodies.pop(b"old") == "a.txt"
    expected = {
        b"new": r"a-\w{10}\.txt",
        b"newer": r"a-\w{10}\.txt",
        b"no extension": r"tar-\w{10}",
        b"hidden": r"\.env-\w{10}",
    }
    assert bodies.keys() == expected.keys()
    for body, pattern in expected.items():
        assert re.fullmatch(pattern, bodies[body])
        expect(guest.locator("[data-state=done]").filter(has_text=f"Uploaded as {bodies[body]}, ")).to_be_visible()
    assert len(puts) == 8
    assert all(request.headers["if-none-match"] == "*" for request in puts)
    assert {request.url.rpartition("/")[2].partition("?")[0] for request in puts} == set(bodies.values())


def test_a_taken_name_in_an_inbox_leads_to_another_name(visit: Visit, site: Site, place: str) -> None:
    page = visit()
    page.goto(site.at(f"inbox/{place}"))  # its visitor may list and write, and not read
    taken: list[str] = []

    def refuse_once(route: Route) -> None:
        if taken or route.request.method != "PUT":
            return route.continue_()
        taken.append(route.request.url.partition("?")[0])
        headers = {"Access-Control-Allow-Origin": "*"}
        return route.fulfill(status=412, headers=headers, body="<Error><Code>PreconditionFailed</Code></Error>")

    page.route(f"{site.store.endpoint}/**", refuse_once)
    page.locator("#files").set_input_files([file("a.txt", b"new")])
    expect(page.locator("[data-state=failed]")).to_contain_text(
        "That name is taken. Retry sends the file under another"
    )
    expect(page.get_by_role("button", name="Replace")).to_have_count(0)
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("[data-state=done]")).to_contain_text("Uploaded as a-")
    (key,) = site.keys(f"inbox/{place}")
    assert (site.get(key), taken[0].endswith(key)) == (b"new", False)


def test_what_the_service_refuses_is_said_in_the_dialog(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a.txt")
    page = visit()
    page.goto(site.at(place))
    page.context.clear_cookies()
    page.get_by_role("button", name="Share a.txt").click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    expect(page.get_by_role("button", name="Make a link")).to_be_enabled()


def test_a_link_reaches_no_other_server(visit: Visit, site: Site, place: str) -> None:
    """Neither S3 nor anyone else is told the URL that someone came from: a token is in it."""
    site.put(f"{place}a.bin", b"for you", "application/octet-stream")
    site.put(f"{place}b.txt", b"to be read")
    page = visit()
    page.goto(site.at(place))
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()
    link = page.get_by_label("The link").input_value()
    guest = visit(signed_in=False)
    sent: list[Request] = []
    guest.context.on("request", lambda request: sent.append(request))
    guest.goto(link)
    with guest.expect_download():
        guest.get_by_role("link", name="Download a.bin").click()
    guest.get_by_role("link", name="b.txt", exact=True).click()
    expect(guest.get_by_text("to be read")).to_be_visible()
    at_the_store = [request.all_headers() for request in sent if request.url.startswith(site.store.endpoint)]
    assert len(at_the_store) >= 2
    assert [headers.get("referer") for headers in at_the_store] == [None] * len(at_the_store)
    assert {request.url.split("/")[2] for request in sent} == {
        site.url.removeprefix("http://"),
        site.store.endpoint.removeprefix("http://"),
    }


def test_a_file_is_deleted_after_a_question(visit: Visit, site: Site, place: str) -> None:
    for name in ("a & b?.txt", "c.txt"):
        site.put(place + name)
    page = visit()
    page.goto(site.at(place))
    page.get_by_role("button", name="Delete a & b?.txt").click()
    dialog = page.get_by_role("dialog", name="Delete a & b?.txt?")
    dialog.get_by_role("button", name="Keep the file").click()
    expect(dialog).to_be_hidden()
    assert len(site.keys(place)) == 2
    page.get_by_role("button", name="Delete a & b?.txt").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="a & b?.txt", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="c.txt", exact=True)).to_be_focused()
    assert site.keys(place) == {f"{place}c.txt"}
    page.get_by_role("button", name="Delete c.txt").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This directory is empty.")).to_be_visible()
