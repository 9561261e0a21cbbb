"""Paths: the path of a URL is decoded once, here, and never altered afterwards."""

import re
from collections.abc import Iterator
from typing import Final, NewType
from urllib.parse import unquote_to_bytes

from .problems.base import BadPath, KeyTooLong, NotFound

Path = NewType("Path", str)
"""A decoded path that may be authorised: one slash, then the key. Only `decode` makes a Path."""

AFTER_ALL: Final = "\U0010fffd"
"""A character that sorts after every name in a directory."""

SERVICE_PATHS: Final = "/-/"
"""The prefix of the paths that belong to the service."""

THUMBNAIL: Final = f"{SERVICE_PATHS}thumbnail"
RESIZE: Final = f"{SERVICE_PATHS}resize"

IMAGE_ENDPOINTS: Final = {THUMBNAIL: ("POST", "OPTIONS"), RESIZE: ("GET", "HEAD", "POST", "OPTIONS")}
"""The image endpoints, with their methods. Rules may name these paths, although they belong to the service."""

LOGIN: Final = f"{SERVICE_PATHS}login"
LOGIN_WITH: Final = f"{LOGIN}/"
"""The prefix of the paths where a sign-in with an issuer begins; the name of the issuer follows."""
CALLBACK: Final = f"{SERVICE_PATHS}callback/"
"""The prefix of the paths to which an issuer sends a browser back; the name of the issuer follows."""
LOGOUT: Final = f"{SERVICE_PATHS}logout"
TOKEN: Final = f"{SERVICE_PATHS}token"
CREDENTIALS: Final = f"{SERVICE_PATHS}credentials"
"""The path of AWS keys for SDKs."""
ASSETS: Final = f"{SERVICE_PATHS}assets/"
RECEIVED: Final = f"{SERVICE_PATHS}received"
"""The path to which S3 sends a browser after the upload by a form."""
UPLOADS: Final = f"{SERVICE_PATHS}uploads"
LINKS: Final = f"{SERVICE_PATHS}links"
LINK: Final = f"{LINKS}/"
"""The prefix of the paths of links in a list; the id of the link follows."""

TOKEN_PATHS: Final = f"{SERVICE_PATHS}t/"
"""The prefix of the paths that have the token of a link before the path of the file: `/-/t/TOKEN/key`."""

MAX_KEY_BYTES: Final = 1_024  # S3 User Guide, "Naming Amazon S3 objects": UTF-8, at most 1,024 bytes

CONTROLS: Final = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
"""The control characters: C0, DEL and C1, Unicode's category Cc."""

DOT_SEGMENTS: Final = frozenset({".", ".."})
"""The segments that every client removes (FACTS 3.4)."""


def decode(raw_path: str) -> Path:
    """Decode a request's path, once, as UTF-8; a plus stays a plus (FACTS 1.1).

    Args:
        raw_path: percent-encoded, from its leading slash.

    Raises:
        BadPath: a broken escape, bytes that are not UTF-8, a control character, a leading slash in the key, or a
            segment `.` or `..`, which every client removes before S3 gets the path (FACTS 3.4).
        KeyTooLong: more than 1,024 bytes after the first slash.
    """
    if "%" in raw_path and re.search(r"%(?![0-9A-Fa-f]{2})", raw_path):  # compiled at the first path with %
        raise BadPath("A percent sign must be followed by two hex digits; write a literal percent sign as %25.")
    try:
        path = unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeError:
        raise BadPath("The path is not UTF-8. Encode it as UTF-8, then percent-encode the bytes.") from None
    check_key_length(path[1:])
    if not path.isprintable() and not CONTROLS.isdisjoint(path):  # most paths pass the first check, which is fast
        raise BadPath("The path holds a control character. Leave it out.")
    if not path.startswith("/"):
        raise BadPath("The path must start with a slash.")
    if path.startswith("//"):
        raise BadPath("The key starts with a slash. Leave that slash out.")
    if not DOT_SEGMENTS.isdisjoint(path.split("/")):
        raise BadPath("A segment of the path is '.' or '..'. Send the path without such segments.")
    return Path(path)


def methods_of_service_page(path: str) -> tuple[str, ...]:
    """Return the methods of a page below `/-/`; raise NotFound where there is no such page."""
    if path in (LOGIN, TOKEN):
        return ("GET", "HEAD", "POST", "OPTIONS")
    if path in (LINKS, RECEIVED):
        return ("GET", "HEAD", "OPTIONS")
    if path.startswith(LINK) and path != LINK:
        return ("POST", "DELETE", "OPTIONS")
    if path == CREDENTIALS:
        return ("GET", "OPTIONS")  # each answer has new keys, so HEAD would make keys for nobody
    if path in (LOGOUT, UPLOADS):
        return ("POST", "OPTIONS")
    if path.startswith(CALLBACK) and path != CALLBACK:
        return ("GET", "OPTIONS")  # the code of a callback works once, so HEAD must not use the code
    if path.startswith(LOGIN_WITH) and path != LOGIN_WITH:
        return ("GET", "HEAD", "OPTIONS")
    if path.startswith(ASSETS):
        return ("GET", "HEAD", "OPTIONS")
    raise NotFound("Paths below /-/ belong to the service, and nothing is at this path.")


def directories_above(path: Path) -> Iterator[Path]:
    """Return the directories above a path, the nearest first, each with a slash at its end."""
    end = path.rfind("/", 0, len(path) - 1)
    while end >= 0:
        yield Path(path[: end + 1])
        end = path.rfind("/", 0, end)


def file_in(directory: Path, name: str) -> Path:
    """Return the path of a file in a directory; the settings have checked the name."""
    return Path(directory + name)


def check_key_length(key: str) -> None:
    """Raise KeyTooLong for a key that S3 cannot hold."""
    size = len(key.encode("utf-8"))
    if size > MAX_KEY_BYTES:
        raise KeyTooLong(size, MAX_KEY_BYTES)
