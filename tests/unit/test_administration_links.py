"""`python -m chalicelib link`: what it prints opens at a service with the same settings and secret, or it says why."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.builders import BASE_URL, Fields, url_event
from tests.support.entry_points import Answer, at_function_url
from tests.support.fakes import SIGNING_SECRET

PROJECT = Path(__file__).parents[2]

SETTINGS = f"""
[service]
public_url = "{BASE_URL}/base"

[[mounts]]
path = "/"
bucket = "acme-files"
region = "eu-west-1"

[[keys]]
id = "ci"
sha256 = "{hashlib.sha256(b"ci").hexdigest()}"

[[keys]]
id = "guest"
sha256 = "{hashlib.sha256(b"guest").hexdigest()}"

[[rules]]
path = "/secret/**"
deny = ["read"]
to = ["anyone"]

[[rules]]
path = "/**"
allow = ["read", "write", "list"]
to = ["authenticated"]

[[rules]]
path = "/**"
allow = ["share"]
to = ["key:ci"]
"""


@pytest.fixture(autouse=True)
def service(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which both the tool and the service run."""
    file = tmp_path / "signpost.toml"
    file.write_text(SETTINGS)
    environment.setenv("SIGNPOST_CONFIG", str(file))
    environment.setenv("SIGNPOST_SECRET", SIGNING_SECRET.decode())
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "example")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool as its user does."""
    command = [sys.executable, "-m", "chalicelib", "link", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=os.environ, capture_output=True, text=True, timeout=30)


def link(*arguments: str) -> str:
    """The link that it prints, which is all that it prints."""
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return line


def opened(url: str, method: str = "GET", headers: Fields = ()) -> Answer:
    """What the service answers to a link."""
    base, _, rest = url.partition("/base/")
    assert base == BASE_URL
    split = urlsplit(f"/{rest}")
    return at_function_url(url_event(method, split.path, split.query, headers))


def test_a_link_without_limit() -> None:
    """It needs no table: the service reads all that it promises from its token."""
    answer = opened(link("/a/b%20c+d.txt", "--as", "ci", "--uses", "0"))
    assert answer.status == 307
    assert answer.headers["location"].startswith("https://acme-files.s3.eu-west-1.amazonaws.com/a/b%20c%2Bd.txt?")


def test_a_link_has_one_use_and_a_day() -> None:
    """If nothing else is said; without a table its use cannot be counted, so it does not open."""
    url = link("/a.txt", "--as", "ci")
    assert url.startswith(f"{BASE_URL}/base/a.txt?token=")
    assert opened(url).status == 503


def test_a_link_to_write() -> None:
    """It opens for a PUT that replaces nothing, alone."""
    url = link("/in.txt", "--as", "ci", "--action", "write", "--uses", "0", "--expires-in", "60")
    assert [opened(url, method).status for method in ("PUT", "GET", "HEAD")] == [428, 403, 403]
    assert opened(url, "PUT", [("If-None-Match", "*")]).status == 307


def test_a_link_to_a_directory() -> None:
    """It opens what is below, and nothing beside."""
    path, _, token = link("/a/", "--as", "ci", "--uses", "0").partition("?")
    assert [opened(f"{path}{more}?{token}").status for more in ("b.txt", "b/c.txt", "../b.txt")] == [307, 307, 400]
    assert opened(f"{BASE_URL}/base/b.txt?{token}").status == 403


def test_a_link_is_a_url_however_the_path_was_written() -> None:
    """What a URL cannot hold as it is, it holds escaped."""
    assert link("/a b?ü.txt", "--as", "ci").startswith(f"{BASE_URL}/base/a%20b%3F%C3%BC.txt?token=")


def test_without_an_address_the_path_is_printed(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the settings do not say how clients call the service, whoever asks puts that before it."""
    file = tmp_path / "other.toml"
    file.write_text(SETTINGS.replace("public_url", "# public_url"))
    environment.setenv("SIGNPOST_CONFIG", str(file))
    assert link("/a.txt", "--as", "ci").startswith("/a.txt?token=")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("/a.txt", "--as", "guest"), 1, "403 forbidden: You are key:guest, who may not share here."),
        (("/secret/a.txt", "--as", "ci"), 1, "403 forbidden: You are key:ci, who may not read here."),
        (("/a.txt", "--as", "nobody"), 1, "There is no key 'nobody'"),
        (("/a/../b", "--as", "ci"), 1, "400 bad-path"),
        (("/a.txt",), 2, "--as"),
        (("/a.txt", "--as", "ci", "--uses", "1001"), 2, "'1001' is not a whole number from 0 to 1,000"),
        (("/a.txt", "--as", "ci", "--expires-in", "0"), 2, "'0' is not a whole number from 1 to 31,622,400"),
        (("/a.txt", "--as", "ci", "--action", "delete"), 2, "invalid choice: 'delete'"),
    ],
)
def test_refused(arguments: tuple[str, ...], status: int, words: str) -> None:
    """For the same reasons as at the service, and nothing is printed that looks like a link."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("secret", [None, "too-short"])
def test_nothing_to_sign_with(environment: pytest.MonkeyPatch, secret: str | None) -> None:
    """Without a secret, or with one that can be guessed, there are no links."""
    environment.delenv("SIGNPOST_SECRET")
    if secret:
        environment.setenv("SIGNPOST_SECRET", secret)
    done = run("/a.txt", "--as", "ci")
    assert (done.returncode, done.stdout) == (2 if secret else 1, "")
    assert "SIGNPOST_SECRET" in done.stderr
    assert "Traceback" not in done.stderr
    assert "too-short" not in done.stderr
