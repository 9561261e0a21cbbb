"""The snapshot: the file beside the settings with keys of issuers, which saves the fetches of new containers."""

import os
from typing import Final, NamedTuple

from chalicelib.core.access.issuer_keys import keys_of
from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.access.strict_json import read_object

SNAPSHOT: Final = "issuers.json"


class KeySet(NamedTuple):
    """Keys of an issuer, and the Unix time in seconds when they were fetched."""

    keys: tuple[IssuerKey, ...]
    fetched_at: float


def source_of(issuer: Issuer) -> str:
    """Return the URL or the file where a fetch of the keys begins; tables with one source share the keys."""
    return issuer.jwks or discovery_url(issuer)


def discovery_url(issuer: Issuer) -> str:
    """Return the URL of the configuration of an issuer (OpenID Connect Discovery 1.0 §4)."""
    return issuer.issuer.removesuffix("/") + "/.well-known/openid-configuration"


def is_url(source: str) -> bool:
    """Whether a source is a URL, and not a file."""
    return source.startswith("https://")


def read_snapshot(directory: str | os.PathLike[str]) -> dict[str, KeySet]:
    """Return the keys of each source in the snapshot; nothing where there is no snapshot.

    Args:
        directory: of the settings.

    Raises:
        ValueError: the snapshot cannot be read; the message names the file.
    """
    file = os.path.join(directory, SNAPSHOT)
    try:
        with open(file, "rb") as stream:
            sources = read_object(stream.read())
        return {source: KeySet(keys_of(entry), float(entry["fetched_at"])) for source, entry in sources.items()}
    except FileNotFoundError:
        return {}
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(f"{file}: cannot be read; run `python -m chalicelib issuers --fetch`") from None
