"""The columns of the table of docs/clients.md: what a cell asks for, and how its result is judged."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from tests.contract.sites import SECRET, Store

if TYPE_CHECKING:
    from .catalogue import Client

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


Trials = Callable[[Access, "Client", str], list[Trial]]
"""The trials of a cell, by an entry point, a client, and a directory for its own objects."""


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
    return lambda access, client, _: [Trial(access.by_link(f"files/{client.object}"), judge)]


def _by_key(access: Access, client: "Client", _: str) -> list[Trial]:
    return [Trial(access.of(f"files/{client.object}"), _reads(DATA))]


def _by_key_in_url(access: Access, client: "Client", _: str) -> list[Trial]:
    return [Trial(access.by_user(f"files/{client.object}"), _reads(DATA))]


def _by_service_token(access: Access, client: "Client", _: str) -> list[Trial]:
    return [Trial(access.of(f"files/{client.object}"), _reads(DATA), access.service_token)]


def _by_one_time_link(access: Access, client: "Client", _: str) -> list[Trial]:
    return [Trial(access.link(f"/files/{quote(client.object)}"), _reads(DATA))]


def _large(access: Access, client: "Client", _: str) -> list[Trial]:
    return [Trial(access.by_link(f"files/{client.object.rpartition('/')[0]}/big.bin"), _reads(BIG))]


def _odd(access: Access, client: "Client", _: str) -> list[Trial]:
    directory = client.object.rpartition("/")[0]
    return [Trial(access.by_link(f"files/{directory}/{odd}"), _reads(DATA)) for odd in ODD_NAMES]


def _upload(*names: str) -> Trials:
    return lambda access, client, own: [
        Trial(access.of(own + name), _stored(own + name + client.stored)) for name in names
    ]


def _delete(access: Access, _: "Client", own: str) -> list[Trial]:
    return [Trial(access.of(f"{own}old"), _gone(f"{own}old"))]


def _tree(judge: Judge) -> Trials:
    return lambda access, *_: [Trial(access.of("files/tree/"), judge)]


AUTHENTICATION: Final = ("link", "option", "netrc", "header", "url", "token")
COLUMNS: Final[Mapping[str, Column]] = {
    "download": Column("download", ("get",), _by_link(_reads(DATA))),
    "range": Column("range", ("range",), _by_link(_reads(DATA[2:12]))),
    "resume": Column("resume", ("resume",), _by_link(_reads(START + DATA[len(START) :]))),
    "big": Column("100 MB", ("big", "get"), _large),
    "file": Column("upload a file", ("file",), _upload("new")),
    "pipe": Column("upload a pipe", ("pipe",), _upload("new")),
    "delete": Column("delete", ("delete",), _delete),
    "head": Column("HEAD", ("head",), _by_link(_says(str(len(DATA))))),
    "list": Column("listing", ("list",), _tree(_says("a.txt", "sub"))),
    "mirror": Column("mirror", ("mirror",), _tree(_mirrored)),
    "odd": Column("odd names", ("odd", "get"), _odd),
    "odd_file": Column("upload odd names", ("odd_file", "file"), _upload(*ODD_NAMES)),
    "link": Column("one-time link", ("link", "get"), _by_one_time_link),
    "option": Column("key: option", ("option",), _by_key),
    "netrc": Column("key: .netrc", ("netrc",), _by_key),
    "header": Column("key: header", ("header",), _by_key),
    "url": Column("key in the URL", ("url", "get"), _by_key_in_url),
    "token": Column("service token", ("token", "option", "header", "netrc"), _by_service_token),
}
