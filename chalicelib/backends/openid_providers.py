"""OpenID providers: the issuers with which people sign in. Finds their endpoints, and redeems the codes of sign-ins."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote_plus, urlencode

from chalicelib.core.access.issuer_ports import Provider
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.strict_json import read_object
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .fetched_value import FetchedValue, Warn
from .https_urls import HttpsUrl
from .issuer_https import IssuerHttps, fetch_deadline, https_url, parse
from .issuer_snapshot import discovery_url
from .secrets import ClientSecret

if TYPE_CHECKING:
    from chalicelib.core.ports import Clock

_UNAVAILABLE: Final = "The service gets no answer that it can use from {0}, with which you sign in."

# RFC 6749 §5.2: all values of `error`. The log has no other text of an answer, because it could be a secret.
_ERRORS: Final = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)


class _Endpoints(NamedTuple):
    """The endpoints of an issuer. `secret_in_form`: the token endpoint takes the secret of a client in the form."""

    provider: Provider
    token_endpoint: HttpsUrl
    secret_in_form: bool


class OpenIdProviders:
    """`ports.Providers` by HTTPS.

    Args:
        secrets: the secret of this service at each issuer, by the name of the issuer.
        clock: returns the Unix time in seconds.
        warn: gets the reason why old endpoints stay in use.
    """

    def __init__(self, secrets: Mapping[str, ClientSecret], clock: "Clock", warn: Warn) -> None:
        self._secrets = secrets
        self._clock = clock
        self._warn = warn
        self._endpoints: dict[str, FetchedValue[_Endpoints]] = {}

    def provider(self, issuer: Issuer, deadline: Deadline) -> Provider:
        """Return the endpoints that the browser uses; see `ports.Providers.provider`."""
        return self._endpoints_of(issuer, deadline).provider

    def redeem_code(
        self, issuer: Issuer, code: str, verifier: str, redirect_uri: str, deadline: Deadline
    ) -> str | None:
        """Return the ID token for a code; see `ports.Providers.redeem_code`."""
        endpoints = self._endpoints_of(issuer, deadline)
        secret = self._secrets[issuer.name](deadline)
        form: dict[str, str | bytes] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if endpoints.secret_in_form:
            form |= {"client_id": issuer.client_id, "client_secret": secret}
        else:
            headers["Authorization"] = _basic(issuer.client_id, secret)
        try:
            https = IssuerHttps(issuer, discovery_url(issuer), deadline)
            answer = https.post(endpoints.token_endpoint, urlencode(form, errors="replace").encode(), headers)
            return _id_token(endpoints.token_endpoint.text, *answer)
        except ValueError as error:
            raise Unavailable(_UNAVAILABLE.format(issuer.name), reason=str(error)) from None

    def _endpoints_of(self, issuer: Issuer, deadline: Deadline) -> _Endpoints:
        url = discovery_url(issuer)
        known = self._endpoints.get(url)
        value = known or self._endpoints.setdefault(
            url, FetchedValue(self._clock, self._warn, _UNAVAILABLE.format(issuer.name))
        )
        return value.at_hand(lambda: _discover(issuer, deadline), deadline)


def _discover(issuer: Issuer, deadline: Deadline) -> _Endpoints:
    try:
        https = IssuerHttps(issuer, discovery_url(issuer), fetch_deadline(deadline))
        return _read_endpoints(https.source.text, https.discover())
    except ValueError as error:
        raise Unavailable(_UNAVAILABLE.format(issuer.name), reason=str(error)) from None


def _read_endpoints(place: str, configuration: Mapping[str, Any]) -> _Endpoints:
    """Return the endpoints in a configuration; raise ValueError, whose message begins with the place of it."""
    urls = {
        name: https_url(configuration.get(name), f"{place}: `{name}`")
        for name in ("authorization_endpoint", "token_endpoint", "end_session_endpoint")
        if name != "end_session_endpoint" or configuration.get(name) is not None
    }
    # OpenID Connect Discovery 1.0 §3: without this member, the token endpoint takes the secret by Basic.
    methods = configuration.get("token_endpoint_auth_methods_supported")
    by_form = isinstance(methods, list) and "client_secret_basic" not in methods and "client_secret_post" in methods
    end_session = urls.get("end_session_endpoint")
    provider = Provider(
        authorization_endpoint=urls["authorization_endpoint"].text,
        end_session_endpoint=end_session.text if end_session else "",
        names_itself=configuration.get("authorization_response_iss_parameter_supported") is True,
    )
    return _Endpoints(provider, urls["token_endpoint"], by_form)


def _id_token(place: str, status: int, body: bytes) -> str | None:
    """Return the ID token of an answer of a token endpoint; None where the endpoint refuses the code.

    Raises:
        ValueError: the answer is another refusal, or makes no sense. The message has no text of the answer.
    """
    if status != 200:
        error = _error(body)
        if error == "invalid_grant":
            return None
        raise ValueError(f"{place}: answers with status {status}{f' and {error}' if error else ''} in place of 200")
    id_token = parse(place, read_object, body).get("id_token")
    if not isinstance(id_token, str):
        raise ValueError(f"{place}: answers without `id_token`")
    return id_token


def _error(body: bytes) -> str:
    """Return the `error` of a refusal; empty for every other text."""
    try:
        error = read_object(body).get("error")
    except ValueError:
        return ""
    return str(error) if error in _ERRORS else ""


def _basic(client_id: str, secret: bytes) -> str:
    """Return `Authorization` with the id and the secret, each encoded as in a form (RFC 6749 §2.3.1)."""
    return f"Basic {b64encode(f'{quote_plus(client_id)}:{quote_plus(secret)}'.encode()).decode()}"
