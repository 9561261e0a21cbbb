"""The target of an S3 request: its path and its query, in the form that is signed."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from .errors import bad_request

# Printable ASCII without quotes and "#", and complete escapes.
_ALLOWED = re.compile(r'/([!"$&-~]|%[0-9A-Fa-f]{2})*')


class S3Target(NamedTuple):
    """The target in its canonical encoding. The signature is checked over this form, and moto gets this form.

    S3 decodes a target once, and encodes the target again to check the signature. So `%7E` equals `~`, and `+` is a
    space: https://yetanothermichael.com/coding/2022/10/11/the-problem-with-plus-signs-and-s3.html

    Args:
        path: encoded, from the first slash.
        query: pairs of encoded names and values, in the order of the request.
    """

    path: str
    query: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: str) -> S3Target:
        """Read the target as the client sent it, before any server decoded it.

        Raises:
            S3Error: 400, the target has characters outside of printable ASCII, or escapes that are not UTF-8.
        """
        if not _ALLOWED.fullmatch(raw):
            raise _invalid_uri()
        path, _, query = raw.partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if query)
        return cls(_canonical(path, "/"), tuple((_canonical(n, ""), _canonical(v, "")) for n, _, v in pairs))

    @property
    def bucket(self) -> str:
        """The name of the bucket, decoded. The target must be in path style."""
        return unquote(self.path.split("/", 2)[1])

    @property
    def key(self) -> str:
        """The key of the object, decoded; empty for the bucket itself."""
        return unquote(self.path[1:].partition("/")[2])

    def parameters(self) -> dict[str, list[str]]:
        """Return the decoded query: every value of every name."""
        decoded: dict[str, list[str]] = {}
        for name, value in self.query:
            decoded.setdefault(unquote(name), []).append(unquote(value))
        return decoded

    def query_string(self, without: str | None = None) -> str:
        """Return the encoded query, without the parameter of one name."""
        return "&".join(f"{name}={value}" for name, value in self.query if name != without)


def _canonical(text: str, safe: str) -> str:
    try:
        return quote(unquote_to_bytes(text.replace("+", " ")).decode(), safe)
    except UnicodeDecodeError:
        raise _invalid_uri() from None


def _invalid_uri() -> Exception:
    return bad_request("InvalidURI", "Couldn't parse the specified URI.")
