"""The zip holds what it needs, and is the same wherever it is made."""

import hashlib
import json
import os
import re
import shutil
import struct
import sys
import tarfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from .aws_account import PROJECT
from .conftest import PACKAGES, package
from .runtime_api import PYTHON

TRAVELLING = (".py", ".html", ".css", ".js", ".toml", ".json")

# The newest symbols of Amazon Linux 2, with GCC 7, and of Amazon Linux 2023, with GCC 11 (GCC, "ABI Policy and
# Guidelines", symbol versions). Lambda's Python 3.11 runs on the former, each later Python on the latter (FACTS 7.1).
NEWEST = (
    {b"GLIBC": (2, 26), b"GLIBCXX": (3, 4, 24), b"CXXABI": (1, 3, 11), b"GCC": (7, 0, 0)}
    if sys.version_info < (3, 12)
    else {b"GLIBC": (2, 34), b"GLIBCXX": (3, 4, 29), b"CXXABI": (1, 3, 13), b"GCC": (11, 0)}
)


def copy(folder: Path, *, requirements: str = "", reverse: bool = False) -> Path:
    """A copy of what the package is made from, its files made in one order or the other.

    It needs no packages unless told to: Chalice takes five times as long to bring ours together as for all the rest.
    """
    trees = [file for tree in ("chalicelib", "local", ".chalice") for file in (PROJECT / tree).rglob("*.*")]
    kept = [file for file in trees if file.suffix in TRAVELLING]
    for file in sorted([*kept, PROJECT / "app.py"], reverse=reverse):
        target = folder / file.relative_to(PROJECT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    (folder / "requirements.txt").write_text(requirements)
    return folder


def refusal(project: Path, **environ: str) -> str:
    """Package a project that cannot be packaged, and return the reason. No traceback is printed, no file is written."""
    done = package(project, "out", **environ)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (project / "out").exists()
    return done.stderr


def names(archive: Path) -> list[str]:
    with ZipFile(archive) as file:
        return file.namelist()


# What is in it


def test_it_holds_what_runs_and_nothing_else(built: Path) -> None:
    files = [file for file in (PROJECT / "chalicelib").rglob("*") if file.suffix in TRAVELLING]
    assert {".py", ".html", ".css", ".js", ".toml"} == {file.suffix for file in files}
    ours = ["app.py", *(str(file.relative_to(PROJECT)) for file in files)]
    runtime = ["chalice/__init__.py", "chalice/app.py"]
    packed = names(built / "deployment.zip")
    assert packed == sorted(packed)
    assert [name for name in packed if not name.startswith(PACKAGES)] == sorted([*ours, *runtime])


def pins(file: str) -> dict[str, str]:
    """The packages that a requirements file names for this Python, with their versions."""
    lines = re.findall(r"^\w[^\\\n]*", (PROJECT / file).read_text(), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    needed = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {each.name.lower(): str(each.specifier).removeprefix("==") for each in needed}


def test_the_zip_has_every_package_of_requirements_txt(built: Path) -> None:
    """requirements.in names the same versions: requirements.txt is made from it."""
    packed = names(built / "deployment.zip")
    infos = {name.partition("/")[0].removesuffix(".dist-info") for name in packed if ".dist-info/" in name}
    pinned = pins("requirements.txt")
    assert infos == {f"{name.replace('-', '_')}-{version}" for name, version in pinned.items()}
    assert pins("requirements.in").items() <= pinned.items()


def newer(code: bytes) -> list[str]:
    """The versions of symbols that a shared library needs and Lambda does not have."""
    needed = re.findall(rb"\b(GLIBC|GLIBCXX|CXXABI|GCC)_([0-9.]+)\0", code)
    assert needed
    found = {(name, tuple(map(int, version.split(b".")))) for name, version in needed}
    return sorted(f"{name.decode()} {version}" for name, version in found if version > NEWEST[name])


def test_compiled_files_run_on_lambda(built: Path) -> None:
    """On Lambda's machine, with its Python, and with the libraries of its Amazon Linux."""
    with ZipFile(built / "deployment.zip") as archive:
        compiled = {name: archive.read(name) for name in archive.namelist() if ".so" in name}
    kinds = {re.sub(r"-[0-9a-f]{8}[.]", ".", name): code for name, code in compiled.items()}
    abi = f"cpython-3{sys.version_info.minor}-aarch64-linux-gnu"
    assert kinds.keys() == {
        f"_cffi_backend.{abi}.so",
        "_libvips.abi3.so",
        "cryptography/hazmat/bindings/_rust.abi3.so",
        f"markupsafe/_speedups.{abi}.so",
        "pyvips_binary.libs/libvips.so.42",
    }
    for name, code in kinds.items():
        assert code.startswith(b"\x7fELF"), name
        assert struct.unpack_from("<H", code, 18) == (183,), name  # elf(5), e_machine: EM_AARCH64
        assert newer(code) == [], name


def test_pyvips_is_not_compiled(built: Path) -> None:
    """Else it would be for the libvips of who packages. The pinned setuptools makes it, so that it stays the same."""
    with ZipFile(built / "deployment.zip") as archive:
        (wheel,) = (name for name in archive.namelist() if re.fullmatch(r"pyvips-[^/]*/WHEEL", name))
        text = archive.read(wheel).decode()
    assert text.split("\n")[1:4] == [
        f"Generator: setuptools ({metadata.version('setuptools')})",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
    ]


def test_lambdas_own_user_can_read_all_of_it(built: Path) -> None:
    with ZipFile(built / "deployment.zip") as archive:
        assert {oct(entry.external_attr >> 16) for entry in archive.infolist()} == {oct(0o100644)}


def test_it_is_small(built: Path) -> None:
    """Lambda takes 50 MB, and 250 MB unpacked. Nine tenths of the zip are libvips and cryptography."""
    with ZipFile(built / "deployment.zip") as archive:
        entries = archive.infolist()
    small = [entry.compress_size for entry in entries if not re.search("libvips|cryptography", entry.filename)]
    assert (built / "deployment.zip").stat().st_size < 14_000_000
    assert sum(small) < 800_000
    assert sum(entry.file_size for entry in entries) < 36_000_000


def test_the_template_runs_what_is_tested_here(built: Path) -> None:
    resources = json.loads((built / "sam.json").read_text())["Resources"].values()
    functions = [each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function"]
    assert {each["Handler"] for each in functions} == {"app.app", "app.function_url"}
    assert {each["CodeUri"] for each in functions} == {"./deployment.zip"}
    assert {each["Runtime"] for each in functions} == {PYTHON}
    assert [each["Architectures"] for each in functions] == [["arm64"]] * len(functions)


def test_the_same_source_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Whatever the order and times of the files, the umask, the account, and what lies around."""
    project = copy(tmp_path / "copy", requirements=(PROJECT / "requirements.txt").read_text(), reverse=True)
    for number, file in enumerate(sorted(project.rglob("*.py"))):
        file.chmod((0o600, 0o755)[number % 2])
        os.utime(file, (number * 86400 * 365, number * 86400 * 365))
    for clutter in ("chalicelib/__pycache__/old.cpython-311.pyc", "chalicelib/.swp", "chalicelib/core/web/cors.py~"):
        (project / clutter).parent.mkdir(exist_ok=True)
        (project / clutter).write_text("x")
    shutil.copytree(project / "chalicelib", project / ".chalice/deployments/chalicelib")
    umask = os.umask(0o077)
    try:
        done = package(
            project, "out", AWS_PROFILE="nobody", AWS_REGION="cn-north-1", PYTHONHASHSEED="1", TZ="Asia/Tokyo"
        )
    finally:
        os.umask(umask)
    assert done.returncode == 0, done.stderr
    for name in ("deployment.zip", "sam.json"):
        assert (project / "out" / name).read_bytes() == (built / name).read_bytes()


def test_its_size_is_printed(tmp_path: Path) -> None:
    done = package(copy(tmp_path), "out")
    size = (tmp_path / "out/deployment.zip").stat().st_size
    assert (done.stdout, done.stderr) == (f"out/deployment.zip: {size:,} bytes\n", "")


# Dependencies


def wheels(folder: Path, machines: Iterable[str]) -> dict[str, str]:
    """Make a compiled package's wheel for each machine; returns the environment that lets pip find only these."""
    folder.mkdir()
    abi = f"cp3{sys.version_info.minor}"
    for machine in machines:
        with ZipFile(folder / f"compiled-1.0-{abi}-{abi}-manylinux2014_{machine}.whl", "w") as wheel:
            wheel.writestr("compiled.py", f"MACHINE = {machine!r}\n")
            info = "compiled-1.0.dist-info"
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {abi}-{abi}-manylinux2014_{machine}\n")
            wheel.writestr(f"{info}/RECORD", "")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def hashes(folder: Path) -> str:
    """Requirements with the hashes of all files in a directory."""
    found = [hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()]
    return "compiled==1.0 " + " ".join(f"--hash=sha256:{each}" for each in found)


def test_dependencies_are_those_for_lambdas_machine(tmp_path: Path) -> None:
    environ = wheels(tmp_path / "wheels", ["x86_64", "aarch64"])
    project = copy(tmp_path / "copy", requirements=hashes(tmp_path / "wheels"))
    done = package(project, "out", **environ)
    assert done.returncode == 0, done.stderr
    with ZipFile(project / "out/deployment.zip") as archive:
        assert archive.read("compiled.py") == b"MACHINE = 'aarch64'\n"


def test_a_dependency_that_lambda_cannot_run_is_refused(tmp_path: Path) -> None:
    environ = wheels(tmp_path / "wheels", ["x86_64"])
    project = copy(tmp_path / "copy", requirements=hashes(tmp_path / "wheels"))
    assert "No matching distribution found for compiled==1.0" in refusal(project, **environ)


def test_a_dependency_that_pip_compiles_for_this_machine_is_refused(tmp_path: Path) -> None:
    """Chalice itself would print that, and leave the dependency out."""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n",
        "setup.py": "import setuptools\nsetuptools.Distribution.has_ext_modules = lambda self: True\n"
        "setuptools.setup(name='compiled', version='1.0')\n",
    }
    environ = wheels(tmp_path / "wheels", [])
    with tarfile.open(tmp_path / "wheels/compiled-1.0.tar.gz", "w:gz") as sdist:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
            sdist.add(tmp_path / name, f"compiled-1.0/{name}")
    project = copy(tmp_path / "copy", requirements=hashes(tmp_path / "wheels"))
    assert "compiled==1.0" in refusal(project, **environ)


def test_a_dependency_with_another_hash_is_refused(tmp_path: Path) -> None:
    """Also where only the file for Lambda's machine was replaced: Chalice alone asks for that one without a hash."""
    environ = wheels(tmp_path / "wheels", ["x86_64", "aarch64"])
    project = copy(tmp_path / "copy", requirements=hashes(tmp_path / "wheels"))
    (wheel,) = (tmp_path / "wheels").glob("*aarch64.whl")
    with ZipFile(wheel, "a") as archive:
        archive.writestr("more.py", "")
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in refusal(project, **environ)


# What goes wrong


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (".chalice/config.json", "Nothing is packaged, because the settings have mistakes:\n{}: is not JSON: "),
        (".chalice/resources.json", "Nothing is packaged, because the settings have mistakes:\n{}: is not JSON: "),
        ("chalicelib/signpost.toml", "Nothing is packaged, because the settings have mistakes:\n{}: is not TOML: "),
        (
            "app.py",
            "Chalice cannot package the project: RuntimeError: Unable to import your app.py file:\n\n"
            'File "app.py", line 1\n',
        ),
    ],
)
def test_a_project_that_cannot_be_packaged(tmp_path: Path, file: str, reason: str) -> None:
    (copy(tmp_path) / file).write_text("{")
    assert refusal(tmp_path).startswith(reason.replace("{}", str(tmp_path / file)))


