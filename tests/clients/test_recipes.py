"""docs/recipes.md: each recipe runs unchanged, in an empty environment and an empty folder."""

import hashlib
import io
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from local import dev_server
from local.dev_server import PROJECT
from tests.contract.sites import SECRET, Site

# The names of DuckDB for the processors of machines.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

# For a program that takes seconds to start, and sends no other requests than the tests with both entry points.
with_one_entry_point = pytest.mark.parametrize("site", [dev_server.REST_API], indirect=True, ids=["rest"])


class Recipe:
    """One section of the page, in an empty folder, with the host and the keys of a site."""

    def __init__(self, site: Site, folder: Path, heading: str) -> None:
        """Take the blocks of the section.

        Args:
            site: the service that the recipe uses.
            folder: where the commands run, which is also the home of their user.
            heading: of the section.
        """
        (section,) = re.findall(
            rf"^## {heading}\n(.*?)(?=^## |\Z)", (PROJECT / "docs/recipes.md").read_text(), re.M | re.S
        )
        self.log, token = site.log, site.link("/", uses=None).partition("?token=")[2]
        section = re.sub(r"https://(ID:SECRET@)?files\.", r"http://\1files.", section)
        section = section.replace("files.example.com", site.url.removeprefix("http://"))
        for word, value in (("ID", "ci"), ("SECRET", SECRET), ("TOKEN", token)):
            section = re.sub(rf"(?<!\$)\b{word}\b", value, section)
        self.folder, self.secrets = folder, (token, SECRET)
        self.files = dict(re.findall(r"^`([^`\n]+)`[^\n]*:\n\n```(?:ini|text)\n(.*?)```", section, re.M | re.S))
        self.section = section
        self.blocks = re.findall(r"^```(sh|python)\n(.*?)```", section, re.M | re.S)

    def texts(self, language: str) -> list[str]:
        """The blocks of a language that is no program."""
        return re.findall(rf"^```{language}\n(.*?)```", self.section, re.M | re.S)

    def run(self, **environ: str) -> str:
        """Run the next block, and return the output; neither the token nor the secret is in the log of the service.

        Args:
            environ: environment variables that keep the program away from the settings of this machine.
        """
        language, text = self.blocks.pop(0)
        program = {"sh": ["bash", "-eo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[language]
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = subprocess.run(
            [*program, text],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        assert not any(secret in self.log.read_text() for secret in self.secrets)
        return done.stdout


def test_the_command_of_the_page_installs_each_library_of_the_recipes() -> None:
    """The versions of requirements-clients.in, with which the recipes run, fit the command."""
    page = (PROJECT / "docs/recipes.md").read_text()
    (line,) = re.findall(r"^pip install (aiohttp .*)$", page, re.M)
    wanted = [Requirement(word) for word in shlex.split(line)]
    assert all(metadata.version(each.name) in each.specifier for each in wanted)
    programs = "".join(re.findall(r"^```python\n(.*?)```", page, re.M | re.S))
    imports = {*re.findall(r"^(?:import|from) (\w+)", programs, re.M)} - sys.stdlib_module_names
    owners = metadata.packages_distributions()
    assert {"aiohttp", *(owners[name][0] for name in imports)} == {each.name for each in wanted}


def require(*programs: str) -> None:
    """Where a program is missing, fail in CI and skip elsewhere."""
    for program in programs:
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")


def test_pip_installs_from_the_page_of_a_directory(site: Site, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    about = "acme_tool-1.0.dist-info"
    with zipfile.ZipFile(tmp_path / "dist/acme_tool-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("acme_tool.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: acme-tool\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    recipe = Recipe(site, tmp_path, "pip")
    recipe.run()
    recipe.run(PIP_CONFIG_FILE=os.devnull, PIP_TARGET="installed", PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert (tmp_path / "installed/acme_tool.py").exists()


def test_npm_installs_from_a_registry_of_files(site: Site, tmp_path: Path) -> None:
    """A second version is added to the first."""
    require("npm", "jq")
    offline = {"NPM_CONFIG_AUDIT": "false", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
    recipe = Recipe(site, tmp_path, "npm")
    site.curl("-L", "-X", "DELETE", site.at("/npm/@acme/tool"))  # both entry points have one store
    recipe.run()
    recipe.blocks.insert(0, recipe.blocks[0])
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / "package.json").write_text(json.dumps({"name": "@acme/tool", "version": version, "files": []}))
        recipe.run(**offline)
    assert list(site.curl("-L", site.at("/npm/@acme/tool")).json()["versions"]) == ["1.0.0", "1.1.0"]
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / ".npmrc").write_text(recipe.files[".npmrc"])
    recipe.run(**offline)
    assert json.loads((tmp_path / "node_modules/@acme/tool/package.json").read_text())["version"] == "1.1.0"


def test_apt_installs_from_a_directory(site: Site, tmp_path: Path) -> None:
    """apt has a root of its own, and downloads the package in place of the installation."""
    require("apt-get", "dpkg-deb", "dpkg-scanpackages")
    control = tmp_path / "package/DEBIAN/control"
    for folder in (control.parent, tmp_path / "apt"):
        folder.mkdir(parents=True)
    control.write_text("Package: acme-tool\nVersion: 1.0\nArchitecture: all\nMaintainer: a\nDescription: a\n")
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", "package", "apt/acme-tool_1.0_all.deb"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    recipe = Recipe(site, tmp_path, "apt")
    root = tmp_path / "root"
    for name in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg"):
        (root / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    for name, text in recipe.files.items():
        (root / name[1:]).parent.mkdir(parents=True)
        (root / name[1:]).write_text(text)
    settings = tmp_path / "apt.conf"
    settings.write_text(f'Dir "{root}/"; APT::Get::Download-Only "true"; APT::Sandbox::User "";')
    recipe.run()
    recipe.run(APT_CONFIG=str(settings))
    assert (root / "var/cache/apt/archives/acme-tool_1.0_all.deb").exists()


def test_conda_installs_from_a_channel_with_a_token_in_its_path(site: Site, tmp_path: Path) -> None:
    content = b"a tool"
    paths = {"_path": "acme.txt", "path_type": "hardlink", "sha256": hashlib.sha256(content).hexdigest()}
    index = {"name": "acme-tool", "version": "1.0", "build": "0", "build_number": 0, "subdir": "noarch", "depends": []}
    files = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": [{**paths, "size_in_bytes": 6}]}).encode(),
        "acme.txt": content,
    }
    (tmp_path / "conda/noarch").mkdir(parents=True)
    with tarfile.open(tmp_path / "conda/noarch/acme-tool-1.0-0.tar.bz2", "w:bz2") as package:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            package.addfile(entry, io.BytesIO(data))
    recipe = Recipe(site, tmp_path, "conda")
    while recipe.blocks:
        recipe.run()
    assert (tmp_path / "environment/acme.txt").read_bytes() == content


@with_one_entry_point
def test_tables_are_read_by_a_token_by_a_key_and_by_a_list(site: Site, tmp_path: Path) -> None:
    """DuckDB finds its extension in the home, where DuckDB itself would download the extension to."""
    spec = find_spec("duckdb_extension_httpfs")
    assert spec is not None
    (extension,) = Path(str(spec.origin)).parent.rglob("httpfs.duckdb_extension")
    home = tmp_path / f".duckdb/extensions/{extension.parent.name}/linux_{MACHINES[platform.machine()]}"
    home.mkdir(parents=True)
    (home / extension.name).symlink_to(extension)
    recipe = Recipe(site, tmp_path, "Tables")
    assert json.loads(recipe.run())["uses"] is None
    assert [recipe.run().count("日") for _ in list(recipe.blocks)] == [3, 2, 3]


@with_one_entry_point
def test_arrays_are_read_by_a_token_in_the_path_and_by_a_key(site: Site, tmp_path: Path) -> None:
    write = "import xarray; xarray.Dataset({'temperature': (['time', 'x'], [[1, 2], [3, 4]])}, {'time': [0, 1]})"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{write}.to_zarr('grid.zarr')"], cwd=tmp_path, check=True, timeout=60
    )
    recipe = Recipe(site, tmp_path, "Arrays")
    recipe.run()
    assert recipe.run() == "[3 4]\n" * 3
