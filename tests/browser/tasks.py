"""`make tasks`: what a person does on the pages, in Chromium, with the number of actions and the seconds.

One action is one click, one text that is typed into a field, one choice of files, or one swipe. The clock starts with
the first action; for an upload, with the choice of the files. Each task runs in several rounds. The table shows the
medians.

The store is the embedded S3, which is in memory in this process, or the store that S3_ENDPOINT names. The embedded S3
lists 5,000 keys slower than S3 does, so the search then has a listing in memory. With `--copyparty`, each round also
uploads the files to copyparty, which is installed for this purpose and writes to the disk.
"""

import argparse
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import inf
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from playwright.sync_api import ViewportSize, expect

from local.sample_files import photo
from tests.contract.sites import open_store
from tests.support.store import MemoryStore

from . import copyparty
from .multipart import SentParts, wait_for
from .office import Office, Outcome
from .person import Person
from .sites import open_chromium, open_memory_site, open_site
from .visitor import limit_upload, make_link

PHOTOS: Final = {f"photo {number:02}.jpg": photo() + bytes([number]) for number in range(20)}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}


def send_photos(office: Office) -> Outcome:
    """Make a link to a directory, and copy the link. The receiver downloads all photos as one zip."""
    directory = office.directory(PHOTOS, "image/jpeg")
    sender = Person(office.visit(directory.url, permissions=["clipboard-read", "clipboard-write"]))
    sender.press("Share")
    sender.press("Make a link")
    sender.press("Copy")
    expect(sender.page.get_by_role("button", name="Copied")).to_be_visible()
    link = sender.page.evaluate("navigator.clipboard.readText()")
    receiver = Person(office.visit("about:blank", signed_in=False))
    receiver.page.goto(link)
    receiver.click(receiver.page.get_by_role("checkbox", name="Select all"))
    with zipfile.ZipFile(receiver.download("Download as zip")) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == PHOTOS
    assert receiver.loads == 2, receiver.loads
    result = f"{receiver.loads} downloads: the page and the zip, with {receiver.actions} actions of the receiver"
    return Outcome(sender.actions, sender.seconds, result)


def resume_upload(office: Office) -> Outcome:
    """Upload a large file by a link. At half, the page is closed; it is opened again, and gets the same file."""
    directory, size = office.directory({}), office.mega_bytes * 1_000_000
    file = office.folder / "large.bin"
    with file.open("wb") as output:
        for _ in range(office.mega_bytes):
            output.write(os.urandom(1_000_000))
    link = make_link(office.visit(directory.url), action="upload", Number_of_uses="no limit")
    first = Person(office.visit(link, signed_in=False))
    limit_upload(first.page, size // 10)
    first.choose(first.page.get_by_role("button", name="Upload", exact=True), [file])
    wait_for(first.page, lambda: sum(directory.part_sizes().values()) >= size / 2, seconds=600)
    second = Person(first.page.context.new_page())
    first.page.close()
    arrived = sum(directory.part_sizes().values())
    sent = SentParts(second.page, office.site)
    second.page.goto(link)
    second.choose(second.page.get_by_role("button", name=f"Choose {file.name}"), [file])
    wait_for(second.page, lambda: len(directory.names()) == 1, seconds=600)
    seconds = second.seconds
    (name,) = directory.names()
    assert directory.get(name) == file.read_bytes()
    again = sent.bytes() + arrived - size
    assert again < 0.1 * size, again
    result = f"{arrived / size:.0%} arrived before; {sent.bytes() / 1e6:.0f} of {office.mega_bytes} MB sent after"
    return Outcome(first.actions + second.actions, seconds, result)


def find_file(office: Office) -> Outcome:
    """Type a part of the name of one of 5,000 files."""
    names = [f"report {number}.txt" for number in range(5_000)]
    if "S3_ENDPOINT" in os.environ:
        return find(office, office.directory(dict.fromkeys(names, b"")).url)
    with open_memory_site(MemoryStore([f"public/{name}" for name in names])) as url:
        return find(office, f"{url}/public/")


def find(office: Office, url: str) -> Outcome:
    """Find the file at the page of a directory."""
    person = Person(office.visit(url))
    person.start()
    person.click(person.page.get_by_label("Filter by name"))
    person.write("4321")
    expect(person.page.locator("tbody tr")).to_have_count(1)
    seconds = person.seconds
    assert person.page.locator("tbody bdi").inner_text() == "report 4321.txt"
    person.page.context.close()
    return Outcome(person.actions, seconds, "1 of 5,000 files", limit=2)


def delete_files(office: Office) -> Outcome:
    """Select 30 of 32 files with Shift, and delete the 30 files."""
    directory = office.directory({f"{number:02}.txt": b"" for number in range(32)})
    person = Person(office.visit(directory.url))
    person.start()
    person.click(person.page.get_by_role("checkbox", name="Select 00.txt"))
    person.click(person.page.get_by_role("checkbox", name="Select 29.txt"), "Shift")
    person.press("Delete")
    person.press("Delete", person.page.get_by_role("dialog"))
    expect(person.page.locator("tbody tr")).to_have_count(2)
    seconds = person.seconds
    assert directory.names() == {"30.txt", "31.txt"}
    return Outcome(person.actions, seconds, "30 files")


def look_through_photos(office: Office) -> Outcome:
    """Tap the first of 20 photos on a phone, and swipe to each other photo."""
    directory = office.directory(PHOTOS, "image/jpeg")
    person = Person(office.visit(directory.url, viewport=PHONE, has_touch=True, is_mobile=True))
    page, (first, *others) = person.page, PHOTOS
    person.start()
    person.click(page.get_by_role("link", name=first, exact=True))
    expect(page.get_by_role("link", name="Next")).to_be_visible()
    for name in (first, *others):
        if name != first:
            person.swipe()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator("#file img")).to_have_js_property("complete", True)
        expect(page).to_have_url(f"{directory.url_of(name)}?view")
    seconds = person.seconds
    assert page.locator("#file img").evaluate("image => image.naturalWidth") > 0
    assert person.loads == 1, person.loads
    return Outcome(person.actions, seconds, f"1 tap and {len(others)} swipes; the page was loaded {person.loads} time")


