"""Manifests: the files of a directory as the input of a program that downloads many files, aria2 or curl."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from chalicelib.core.web.problems.base import BadParameter

Files = Iterable[tuple[str, str]]
"""The names of files, relative to their directory, and the URLs of the files."""


def manifest(program: str, files: Files) -> str:
    """Return the manifest for a program; raise BadParameter for a program that is not known.

    Args:
        program: `aria2` or `curl`.
        files: the files. No name has a control character, so a name ends with its line.
    """
    if program not in _MANIFESTS:
        raise BadParameter("manifest", f"it must be one of {', '.join(_MANIFESTS)}.")
    return _MANIFESTS[program]((_file_name(name), url) for name, url in files)


def _file_name(name: str) -> str:
    """Return the name for a file on the client: below the directory of the download, on Windows too.

    A slash that ends no segment, a backslash and the colon of a drive are percent-encoded. With these characters, a
    file could be outside the directory, or replace the file of another key. The page has the same rule for its lists.
    """
    name = re.sub("(?:^|(?<=/))/", "%2F", name).replace("\\", "%5C")
    return re.sub("^([A-Za-z]):", r"\1%3A", name)


def _for_aria2(files: Files) -> str:
    """Return an input file (aria2c.1, "Input File")."""
    return "".join(f"{url}\n  out={name}\n" for name, url in files)


def _for_curl(files: Files) -> str:
    """Return a configuration file (curl.1, "--config")."""
    lines = (f"url = {_quoted(url)}\noutput = {_quoted(name)}\n" for name, url in files)
    return "location\nfail\ncreate-dirs\ngloboff\n" + "".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_MANIFESTS: Final[Mapping[str, Callable[[Files], str]]] = {"aria2": _for_aria2, "curl": _for_curl}
