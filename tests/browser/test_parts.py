"""A large file goes in parts: a part that fails is sent again, and a part that arrived is not, even after a reload."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import Visit
from .multipart import SentParts, hold_back, part_number, wait_for
from .sites import MAX_WAIT, Directory
from .visitor import CORS, answer_for_store, choose, click, file, in_state, item, limit_upload, make_link, row

NAME = "big.bin"
SIZE = 70_000_000
ALL = {1, 2, 3, 4, 5}  # the parts of a file of this size, of 16 MiB each


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that goes in parts."""
    return random_file(tmp_path_factory.mktemp("big") / NAME)


def random_file(path: Path, size: int = SIZE) -> Path:
    """Write a file of random bytes."""
    path.write_bytes(os.urandom(size))
    return path


@pytest.fixture
def page(visit: Visit, directory: Directory) -> Page:
    """The page of an empty directory."""
    return visit(directory.url)


def send(page: Page, path: Path) -> None:
    """Choose a file from the disk."""
    page.locator("#files").set_input_files([path])


def assert_arrives(page: Page, directory: Directory, path: Path) -> None:
    """Wait until a file is uploaded. The object must have its content, and nothing else may be left of the upload."""
    expect(item(page, path.name)).to_contain_text("Uploaded, ", timeout=3 * MAX_WAIT)
    assert directory.get(path.name) == path.read_bytes()
    assert directory.unfinished() == []
    assert page.evaluate("localStorage.uploads ?? '{}'") == "{}"


def send_all_but(page: Page, directory: Directory, path: Path, *held: int) -> None:
    """Send a file, and wait until the store has all parts except for some, which the page cannot send."""
    hold_back(page, directory.site, *held)
    send(page, path)
    wait_for(page, lambda: directory.parts() == ALL - {*held})


def reopened(page: Page) -> Page:
    """The page after a reload, when only the storage of the browser is left."""
    new_page, url = page.context.new_page(), page.url
    page.close()
    new_page.goto(url)
    return new_page


def test_a_large_file_arrives_in_parts(page: Page, directory: Directory, tmp_path: Path) -> None:
    """A text is read as a stream for its charset: characters cross the borders of the chunks; the last byte decides."""
    limit_upload(page, 60_000_000)
    for name, end, media_type in (
        ("bigger & bigger.txt", b"", "text/plain; charset=utf-8"),
        ("bad.txt", b"\xff", "text/plain"),
    ):
        path = tmp_path / name
        path.write_bytes("日".encode() * 35_000_000 + end)
        send(page, path)
        progress = re.compile(r"[\d.]+ [kM]B of 105 MB, [\d.]+ [kM]B/s, \d+ sec left")
        expect(item(page, name)).to_contain_text(progress)
        assert_arrives(page, directory, path)
        assert directory.part_count(name) == 7
        assert directory.media_type(name) == media_type
        expect(row(page, name)).to_contain_text("105 MB")


def test_a_small_file_does_not_wait_for_a_large_file(page: Page, directory: Directory, big: Path) -> None:
    hold_back(page, directory.site, *ALL)
    send(page, big)
    expect(item(page, NAME)).to_have_attribute("data-state", "sending")
    choose(page, file("a.txt"))
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    choose(page, file(NAME))
    refused = in_state(page, "refused")
    expect(refused).to_contain_text("Another upload has the same name. Wait until it ends.")


def test_a_request_that_fails_is_sent_again(page: Page, directory: Directory, big: Path) -> None:
    """S3 can report the failure of a completion with status 200 (S3 API Reference, CompleteMultipartUpload)."""
    failed: list[int | None] = []

    def fail_once(route: Route) -> None:
        number, method = part_number(route.request), route.request.method
        is_completion = method == "POST" and "uploadId=" in route.request.url
        if number in failed or not (is_completion or method == "PUT"):
            return route.continue_()
        failed.append(number)
        if number == 1:
            return route.abort()
        status, code = {None: (200, "InternalError"), 2: (403, "AccessDenied")}.get(number, (503, "SlowDown"))
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n\n<Error><Code>{code}</Code></Error>'
        return route.fulfill(status=status, headers=CORS, body=body)

    sent = SentParts(page, directory.site)
    answer_for_store(page, directory.site, fail_once)
    send(page, big)
    assert_arrives(page, directory, big)
    assert sorted(sent.numbers) == sorted([*ALL, *ALL])
    assert {*failed} == {None, *ALL}


