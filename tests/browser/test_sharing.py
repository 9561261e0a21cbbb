"""A visitor shares files and directories by links, and deletes files."""

import re
import subprocess
from pathlib import Path

from playwright.sync_api import Request, Route, expect

from tests.support.pictures import quarters

from . import npm
from .conftest import Visit
from .sites import Directory
from .visitor import CORS, answer_for_store, choose, click, delete, download, file, in_state, make_link

QR_READER = Path(__file__).parent / "qr_reader"

# The reader needs several pixels for each module of the code.
READ_QR_CODE = """
const small = document.querySelector("#qr"), large = new OffscreenCanvas(small.width * 4, small.height * 4);
const context = large.getContext("2d");
context.imageSmoothingEnabled = false;
context.drawImage(small, 0, 0, large.width, large.height);
const { data, width, height } = context.getImageData(0, 0, large.width, large.height);
module.exports(data, width, height).data
"""


def test_a_link_opens_a_file_once(visit: Visit, directory: Directory) -> None:
    directory.put("a b.bin", b"body", "application/octet-stream")
    page = visit(directory.url, permissions=["clipboard-read", "clipboard-write"])
    link = make_link(page, "a b.bin", Number_of_uses="once", Valid_for="1 hour")
    assert re.fullmatch(re.escape(directory.url_of("a b.bin")) + r"\?token=[\w-]{64}&view", link)
    expect(page.get_by_text("can view and download a b.bin, once, until ")).to_be_visible()
    click(page, "Copy")
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    first = visit(link, signed_in=False)
    expect(
        first.get_by_text("ann shared a b.bin with you by a link. You can view and download the file, ")
    ).to_be_visible()
    with first.expect_download() as started:
        first.get_by_role("link", name="Download, takes one use").click()
    assert started.value.path().read_bytes() == b"body"
    second = visit(link, signed_in=False, user_agent="another browser")
    expect(second.get_by_role("heading", name="This link has been used up")).to_be_visible()
    expect(second.get_by_text("Ask the sender for a new link.")).to_be_visible()
    assert second.get_by_label("Secret").count() == 0


def test_a_link_opens_a_directory_and_no_other_server_sees_the_token(visit: Visit, directory: Directory) -> None:
    directory.put("sub/deep/a.bin", b"body", "application/octet-stream")
    directory.put("sub/b.txt", b"a text")
    directory.put("sub/c.png", quarters(), "image/png")
    directory.put("other.txt")
    link = make_link(visit(directory.url), "sub/")
    guest = visit("about:blank", signed_in=False)
    requests: list[Request] = []
    guest.context.on("request", lambda request: requests.append(request))
    guest.goto(link)
    expect(guest.get_by_text("ann shared sub with you by a link. You can view and download ")).to_be_visible()
    breadcrumbs = guest.get_by_role("navigation", name="Breadcrumb")
    expect(breadcrumbs.get_by_role("link")).to_have_count(0)
    expect(guest.locator("img")).to_have_js_property("naturalWidth", 96)
    guest.get_by_role("link", name="deep/ directory").click()
    assert download(guest, "a.bin") == b"body"
    breadcrumbs.get_by_role("link", name="sub").click()
    expect(guest).to_have_url(link)
    assert guest.get_by_role("button").all_inner_texts() == []
    guest.get_by_role("link", name="b.txt", exact=True).click()
    expect(guest.get_by_text("a text")).to_be_visible()
    site = directory.site
    to_store = [request.all_headers() for request in requests if request.url.startswith(site.store.endpoint)]
    assert len(to_store) >= 2
    assert not any(headers.get("referer") for headers in to_store)  # Chromium can name an empty referrer
    servers = {request.url.split("/")[2] for request in requests}
    assert servers == {url.removeprefix("http://") for url in (site.url, site.store.endpoint)}


