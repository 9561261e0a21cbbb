"""Oracles: other implementations, or very simple implementations, whose results the code must equal."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.session import Session
from botocore.utils import percent_encode

from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.stores import Credentials, Variant


class _At(S3SigV4QueryAuth):
    """botocore's signer at a given time."""

    def __init__(self, credentials: Credentials, region: str, expires: int, signed_at: float) -> None:
        frozen = BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.session_token)
        super().__init__(frozen, "s3", region, expires)
        self._timestamp = f"{datetime.fromtimestamp(int(signed_at), UTC):%Y%m%dT%H%M%SZ}"

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._timestamp
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # the stubs hide it


def botocore_url(
    method: str,
    base: str,
    key: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    expires: int,
    signed_at: float,
) -> str:
    """The URL that botocore presigns for a key below `base`."""
    url = f"{base}/{percent_encode(key, safe='/~')}"
    request = AWSRequest(method, url, params=dict(query), headers=dict(headers))
    _At(credentials, region, expires, signed_at).add_auth(request)
    return str(request.url)


class BucketPlace(NamedTuple):
    """A bucket, and the way to it."""

    bucket: str
    region: str
    variant: Variant = Variant()
    endpoint: str | None = None
    addressing: str = "path"


@cache
def _endpoint_provider() -> EndpointProvider:
    loader = Session().get_component("data_loader")
    return EndpointProvider(loader.load_service_model("s3", "endpoint-rule-set-1"), loader.load_data("partitions"))


def botocore_base(place: BucketPlace) -> str | None:
    """The URL of the bucket by botocore's endpoint rules; None where they refuse. The region signs."""
    try:
        endpoint = _endpoint_provider().resolve_endpoint(
            Bucket=place.bucket,
            Region=place.region,
            UseDualStack=place.variant.dualstack,
            UseFIPS=place.variant.fips,
            Accelerate=place.variant.accelerate,
            ForcePathStyle=place.endpoint is not None and place.addressing == "path",
            UseGlobalEndpoint=False,
            **({"Endpoint": place.endpoint} if place.endpoint else {}),
        )
    except EndpointProviderError:
        return None
    (scheme,) = (scheme for scheme in endpoint.properties["authSchemes"] if scheme["name"] == "sigv4")
    assert (scheme["signingName"], scheme["signingRegion"]) == ("s3", place.region)
    return str(endpoint.url)


def aws_places(of_regions: Collection[str] = ()) -> list[BucketPlace]:
    """Buckets and access points in every region of AWS, or in some regions, by every variant."""
    regions = {
        region: partition["id"]
        for partition in Session().get_data("partitions")["partitions"]
        for region in partition["regions"].keys() - {f"{partition['id']}-global"}
        if not of_regions or region in of_regions
    }
    return [
        BucketPlace(bucket, region, Variant(*flags))
        for region, partition in sorted(regions.items())
        for flags in product((False, True), repeat=3)
        for bucket in (
            *("acme-files", "a.b.c", "Old_Name", "acme-r4nd0m-s3alias"),
            f"arn:{partition}:s3:{region}:111122223333:accesspoint/acme-ap",
        )
    ]


def store_places() -> list[BucketPlace]:
    """Buckets at other stores, by path and by host."""
    endpoints = ("https://s3.example.com", "http://minio:9000", "https://10.0.0.1:9000", "http://[::1]:9000")
    return [
        BucketPlace(bucket, "eu-west-1", Variant(), endpoint, addressing)
        for endpoint in endpoints
        for addressing in ("path", "virtual")
        for bucket in ("acme-files", "a.b.c", "Old_Name")
    ]


def matches(pattern: str, path: str, user: str) -> bool:
    """Whether a rule's pattern matches a path. Only a pattern that begins with `/-/` matches a path below `/-/`."""
    if path.startswith("/-/") and not pattern.startswith("/-/"):
        return False
    segments, names = pattern[1:].split("/"), path[1:].split("/")
    if segments[-1] == "**":
        segments.pop()
        if len(names) <= len(segments):
            return False
        names = names[: len(segments)]
    return len(segments) == len(names) and all(
        segment == name or (name != "" and (segment == "*" or (segment == "{user}" and name == user)))
        for segment, name in zip(segments, names, strict=True)
    )


def deciding(rules: Iterable[Rule], principal: Principal, action: str, path: str) -> Rule | None:
    """The first rule in file order that matches path, action and principal; the built-in rule is the last rule."""
    rules = [*rules]
    for rule in [*rules, Rule(len(rules) + 1, "/-/*", True, ("read",), ("authenticated",))]:
        concerns = action in rule.actions and not set(rule.to).isdisjoint(principal.tags)
        if concerns and matches(rule.path, path, principal.id):
            return rule
    return None