def test_a_retry_sends_only_the_missing_parts(page: Page, directory: Directory, big: Path) -> None:
    held: list[Route] = []
    page.route(re.compile("partNumber=5.*presign"), lambda route: held.append(route))
    send(page, big)
    wait_for(page, lambda: directory.parts() == ALL - {5})
    held[0].fulfill(status=403, json={"detail": "Not now."})
    expect(item(page, NAME)).to_contain_text("Not now.")
    page.unroute_all()
    sent = SentParts(page, directory.site)
    click(item(page, NAME), "Retry")
    assert_arrives(page, directory, big)
    assert sent.numbers == [5]


def test_a_cancelled_upload_leaves_nothing(page: Page, directory: Directory, big: Path) -> None:
    """Even if the store answers the creation of the upload only after the visitor cancels."""
    creations: list[Route] = []
    creation = re.compile(f"{re.escape(directory.site.store.endpoint)}.*uploads=")
    page.route(creation, lambda route: creations.append(route))
    send(page, big)
    wait_for(page, lambda: len(creations) == 1)
    click(item(page, NAME), "Cancel")
    with page.expect_response(lambda response: response.request.method == "DELETE" and "?uploadId" in response.url):
        creations[0].continue_()
    wait_for(page, lambda: directory.unfinished() == [])
    assert page.evaluate("localStorage.uploads") == "{}"
    page.unroute(creation)
    hold_back(page, directory.site, 5)
    click(item(page, NAME), "Retry")
    wait_for(page, lambda: directory.parts() == ALL - {5})
    click(item(page, NAME), "Cancel")
    expect(item(page, NAME)).to_contain_text("Cancelled.")
    wait_for(page, lambda: directory.unfinished() == [])
    page.unroute_all(behavior="ignoreErrors")
    click(item(page, NAME), "Retry")
    assert_arrives(page, directory, big)


def test_an_upload_is_resumed_after_a_reload(page: Page, directory: Directory, big: Path) -> None:
    send_all_but(page, directory, big, 2, 5)
    page = reopened(page)
    sent = SentParts(page, directory.site)
    send_all_but(page, directory, big, 5)
    assert sent.numbers == [2]
    resuming = "Resuming: 50 MB of 70 MB have arrived."
    expect(item(page, NAME)).to_contain_text(re.compile(re.escape(resuming) + r"|6\d MB of 70 MB"))
    expect(page.get_by_role("status").filter(has_text=f"{NAME}: {resuming}")).to_have_count(1)
    page = reopened(page)
    sent = SentParts(page, directory.site)
    send(page, big)
    assert_arrives(page, directory, big)
    assert sent.numbers == [5]


def test_an_upload_that_cannot_be_resumed_starts_again(
    page: Page, directory: Directory, big: Path, tmp_path: Path
) -> None:
    """Because the store deleted the upload, or because another file has the same name and size."""
    send_all_but(page, directory, big, 5)
    page = reopened(page)
    directory.abort_uploads()
    sent = SentParts(page, directory.site)
    send_all_but(page, directory, big, 5)
    assert {*sent.numbers} == ALL - {5}
    page = reopened(page)
    other = random_file(tmp_path / NAME)
    os.utime(other, (0, 0))
    sent = SentParts(page, directory.site)
    send(page, other)
    expect(item(page, NAME)).to_contain_text("Uploaded, ", timeout=3 * MAX_WAIT)
    assert {*sent.numbers} == ALL
    assert directory.get(NAME) == other.read_bytes()


