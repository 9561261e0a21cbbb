"""The zip has every file that it needs, and has the same bytes on every machine."""

import hashlib
import json
import os
import re
import shutil
import struct
import sys
from base64 import b64encode
from importlib import metadata
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from chalicelib.backends.issuer_snapshot import SNAPSHOT
from local.sbom import sbom
from local.vendor import LIBRARIES

from .aws_account import PROJECT
from .conftest import PACKAGES, package
from .packages import requirements, write_source, write_wheels
from .stack import BUCKET, REFERENCES, transform

TRAVELLING = (".py", ".html", ".css", ".js", ".toml", ".json", ".LICENSE")

# The newest symbols of Amazon Linux 2, with GCC 7, and of Amazon Linux 2023, with GCC 11 (GCC, "ABI Policy and
# Guidelines", symbol versions). Lambda's Python 3.11 runs on the former, each later Python on the latter (FACTS 7.1).
NEWEST = (
    {b"GLIBC": (2, 26), b"GLIBCXX": (3, 4, 24), b"CXXABI": (1, 3, 11), b"GCC": (7, 0, 0)}
    if sys.version_info < (3, 12)
    else {b"GLIBC": (2, 34), b"GLIBCXX": (3, 4, 29), b"CXXABI": (1, 3, 13), b"GCC": (11, 0)}
)


def copy(folder: Path, *, requirements: str = "", reverse: bool = False) -> Path:
    """A copy of the source of the package, whose files are written in one of two orders.

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


# The content of the zip


def test_the_zip_has_the_files_that_run_and_no_other_file(built: Path) -> None:
    files = [file for file in (PROJECT / "chalicelib").rglob("*") if file.suffix in TRAVELLING]
    assert {*TRAVELLING} == {file.suffix for file in files}
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
    """requirements.in names the same versions, because requirements.txt is made from requirements.in."""
    packed = names(built / "deployment.zip")
    infos = {name.partition("/")[0].removesuffix(".dist-info") for name in packed if ".dist-info/" in name}
    pinned = pins("requirements.txt")
    assert infos == {f"{name.replace('-', '_')}-{version}" for name, version in pinned.items()}
    assert pins("requirements.in").items() <= pinned.items()


def test_the_sbom_has_every_package_of_the_zip_with_the_hash_of_its_file(built: Path) -> None:
    """Chalice has the hashes of its files in the zip, because no file is fetched for Chalice."""
    text = (built / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    components = {each["name"]: each for each in document["components"]}
    versions = {name: each["version"] for name, each in components.items()}
    vendored = {library.name: library.version for library in LIBRARIES}
    assert versions == pins("requirements.txt") | {"chalice": metadata.version("chalice")} | vendored
    locked = (PROJECT / "requirements.txt").read_text()
    for name in pins("requirements.txt"):
        (digest,) = components[name]["hashes"]
        assert f"--hash=sha256:{digest['content']}" in locked
    with ZipFile(built / "deployment.zip") as archive:
        runtime = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names(built / "deployment.zip")}
    files = {each["name"]: each["hashes"][0]["content"] for each in components["chalice"]["components"]}
    assert files == {name: digest for name, digest in runtime.items() if name.startswith("chalice/")}
    (digest,) = document["metadata"]["component"]["hashes"]
    assert digest["content"] == hashlib.sha256((built / "deployment.zip").read_bytes()).hexdigest()


def newer(code: bytes) -> list[str]:
    """The versions of symbols that a shared library needs and Lambda does not have."""
    needed = re.findall(rb"\b(GLIBC|GLIBCXX|CXXABI|GCC)_([0-9.]+)\0", code)
    assert needed
    found = {(name, tuple(map(int, version.split(b".")))) for name, version in needed}
    return sorted(f"{name.decode()} {version}" for name, version in found if version > NEWEST[name])


def test_compiled_files_run_on_lambda(built: Path) -> None:
    """They run on Lambda's machine, with Lambda's Python and the libraries of its Amazon Linux."""
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
    """A compiled pyvips would need this machine's libvips. The pinned setuptools makes the same wheel each time."""
    with ZipFile(built / "deployment.zip") as archive:
        (wheel,) = (name for name in archive.namelist() if re.fullmatch(r"pyvips-[^/]*/WHEEL", name))
        text = archive.read(wheel).decode()
    assert text.split("\n")[1:4] == [
        f"Generator: setuptools ({metadata.version('setuptools')})",
        "Root-Is-Purelib: true",
        "Tag: py3-none-any",
    ]


