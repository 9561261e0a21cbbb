"""The domain of a CDN's cookies: the owner must have registered the domain, or a domain above it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from publicsuffixlist import PublicSuffixList

if TYPE_CHECKING:
    from chalicelib.core.s3.mounts import Mount

    from .mistakes import Mistakes


def check_cookie_domains(mounts: "Iterable[Mount]", mistakes: "Mistakes") -> None:
    """Report each cookie domain that is a public suffix, or is above a public suffix: everyone has names there.

    Browsers refuse the cookies of such a domain (RFC 6265 §5.3, step 5). The list of publicsuffix.org also has the
    domains below which AWS gives names to everyone. The list is large, so only the administrator's tool reads the list.

    Args:
        mounts: of the settings; the cookie domain of a mount is above the host of its distribution.
        mistakes: collects the mistakes of the file.
    """
    suffixes = PublicSuffixList()
    for index, mount in enumerate(mounts):
        if not (mount.cdn and mount.cdn.cookie_domain):
            continue
        registered = suffixes.privatesuffix(mount.cdn.domain)
        if registered is None or not f".{mount.cdn.cookie_domain}".endswith(f".{registered}"):
            mistakes.add(
                ("mounts", index, "cdn.cookie_domain"),
                "is a domain where everyone can have names, so browsers refuse its cookies: give the service and the "
                "distribution names below a domain of your own, or remove cookies",
            )