def test_the_settings_of_the_zip_are_checked_as_the_stack_will_read_them(tmp_path: Path) -> None:
    """Whatever this machine's variables say."""
    settings = copy(tmp_path) / "chalicelib/signpost.toml"
    settings.write_text(settings.read_text() + 'prefix = "${MINE}"\n')
    assert "the environment variable MINE is not set" in refusal(tmp_path, MINE="x", SIGNPOST_CONFIG=os.devnull)


def test_the_stack_gets_what_the_settings_need(tmp_path: Path) -> None:
    """The role opens other buckets and keys of KMS; the stack's own bucket is encrypted with the key of its mount."""
    settings = copy(tmp_path) / "chalicelib/signpost.toml"
    key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b"
    other = f'[[mounts]]\npath = "/b"\nbucket = "other"\nregion = "eu-west-1"\nkms_key = "{key}3c"\n'
    rule = '[[rules]]\npath = "/**"\nallow = ["read", "versions"]\nto = ["anyone"]\n'
    settings.write_text(f'{settings.read_text()}kms_key = "{key}"\n{other}{rule}')
    done = package(tmp_path, "out")
    assert done.returncode == 0, done.stderr
    resources = json.loads((tmp_path / "out/sam.json").read_text())["Resources"]
    (encryption,) = resources["Bucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert encryption["BucketKeyEnabled"] is True
    (role,) = resources["ApiHandlerRole"]["Properties"]["Policies"]
    statements = {each["Sid"]: each["Resource"] for each in role["PolicyDocument"]["Statement"]}
    before = {
        each["Sid"]: each["Resource"]
        for each in json.loads((PROJECT / ".chalice/policy-stack.json").read_text())["Statement"]
    }
    more = {"Objects2": "arn:aws:s3:::other/*", "List2": "arn:aws:s3:::other", "Key1": key, "Key2": f"{key}3c"}
    assert statements == before | more
    opened = [each["Action"] for each in role["PolicyDocument"]["Statement"] if "Objects" in each["Sid"]]
    assert ["s3:GetObjectVersion" in each for each in opened] == [True, True]
    project = {file.name: file.read_text() for file in (tmp_path / ".chalice").glob("*.json")}
    assert project == {name: (PROJECT / ".chalice" / name).read_text() for name in project}  # only the export changes


def test_a_place_that_is_no_directory(tmp_path: Path) -> None:
    done = package(copy(tmp_path), "app.py")
    assert (done.returncode, done.stderr) == (1, "Cannot package: [Errno 17] File exists: 'app.py'\n")