def test_a_new_file_of_the_same_name_is_replaced_only_after_a_question(
    page: Page, directory: Directory, big: Path
) -> None:
    answer_for_store(page, directory.site, refuse_conditional_completion)
    directory.put(NAME, b"old")  # the page does not show it
    send(page, big)
    question = "A file of that name exists. Replace it?"
    expect(item(page, NAME)).to_contain_text(question, timeout=3 * MAX_WAIT)
    click(item(page, NAME), "Keep the old file")
    wait_for(page, lambda: directory.unfinished() == [])
    assert directory.get(NAME) == b"old"
    click(item(page, NAME), "Retry")
    expect(item(page, NAME)).to_contain_text(question, timeout=3 * MAX_WAIT)
    assert directory.get(NAME) == b"old"
    sent = SentParts(page, directory.site)
    click(item(page, NAME), "Replace")
    assert_arrives(page, directory, big)
    assert sent.numbers == []


def refuse_conditional_completion(route: Route) -> None:
    """Refuse a completion with `If-None-Match`, as S3 does if the object exists; Ceph's gateway completes."""
    if route.request.method == "POST" and "if-none-match" in route.request.headers:
        route.fulfill(status=412, headers=CORS, body="<Error><Code>PreconditionFailed</Code></Error>")
    else:
        route.continue_()


def test_a_rule_decides_the_size_of_the_parts_and_their_checksums(
    visit: Visit, directory: Directory, big: Path
) -> None:
    """Also after a reload."""
    checked = directory.under("checked")
    page = visit(checked.url)
    sent = SentParts(page, checked.site)
    hold_back(page, checked.site, 14)
    send(page, big)
    wait_for(page, lambda: checked.parts() == {*range(1, 14)})
    page = reopened(page)
    sent_later = SentParts(page, checked.site)
    send(page, big)
    choose(page, file("a.txt"))
    assert_arrives(page, checked, big)
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    assert checked.part_count(NAME) == 14  # of 5 MiB each
    assert sent_later.numbers == [14]
    headers = [*sent.headers, *sent_later.headers]
    assert all(re.fullmatch("[A-Za-z0-9+/]{43}=", each["x-amz-checksum-sha256"]) for each in headers)


def test_the_holder_of_a_link_resumes_a_large_file_after_a_reload(
    page: Page, visit: Visit, directory: Directory, big: Path
) -> None:
    guest = visit(make_link(page, action="upload", Number_of_uses="no limit"), signed_in=False)
    send_all_but(guest, directory, big, 5)
    guest = reopened(guest)
    expect(guest.get_by_role("heading", name="Unfinished uploads")).to_be_visible()
    sent = SentParts(guest, directory.site)
    with guest.expect_file_chooser() as chooser:
        click(guest, f"Choose {NAME}")
    chooser.value.set_files(big)
    expect(item(guest, NAME)).to_contain_text("Uploaded as ", timeout=3 * MAX_WAIT)
    expect(guest.get_by_role("heading", name="Unfinished uploads")).to_be_hidden()
    (name,) = directory.names()
    assert directory.get(name) == big.read_bytes()
    assert sent.numbers == [5]


def test_an_unfinished_upload_is_discarded(page: Page, directory: Directory, big: Path) -> None:
    send_all_but(page, directory, big, 5)
    page = reopened(page)
    click(page, f"Discard {NAME}")
    expect(page.get_by_role("heading", name="Unfinished uploads")).to_be_hidden()
    wait_for(page, lambda: directory.unfinished() == [])
    assert page.evaluate("localStorage.uploads") == "{}"


def test_the_holder_of_a_counted_link_sends_a_large_file_in_one_request(
    page: Page, visit: Visit, directory: Directory, big: Path
) -> None:
    """Each request takes one use. The page refuses the files that the link no longer takes, before anything is sent."""
    guest = visit(make_link(page, action="upload", Number_of_uses="once"), signed_in=False)
    expect(guest.get_by_text("The link still takes this number of files: 1.")).to_be_visible()
    send(guest, big)
    expect(item(guest, NAME)).to_contain_text("Uploaded as ", timeout=3 * MAX_WAIT)
    (name,) = directory.names()
    assert directory.get(name) == big.read_bytes()
    assert directory.part_count(name) == 0
    choose(guest, file("second.txt"))
    expect(item(guest, "second.txt")).to_contain_text("The link takes only one file")
