"""How a client called us, for the URLs that we hand out: scheme, host, and what stands before the path."""

import re
from collections.abc import Mapping

from chalicelib.core.message import is_plain

_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


def base_url(headers: Mapping[str, str], prefix: str) -> str:
    """Return the beginning of every URL of ours, without a slash at its end.

    Args:
        headers: the request's, names in lower case. Both doors set `X-Forwarded-Proto` themselves.
        prefix: what stands before the path: a REST API's stage, or a base path.
    """
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = "localhost"
    default_port = ":80" if scheme == "http" else ":443"
    return f"{scheme}://{host.lower().removesuffix(default_port)}{prefix if is_plain(prefix) else ''}"