def test_a_link_to_upload_gives_each_file_a_unique_name(visit: Visit, directory: Directory) -> None:
    directory.put("a.txt", b"old")
    page = visit(directory.url)
    with page.expect_response(re.compile(r"\?link")) as answer:
        link = make_link(page, action="upload", Number_of_uses="5 times")
    assert answer.value.request.post_data_json == {"action": "write", "expires_in": 86_400, "uses": 5}
    expect(page.get_by_text(f"can upload files to {directory.prefix[:-1]}, 5 times, until ")).to_be_visible()
    guest = visit(link, signed_in=False)
    asked: list[Request] = []
    guest.on("request", lambda request: asked.append(request) if request.method in ("PUT", "POST") else None)
    expect(guest.get_by_text("but not see the files that are here.")).to_be_visible()
    expect(
        guest.get_by_text(f"ann asks you for files by a link. You can upload files to {directory.prefix[:-1]}")
    ).to_be_visible()
    expect(guest.get_by_text("Each file gets a unique name, so no file is replaced.")).to_be_visible()
    files = [file("a.txt", b"new"), file("tar", b"no extension"), file(".env", b"hidden")]
    guest.locator("#files").set_input_files(files)
    expect(in_state(guest, "done")).to_have_count(3)
    guest.locator("#files").set_input_files([file("a.txt", b"newer")])
    expect(in_state(guest, "done")).to_have_count(4)
    names = {directory.get(name): name for name in directory.names()}
    assert names.pop(b"old") == "a.txt"
    patterns = {
        b"new": r"a-\w{10}\.txt",
        b"newer": r"a-\w{10}\.txt",
        b"no extension": r"tar-\w{10}",
        b"hidden": r"\.env-\w{10}",
    }
    assert names.keys() == patterns.keys()
    for body, pattern in patterns.items():
        assert re.fullmatch(pattern, names[body])
        expect(in_state(guest, "done").filter(has_text=f"Uploaded as {names[body]}, ")).to_be_visible()
    puts = [request for request in asked if request.method == "PUT"]
    assert (len(asked), len(puts)) == (8, 4)  # each file is presigned alone, which takes a use
    assert all(request.headers["if-none-match"] == "*" for request in puts)
    assert {request.url.rpartition("/")[2].partition("?")[0] for request in puts} == set(names.values())


def test_the_page_of_a_link_with_its_token_in_the_path_uploads(visit: Visit, directory: Directory) -> None:
    link = make_link(visit(directory.url), action="Upload")
    token = link.rpartition("=")[2]
    guest = visit(f"{directory.site.url}/-/t/{token}/{directory.prefix}", signed_in=False)
    choose(guest, file("a.txt"))
    expect(in_state(guest, "done")).to_have_count(1)
    assert len(directory.names()) == 1


def test_a_sentence_says_what_a_link_will_do_before_the_link_is_made(visit: Visit, directory: Directory) -> None:
    for name in ("a & b.txt", "sub/x"):
        directory.put(name)
    page = visit(directory.url)
    dialog, promise = page.get_by_role("dialog"), page.locator("#promise")
    for name, choices, sentence in (
        ("a & b.txt", {}, "view and download a & b.txt, as often as they like, until "),
        ("sub/", {"Number of uses": "once"}, "view and download everything in sub/, once, until "),
        ("sub/", {"upload": "", "Valid for": "1 hour"}, "upload files to sub/, as often as they like, until "),
    ):
        click(page, f"Share {name}")
        for label, choice in choices.items():
            field = dialog.get_by_label(label)
            field.select_option(choice) if choice else field.check()
        expect(promise).to_contain_text(f"Anyone with this link can {sentence}")
        before = promise.inner_text()
        click(dialog, "Make a link")
        expect(dialog.get_by_label("The link")).to_be_focused()
        assert promise.inner_text().partition("until")[0] == before.partition("until")[0]
        click(dialog, "Close")


