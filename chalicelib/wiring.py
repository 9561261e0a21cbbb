"""Where the service meets the world: the only reader of the environment, and only once a request needs it (FACTS 2.9).

Nothing of the service is loaded to import the app: the first request loads it together with its settings.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.exchange import Exchange
    from .core.links import Links
    from .settings import Settings

_json = json.JSONEncoder(separators=(",", ":")).encode


def settings_file() -> str:
    """Where the settings are: `SIGNPOST_CONFIG`, else signpost.toml beside this module."""
    return os.environ.get("SIGNPOST_CONFIG") or os.path.join(os.path.dirname(__file__), "signpost.toml")


def inspect_settings() -> "tuple[Settings, tuple[str, ...]]":
    """Read the settings and the warnings about them; raises `settings.InvalidSettings`."""
    from .settings import inspect

    return inspect(settings_file(), os.environ)


def table() -> str | None:
    """The name of the table that counts the uses of links, if there is one."""
    return os.environ.get("SIGNPOST_TABLE")


def secret() -> str | None:
    """The signing secrets, or where they are."""
    return os.environ.get("SIGNPOST_SECRET")


def now() -> int:
    """The time: Unix time in whole seconds."""
    return int(time.time())


def links() -> "Links":
    """What makes links; raises `settings.InvalidSettings`."""
    from .assembly import links

    return links(os.environ, os.urandom)


def under_chalice_cli() -> bool:
    """Whether a `chalice` command runs us; never so on Lambda (FACTS 2.3)."""
    return os.environ.get("AWS_CHALICE_CLI_MODE") == "true"


@cache
def exchange() -> "Exchange":
    """The service, built by the first request and kept for all others."""
    from .assembly import assemble

    return assemble(settings_file(), os.environ, time.time, os.urandom, _log)


def _log(record: Mapping[str, object]) -> None:
    sys.stdout.write(_json(record) + "\n")
