"""The files around the code agree with each other: locked requirements, the workflow, Dependabot and pre-commit."""

import re
from pathlib import Path
from typing import Any

import yaml

from local.vendor import LIBRARIES, VENDOR, sha256_of

ROOT = Path(__file__).parent.parent


def pins(file: str) -> dict[str, set[str]]:
    """The packages of a requirements file, each with its version and marker, and the hashes of its files."""
    text = (ROOT / file).read_text().replace(" \\\n", " ")
    lines = [line for line in text.splitlines() if re.match("[A-Za-z]", line)]
    return {line.partition("--hash=")[0].strip(): set(re.findall(r"--hash=(\S+)", line)) for line in lines}


def versions(file: str) -> set[str]:
    """The packages of a requirements file with their versions, as the simple index spells the names."""
    plain = (re.sub(r"\[.*]| ;.*", "", pin) for pin in pins(file))
    return {re.sub(r"[-_.]+", "-", pin).lower() for pin in plain}


def read(file: str) -> Any:
    return yaml.safe_load((ROOT / file).read_text())


def test_every_requirement_is_locked_with_hashes() -> None:
    """The environment of the tests has the packages of the zip. No file names a registry, which is each user's own."""
    for name in ("requirements", "requirements-dev", "requirements-clients", "requirements-aws-clients"):
        assert all(pins(f"{name}.txt").values())
        assert versions(f"{name}.in") <= versions(f"{name}.txt")
        assert "://" not in (ROOT / f"{name}.txt").read_text()
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_each_library_of_the_pages_has_its_hash_and_its_licence() -> None:
    files = {file.name: file.read_bytes() for file in VENDOR.iterdir()}
    for library in LIBRARIES:
        own = {name: files.pop(name) for name in library.files}
        assert sha256_of(own) == library.sha256
        assert b"Permission is hereby granted" in own[f"{library.name}.LICENSE"]
    assert files == {}


def test_the_workflow_runs_commands_that_exist_on_the_pythons_of_lambda() -> None:
    """A tag of an action can move to other code, and a commit cannot."""
    jobs = read(".github/workflows/ci.yml")["jobs"]
    pythons = re.search(r"for version in (.*);", (ROOT / ".ci/run").read_text())
    assert pythons
    assert jobs["test"]["strategy"]["matrix"]["python"] == pythons[1].split()
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = " ".join(step.get("run", "") for step in steps)
    assert set(re.findall(r"make ([a-z-]+)", commands)) == {"test", "coverage"} <= targets
    assert "bash .ci/run" in commands


def test_dependabot_and_pre_commit_name_what_exists() -> None:
    for update in read(".github/dependabot.yml")["updates"]:
        for folder in update.get("directories", [update.get("directory")]):
            manifest = {"npm": "package.json", "uv": "requirements.in", "github-actions": ".github/workflows/ci.yml"}
            assert (ROOT / folder.strip("/") / manifest[update["package-ecosystem"]]).exists()
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    lint = re.search(r"^lint: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert lint
    programs = re.findall(r"\$\(BIN\)/(\S+)", lint[1])
    assert [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks] == programs
