"""The URLs and hosts in settings: the service's own URL, origins of other sites, endpoints of stores, image hosts."""

import re
from typing import Final
from urllib.parse import urlsplit

from .checks import Check, optional

_USUAL_PORTS: Final = {"http": "80", "https": "443"}
_ORIGIN: Final = r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?"
_ENDPOINT: Final = r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/?"
_IMAGE_HOST: Final = r"(?:\*\.)?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*(?::([1-9][0-9]{0,4}))?"
_MAX_PORT: Final = 65_535


def is_origin(text: str) -> bool:
    """Whether a browser sends this text in `Origin` (WHATWG HTML, "serialization of an origin").

    A browser writes every host in one form, and leaves the usual port out. So no request has another form.
    """
    origin = re.fullmatch(_ORIGIN, text)
    if not origin:
        return False
    scheme, host, port = origin.groups()
    if port and (int(port) > _MAX_PORT or port == _USUAL_PORTS[scheme]):
        return False
    last_label = host.rstrip(".").rpartition(".")[2]
    # WHATWG URL, "ends in a number": a browser reads such a host as an IPv4 address.
    if host.startswith("[") or last_label.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last_label):
        return _is_ip_address(host.removeprefix("[").removesuffix("]"))
    return True


def _is_ip_address(text: str) -> bool:
    import ipaddress  # only an address needs ipaddress

    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def corrected_origin(text: str) -> str:
    """Return the origin of a URL in the form that a browser sends; empty where the text has no origin."""
    try:
        parts = urlsplit(text.strip().lower())
        port = "" if parts.port is None or str(parts.port) == _USUAL_PORTS.get(parts.scheme) else f":{parts.port}"
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    origin = f"{parts.scheme}://{host}{port}"
    return origin if is_origin(origin) else ""


def without_usual_port(url: str) -> str:
    """Return a URL as browsers write it: without port 443 for https, and without port 80 for http."""
    return re.sub(r"\A(?:(https://[^/]*):443|(http://[^/]*):80)(?=/|\Z)", r"\1\2", url)


def _is_endpoint(text: str) -> bool:
    try:
        port = urlsplit(text).port  # raises ValueError for a bad port or a bad IPv6 address
    except ValueError:
        return False
    return port != 0 and bool(re.fullmatch(_ENDPOINT, text))


def endpoint_origin(endpoint: str) -> str:
    """Return the scheme, host and port of an endpoint, with the host and port as clients send them in `Host`."""
    parts = urlsplit(endpoint)
    return without_usual_port(f"{parts.scheme}://{parts.netloc.lower()}")


def _is_image_host(text: str) -> bool:
    host = re.fullmatch(_IMAGE_HOST, text)
    return host is not None and int(host[1] or 0) <= _MAX_PORT


PUBLIC_URL: Final = Check(
    optional(r"https?://[a-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~-]+)*/?"),
    'the URL at which clients call the service: "https://files.example.com"',
)
ORIGIN: Final = Check(
    is_origin,
    'an origin as browsers send it: "https://app.example.com", in lower case, with no path, no slash at the end, and '
    "no port 443 for https or 80 for http",
    correction=corrected_origin,
)
ENDPOINT: Final = Check(_is_endpoint, 'a URL without a path: "https://s3.example.com"')
IMAGE_HOST: Final = Check(
    _is_image_host,
    'the name of a host: "images.example.com", or "*.example.com" for all hosts below it',
)
