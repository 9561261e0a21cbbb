"""The software bill of materials (SBOM) of deployment.zip, in the format of CycloneDX 1.6 as JSON.

The SBOM names each package in the zip with its version, and with the hash of the file that pip fetched; and each
library of the pages, with the hash of its script. Chalice adds its own runtime without pip, so of Chalice the SBOM has
the hashes of the files in the zip. The same zip gives the same bytes.
"""

import hashlib
import json
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5
from zipfile import ZipFile

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from chalicelib import __version__

from .vendor import LIBRARIES, Library


def sbom(archive: Path, fetched: Path) -> str:
    """Return the SBOM of a zip.

    Args:
        archive: deployment.zip.
        fetched: the directory with the files from which pip made the packages in the zip, and no other files.
    """
    digest = _sha256(archive.read_bytes())
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, digest.content))  # a random number would change the bytes
    zip_file = Component(
        name="signpost",
        version=__version__,
        type=ComponentType.APPLICATION,
        bom_ref="signpost",
        hashes=[digest],
    )
    packages = [*map(_package, sorted(fetched.iterdir())), _chalice(archive), *map(_vendored, LIBRARIES)]
    bom.metadata.component = zip_file
    bom.components.update(packages)
    bom.register_dependency(zip_file, packages)
    document = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    del document["metadata"]["timestamp"]  # optional, and the library knows no other time than now
    return f"{json.dumps(document, indent=2)}\n"


def _package(file: Path) -> Component:
    wheel = file.suffix == ".whl"
    name, version = parse_wheel_filename(file.name)[:2] if wheel else parse_sdist_filename(file.name)
    package = _library("pypi", name, str(version))
    package.hashes.add(_sha256(file.read_bytes()))
    return package


def _chalice(archive: Path) -> Component:
    chalice = _library("pypi", "chalice", metadata.version("chalice"))
    with ZipFile(archive) as code:
        for name in code.namelist():
            if name.startswith("chalice/"):
                hashes = [_sha256(code.read(name))]
                chalice.components.add(Component(name=name, type=ComponentType.FILE, bom_ref=name, hashes=hashes))
    return chalice


def _vendored(library: Library) -> Component:
    script = _library("npm", library.name, library.version)
    script.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=library.sha256))
    return script


def _library(registry: str, name: str, version: str) -> Component:
    url = PackageURL(registry, name=name, version=version)
    return Component(name=name, version=version, purl=url, bom_ref=str(url), type=ComponentType.LIBRARY)


def _sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())
