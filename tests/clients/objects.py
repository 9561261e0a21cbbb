"""The objects that the clients of the table read: the same bytes, plain and in the formats of registries and tables."""

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.contract.sites import Store

from .columns import BIG, DATA, ODD_NAMES, START, TREE

_WHEEL = {
    "data.bin": DATA,
    "clients-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: clients\nVersion: 1.0\n",
    "clients-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "clients-1.0.dist-info/RECORD": b"",
}


def fill(store: Store, scratch: Path) -> None:
    """Put the objects into the bucket."""
    objects = {f"files/{key}": body for key, body in _objects(scratch)}
    objects |= {f"notices/2026/tree/{name}": body for name, body in TREE.items()}  # anyone may read and list these
    for key, body in objects.items():
        store.client().put_object(Bucket=store.bucket, Key=f"tenant/{key}", Body=body)


def _objects(scratch: Path) -> Iterator[tuple[str, bytes]]:
    yield from ((f"tree/{name}", body) for name, body in TREE.items())
    table, big_table = _parquet(DATA), _parquet(BIG)
    for name in ("data.bin", *ODD_NAMES):
        yield f"plain/{name}", DATA
        yield f"parquet/{name}", table
        yield from _array(f"zarr/{name}", DATA)
    yield "plain/big.bin", BIG
    yield "parquet/big.bin", big_table
    yield from _array("zarr/big.bin", BIG)
    yield "wheel/clients-1.0-py3-none-any.whl", _wheel()
    yield "npm/clients-1.0.0.tgz", _npm_package()
    yield from _repository(scratch / "repository")
    yield from _large_files()


def _parquet(body: bytes) -> bytes:
    from pyarrow import BufferOutputStream, parquet, table

    output = BufferOutputStream()
    parquet.write_table(table({"data": [body]}), output, compression="none", use_dictionary=False)
    return bytes(output.getvalue().to_pybytes())


def _array(directory: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """An array of zarr, whose chunks are read by ranges of its files."""
    import numpy
    import zarr

    files: dict[str, zarr.core.buffer.Buffer] = {}
    values = numpy.frombuffer(body, "u1")
    zarr.create_array(zarr.storage.MemoryStore(files), data=values, chunks=(2**20,), shards=(2**22,), compressors=None)
    yield from ((f"{directory}/{name}", file.to_bytes()) for name, file in files.items())


def _large_files() -> Iterator[tuple[str, bytes]]:
    """Files of git-lfs, each named by a SHA-256. That of the last file is right only where a download keeps `START`."""
    for named, body in ((DATA, DATA), (BIG, BIG), (START + DATA[len(START) :], DATA)):
        name = hashlib.sha256(named).hexdigest()
        yield f"lfs/{name[:2]}/{name[2:4]}/{name}", body


def _wheel() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, body in _WHEEL.items():
            archive.writestr(name, body)
    return output.getvalue()


def _npm_package() -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        description = json.dumps({"name": "clients", "version": "1.0.0"}).encode()
        for name, body in (("package.json", description), ("data.bin", DATA)):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return output.getvalue()


def _repository(folder: Path) -> Iterator[tuple[str, bytes]]:
    """A repository that git reads over plain HTTP."""
    folder.mkdir()
    (folder / "data.bin").write_bytes(DATA)
    user = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "."], [*user, "commit", "-q", "-m", "Add"], ["update-server-info"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    for file in sorted((folder / ".git").rglob("*")):
        if file.is_file():
            yield f"repo.git/{file.relative_to(folder / '.git')}", file.read_bytes()
