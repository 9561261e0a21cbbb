"""`make tag`: the tag of a release, whose message is the release's section of CHANGELOG.md."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from chalicelib import __version__

PROJECT = Path(__file__).parent.parent

# "## 1.2.0 - 2026-12-24", or "## 1.2.0 - unreleased" for the version that is under work.
_HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - (unreleased|\d{4}-\d\d-\d\d)\n", re.MULTILINE)


class Release(NamedTuple):
    """A section of CHANGELOG.md.

    Attributes:
        date: an ISO date, or "unreleased".
        changes: the text below the heading.
    """

    version: str
    date: str
    changes: str


class NotTagged(Exception):
    """The tag cannot be made; the text says what to do."""


def releases(changelog: str) -> list[Release]:
    """Return the releases of CHANGELOG.md, the newest first."""
    parts = _HEADING.split(changelog)[1:]
    return [Release(*fields) for fields in zip(parts[::3], parts[1::3], map(str.strip, parts[2::3]), strict=True)]


def tag(project: Path, version: str) -> str:
    """Tag the last commit of a project with a version, and return the name of the tag.

    Raises:
        NotTagged: the version is not released yet, or git refuses, for example because the tag exists.
    """
    release = next((each for each in releases((project / "CHANGELOG.md").read_text()) if each.version == version), None)
    if release is None or release.date == "unreleased":
        raise NotTagged(f'Write the date of the release into CHANGELOG.md, "## {version} - YYYY-MM-DD", and commit.')
    if _git(project, "status", "--porcelain", "--untracked-files=no"):
        raise NotTagged("Commit the changes first: the tag names the last commit.")
    name = f"v{version}"
    # Without --cleanup, git would remove the lines that begin with "#".
    _git(project, "tag", "--annotate", "--cleanup=whitespace", "--message", f"{name}\n\n{release.changes}", name)
    return name


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise NotTagged(done.stderr.strip())
    return done.stdout


def main() -> int:
    """Tag this project with its version."""
    try:
        name = tag(PROJECT, __version__)
    except NotTagged as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The tag {name} is made. Publish the tag: git push origin {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
