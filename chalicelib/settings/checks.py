"""The texts that settings take: addresses of sites and stores, buckets, regions, keys of stores."""

import re
from typing import Final
from urllib.parse import urlsplit

from chalicelib.backends.secrets import secret_source

from .toml_reader import Check, optional, pattern

_USUAL_PORTS: Final = {"http": "80", "https": "443"}
_ORIGIN_PARTS: Final = r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?"

# botocore's endpoint rules: directory buckets and their access points, Outposts, multi-Region access points.
_OTHER_BUCKETS: Final = ("--x-s3", "--xa-s3", "--op-s3", ".mrap")


def is_origin(text: str) -> bool:
    """Whether a browser sends this text in `Origin` (WHATWG HTML, "serialization of an origin").

    A browser writes every host in one form only, and leaves out the usual port: another form would never match.
    """
    found = re.fullmatch(_ORIGIN_PARTS, text)
    if not found:
        return False
    scheme, host, port = found.groups()
    if port and (int(port) > 65_535 or port == _USUAL_PORTS[scheme]):
        return False
    last = host.rstrip(".").rpartition(".")[2]
    if host.startswith("[") or last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):  # WHATWG URL, "ends in a number"
        return _is_address(host)
    return True


def _is_address(host: str) -> bool:
    import ipaddress  # only an address needs it

    text = host.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(text)) == text
    except ValueError:
        return False


def origin_like(text: str) -> str:
    """Return the origin that a text means, empty where it means none."""
    try:
        parts = urlsplit(text.strip().lower())
        port = "" if parts.port is None or str(parts.port) == _USUAL_PORTS.get(parts.scheme) else f":{parts.port}"
    except ValueError:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    meant = f"{parts.scheme}://{host}{port}"
    return meant if is_origin(meant) else ""


def without_usual_port(url: str) -> str:
    """Return a URL as browsers write it: without port 443 for https and port 80 for http."""
    return re.sub(r"\A(?:(https://[^/]*):443|(http://[^/]*):80)(?=/|\Z)", r"\1\2", url)


def is_general_purpose(bucket: str) -> bool:
    """Whether a name can be that of a general purpose bucket: other kinds have other endpoints and signatures."""
    return not bucket.lower().endswith(_OTHER_BUCKETS)


def _is_secret(text: str) -> bool:
    try:
        secret_source(text)
    except ValueError:
        return False
    return True


ORIGIN: Final = Check(
    is_origin,
    'an origin as browsers send it: "https://app.example.com", in lower case, with no path, no slash at the end, and '
    "no port 443 for https or 80 for http",
    meant=origin_like,
)
BUCKET: Final = Check(pattern(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}"), "a bucket's name, three characters or more")
REGION: Final = Check(pattern(r"[a-z0-9-]+"), 'a region: "eu-west-1"; or set AWS_REGION in the environment')
AWS_REGION: Final = re.compile(r"[a-z]+(?:-[a-z]+)+-[0-9]+")  # botocore's partitions.json has no other form
SECRET: Final = Check(
    _is_secret,
    "a secret of 32 characters or more (`openssl rand -hex 32`), or the ARN of a secret in Secrets Manager or of a "
    "parameter in SSM",
    secret=True,
)
UNKNOWN_REGION: Final = "region-of-lambda-0"
"""Stands for Lambda's own region where the tool does not know that region."""

KMS_KEY: Final = Check(
    optional(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"),
    'the ARN of a key of KMS, and of no alias: "arn:aws:kms:eu-west-1:111122223333:key/…"',
)
ACCESS_KEY: Final = Check(
    pattern(r"[!#-&(-~]+"),
    "a key: it is empty, or the variable has blanks, quotation marks or other characters; remove these",
    secret=True,
)
SECRET_KEY: Final = Check(
    lambda text: text and text.isprintable() and text == text.strip() and not {text[0], text[-1]} & {'"', "'"},
    "a key: it is empty, or the variable has blanks or quotation marks round the key; remove these",
    secret=True,
)