def test_a_link_is_taken_back_where_it_was_made_or_in_two_actions_from_the_directory(
    visit: Visit, directory: Directory
) -> None:
    """The list also works without scripts."""
    directory.put("a.txt", b"a text")
    page = visit(directory.url)
    guest = visit("about:blank", signed_in=False)

    def revoked(link: str) -> bool:
        guest.goto(link)
        return guest.get_by_role("heading", name="This link was revoked").is_visible()

    made = make_link(page, "a.txt")
    guest.goto(made)
    expect(guest.get_by_text("a text")).to_be_visible()
    click(page, "Take back")
    expect(page.locator("#promise")).to_have_text("You took the link back. It opens nothing now.")
    assert revoked(made)
    click(page, "Close")
    made, lasting = (make_link(visit(directory.url), "a.txt") for _ in range(2))
    plain = visit(directory.url, java_script_enabled=False)
    plain.get_by_role("link", name="Your links").click()
    take_back = plain.get_by_role("button", name=f"Take back the link to /{directory.prefix}a.txt")
    expect(take_back).to_have_count(2)
    take_back.first.click()
    expect(take_back).to_have_count(1)
    assert [revoked(link) for link in (made, lasting)].count(True) == 1


def test_a_qr_code_holds_the_link_and_the_command_downloads_the_file(
    visit: Visit, directory: Directory, tmp_path: Path
) -> None:
    name = "it's a & b.bin"
    directory.put(name, b"body", "application/octet-stream")
    page = visit(directory.url, permissions=["clipboard-read", "clipboard-write"])
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url))
    link = make_link(page, name)
    assert not any("lean-qr" in script for script in scripts)
    click(page, "QR code")
    expect(page.get_by_role("img", name="QR code to scan with a phone")).to_be_visible()
    reader = (npm.install(QR_READER) / "node_modules/jsqr/dist/jsQR.js").read_text()
    assert page.evaluate(f"{{ const exports = {{}}, module = {{ exports }}; {reader}; {READ_QR_CODE} }}") == link
    click(page, "Copy the command")
    expect(page.locator("#announcement")).to_have_text("Copied")
    command = page.evaluate("navigator.clipboard.readText()")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert (tmp_path / name).read_bytes() == b"body"
    click(page, "Close")
    bounded = directory.under("bounded")
    page.goto(bounded.url)
    make_link(page, action="upload")
    (tmp_path / "FILE").write_bytes(b"sent")
    command = page.get_by_label("For a terminal").input_value()
    subprocess.run(["bash", "-c", f"{command} --fail"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert bounded.get("FILE") == b"sent"


def test_an_inbox_chooses_another_name_if_a_name_is_taken(visit: Visit, directory: Directory) -> None:
    inbox = directory.under("inbox")  # the visitor may list and write here, but not read
    page = visit(inbox.url)
    taken: list[str] = []

    def refuse_once(route: Route) -> None:
        if taken or route.request.method != "PUT":
            return route.continue_()
        taken.append(route.request.url.partition("?")[0])
        return route.fulfill(status=412, headers=CORS, body="<Error><Code>PreconditionFailed</Code></Error>")

    answer_for_store(page, inbox.site, refuse_once)
    page.locator("#files").set_input_files([file("a.txt", b"new")])
    expect(in_state(page, "failed")).to_contain_text("That name is taken. Retry sends the file under another")
    expect(page.get_by_role("button", name="Replace")).to_have_count(0)
    click(page, "Retry")
    expect(in_state(page, "done")).to_contain_text("Uploaded as a-")
    (name,) = inbox.names()
    assert inbox.get(name) == b"new"
    assert not taken[0].endswith(name)


def test_a_file_is_deleted_after_a_question_and_the_dialog_shows_a_refusal(visit: Visit, directory: Directory) -> None:
    for name in ("a & b?.txt", "c.txt"):
        directory.put(name)
    page = visit(directory.url)
    click(page, "Delete a & b?.txt")
    dialog = page.get_by_role("dialog", name="Delete a & b?.txt?")
    click(dialog, "Keep the file")
    expect(dialog).to_be_hidden()
    assert len(directory.names()) == 2
    delete(page, "a & b?.txt")
    expect(page.get_by_role("link", name="a & b?.txt", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="c.txt", exact=True)).to_be_focused()
    assert directory.names() == {"c.txt"}
    cookies = page.context.cookies()
    page.context.clear_cookies()
    delete(page, "c.txt")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out.")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    click(page.get_by_role("dialog"), "Delete")
    expect(page.get_by_text("This directory is empty.")).to_be_visible()
