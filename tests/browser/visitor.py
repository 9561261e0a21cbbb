"""The actions of a visitor on the pages, and the parts of the pages that a visitor sees."""

from collections.abc import Callable
from typing import Final

from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.contract.sites import SECRET

from .sites import Site

CORS: Final = {"Access-Control-Allow-Origin": "*"}  # without this header a page cannot read an answer of the store


def sign_in(page: Page, id: str = "ann", secret: str = SECRET) -> None:
    """Fill in the sign-in form of a page, and send the form."""
    page.get_by_label("Key id").fill(id)
    page.get_by_label("Secret").fill(secret)
    click(page, "Sign in")


def names(page: Page) -> Locator:
    """The names in the table, from top to bottom."""
    return page.locator("tbody tr:not([hidden]) bdi")


def row(page: Page, name: str) -> Locator:
    """The row of a file in the table."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def click(page: Page | Locator, name: str) -> None:
    """Click the button with a name."""
    page.get_by_role("button", name=name, exact=True).click()


def download(page: Page, name: str) -> bytes:
    """Download the file of a row."""
    with page.expect_download() as started:
        page.get_by_role("link", name=f"Download {name}", exact=True).click()
    assert started.value.suggested_filename == name
    return started.value.path().read_bytes()


def delete(page: Page, name: str) -> None:
    """Delete the file of a row."""
    click(page, f"Delete {name}")
    click(page.get_by_role("dialog"), "Delete")


def make_link(page: Page, name: str = "", action: str = "", **choices: str) -> str:
    """Make a link to a row of the table, or without a name to the directory of the page.

    Args:
        page: of a directory.
        name: of the file or directory.
        action: the label of the choice what the link allows; empty: no choice.
        choices: for a label, with `_` for each space, the option to select.
    """
    click(page, f"Share {name}".strip())
    dialog = page.get_by_role("dialog")
    if action:
        dialog.get_by_label(action).check()
    for label, choice in choices.items():
        dialog.get_by_label(label.replace("_", " ")).select_option(choice)
    click(dialog, "Make a link")
    expect(dialog.get_by_label("The link")).to_be_focused()
    return dialog.get_by_label("The link").input_value()


def file(name: str, body: bytes = b"body", content_type: str = "text/plain") -> FilePayload:
    """A file of the visitor."""
    return {"name": name, "mimeType": content_type, "buffer": body}


def choose(page: Page, *files: FilePayload) -> None:
    """Choose files in the dialog of the browser that the button opens."""
    with page.expect_file_chooser() as chooser:
        click(page, "Upload")
    chooser.value.set_files(files)


def item(page: Page, name: str) -> Locator:
    """The latest upload of a file in the queue."""
    return page.get_by_role("region", name="Uploads").get_by_role("listitem").filter(has_text=name).last


def in_state(page: Page, state: str) -> Locator:
    """The uploads in a state."""
    return page.locator(f"#queue [data-state={state}]")


def answer_for_store(page: Page, site: Site, handle: Callable[[Route], None]) -> None:
    """Let a function answer the requests to the store; a function that does nothing keeps the page waiting."""
    page.route(f"{site.store.endpoint}/**", handle)


def limit_upload(page: Page, bytes_per_second: int) -> None:
    """Limit how fast a page sends."""
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
    )
