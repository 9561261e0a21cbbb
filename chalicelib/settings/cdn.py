"""`cdn` of a mount: the CloudFront distribution from which clients read, and whether browsers get its cookies."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from chalicelib.backends.secrets import is_arn, reader_of
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Cdn

from .checks import Check, pattern
from .schema import Table

_HOST: Final = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
_DOMAIN: Final = Check(
    pattern(_HOST), 'the host of the distribution, in lower case: "cdn.example.com" or "d111111abcdef8.cloudfront.net"'
)
_KEY_PAIR_ID: Final = Check(pattern(r"[A-Z0-9]+"), 'the id of the public key in CloudFront: "K2JCJMDEHXQW5F"')
_COOKIE_DOMAIN: Final = Check(
    pattern(_HOST), 'the domain of yours, of two labels or more, above the service and the distribution: "example.com"'
)


def _is_reference(text: str) -> bool:
    try:
        return bool(text.strip()) and (not is_arn(text) or reader_of(text) is not None)
    except ValueError:
        return False


_PRIVATE_KEY: Final = Check(
    _is_reference,
    "a private key: give the path of a PEM file, or ${NAME} with the PEM, or the ARN of a secret in Secrets Manager or "
    "of a parameter in SSM",
    is_secret=True,
)


def read_cdn(table: Table) -> Cdn:
    """Return the CDN of a mount. Nothing reads its private key here."""
    if "-----BEGIN" in str(table.values.get("private_key")):
        table.mistake("private_key", "is a secret, which must not be in this file: write ${NAME}, and set NAME")
    cookies = table.flag("cookies", default=False)
    cookie_domain = table.optional_text("cookie_domain", _COOKIE_DOMAIN)
    if cookies != bool(cookie_domain):
        table.mistake(
            "cookies" if cookies else "cookie_domain",
            'and cookie_domain belong together: cookies = true, cookie_domain = "example.com"'
            if cookies
            else "is for cookies alone: write cookies = true, or remove cookie_domain",
        )
    cdn = Cdn(
        domain=table.text("domain", _DOMAIN),
        key_pair_id=table.text("key_pair_id", _KEY_PAIR_ID),
        private_key=table.text("private_key", _PRIVATE_KEY),
        cookie_domain=cookie_domain,
    )
    table.finish()
    return cdn


def check_cookies(tables: Sequence[Table], mounts: Sequence[Mount], public_url: str) -> None:
    """Report cookies that a browser would not send, or that would open more than the files of their mount.

    Args:
        tables, mounts: all mounts.
        public_url: the URL of the service; empty where each request tells the URL.
    """
    for table, mount in zip(tables, mounts, strict=True):
        if mount.cdn and mount.cdn.cookie_domain:
            _check_hosts(table, mount.cdn.domain, mount.cdn.cookie_domain, public_url)
            _check_prefix(table, mount, mounts)


def _check_hosts(table: Table, cdn_host: str, cookie_domain: str, public_url: str) -> None:
    """Report a cookie domain that is not above both hosts. `cookie_domains` checks that the domain is the owner's."""
    if not public_url.startswith("https://"):
        table.mistake("cdn.cookies", 'needs the name of the service: public_url = "https://files.example.com"')
    hosts = {"public_url in [service]": urlsplit(public_url).hostname or "", "domain": cdn_host}
    for name, host in hosts.items():
        if host and host != cookie_domain and not host.endswith(f".{cookie_domain}"):
            table.mistake(
                "cdn.cookie_domain",
                f"is not above the host of {name}, so a browser keeps no cookie for both: name the domain that the "
                "service and the distribution share",
            )


def _check_prefix(table: Table, mount: Mount, mounts: Sequence[Mount]) -> None:
    """Report a prefix whose cookies would open files of another bucket, or would meet the cookies of another mount."""
    if mount.prefix and not mount.prefix.endswith("/"):
        table.mistake("prefix", "must end in a slash for the cookies of the cdn: a browser keeps a cookie for a path")
    for number, other in enumerate(mounts, 1):
        if other is mount or not (other.cdn and mount.cdn):
            continue
        is_same_cdn = other.cdn.domain == mount.cdn.domain
        if is_same_cdn and (other.store, other.bucket) != (mount.store, mount.bucket):
            table.mistake(
                "cdn.domain",
                f"is the domain of mounts[{number}] too, which has another bucket: the cookies would open both. "
                "Give each bucket a distribution of its own",
            )
        elif other.cdn.cookie_domain and other.prefix.startswith(mount.prefix):
            # Also at two distributions: both cookie domains are above the host of the service.
            table.mistake(
                "cdn.cookies",
                f"would meet the cookies of mounts[{number}], whose prefix is below this prefix: a browser would send "
                "both. Remove cookies from one of the two mounts",
            )
