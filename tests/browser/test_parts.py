"""Big files go in parts: one that fails is sent again, and what arrived is not, not even after a reload."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from playwright.sync_api import Page, Request, Route, expect

from .conftest import Visit
from .sites import Site, client_of, file, slow_down
from .test_uploads import CORS, at_the_store, choose, item, row

SIZE = 70_000_000
NAME = "big.bin"
ALL = {1, 2, 3, 4, 5}  # the parts of such a file, of 16 MiB each


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that goes in parts."""
    path = tmp_path_factory.mktemp("big") / NAME
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def page(visit: Visit, site: Site, place: str) -> Page:
    """The page of an empty directory."""
    page = visit()
    page.goto(site.at(place))
    return page


class Sent:
    """The parts that a page sends to the store, by their numbers, as often as it does."""

    def __init__(self, page: Page, site: Site) -> None:
        self.numbers: list[int] = []
        self.headers: list[dict[str, str]] = []
        self._endpoint = site.store.endpoint
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        number = number_of(request)
        if request.url.startswith(self._endpoint) and request.method == "PUT" and number is not None:
            self.numbers.append(number)
            self.headers.append(request.headers)


def number_of(request: Request) -> int | None:
    """The part that a request is about."""
    found = parse_qs(urlsplit(request.url).query).get("partNumber")
    return int(found[0]) if found else None


def send(page: Page, path: Path) -> None:
    """Choose a file from the disk."""
    page.locator("#files").set_input_files([path])


def arrives(page: Page, site: Site, key: str, path: Path) -> None:
    """Wait until a file is uploaded, and hold that it is what was chosen, and that nothing is left over."""
    expect(item(page, path.name).last).to_contain_text("Uploaded, ", timeout=60_000)
    assert site.get(key) == path.read_bytes()
    assert site.unfinished(key) == []
    assert page.evaluate("localStorage.uploads ?? '{}'") == "{}"


def wait_for(condition: Callable[[], bool], page: Page) -> None:
    """Wait for something at the store, while the page goes on."""
    end = monotonic() + 30
    while not condition():
        assert monotonic() < end
        page.wait_for_timeout(100)


def hold_back(page: Page, site: Site, *numbers: int) -> None:
    """Let nothing be told where some parts go, so that they never leave; what hangs later could, with its page."""
    page.route(f"{site.url}/**", lambda route: None if number_of(route.request) in numbers else route.continue_())


def keep_promise(page: Page, site: Site, place: str) -> None:
    """Answer as S3 does to a completion that must replace nothing, where the store would: Ceph's gateway does not."""
    if keeps_promise(site, f"{place}probe"):
        return
    body = "<Error><Code>PreconditionFailed</Code></Error>"

    def answer(route: Route) -> None:
        if route.request.method == "POST" and "if-none-match" in route.request.headers:
            return route.fulfill(status=412, headers=CORS, body=body)
        return route.continue_()

    at_the_store(page, site, answer)


def keeps_promise(site: Site, key: str) -> bool:
    """Whether the store completes no upload over an object, where it must replace nothing."""
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    s3 = site.store.session().client("s3", endpoint_url=site.store.endpoint, config=config)
    bucket = site.store.bucket
    s3.put_object(Bucket=bucket, Key=key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key=key, PartNumber=1, UploadId=upload, Body=b"x")["ETag"]
    try:
        s3.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
            IfNoneMatch="*",
        )
    except ClientError:
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        return True
    return False


def etag_of(site: Site, key: str) -> str:
    """It ends with the number of parts."""
    return client_of(site.store).head_object(Bucket=site.store.bucket, Key=key)["ETag"].strip('"')


def test_a_big_file_arrives_in_parts(page: Page, site: Site, place: str, tmp_path: Path) -> None:
    path = tmp_path / "bigger & bigger.bin"
    path.write_bytes(os.urandom(105_000_001))
    slow_down(page, 60_000_000)
    send(page, path)
    progress = re.compile(r"[\d.]+ [kM]B of 105 MB, [\d.]+ [kM]B/s, \d+ s left")
    expect(item(page, path.name)).to_contain_text(progress)
    arrives(page, site, place + path.name, path)
    assert etag_of(site, place + path.name).endswith("-7")
    expect(row(page, path.name)).to_contain_text("105 MB")


def test_small_files_pass_a_big_one(page: Page, site: Site, place: str, big: Path) -> None:
    hold_back(page, site, *ALL)
    send(page, big)
    expect(item(page, NAME)).to_have_attribute("data-state", "sending")
    choose(page, file("a.txt"))
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    choose(page, file(NAME))
    expect(item(page, NAME).last).to_contain_text("Another upload has the same name. Wait until it ends.")


