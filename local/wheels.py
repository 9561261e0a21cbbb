"""The packages of requirements.txt for Lambda's machine, whose hashes are checked.

Alone, Chalice runs pip twice. The first run reads requirements.txt and checks its hashes, but brings the wheels of this
machine. The second run brings the wheels of Lambda's machine, which go into the zip, by name and version alone. Here,
pip downloads the files for Lambda's machine first, and then both of Chalice's runs find these files and no others.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

# PEP 600: a wheel names the oldest glibc 2.x that it runs with. Lambda has the newest of this range (FACTS 7.1).
_OLDEST_GLIBC, _NEWEST_GLIBC = 17, 26 if sys.version_info < (3, 12) else 34

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


class NotDownloaded(Exception):
    """A package has no file for Lambda's machine, or a file has another hash than requirements.txt."""


def download(project: Path, folder: Path) -> dict[str, str]:
    """Download the packages of requirements.txt, for Lambda's Python and machine, and print pip's progress.

    Args:
        project: the directory of requirements.txt and of .chalice/config.json, which names the architecture.
        folder: the directory for the files.

    Returns:
        The environment variables with which pip takes these files and no others.

    Raises:
        NotDownloaded: pip failed.
    """
    architecture = json.loads((project / ".chalice/config.json").read_text())["lambda_architecture"]
    machine = _MACHINES[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(_OLDEST_GLIBC, _NEWEST_GLIBC + 1)]
    environ = {
        # manylinux2014 stands for older names as well.
        "PIP_PLATFORM": " ".join([*platforms, f"manylinux2014_{machine}"]),
        "PIP_NO_DEPS": "1",  # requirements.txt names all packages; otherwise pip takes no sdist for another platform
        # pyvips has no wheel, so pip makes one. This 0 turns isolation off: pip takes the pinned setuptools, not the
        # newest. Without pkg-config, nothing is compiled for the libvips of this machine: pyvips-binary brings another.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PKG_CONFIG": "false",
    }
    python = "Python {}.{}".format(*sys.version_info)
    print(f"Fetching the packages of requirements.txt for Lambda's {python} on {architecture}.", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--dest", str(folder)]
    command += ["--requirement", str(project / "requirements.txt")]
    done = subprocess.run(command, env=os.environ | environ, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise NotDownloaded(f"pip cannot download the packages of requirements.txt:\n{done.stderr.strip()}")
    return environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
