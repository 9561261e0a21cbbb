"""The call to STS: botocore's model accepts its parameters, and botocore signs it in the same way."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.validate import validate_parameters

from chalicelib.core.s3.stores import Credentials
from chalicelib.core.s3.sts import StsCall, sts_call
from tests.support.builders import NOW, mount

SESSION = Credentials("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/+=")
ROLE = "arn:aws:iam::111122223333:role/files"


class At(SigV4Auth):
    """botocore's signer at the time of the tests."""

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = f"{datetime.fromtimestamp(NOW, UTC):%Y%m%dT%H%M%SZ}"
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # the stubs hide it


def call(role: str | None = None, seconds: int = 60, credentials: Credentials = SESSION, **values: Any) -> StsCall:
    on = mount(**values)._replace(role=role)
    return sts_call(on, '{"a":"é +"}', credentials=credentials, end=int(NOW) + seconds, request_id="a b", now=NOW)


def form(made: StsCall) -> dict[str, str]:
    return dict(parse_qsl(made.body.decode(), strict_parsing=True))


def test_the_parameters_fit_the_model_of_botocore() -> None:
    model = botocore.session.get_session().get_service_model("sts")
    for made in (call(), call(credentials=SESSION._replace(expires_at=NOW + 30)), call(ROLE), call(ROLE, 3600)):
        fields: dict[str, Any] = form(made)
        assert (fields.pop("Action"), fields.pop("Version")) == (made.operation, model.api_version)
        if "DurationSeconds" in fields:
            fields["DurationSeconds"] = int(fields["DurationSeconds"])
        shape = model.operation_model(made.operation).input_shape
        assert shape
        validate_parameters(fields, shape)
        assert fields["Policy"] == '{"a":"é +"}'
        assert b"+" not in made.body  # Ceph reads no plus as a space


def test_the_life_is_that_of_the_caller_as_far_as_sts_goes() -> None:
    ends = SESSION._replace(expires_at=NOW + 30)
    lives = [(call(), None), (call(credentials=ends), "30"), (call(seconds=20, credentials=ends), "20")]
    for made, life in (*lives, (call(ROLE), "900"), (call(ROLE, 3600), "3600")):
        assert form(made).get("DurationSeconds") == life


def test_botocore_signs_the_call_in_the_same_way() -> None:
    for region, endpoint in (("eu-west-1", None), ("eu-west-1", "http://127.0.0.1:9000"), ("cn-north-1", None)):
        made = call(ROLE, region=region, endpoint=endpoint)
        own = {name: made.headers[name] for name in ("content-type",)}
        request = AWSRequest("POST", f"{made.origin}/", data=made.body, headers=own)
        frozen = BotocoreCredentials(SESSION.access_key, SESSION.secret_key, SESSION.session_token)
        At(frozen, "sts", region).add_auth(request)
        assert made.headers["authorization"] == request.headers["Authorization"]
        assert "token/+=" not in repr(made)


def test_the_host_is_that_of_the_region() -> None:
    """GetScopedCredentials is not offered at the global endpoint."""
    session = botocore.session.get_session()
    for region in ("eu-west-1", "cn-north-1", "us-gov-west-1", "us-east-1"):
        client: Any = session.create_client("sts", region_name=region, aws_access_key_id="a", aws_secret_access_key="b")
        assert urlsplit(call(region=region).origin).netloc == urlsplit(client.meta.endpoint_url).netloc