def test_a_part_that_fails_is_sent_again(page: Page, site: Site, place: str, big: Path) -> None:
    failed: set[int] = set()

    def fail_once(route: Route) -> None:
        number = number_of(route.request)
        if number is None or route.request.method != "PUT" or number in failed:
            return route.continue_()
        failed.add(number)
        if number == 1:
            return route.abort()
        if number == 2:  # its URL has ended
            return route.fulfill(status=403, headers=CORS, body="<Error><Code>AccessDenied</Code></Error>")
        return route.fulfill(status=503, headers=CORS, body="<Error><Code>SlowDown</Code></Error>")

    sent = Sent(page, site)
    at_the_store(page, site, fail_once)
    send(page, big)
    arrives(page, site, place + NAME, big)
    assert sorted(sent.numbers) == sorted([*ALL, *ALL])


def test_what_fails_for_good_goes_on_where_it_was(page: Page, site: Site, place: str, big: Path) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=403, json={"detail": "Not now."})

    page.route(re.compile("partNumber=5.*presign"), refuse)
    send(page, big)
    expect(item(page, NAME)).to_contain_text("Not now.")
    there = site.parts(place + NAME)
    assert len(site.unfinished(place + NAME)) == 1
    page.unroute_all()
    sent = Sent(page, site)
    item(page, NAME).get_by_role("button", name="Retry").click()
    arrives(page, site, place + NAME, big)
    assert set(sent.numbers) == ALL - there
    assert sorted(sent.numbers) == sorted(set(sent.numbers))


def test_what_is_cancelled_is_taken_back(page: Page, site: Site, place: str, big: Path) -> None:
    hold_back(page, site, 5)
    send(page, big)
    wait_for(lambda: site.parts(place + NAME) == ALL - {5}, page)
    item(page, NAME).get_by_role("button", name="Cancel").click()
    expect(item(page, NAME)).to_contain_text("Cancelled.")
    wait_for(lambda: site.unfinished(place + NAME) == [], page)
    page.unroute_all(behavior="ignoreErrors")
    item(page, NAME).get_by_role("button", name="Retry").click()
    arrives(page, site, place + NAME, big)


def test_what_is_cancelled_at_once_is_taken_back(page: Page, site: Site, place: str, big: Path) -> None:
    """Even where the store begins the upload only then."""
    begun: list[Route] = []
    page.route(re.compile(f"{re.escape(site.store.endpoint)}.*uploads="), lambda route: begun.append(route))
    send(page, big)
    wait_for(lambda: len(begun) == 1, page)
    item(page, NAME).get_by_role("button", name="Cancel").click()
    with page.expect_response(lambda response: response.request.method == "DELETE" and "?uploadId" in response.url):
        begun[0].continue_()
    wait_for(lambda: site.unfinished(place + NAME) == [], page)
    assert page.evaluate("localStorage.uploads") == "{}"


def reopened(page: Page, site: Site, place: str) -> Page:
    """The page after a reload: nothing is left of the old one but what the browser stored."""
    again = page.context.new_page()
    page.close()
    again.goto(site.at(place))
    return again


def test_it_resumes_after_a_reload(page: Page, site: Site, place: str, big: Path) -> None:
    hold_back(page, site, 2, 5)
    send(page, big)
    wait_for(lambda: site.parts(place + NAME) == {1, 3, 4}, page)
    page = reopened(page, site, place)
    sent = Sent(page, site)
    hold_back(page, site, 5)
    send(page, big)
    expect(item(page, NAME)).to_contain_text(re.compile(r"Resuming: 50 MB of 70 MB have arrived\.|6\d MB of 70 MB"))
    said = page.get_by_role("status").filter(has_text=f"{NAME}: Resuming: 50 MB of 70 MB have arrived.")
    expect(said).to_have_count(1)
    wait_for(lambda: site.parts(place + NAME) == ALL - {5}, page)
    page = reopened(page, site, place)
    sent_last = Sent(page, site)
    send(page, big)
    arrives(page, site, place + NAME, big)
    assert sent.numbers == [2]
    assert sent_last.numbers == [5]


def test_another_file_of_that_name_does_not_go_on_with_it(
    page: Page, site: Site, place: str, big: Path, tmp_path: Path
) -> None:
    hold_back(page, site, 5)
    send(page, big)
    wait_for(lambda: site.parts(place + NAME) == ALL - {5}, page)
    page = reopened(page, site, place)
    sent = Sent(page, site)
    other = tmp_path / NAME
    other.write_bytes(os.urandom(SIZE))
    sleep(0.01)
    other.touch()
    send(page, other)
    expect(item(page, NAME)).to_contain_text("Uploaded, ", timeout=60_000)
    assert set(sent.numbers) == ALL
    assert site.get(place + NAME) == other.read_bytes()


