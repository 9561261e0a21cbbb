"""The columns of the table of docs/clients.md: what a cell asks for, and how its result is judged."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from tests.contract.sites import SECRET, Store

DATA: Final = bytes(range(256)) * 12_000 + b"the end"
BIG: Final = DATA * 35  # 102 MiB
TREE: Final = {"a.txt": b"a", "sub/b.txt": b"below"}
ODD_NAMES: Final = ("a b+c%25 ü日.txt", "a//b", "q?x#y")
START: Final = b"-" * 2**21  # what a broken download left: other bytes than the object's show that they are kept


Judge = Callable[[Path, Store], bool]
"""Whether the folder of a command, and the store, are as they must be."""


class Access(NamedTuple):
    """The means of authentication of one entry point: each opens all that a cell needs.

    Args:
        url: the entry point.
        token: of a link to read `/files/`, whose uses are not counted.
        service_token: to read, list, write and delete.
        link: makes a link for one use to a path that is already encoded.
    """

    url: str
    token: str
    service_token: str
    link: Callable[..., str]

    def of(self, key: str) -> str:
        """The URL of a key."""
        return f"{self.url}/{quote(key)}"

    def by_link(self, key: str) -> str:
        """The URL of a key below `/files/`, with the token of the link."""
        return f"{self.of(key)}?token={self.token}"

    def by_user(self, key: str) -> str:
        """The URL of a key, with the id and the secret of the API key in it."""
        return self.of(key).replace("://", f"://ci:{SECRET}@")


class Trial(NamedTuple):
    """One run of a command in a cell.

    Args:
        target: the URL that the command is given.
        judge: judges the result.
        secret: the secret of the API key, or a service token in its place.
    """

    target: str
    judge: Judge
    secret: str = SECRET


Trials = Callable[[Access, str, str], list[Trial]]
"""The trials of a cell, by an entry point, the object that the client reads, and a directory for its own objects."""


class Column(NamedTuple):
    """A column.

    Args:
        heading: its heading in the table.
        commands: the names of the commands that can fill it: the first that an entry has, and whose own column works.
        trials: makes the trials of a cell.
    """

    heading: str
    commands: tuple[str, ...]
    trials: Trials


def _reads(expected: bytes) -> Judge:
    return lambda folder, _: (folder / "out").read_bytes() == expected


def _says(*words: str) -> Judge:
    return lambda folder, _: all(word in (folder / "out").read_text() for word in words)


def _stored(key: str) -> Judge:
    def judge(_: Path, store: Store) -> bool:
        return store.client().get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read() == DATA

    return judge


def _gone(key: str) -> Judge:
    def judge(_: Path, store: Store) -> bool:
        return not store.client().list_objects_v2(Bucket=store.bucket, Prefix=f"tenant/{key}")["KeyCount"]

    return judge


def _mirrored(folder: Path, _: Store) -> bool:
    copies = [path for path in (folder / "tree").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder / "tree")): path.read_bytes() for path in copies} == TREE


def _by_link(judge: Judge) -> Trials:
    return lambda access, name, _: [Trial(access.by_link(f"files/{name}"), judge)]


def _by_key(access: Access, name: str, _: str) -> list[Trial]:
    return [Trial(access.of(f"files/{name}"), _reads(DATA))]


def _by_key_in_url(access: Access, name: str, _: str) -> list[Trial]:
    return [Trial(access.by_user(f"files/{name}"), _reads(DATA))]


def _by_service_token(access: Access, name: str, _: str) -> list[Trial]:
    return [Trial(access.of(f"files/{name}"), _reads(DATA), access.service_token)]


def _by_one_time_link(access: Access, name: str, _: str) -> list[Trial]:
    return [Trial(access.link(f"/files/{quote(name)}"), _reads(DATA))]


def _large(access: Access, name: str, _: str) -> list[Trial]:
    return [Trial(access.by_link(f"files/{name.rpartition('/')[0]}/big.bin"), _reads(BIG))]


def _odd(access: Access, name: str, _: str) -> list[Trial]:
    directory = name.rpartition("/")[0]
    return [Trial(access.by_link(f"files/{directory}/{odd}"), _reads(DATA)) for odd in ODD_NAMES]


def _own(judge: Callable[[str], Judge], *names: str) -> Trials:
    return lambda access, _, own: [Trial(access.of(own + name), judge(own + name)) for name in names]


def _tree(judge: Judge) -> Trials:
    return lambda access, *_: [Trial(access.of("files/tree/"), judge)]


AUTHENTICATION: Final = ("link", "option", "netrc", "header", "url", "token")
COLUMNS: Final[Mapping[str, Column]] = {
    "download": Column("download", ("get",), _by_link(_reads(DATA))),
    "range": Column("range", ("range",), _by_link(_reads(DATA[2:12]))),
    "resume": Column("resume", ("resume",), _by_link(_reads(START + DATA[len(START) :]))),
    "big": Column("100 MB", ("big", "get"), _large),
    "file": Column("upload a file", ("file",), _own(_stored, "new")),
    "pipe": Column("upload a pipe", ("pipe",), _own(_stored, "new")),
    "delete": Column("delete", ("delete",), _own(_gone, "old")),
    "head": Column("HEAD", ("head",), _by_link(_says(str(len(DATA))))),
    "list": Column("listing", ("list",), _tree(_says("a.txt", "sub"))),
    "mirror": Column("mirror", ("mirror",), _tree(_mirrored)),
    "odd": Column("odd names", ("odd", "get"), _odd),
    "odd_file": Column("upload odd names", ("odd_file", "file"), _own(_stored, *ODD_NAMES)),
    "link": Column("one-time link", ("get",), _by_one_time_link),
    "option": Column("key: option", ("option",), _by_key),
    "netrc": Column("key: .netrc", ("netrc",), _by_key),
    "header": Column("key: header", ("header",), _by_key),
    "url": Column("key in the URL", ("url", "get"), _by_key_in_url),
    "token": Column("service token", ("token", "option", "header", "netrc"), _by_service_token),
}
