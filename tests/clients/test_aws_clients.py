"""docs/credentials.md: aws-cli and s3fs reach S3 itself by the commands of the page, with keys of the service."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import dev_server
from local.dev_server import PROJECT
from tests.contract.sites import SECRET, Site, Store, open_site, open_table
from tests.e2e.test_docs import blocks

from .catalogue import AWS_CLIENTS

(COMMANDS,) = blocks("credentials.md", "sh")
(PROGRAM,) = blocks("credentials.md", "python")
(CONFIG,) = blocks("credentials.md", "ini")
(NETRC,) = blocks("credentials.md", "text")
(ENDPOINT,) = re.findall("`(AWS_ENDPOINT.*?)`", (PROJECT / "docs/credentials.md").read_text())
SETTINGS = f"""
{blocks("credentials.md", "toml")[0]}
[[mounts]]
path = "/"
bucket = "{{bucket}}"
endpoint = "{{endpoint}}"
region = "{{region}}"
role = "arn:aws:iam:::role/S3Access"

[[keys]]
id = "ci"
sha256 = "{{sha256}}"

[[rules]]
path = "/reports/**"
allow = ["read", "list", "write"]
to = ["key:ci"]
"""


@pytest.fixture(scope="module", params=[dev_server.REST_API, dev_server.FUNCTION_URL], ids=["rest", "function_url"])
def keys_site(request: Any, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the settings of the page."""
    folder = tmp_path_factory.mktemp("keys")
    with (
        open_table(f"signpost-clients-{folder.name}") as table,
        open_site(store, table, folder, store.environ(), settings=SETTINGS, entry_point=request.param) as site,
    ):
        yield site


class Person:
    """A person with a report and a home of their own, who knows the variables that the page names."""

    def __init__(self, home: Path, site: Site, store: Store) -> None:
        self.home, self._site, self._store = home, site, store
        self.report = f"%PDF of {site.url}".encode()
        self.write("q3.pdf", self.report.decode())

    def write(self, name: str, text: str) -> None:
        """Write a file of the page."""
        for shown, real in (
            ("https://files.example.com", self._site.url),
            ("files.example.com login ID", "localhost login ci"),
            ("eu-west-1", self._store.region),
            ("BUCKET", self._store.bucket),
            ("SECRET", SECRET),
        ):
            text = text.replace(shown, real)
        (self.home / name).parent.mkdir(exist_ok=True)
        (self.home / name).write_text(text)

    def run(self, commands: str) -> str:
        """Run commands with aws-cli and s3fs, and return the output."""
        self.write("commands.sh", commands)
        environ = {"PATH": f"{AWS_CLIENTS / 'bin'}:/usr/bin:/bin", "HOME": str(self.home)}
        environ |= {ENDPOINT: self._store.endpoint}
        command = ["bash", "-e", "commands.sh"]
        done = subprocess.run(command, cwd=self.home, env=environ, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def stored(self) -> bytes:
        """The report that the bucket has."""
        return self._store.client().get_object(Bucket=self._store.bucket, Key="reports/q3.pdf")["Body"].read()


@pytest.fixture
def ann(keys_site: Site, store: Store, tmp_path: Path) -> Person:
    """A person who has sent no report yet."""
    store.client().delete_object(Bucket=store.bucket, Key="reports/q3.pdf")
    return Person(tmp_path, keys_site, store)


def test_aws_cli_and_s3fs_take_keys_as_in_a_container(ann: Person) -> None:
    ann.write("read.py", PROGRAM)
    printed = ann.run(f"{COMMANDS}python read.py")
    assert re.search(r" q3\.pdf\nb'%PDF'\n$", printed)
    assert ann.stored() == ann.report


def test_aws_cli_and_s3fs_take_keys_from_a_process(ann: Person) -> None:
    ann.write(".aws/config", CONFIG)
    ann.write(".netrc", NETRC)
    ann.write("read.py", PROGRAM)
    commands = "\n".join(line for line in COMMANDS.splitlines() if line.startswith("aws "))
    printed = ann.run(f"{commands}\npython read.py")
    assert re.search(r" q3\.pdf\nb'%PDF'\n$", printed)
    assert ann.stored() == ann.report