def test_lambdas_own_user_can_read_the_whole_zip(built: Path) -> None:
    with ZipFile(built / "deployment.zip") as archive:
        assert {oct(entry.external_attr >> 16) for entry in archive.infolist()} == {oct(0o100644)}


def test_the_zip_is_small(built: Path) -> None:
    """Lambda takes 50 MB, and 250 MB unpacked. Nine tenths of the zip are libvips and cryptography."""
    with ZipFile(built / "deployment.zip") as archive:
        entries = archive.infolist()
    small = [entry.compress_size for entry in entries if not re.search("libvips|cryptography", entry.filename)]
    assert (built / "deployment.zip").stat().st_size < 14_000_000
    assert sum(small) < 1_000_000
    assert sum(entry.file_size for entry in entries) < 36_000_000


OTHER_PACKAGES = ("pyvips_binary", *(name for name in PACKAGES if name != "pyvips"))


def entries(archive: Path, without: tuple[str, ...] = ()) -> list[tuple[bytes, int, int]]:
    """All facts about the files in a zip, with checksums and times, except files whose names begin with a prefix."""
    with ZipFile(archive) as file:
        kept = [entry for entry in file.infolist() if not entry.filename.startswith(without)]
    return [(entry.FileHeader(), entry.external_attr, entry.create_system) for entry in kept]


def template_without_code(out: Path) -> str:
    """The template in a package, without the hash of its zip."""
    digest = b64encode(hashlib.sha256((out / "deployment.zip").read_bytes()).digest()).decode()
    template = (out / "sam.json").read_text()
    assert template.count(digest) == 2  # the versions of both functions
    return template.replace(digest, "")


