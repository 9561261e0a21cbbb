"""Packages for one test: wheels of a compiled package, or its source, which pip compiles without a compiler."""

import hashlib
import sys
import tarfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

_INFO = "compiled-1.0.dist-info"
_METADATA = "Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n"
_ABI = f"cp3{sys.version_info.minor}"

# PEP 517: what pip calls to make a wheel.
_BACKEND = f"""
import sysconfig
from zipfile import ZipFile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    tag = "{_ABI}-{_ABI}-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
    name = f"compiled-1.0-{{tag}}.whl"
    with ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
        wheel.writestr("{_INFO}/METADATA", {_METADATA!r})
        wheel.writestr("{_INFO}/WHEEL", f"Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: {{tag}}\\n")
        wheel.writestr("{_INFO}/RECORD", "")
    return name
"""
_SOURCE = {
    "PKG-INFO": _METADATA,
    "backend.py": _BACKEND,
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
}


def write_wheels(folder: Path, machines: Iterable[str]) -> dict[str, str]:
    """Write a wheel for each machine; return the environment in which pip finds the packages of the folder only."""
    folder.mkdir()
    for machine in machines:
        with ZipFile(folder / f"compiled-1.0-{_ABI}-{_ABI}-manylinux2014_{machine}.whl", "w") as wheel:
            wheel.writestr("compiled.py", f"MACHINE = {machine!r}\n")
            wheel.writestr(f"{_INFO}/METADATA", _METADATA)
            wheel.writestr(f"{_INFO}/WHEEL", f"Wheel-Version: 1.0\nTag: {_ABI}-{_ABI}-manylinux2014_{machine}\n")
            wheel.writestr(f"{_INFO}/RECORD", "")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def write_source(folder: Path) -> dict[str, str]:
    """Write the source of the package; return the environment as `write_wheels` does."""
    environ = write_wheels(folder, [])
    with tarfile.open(folder / "compiled-1.0.tar.gz", "w:gz") as sdist:
        for name, text in _SOURCE.items():
            entry = tarfile.TarInfo(f"compiled-1.0/{name}")
            entry.size = len(text)
            sdist.addfile(entry, BytesIO(text.encode()))
    return environ


def requirements(folder: Path) -> str:
    """Return requirements with the hashes of all files in a folder."""
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()]
    return "compiled==1.0 " + " ".join(f"--hash=sha256:{each}" for each in hashes)
