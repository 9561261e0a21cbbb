"""The version, its section in CHANGELOG.md, and its tag."""

import subprocess
from pathlib import Path

import pytest

from chalicelib import __version__
from local.release import PROJECT, NotTagged, releases, tag


def test_the_first_heading_of_the_changelog_is_the_version() -> None:
    """Each release has changes and a date, except that the first can be unreleased; no version comes twice."""
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    found = releases(changelog)
    assert found[0].version == __version__
    assert len(found) == changelog.count("\n## ")
    assert all(each.changes for each in found)
    assert all(each.date != "unreleased" for each in found[1:])
    versions = [tuple(map(int, each.version.split("."))) for each in found]
    assert versions == sorted(set(versions), reverse=True)


def git(project: Path, *arguments: str) -> str:
    """Run git as somebody, with no settings of this machine."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return subprocess.run(["git", "-C", project, *who, *arguments], check=True, capture_output=True, text=True).stdout


def test_the_tag_of_a_release_has_its_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.com")
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(
        "# Changes\n\n## 1.1.0 - unreleased\n\n### Added\n\n- New.\n\n## 1.0.0 - 2026-01-02\n\n- Old.\n"
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    with pytest.raises(NotTagged, match=r'Write the date of the release into CHANGELOG.md, "## 1.1.0 - YYYY-MM-DD"'):
        tag(tmp_path, "1.1.0")
    changelog.write_text(changelog.read_text().replace("unreleased", "2026-12-24"))
    with pytest.raises(NotTagged, match="Commit the changes first"):
        tag(tmp_path, "1.1.0")
    git(tmp_path, "commit", "--quiet", "--all", "--message", "Release 1.1.0")
    assert tag(tmp_path, "1.1.0") == "v1.1.0"
    assert git(tmp_path, "tag", "--list", "--format=%(contents)") == "v1.1.0\n\n### Added\n\n- New.\n\n"
    assert git(tmp_path, "rev-parse", "v1.1.0^{commit}") == git(tmp_path, "rev-parse", "HEAD")
    with pytest.raises(NotTagged, match="already exists"):
        tag(tmp_path, "1.1.0")
