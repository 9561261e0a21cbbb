"""`make package`: the deployment as two files, sam.json (a CloudFormation template) and deployment.zip (its code).

A third file, sbom.json, names the packages in the zip.

Chalice makes both files from a copy of the deployed files, so the zip has no other file of the project. The zip is then
written anew: the same commit gives the same bytes on every machine and at every time, by the same Python, zlib and
packages of requirements-dev.txt.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalicelib import bootstrap
from chalicelib.environment import BUCKET, Environment
from chalicelib.iam_policy import stack_policy_of
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.stages import STACK, environment_of, policy_file, template_policy

from . import chalice_project, versions, wheels
from .alarms import alarms
from .chalice_project import PROJECT, ChaliceFailed
from .dashboard import dashboard
from .metrics import filters
from .sbom import sbom

RESOURCES = ".chalice/resources.json"


def main() -> int:
    """Package into the directory that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m local.package", description="Write the deployment to a directory.")
    parser.add_argument("out", type=Path, help="the directory, which is made; an older package in it is replaced")
    out: Path = parser.parse_args().out
    try:
        archive = package(out)
    except (ChaliceFailed, wheels.NotDownloaded) as error:
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
        ChaliceFailed: Chalice failed, or left out a dependency.
        OSError: a file cannot be read or written.
    """
    environment = environment_of(STACK, Environment({}))
    settings, warnings = bootstrap.inspect_settings(environment)
    print(*warnings, sep="\n", end="\n" * bool(warnings), file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        project, made = Path(scratch, "project"), Path(scratch, "made")
        chalice_project.export(project)
        adapt(project, settings, environment.variables[BUCKET])
        fetched = Path(scratch, "wheels")
        pip_environ = wheels.download(project, fetched)
        print("Making the zip with `chalice package`.", flush=True)
        chalice_project.package(project, STACK, made, pip_environ, "--merge-template", RESOURCES)
        out.mkdir(parents=True, exist_ok=True)
        normalise(made / "deployment.zip", out / "deployment.zip")
        template = json.loads((made / "sam.json").read_text())
        versions.complete(template, out / "deployment.zip")
        (out / "sam.json").write_text(json.dumps(template, indent=2))
        (out / "sbom.json").write_text(sbom(out / "deployment.zip", fetched))
    return out / "deployment.zip"


def adapt(project: Path, settings: Settings, bucket: str) -> None:
    """Write the alarms and the dashboard into the template, and make the stack fit the settings and this Python.

    The role of the stack gets the permissions that the settings need. Where the mount of the stack's bucket names a KMS
    key, the parameter with the key must agree with it: CloudFormation refuses another key, and no key. The second
    function gets the Python that Chalice gives the first: the Python that packages.

    Args:
        project: the export.
        settings: the settings in the export.
        bucket: the placeholder for the name of the stack's bucket.
    """
    policy = stack_policy_of(template_policy(), settings, bucket)
    (project / policy_file(STACK).relative_to(PROJECT)).write_text(json.dumps(policy))
    template: dict[str, Any] = json.loads((project / RESOURCES).read_text())
    resources = template["Resources"]
    resources |= {**filters(), **alarms(), **dashboard(), **versions.versions()}
    template["Conditions"] |= versions.conditions()
    resources["FunctionUrlHandler"]["Properties"]["Runtime"] = "python{}.{}".format(*sys.version_info)
    keys = list(dict.fromkeys(each.kms_key for each in settings.mounts if each.bucket == bucket and each.kms_key))
    if keys:
        template["Parameters"]["KmsKeyArn"] |= {"Default": keys[0], "AllowedValues": keys}
    (project / RESOURCES).write_text(json.dumps(template))


def normalise(source: Path, target: Path) -> None:
    """Copy a zip: its files sorted by name, all with the same time, mode and system, without the types of packages.

    Only a type checker reads `.pyi` files (PEP 484, "Stub Files").
    """
    with ZipFile(source) as old, ZipFile(target, "w") as new:
        for name in sorted(name for name in old.namelist() if not name.endswith(".pyi")):
            entry = ZipInfo(name)  # dated 1980-01-01, where zip's calendar begins
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # Unix; Lambda's own user must be able to read
            entry.compress_type = ZIP_DEFLATED
            new.writestr(entry, old.read(name))


if __name__ == "__main__":
    sys.exit(main())