def test_the_same_source_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """Whatever the order and times of the files, the umask, the account, and what lies around.

    Of the packages, the copy needs only pyvips, from which pip makes a wheel; pip checks the hashes of all others.
    """
    (pyvips,) = re.findall(r"^pyvips==(?:.*\\\n)*.*", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    project = copy(tmp_path / "copy", requirements=pyvips, reverse=True)
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
    assert template_without_code(project / "out") == template_without_code(built)
    assert entries(project / "out/deployment.zip") == entries(built / "deployment.zip", without=OTHER_PACKAGES)


# A project with other settings and packages


class Tailored(NamedTuple):
    """A packaged copy of the project, and the outputs of the command."""

    project: Path
    out: str
    err: str


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b"
MORE_SETTINGS = f"""kms_key = "{KEY}"
[[mounts]]
path = "/b"
bucket = "other"
region = "eu-west-1"
kms_key = "{KEY}3c"
[[rules]]
path = "/**"
allow = ["read", "versions"]
to = ["anyone"]
"""


@pytest.fixture(scope="module")
def tailored(tmp_path_factory: pytest.TempPathFactory) -> Tailored:
    """The project needs a compiled package, which has wheels for two machines."""
    folder = tmp_path_factory.mktemp("tailored")
    environ = write_wheels(folder / "wheels", ["x86_64", "aarch64"])
    project = copy(folder / "copy", requirements=requirements(folder / "wheels"))
    settings = project / "chalicelib/signpost.toml"
    settings.write_text(f"{settings.read_text()}{MORE_SETTINGS}")
    settings.with_name(SNAPSHOT).write_text("{}")
    done = package(project, "out", **environ)
    assert done.returncode == 0, done.stderr
    return Tailored(project, done.stdout, done.stderr)


def test_what_is_fetched_is_printed_and_the_dependencies_are_for_lambdas_machine(tailored: Tailored) -> None:
    """The heading comes before the lines of pip: each line is printed when its work begins."""
    file = tailored.project / "out/deployment.zip"
    heading, *lines, making, size = tailored.out.splitlines()
    assert heading == "Fetching the packages of requirements.txt for Lambda's Python {}.{} on arm64.".format(
        *sys.version_info
    )
    assert any("compiled-1.0-" in line and "aarch64.whl" in line for line in lines)
    assert making == "Making the zip with `chalice package`."
    assert (size, tailored.err) == (f"out/deployment.zip: {file.stat().st_size:,} bytes", "")
    with ZipFile(file) as archive:
        assert archive.read("compiled.py") == b"MACHINE = 'aarch64'\n"


def test_the_sbom_of_a_zip_has_always_the_same_bytes(tailored: Tailored) -> None:
    """The packaging knew the wheel for Lambda's machine only."""
    fetched = tailored.project.parent / "fetched"
    fetched.mkdir()
    (wheel,) = (tailored.project.parent / "wheels").glob("*aarch64.whl")
    shutil.copy(wheel, fetched)
    assert sbom(tailored.project / "out/deployment.zip", fetched) == (tailored.project / "out/sbom.json").read_text()


def test_the_snapshot_of_issuer_keys_is_in_the_zip_beside_the_settings(tailored: Tailored) -> None:
    with ZipFile(tailored.project / "out/deployment.zip") as archive:
        assert archive.read(f"chalicelib/{SNAPSHOT}") == b"{}"


def test_the_stack_gets_what_the_settings_need(tailored: Tailored) -> None:
    """The role opens other buckets and keys of KMS; the key of the stack's own bucket must be the key of its mount."""
    stack = transform(tailored.project / "out/sam.json")
    assert (
        stack.template["Parameters"]["KmsKeyArn"] | {"Default": KEY, "AllowedValues": [KEY]}
        == (stack.template["Parameters"]["KmsKeyArn"])
    )
    statements = stack.role_policy()["Statement"]
    opened = {each["Sid"]: each["Resource"] for each in statements if not each["Sid"].startswith(("Logs", "Secret"))}
    assert opened == {
        **{"Objects1": f"arn:aws:s3:::{BUCKET}/*", "List1": f"arn:aws:s3:::{BUCKET}"},
        **{"Objects2": "arn:aws:s3:::other/*", "List2": "arn:aws:s3:::other"},
        **dict.fromkeys(("Versions1", "Versioning1"), f"arn:aws:s3:::{BUCKET}"),
        **dict.fromkeys(("Versions2", "Versioning2"), "arn:aws:s3:::other"),
        **{"Key": KEY, "Key1": f"{KEY}3c", "Table": REFERENCES["Table.Arn"]},
    }
    objects = [each["Action"] for each in statements if "Objects" in each["Sid"]]
    assert ["s3:GetObjectVersion" in each for each in objects] == [True, True]
    project = {file.name: file.read_text() for file in (tailored.project / ".chalice").glob("*.json")}
    assert project == {name: (PROJECT / ".chalice" / name).read_text() for name in project}  # only the export changes


# Mistakes


def test_a_dependency_that_lambda_cannot_run_or_with_another_hash_is_refused(tmp_path: Path) -> None:
    """This holds also where only the file for Lambda's machine was replaced: Chalice gets that file without a hash."""
    environ = write_wheels(tmp_path / "wheels", ["x86_64"])
    project = copy(tmp_path / "copy", requirements=requirements(tmp_path / "wheels"))
    assert "No matching distribution found for compiled==1.0" in refusal(project, **environ)
    write_wheels(tmp_path / "more", ["aarch64"])
    environ["PIP_FIND_LINKS"] += f" {tmp_path / 'more'}"
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in refusal(project, **environ)


def test_a_dependency_that_pip_compiles_for_this_machine_is_refused(tmp_path: Path) -> None:
    """Chalice itself would print a warning, and leave the dependency out."""
    environ = write_source(tmp_path / "source")
    project = copy(tmp_path / "copy", requirements=requirements(tmp_path / "source"))
    reason = refusal(project, **environ)
    assert "no wheel for Lambda's Python and architecture" in reason
    assert "compiled==1.0" in reason


def test_a_project_that_cannot_be_packaged(tmp_path: Path) -> None:
    project, mistakes = copy(tmp_path), "Nothing is packaged, because the settings have mistakes:\n"
    for name, reason in {
        ".chalice/config.json": f"{mistakes}{{}}: is not JSON: ",
        ".chalice/resources.json": f"{mistakes}{{}}: is not JSON: ",
        "chalicelib/signpost.toml": f"{mistakes}{{}}: is not TOML: ",
        "app.py": "Chalice cannot package the project: RuntimeError: Unable to import your app.py file:\n\n"
        'File "app.py", line 1\n',
    }.items():
        file = project / name
        text = file.read_text()
        file.write_text("{")
        assert refusal(project).startswith(reason.format(file))
        file.write_text(text)
    (project / "requirements.txt").unlink()
    assert refusal(project).startswith("Cannot package: [Errno 2] No such file or directory: ")


def test_the_settings_of_the_zip_are_checked_as_the_stack_will_read_them(tmp_path: Path) -> None:
    """The variables of this machine do not matter."""
    settings = copy(tmp_path) / "chalicelib/signpost.toml"
    settings.write_text(settings.read_text() + 'prefix = "${MINE}"\n')
    assert "the environment variable MINE is not set" in refusal(tmp_path, MINE="x", SIGNPOST_CONFIG=os.devnull)
