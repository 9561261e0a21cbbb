"""docs/links.md, docs/listings.md and docs/clients.md: their commands run unchanged and in order."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.dev_server import PROJECT
from tests.contract.sites import SECRET, SIGNING_SECRET, Site, Store


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a language in a page."""
    return re.findall(rf"```{language}\n(.*?)```", (PROJECT / "docs" / page).read_text(), re.DOTALL)


def run(site: Site, command: list[str], folder: Path) -> str:
    """Run a command of a page with the site and the key of the tests, and return the output."""
    text = command[-1].replace("https://files.example.com", site.url)
    text = text.replace('("ID", "SECRET")', repr(("ci", SECRET))).replace("ID:SECRET", f"ci:{SECRET}")
    text = text.replace("--as ID", "--as ci").replace(".venv/bin/python", f"PYTHONPATH={PROJECT} {sys.executable}")
    environ = {
        "PATH": "/usr/bin:/bin",
        "SIGNPOST_CONFIG": str(site.folder / "signpost.toml"),
        "SIGNPOST_SECRET": SIGNING_SECRET,
        "OWN_ACCESS_KEY": "any",
        "OWN_SECRET_KEY": "any",
    }
    done = subprocess.run([*command[:-1], text], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (text, done.stderr)
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def files(store: Store) -> None:
    """The file that the pages name, and more files, so that a listing has several parts."""
    for name in ("q3.pdf", *(f"2026/{number:03}.txt" for number in range(7))):
        store.client().put_object(Bucket=store.bucket, Key=f"tenant/reports/{name}", Body=name.encode())


def test_links(site: Site, store: Store, tmp_path: Path) -> None:
    """The commands make, open, upload, list and revoke; the link of the administrator's tool opens the same file."""
    commands = blocks("links.md", "sh")
    assert len(commands) == 9
    printed = run(site, ["bash", "-ec", "\n".join(commands).replace("curl ", "curl --fail -sS ")], tmp_path)
    assert [line.count('"url"') for line in printed.splitlines() if line.startswith("{")] == [1, 1, 2, 1, 0]
    assert (tmp_path / "q3.pdf").read_bytes() == b"q3.pdf"
    uploaded = store.client().get_object(Bucket=store.bucket, Key="tenant/inbox/offer.pdf")["Body"].read()
    assert uploaded == b"q3.pdf"
    (by_tool,) = re.findall(r"^/reports/q3\.pdf\?token=.*$", printed, re.MULTILINE)
    assert site.open(site.at(by_tool)).body == b"q3.pdf"


def test_two_steps(site: Site, store: Store, tmp_path: Path) -> None:
    """The commands upload a file, and the second command sends no key."""
    (commands,) = blocks("clients.md", "sh")
    (tmp_path / "notes.txt").write_text("two steps")
    assert run(site, ["bash", "-ec", commands], tmp_path) == ""
    assert store.client().get_object(Bucket=store.bucket, Key="tenant/notes.txt")["Body"].read() == b"two steps"


def test_listings(site: Site, tmp_path: Path) -> None:
    """The commands print listings, a listing of one-time links, and the content of all files."""
    commands = blocks("listings.md", "sh")
    assert len(commands) == 6
    level, chosen, links, contents = (
        run(site, ["bash", "-ec", command.replace("curl ", "curl --fail -sS ")], tmp_path) for command in commands[:4]
    )
    assert '"name": "2026/"' in level
    newest, found = ([entry["name"] for entry in json.loads(line)["entries"]] for line in chosen.splitlines())
    assert (newest, found) == (["q3.pdf", "2026/"], ["q3.pdf"])
    assert links.count("?token=") == 8
    assert contents == "".join(f"2026/{number:03}.txt" for number in range(7)) + "q3.pdf"


def test_part_after_part(site: Site, tmp_path: Path) -> None:
    """The loop ends, and prints every file once, for any number of parts."""
    (program,) = blocks("listings.md", "python")
    whole = run(site, [sys.executable, "-c", program], tmp_path)
    assert len(whole.splitlines()) == 8
    assert run(site, [sys.executable, "-c", program.replace('"500"', '"3"')], tmp_path) == whole


def test_the_example_of_a_listing(site: Site) -> None:
    """The example has the fields of a real listing."""
    shown = json.loads(blocks("listings.md", "json")[0])
    check_fields(shown, site.curl(site.at("/reports/")).json())


def test_versions(site: Site, store: Store, tmp_path: Path) -> None:
    """The example has the fields of a real listing, and both commands bring the file back."""
    shown = json.loads(blocks("listings.md", "json")[1])
    s3, bucket, key = store.client(), f"{store.bucket}-versions", "reports/q3.pdf"
    old = s3.put_object(Bucket=bucket, Key=key, Body=b"old")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
    listing, ways = (command.replace("/reports/", "/versions/reports/") for command in blocks("listings.md", "sh")[4:])
    check_fields(shown, json.loads(run(site, ["bash", "-ec", listing], tmp_path)))
    ways = ways.replace("D1", marker).replace("V1", old).replace("curl ", "curl --fail -sS ")
    assert json.loads(run(site, ["bash", "-ec", ways], tmp_path))["path"] == "/versions/reports/q3.pdf"
    listed = json.loads(run(site, ["bash", "-ec", listing], tmp_path))["entries"]
    assert [(entry["size"], entry["deleted"]) for entry in listed] == [(3, False), (3, False)]


def check_fields(shown: dict[str, Any], real: dict[str, Any]) -> None:
    """Check that an example has the fields of a real listing, and of its entries."""
    assert shown.keys() == real.keys()
    assert [entry.keys() for entry in shown["entries"]] == [entry.keys() for entry in real["entries"]]


def test_the_example_of_a_link(site: Site) -> None:
    """The examples have the fields of a real link and of a real list of links."""
    example, listed = blocks("links.md", "json")
    assert json.loads(example).keys() == site.curl("-X", "POST", f"{site.at('/reports/q3.pdf')}?link").json().keys()
    site.link("/reports/q3.pdf", uses=None, revocable=True)
    real = site.curl(site.at("/-/links")).json()["links"][0]
    assert json.loads(listed)["links"][0].keys() == real.keys()
