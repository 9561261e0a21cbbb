"""`make package`: the deployment as two files, sam.json (a CloudFormation template) and deployment.zip (its code).

A third file, sbom.json, names the packages in the zip.

Chalice makes both files from a copy of the deployed files, so the zip has no other file of the project. The zip is then
written anew: the same commit gives the same bytes on every machine and at every time, by the same Python, zlib and
packages of requirements-dev.txt.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalicelib import bootstrap
from chalicelib.environment import BUCKET, Environment
from chalicelib.iam_policy import stack_policy
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.stages import STACK, environment_of, policy_file, template_policy

from . import wheels
from .sbom import sbom

PROJECT = Path(__file__).parent.parent
RESOURCES = ".chalice/resources.json"

# A traceback before its last line, which is the exception with Chalice's text for people.
_TRACEBACK = re.compile(r"^Traceback .*\n(?: .*\n)*", re.MULTILINE)


class NotPackaged(Exception):
    """The package cannot be made; the text is the reason."""


def main() -> int:
    """Package into the directory that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m local.package", description="Write the deployment to a directory.")
    parser.add_argument("out", type=Path, help="the directory, which is made; an older package in it is replaced")
    out: Path = parser.parse_args().out
    try:
        archive = package(out)
    except (NotPackaged, wheels.NotDownloaded) as error:
        print(error, file=sys.stderr)
        return 1
    except InvalidSettings as error:
        print("Nothing is packaged, because the settings have mistakes:", *error.mistakes, sep="\n", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot package: {error}", file=sys.stderr)
        return 1
    print(f"{archive}: {archive.stat().st_size:,} bytes")
    return 0


def package(out: Path) -> Path:
    """Write sam.json, deployment.zip and sbom.json to a directory, and return the path of deployment.zip.

    Raises:
        InvalidSettings: the service would answer 500 to every request.
        NotDownloaded: pip cannot bring a dependency.
        NotPackaged: Chalice failed, or left out a dependency.
        OSError: a file cannot be read or written.
    """
    environment = environment_of(STACK, Environment({}))
    settings, warnings = bootstrap.inspect_settings(environment)
    print(*warnings, sep="\n", end="\n" * bool(warnings), file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        project, made = Path(scratch, "project"), Path(scratch, "made")
        export(project)
        adapt(project, settings, environment.variables[BUCKET])
        fetched = Path(scratch, "wheels")
        pip_environ = wheels.download(project, fetched)
        print("Making the zip with `chalice package`.", flush=True)
        run_chalice(project, made, pip_environ)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / "sam.json", out / "sam.json")
        normalise(made / "deployment.zip", out / "deployment.zip")
        (out / "sbom.json").write_text(sbom(out / "deployment.zip", fetched))
    return out / "deployment.zip"


def export(folder: Path) -> None:
    """Copy the deployed files, and `local`, which app.py imports where a `chalice` command loads app.py."""
    clutter = shutil.ignore_patterns("__pycache__", "*.py[co]", "*.md", "*~", ".*")
    for tree in ("chalicelib", "local"):
        shutil.copytree(PROJECT / tree, folder / tree, ignore=clutter)
    (folder / ".chalice").mkdir()
    for file in (PROJECT / "app.py", PROJECT / "requirements.txt", *(PROJECT / ".chalice").glob("*.json")):
        shutil.copyfile(file, folder / file.relative_to(PROJECT))


def adapt(project: Path, settings: Settings, bucket: str) -> None:
    """Make the stack fit the settings and this Python.

    The role of the stack gets the permissions that the settings need, the bucket of the stack gets the key that its
    mount names, and the second function gets the Python that Chalice gives the first: the Python that packages.

    Args:
        project: the export.
        settings: the settings in the export.
        bucket: the placeholder for the name of the stack's bucket.
    """
    secrets = settings.cdn_secret, settings.client_secrets.values()
    policy = stack_policy(template_policy(), settings.mounts, settings.rules, bucket, *secrets)
    (project / policy_file(STACK).relative_to(PROJECT)).write_text(json.dumps(policy))
    template: dict[str, Any] = json.loads((project / RESOURCES).read_text())
    resources = template["Resources"]
    resources["FunctionUrlHandler"]["Properties"]["Runtime"] = "python{}.{}".format(*sys.version_info)
    key = next((mount.kms_key for mount in settings.mounts if mount.bucket == bucket and mount.kms_key), None)
    if key:
        encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        # S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys": KMS is asked far less often.
        rules = [{"ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
        resources["Bucket"]["Properties"]["BucketEncryption"] = {"ServerSideEncryptionConfiguration": rules}
    (project / RESOURCES).write_text(json.dumps(template))


def run_chalice(project: Path, out: Path, pip_environ: Mapping[str, str]) -> None:
    """Run `chalice package`.

    Chalice takes the wheels for this Python's minor version and the architecture of config.json. Where a package has no
    such wheel and cannot be built, Chalice prints a warning and leaves the package out
    (https://aws.github.io/chalice/topics/packaging.html). The function would then fail on Lambda only.
    """
    chalice = Path(sys.executable).with_name("chalice")
    command = [str(chalice), "package", "--stage", STACK, "--merge-template", RESOURCES, str(out)]
    try:
        done = subprocess.run(command, cwd=project, env={**_environ(), **pip_environ}, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotPackaged(f"There is no {chalice}: use `make package`, which installs it.") from None
    if done.returncode:
        *_, reason = _TRACEBACK.split(done.stderr.replace(f"{project}/", ""))
        raise NotPackaged(f"Chalice cannot package the project: {reason.strip()}")
    _, missing, names = done.stdout.partition("Could not install dependencies:\n")
    if missing:
        names = names.partition("\nYou will")[0]
        raise NotPackaged(
            f"These packages have no wheel for Lambda's Python and architecture; pin other versions:\n{names}"
        )


def normalise(source: Path, target: Path) -> None:
    """Copy a zip: its files sorted by name, all with the same time, mode and system."""
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            entry = ZipInfo(name)  # dated 1980-01-01, where zip's calendar begins
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix; Lambda's own user must be able to read
            entry.compress_type = ZIP_DEFLATED
            new.writestr(entry, old.read(name))


def _environ() -> dict[str, str]:
    """This environment without an account or a profile, and with a region: Chalice reads only its partition."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return {
        **kept,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",  # Chalice imports the app, then packages the directory
    }


if __name__ == "__main__":
    sys.exit(main())
