"""The clients of boto3 for S3: one for each endpoint, region, credentials and kind of URL of a mount."""

from typing import TYPE_CHECKING, Any

from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Variant

from .aws_calls import client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Clients:
    """Makes a client when a mount first needs the client, and keeps the client.

    Without credentials in the mount, boto3 uses the credentials that also sign URLs: from the environment, else from
    boto3's chain of sources.

    Args:
        client_config: more arguments of `botocore.config.Config`.
    """

    def __init__(self, **client_config: Any) -> None:
        self._client_config = client_config
        self._clients: dict[tuple[object, ...], S3Client] = {}

    def of(self, mount: Mount) -> "S3Client":
        """Return the client of a mount."""
        credentials = mount.credentials
        client_key = (mount.endpoint, mount.region, credentials, mount.variant, mount.addressing, mount.requester_pays)
        if client_key not in self._clients:
            made = client(
                "s3",
                endpoint_url=mount.endpoint,
                region_name=mount.region,
                aws_access_key_id=credentials.access_key if credentials else None,
                aws_secret_access_key=credentials.secret_key if credentials else None,
                client_config={
                    **s3_config(addressing="auto" if mount.on_aws else mount.addressing, variant=mount.variant),
                    **self._client_config,
                },
            )
            if mount.requester_pays:
                made.meta.events.register("before-call.s3", _pay)
            self._clients[client_key] = made
        return self._clients[client_key]


def s3_config(*, addressing: str = "auto", variant: Variant = Variant()) -> dict[str, Any]:  # noqa: B008 - immutable
    """Return the configuration of a client of S3; the addressing is as botocore names it.

    The service runs in a data centre of AWS, so its own calls do not pay for the accelerate endpoint.
    """
    return {
        "s3": {"addressing_style": addressing},
        # By default boto3 sends a checksum after the body, which some other stores cannot read.
        "request_checksum_calculation": "when_required",
        # Only the mount names the endpoint, never the environment.
        "ignore_configured_endpoint_urls": True,
        "use_dualstack_endpoint": variant.dualstack,
        "use_fips_endpoint": variant.fips,
    }


def _pay(params: dict[str, Any], **_: object) -> None:
    """Say in a request that the account of the service pays (S3 User Guide, "Requester Pays")."""
    params["headers"]["x-amz-request-payer"] = "requester"
