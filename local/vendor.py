"""The libraries of the pages: fetches each from npm, checks its hash, and writes it to chalicelib/pages/vendor.

    .venv/bin/python -m local.vendor

A page loads a library only when it needs the library. The files are committed, so nothing is fetched elsewhere. A new
version is a new version and two new hashes in `LIBRARIES`: npm prints `integrity` with `npm view NAME dist.integrity`.
"""

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

VENDOR: Final = Path(__file__).parent.parent / "chalicelib/pages/vendor"


class Library(NamedTuple):
    """A library of npm: one script, without other packages.

    Attributes:
        name, version: of the package.
        integrity: the SHA-512 of the package, in base64, as npm prints it.
        script: the path of the script in the package, which the Content-Security-Policy of pages lets run: a module,
            or for a service worker a script that makes one variable.
        sha256: of the script, in hex.
        licence: the path of the licence in the package.
    """

    name: str
    version: str
    integrity: str
    script: str
    sha256: str
    licence: str

    @property
    def files(self) -> dict[str, str]:
        """The files that are committed, and the path of each in the package."""
        return {f"{self.name}.js": self.script, f"{self.name}.LICENSE": self.licence}


LIBRARIES: Final = (
    Library(
        name="lean-qr",  # MIT; QR codes of bytes, in 2 kB
        version="2.7.4",
        integrity="sha512-tlMPFfqhAAZN7+j/djRSvl/2+AYT2+7RRuyq8bvcbV8gMiENiscquQ9WTfCSyeEdxsVaEB+tU7e9nFZC63BFnQ==",
        script="nano.mjs",
        sha256="9f064e870e3ab537ca1f87fadbaa45dd7fa56d8c32440bbddb8b893201b951d7",
        licence="LICENSE",
    ),
    Library(
        name="client-zip",  # MIT; a zip as a stream, in 3 kB
        version="2.5.1",
        integrity="sha512-yOvNSBsQX1B7wtdvIVXJEIIShrlPiX+adhli7sWvQhsx3nX1DjvpSt+AwOxaX+3DCsT/Yx0nRy5hIjRLIYfebw==",
        script="worker.js",
        sha256="e8f80c27cef00bc171e8cf2a07fbbe13967fc93245d7ae8b81d5d0334fa5efd6",
        licence="LICENSE.txt",
    ),
    Library(
        name="js-sha256",  # MIT; the SHA-256 of a file piece by piece, which browsers do not have
        version="1.0.0",
        integrity="sha512-Bqxf6ENUzYIMzuELCmRNrJOVbjKH1oMgbfYJBKVr/W1Xf9fazpahqCbb24v1pR7XV1isuqhM+w9KWpK7zCyUQw==",
        script="build/sha256.min.mjs",
        sha256="77c6fc4b685c022977307998b35c3a9e2fbeb76f3d59d3c68984752831e35d91",
        licence="LICENSE.txt",
    ),
    Library(
        name="markdown-it",  # MIT; Markdown as HTML, without the HTML that is in the Markdown
        version="15.0.3",
        integrity="sha512-+Az7Ojz3iRGu8KYMvJ6xVhvrxP3eE+vEtJX75Ow88XBpcQNV/0lGX5ZynIIBftREo4DC2jsveAMDaeltmm8QvQ==",
        script="dist/browser/markdown-it.esm.min.mjs",
        sha256="d5432491790141da046b1197353705db03264f40b5727f3b4b591f5aba193e30",
        licence="LICENSE",
    ),
)


def fetch(library: Library) -> dict[str, bytes]:
    """Return the files of a library; raise ValueError where a hash is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        package = f"{library.name}@{library.version}"
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).iterdir()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != library.integrity:
            raise ValueError(f"{package} has another hash: sha512-{digest}")
        with tarfile.open(archive) as content:
            members = {name: content.extractfile(f"package/{path}") for name, path in library.files.items()}
            files = {name: member.read() for name, member in members.items() if member}
    if sha256_of(files) != library.sha256:
        raise ValueError(f"{library.script} of {package} has another hash: {sha256_of(files)}")
    return files


def sha256_of(files: dict[str, bytes]) -> str:
    """Return the SHA-256 of the script among the files of a library, in hex."""
    (script,) = (content for name, content in files.items() if name.endswith(".js"))
    return hashlib.sha256(script).hexdigest()


if __name__ == "__main__":
    for library in LIBRARIES:
        for name, content in fetch(library).items():
            (VENDOR / name).write_bytes(content)
