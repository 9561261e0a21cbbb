"""The weight of the first view: the bytes that a browser gets before the visitor does anything."""

from collections import Counter

from playwright.sync_api import Browser, StorageState

from .sites import Directory

MAX_BYTES = 20_000  # with the headers of the answers


def test_the_first_view_of_a_directory_has_at_most_20_kb(
    chromium: Browser, session: StorageState, directory: Directory
) -> None:
    """The visitor may read, write, share and delete."""
    for number in range(40):
        directory.put(f"report {number}.pdf", b"x" * number * 997)
    names, sizes = dict[str, str](), Counter[str]()
    with chromium.new_context(storage_state=session) as context:
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]})
        )
        network.on(
            "Network.loadingFinished",
            lambda event: sizes.update({names[event["requestId"]].rpartition("/")[2]: int(event["encodedDataLength"])}),
        )
        page.goto(directory.url, wait_until="networkidle")
        page.get_by_role("checkbox").last.wait_for()  # the script has run
        assert page.get_by_role("row").count() == 41
    assert 10 > len(sizes) > 5
    assert sizes.total() <= MAX_BYTES, sizes.most_common()
