"""A copy of the deployed files, in which `chalice` packages and deploys: nothing else of the project is in the zip."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parent.parent

_MIN_SECRET_CHARACTERS: Final = 4  # to replace "1" everywhere would spoil each reason

# A traceback before its last line, which is the exception with Chalice's text for people.
_TRACEBACK: Final = re.compile(r"^Traceback .*\n(?: .*\n)*", re.MULTILINE)


class ChaliceFailed(Exception):
    """Chalice failed, or left out a dependency; the text is the reason."""


def export(folder: Path) -> None:
    """Copy the deployed files, and `local`, which app.py imports where a `chalice` command loads app.py."""
    clutter = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.md", "*~", ".*")
    for tree in ("chalicelib", "local"):
        shutil.copytree(PROJECT / tree, folder / tree, ignore=clutter)
    (folder / ".chalice").mkdir()
    for file in (PROJECT / "app.py", PROJECT / "requirements.txt", *(PROJECT / ".chalice").glob("*.json")):
        shutil.copyfile(file, folder / file.relative_to(PROJECT))


def package(project: Path, stage: str, out: Path, pip_environ: Mapping[str, str], *options: str) -> None:
    """Run `chalice package`, which uses no account.

    Chalice takes the wheels for this Python's minor version and the architecture of config.json. Where a package has no
    such wheel and cannot be built, Chalice prints a warning and leaves the package out
    (https://aws.github.io/chalice/topics/packaging.html). The function would then fail on Lambda only.

    Args:
        project: the copy. The packages stay in the copy, so a later `deploy` takes the packages from there.
        stage: the name of the stage in .chalice/config.json.
        out: the directory for sam.json and deployment.zip.
        pip_environ: the environment variables with which pip takes its files.
        options: more options of `chalice package`.

    Raises:
        ChaliceFailed: there is no package, or a dependency is not in the package.
    """
    command = ("package", "--stage", stage, *options, str(out))
    printed = _run(project, command, {**_without_account(), **pip_environ}, stdout=subprocess.PIPE)
    _, missing, names = printed.partition("Could not install dependencies:\n")
    if missing:
        names = names.partition("\nYou will")[0]
        raise ChaliceFailed(
            f"These packages have no wheel for Lambda's Python and architecture; pin other versions:\n{names}"
        )


def deploy(project: Path, stage: str, values: Iterable[str]) -> None:
    """Run `chalice deploy` on a copy that is packaged, and let Chalice print its progress.

    Args:
        project: the copy.
        stage: the name of the stage.
        values: of the environment variables, which may be secrets. Lambda repeats them where they exceed 4 KB.

    Raises:
        ChaliceFailed: the deployment is not complete; the reason has none of the values.
    """
    try:
        _run(project, ("deploy", "--stage", stage), os.environ)
    except ChaliceFailed as error:
        reason = str(error)
        for value in sorted((each for each in values if len(each) >= _MIN_SECRET_CHARACTERS), key=len, reverse=True):
            reason = reason.replace(json.dumps(value)[1:-1], "***").replace(value, "***")
        raise ChaliceFailed(reason) from None


def _run(project: Path, command: tuple[str, ...], environ: Mapping[str, str], stdout: int | None = None) -> str:
    chalice = Path(sys.executable).with_name("chalice")
    # Chalice imports the app before Chalice packages the directory, and must pack no compiled file.
    environ = {**environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [str(chalice), *command], cwd=project, env=environ, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        raise ChaliceFailed(f"There is no {chalice}: use `make {command[0]}`, which installs it.") from None
    if done.returncode:
        *_, reason = _TRACEBACK.split(done.stderr.replace(f"{project}/", ""))
        raise ChaliceFailed(f"Chalice cannot {command[0]} the project: {reason.strip()}")
    return done.stdout or ""


def _without_account() -> dict[str, str]:
    """This environment without an account or a profile, and with a region: Chalice reads only its partition."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return {
        **kept,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
