"""How a client called us, for the URLs that we hand out: scheme, host, and what stands before the path."""

import string
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from chalicelib.core.web.message import is_plain

# RFC 3986 §3.2.2: what names, addresses and ports are made of.
_HOST: Final = frozenset(".-:[]" + string.digits + string.ascii_letters)


def base_url(headers: Mapping[str, str], prefix: str) -> str:
    """Return the beginning of every URL of ours, without a slash at its end.

    Args:
        headers: the request's, names in lower case. Both doors set `X-Forwarded-Proto` themselves.
        prefix: what stands before the path: a REST API's stage, or a base path.
    """
    return _base_url(headers.get("x-forwarded-proto", ""), headers.get("host", ""), prefix)


@lru_cache(maxsize=64)
def _base_url(proto: str, host: str, prefix: str) -> str:
    scheme = "http" if proto == "http" else "https"
    if not host or not _HOST.issuperset(host):
        host = "localhost"
    default_port = ":80" if scheme == "http" else ":443"
    return f"{scheme}://{host.lower().removesuffix(default_port)}{prefix if is_plain(prefix) else ''}"