def take_link_back(office: Office) -> Outcome:
    """Take a link back from the page of a directory; the link then opens nothing."""
    directory = office.directory({"a.txt": b"a text"})
    link = make_link(office.visit(directory.url), "a.txt")
    guest = office.visit(link, signed_in=False)
    expect(guest.get_by_text("a text")).to_be_visible()
    person = Person(office.visit(directory.url))
    person.start()
    person.click(person.page.get_by_role("link", name="Your links"))
    button = f"Take back the link to /{directory.prefix}a.txt"
    person.press(button)
    expect(person.page.get_by_role("button", name=button)).to_have_count(0)
    seconds = person.seconds
    guest.goto(link)
    expect(guest.get_by_role("heading", name="This link was revoked")).to_be_visible()
    return Outcome(person.actions, seconds, "the link opens nothing")


def upload_files(office: Office) -> Outcome:
    """Upload 500 files of 10 kB; with copyparty, also to copyparty."""
    bodies = {f"file {number:03}.bin": os.urandom(10_000) for number in range(500)}
    for name, body in bodies.items():
        (office.folder / name).write_bytes(body)
    files = [office.folder / name for name in bodies]
    directory = office.directory({})
    person = Person(office.visit(directory.url))
    person.choose(person.page.get_by_role("button", name="Upload", exact=True), files)
    state = person.page.locator("#queue-state")
    wait_for(person.page, lambda: state.text_content() == "500 of 500 uploaded", seconds=300)
    seconds = person.seconds
    person.page.context.close()
    assert {name: directory.get(name) for name in directory.names()} == bodies
    if not office.other:
        return Outcome(person.actions, seconds, "alone; `--copyparty` compares")
    folder = office.folder / "copyparty" / directory.prefix
    folder.mkdir()
    other = Person(office.visit(office.other + directory.prefix, signed_in=False))
    copyparty.upload(other, files)
    limit = other.seconds
    other.page.context.close()
    assert {name: (folder / name).read_bytes() for name in bodies} == bodies
    result = f"copyparty {copyparty.VERSION}: {other.actions} actions, {{limit:.1f}} seconds"
    return Outcome(person.actions, seconds, result, limit=limit)


class Task(NamedTuple):
    """A row of the table. `most` is the number of actions that the task may take, if the number is limited."""

    name: str
    run: Callable[[Office], Outcome]
    wanted: str
    most: float = inf


TASKS: Final = (
    Task("send 20 photos to a colleague without an API key", send_photos, "3 actions; 2 downloads", 3),
    Task("upload of a large file by a stranger, interrupted at half", resume_upload, "resumes after a reload"),
    Task("find one of 5,000 files", find_file, "2 actions; under 2 seconds", 2),
    Task("delete 30 files", delete_files, "4 actions", 4),
    Task("look through 20 photos on a phone", look_through_photos, "swipes on one page", 20),
    Task("take a link back", take_link_back, "2 actions", 2),
    Task("upload 500 files of 10 kB", upload_files, "faster than copyparty"),
)


def report(task: Task, outcomes: Sequence[Outcome]) -> bool:
    """Print the row of a task: the medians of its rounds. Returns whether the wish is met."""
    actions = median(outcome.actions for outcome in outcomes)
    seconds, limit = (median(getattr(outcome, field) for outcome in outcomes) for field in ("seconds", "limit"))
    is_met = actions <= task.most and seconds < limit
    result = outcomes[-1].result.format(limit=limit)
    row = (task.name, f"{actions:.0f}", f"{seconds:.1f}", task.wanted, f"{'yes' if is_met else 'NO'}: {result}")
    sys.stdout.write(f"| {' | '.join(row)} |\n")
    return is_met


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.tasks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mega-bytes", type=int, default=200, help="the size of the large file; 2000 takes minutes")
    parser.add_argument("--copyparty", action="store_true", help="compare with copyparty, which pip installs")
    parser.add_argument("--only", default="", help="a part of the names of the tasks to run")
    return parser.parse_args()


def main() -> int:
    """Run the tasks, and print the table. Returns 1 where a wish is not met."""
    options = arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "copyparty").mkdir()
        site = stack.enter_context(open_site(stack.enter_context(open_store()), folder))
        url = stack.enter_context(copyparty.serve(folder / "copyparty")) if options.copyparty else None
        office = Office(site, stack.enter_context(open_chromium()), folder, options.mega_bytes, url)
        tasks = [task for task in TASKS if options.only in task.name]
        rounds = [[task.run(office) for task in tasks] for _ in range(options.rounds)]
    store = os.environ.get("S3_ENDPOINT", "the embedded S3, in memory")
    sys.stdout.write(f"Rounds: {options.rounds}. Store: {store}.\n")
    sys.stdout.write("| task | actions | seconds | wanted | met |\n|---|---|---|---|---|\n")
    are_met = [report(task, outcomes) for task, outcomes in zip(tasks, zip(*rounds, strict=True), strict=True)]
    return 0 if all(are_met) else 1


if __name__ == "__main__":
    sys.exit(main())