def test_what_the_store_forgot_begins_anew(page: Page, site: Site, place: str, big: Path) -> None:
    hold_back(page, site, 5)
    send(page, big)
    wait_for(lambda: site.parts(place + NAME) == ALL - {5}, page)
    page = reopened(page, site, place)
    (upload,) = site.unfinished(place + NAME)
    client_of(site.store).abort_multipart_upload(Bucket=site.store.bucket, Key=place + NAME, UploadId=upload)
    sent = Sent(page, site)
    send(page, big)
    arrives(page, site, place + NAME, big)
    assert sorted(sent.numbers) == sorted(ALL)


def test_what_came_meanwhile_is_replaced_only_if_one_says_so(page: Page, site: Site, place: str, big: Path) -> None:
    """And without sending anything twice."""
    keep_promise(page, site, place)
    site.put(place + NAME, b"old")  # the page does not show it
    send(page, big)
    expect(item(page, NAME)).to_contain_text("Replace it?", timeout=60_000)
    assert site.get(place + NAME) == b"old"
    sent = Sent(page, site)
    item(page, NAME).get_by_role("button", name="Replace").click()
    arrives(page, site, place + NAME, big)
    assert sent.numbers == []


def test_what_is_not_to_be_replaced_is_taken_back(page: Page, site: Site, place: str, big: Path) -> None:
    keep_promise(page, site, place)
    site.put(place + NAME, b"old")
    send(page, big)
    expect(item(page, NAME)).to_contain_text("Replace it?", timeout=60_000)
    item(page, NAME).get_by_role("button", name="Keep the old file").click()
    wait_for(lambda: site.unfinished(place + NAME) == [], page)
    assert site.get(place + NAME) == b"old"


def test_a_failure_that_the_store_calls_a_success_is_one(page: Page, site: Site, place: str, big: Path) -> None:
    """It begins to answer before the parts are together (S3 API Reference, CompleteMultipartUpload)."""
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if route.request.method != "POST" or "uploadId=" not in route.request.url or failed:
            return route.continue_()
        failed.append(route.request.url)
        body = '<?xml version="1.0" encoding="UTF-8"?>\n\n<Error><Code>InternalError</Code></Error>'
        return route.fulfill(status=200, headers=CORS, body=body)

    at_the_store(page, site, fail_once)
    send(page, big)
    arrives(page, site, place + NAME, big)
    assert len(failed) == 1


def test_the_parts_are_of_the_size_that_bounds_the_whole(visit: Visit, site: Site, place: str, big: Path) -> None:
    page = visit()
    page.goto(site.at(f"bounded/{place}"))
    send(page, big)
    arrives(page, site, f"bounded/{place}{NAME}", big)
    assert etag_of(site, f"bounded/{place}{NAME}").endswith("-14")  # 5 MiB each


def test_a_big_text_is_read_piece_by_piece_for_its_charset(page: Page, site: Site, place: str, tmp_path: Path) -> None:
    """Characters of three bytes lie across all borders of the pieces; the last byte decides."""
    text = "日".encode() * (SIZE // 3)
    for name, body, content_type in (
        ("good.txt", text, "text/plain; charset=utf-8"),
        ("bad.txt", text + b"\xff", "text/plain"),
    ):
        path = tmp_path / name
        path.write_bytes(body)
        send(page, path)
        arrives(page, site, place + name, path)
        assert site.type_of(place + name) == content_type
        assert "-" in etag_of(site, place + name)


def test_each_part_has_its_checksum(visit: Visit, site: Site, place: str, big: Path) -> None:
    page = visit()
    page.goto(site.at(f"checked/{place}"))
    sent = Sent(page, site)
    hold_back(page, site, 5)
    send(page, big)
    wait_for(lambda: site.parts(f"checked/{place}{NAME}") == ALL - {5}, page)
    page = reopened(page, site, f"checked/{place}")
    send(page, big)
    choose(page, file("a.txt"))
    arrives(page, site, f"checked/{place}{NAME}", big)
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    assert all(re.fullmatch("[A-Za-z0-9+/]{43}=", headers["x-amz-checksum-sha256"]) for headers in sent.headers)


def test_whoever_came_by_a_link_sends_it_whole(page: Page, visit: Visit, site: Site, place: str, big: Path) -> None:
    """One that counts takes one request a file."""
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("radio", name="upload").check()
    page.get_by_label("Number of uses").select_option("once")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).not_to_have_value("")
    link = page.get_by_label("The link").input_value()
    guest = visit(signed_in=False)
    guest.goto(link)
    send(guest, big)
    expect(item(guest, NAME)).to_contain_text("Uploaded as ", timeout=60_000)
    (key,) = site.keys(place)
    assert site.get(key) == big.read_bytes()
    assert "-" not in etag_of(site, key)
