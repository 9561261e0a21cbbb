"""AWS Signature Version 4: the key that signs for a day, a region and a service, and the signature of a call's headers.

Source: IAM User Guide, "Create a signed AWS API request". `presign` signs URLs and forms with the same key.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from .stores import Credentials


class Scope:
    """The part that all signatures of one day, region, service and pair of keys share.

    Args:
        credentials: the pair of keys, with the session token of temporary keys.
        day: the date of the signature, `20260131`.
        region: of the service of AWS.
        service: the service of AWS, as credential scopes name it.

    Attributes:
        name: the credential scope.
        credential: the query parameter with the access key and the scope.
        token: the query parameter with the session token, if there is a token.
    """

    def __init__(self, credentials: Credentials, day: str, region: str, service: str) -> None:
        self.name = f"{day}/{region}/{service}/aws4_request"
        self.credential = f"X-Amz-Credential={quote(f'{credentials.access_key}/{self.name}', safe='')}"
        token = credentials.session_token
        self.token = () if token is None else (f"X-Amz-Security-Token={quote(token, safe='')}",)
        key = f"AWS4{credentials.secret_key}".encode()
        for part in self.name.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._hmac = hmac.new(key, digestmod="sha256")

    def sign(self, text: bytes) -> str:
        """Return the signature of a text. To copy the HMAC takes half the time of a new HMAC with the same key."""
        signature = self._hmac.copy()
        signature.update(text)
        return signature.hexdigest()


scope = lru_cache(maxsize=64)(Scope)
"""Return the scope of credentials; see `Scope`. The scopes that were used last are kept."""


@lru_cache(maxsize=64)
def date_of(seconds: int) -> str:
    """Return a Unix time as `X-Amz-Date` writes it. The URLs of one second or window of `stable_seconds` share it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def signed_headers(
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """Return the headers of a POST to the root of a service of AWS, with the signature in `Authorization`.

    Args:
        host: host and port, as the header `Host` holds them.
        headers: header fields of the call: names in lower case, values ASCII.
        body: the body of the call.
        credentials: the credentials that sign.
        region: of the service.
        service: the service, as credential scopes name it.
        now: Unix time in seconds.
    """
    date = date_of(int(now))
    token = {"x-amz-security-token": credentials.session_token} if credentials.session_token else {}
    fields = {**headers, **token, "host": host, "x-amz-date": date}
    names = sorted(fields)
    canonical_headers = [f"{name}:{fields[name]}" for name in names]
    digest = hashlib.sha256(body).hexdigest()
    request = "\n".join(("POST", "/", "", *canonical_headers, "", ";".join(names), digest)).encode()
    of_day = scope(credentials, date[:8], region, service)
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{of_day.name}\n{hashlib.sha256(request).hexdigest()}"
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{of_day.name}, SignedHeaders={';'.join(names)}, "
        f"Signature={of_day.sign(to_sign.encode())}"
    )
    return {**fields, "authorization": authorization}
