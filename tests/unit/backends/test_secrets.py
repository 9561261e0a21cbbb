"""Where the signing secrets come from, asked of the embedded Secrets Manager and Parameter Store."""

import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import boto3
import pytest

from chalicelib.backends.secrets import secret_source
from chalicelib.core.access.signing import Secrets, Signer
from chalicelib.core.web.problems import Unavailable
from local import embedded_s3
from tests.support.builders import soon

OLD, NEW = "old-0123456789-0123456789-0123456789", "new-0123456789-0123456789-0123456789"


class Kept(NamedTuple):
    """A text that AWS keeps."""

    arn: str
    write: Callable[[str], object]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_s3.serve() as endpoint:
        yield endpoint


@pytest.fixture
def role(endpoint: str, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with credentials and an endpoint, and a region other than the secrets'."""
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    environment.setenv("AWS_DEFAULT_REGION", "us-west-2")
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    return environment


def in_secrets_manager(text: str) -> Kept:
    client = boto3.client("secretsmanager", region_name=embedded_s3.REGION)
    arn = client.create_secret(Name=f"signpost-{uuid.uuid4().hex}", SecretString=text)["ARN"]
    return Kept(arn, lambda text: client.put_secret_value(SecretId=arn, SecretString=text))


def in_ssm(text: str, kind: str = "SecureString", folder: str = "/signpost/") -> Kept:
    client, name = boto3.client("ssm", region_name=embedded_s3.REGION), f"{folder}{uuid.uuid4().hex}"

    def write(text: str) -> object:
        return client.put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)  # type: ignore[arg-type]

    write(text)
    return Kept(client.get_parameter(Name=name)["Parameter"]["ARN"], write)


@pytest.fixture(params=[in_secrets_manager, in_ssm])
def keep(request: pytest.FixtureRequest, role: pytest.MonkeyPatch) -> Callable[[str], Kept]:
    """Keeps a text in either service."""
    found: Callable[[str], Kept] = request.param
    return found


# Given as they are


@pytest.mark.parametrize(
    "text", [f"{OLD},{NEW}", f"{OLD} {NEW}", f"{OLD}, {NEW}\n", f"\n{OLD}\r\n\t{NEW},\n", f",{OLD},,{NEW}"]
)
def test_secrets_stand_in_their_order(text: str) -> None:
    assert secret_source(text)(soon()) == (OLD.encode(), NEW.encode())


def test_a_single_secret() -> None:
    assert secret_source("x" * 32)(soon()) == (b"x" * 32,)


def test_a_secret_is_any_text() -> None:
    """Even what the environment cannot decode, which Python gives as surrogates (PEP 383)."""
    assert secret_source("ü:=" * 16)(soon()) == ("ü:=".encode() * 16,)
    assert secret_source("\udcff" * 32)(soon()) == (b"\xff" * 32,)


def test_a_secret_is_replaced_by_adding_one_and_then_taking_one_away() -> None:
    old, both, new = (Signer(secret_source(text), "test") for text in (OLD, f"{OLD},{NEW}", NEW))
    assert both.verifies(soon(), old.sign(soon(), b"a"), b"a")
    assert new.verifies(soon(), both.sign(soon(), b"a"), b"a")
    assert not new.verifies(soon(), old.sign(soon(), b"a"), b"a")


@pytest.mark.parametrize("text", ["", " ", ",", "hunter2", "x" * 31, f"{OLD},hunter2", f"hunter2 {OLD}"])
def test_a_secret_that_is_too_short_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"holds no secret|fewer than 32 characters; make one with") as refused:
        secret_source(text)
    assert OLD not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:ssm:eu-west-1:123456789012:document/signpost",
        "arn:aws:secretsmanager:eu-west-1",
        "arn:" + "x" * 32,
    ],
)
def test_an_arn_is_never_taken_for_a_secret(arn: str) -> None:
    """Anyone could guess it."""
    with pytest.raises(ValueError, match="neither"):
        secret_source(arn)


# Kept by AWS


def test_they_are_fetched_once_and_when_first_needed(keep: Callable[[str], Kept]) -> None:
    """From the region in the ARN, whichever the service's own is."""
    kept = keep("not yet")
    secrets = secret_source(f" {kept.arn}\n")
    kept.write(f"{OLD}\n{NEW}\n")
    assert secrets(soon()) == (OLD.encode(), NEW.encode())
    kept.write(NEW)
    assert secrets(soon()) == (OLD.encode(), NEW.encode())
    assert secret_source(kept.arn)(soon()) == (NEW.encode(),)


@pytest.mark.parametrize(
    ("kind", "folder"), [("SecureString", ""), ("SecureString", "/"), ("String", "/a/b/"), ("StringList", "/")]
)
def test_any_parameter_will_do(role: pytest.MonkeyPatch, kind: str, folder: str) -> None:
    assert secret_source(in_ssm(f"{OLD},{NEW}", kind, folder).arn)(soon()) == (OLD.encode(), NEW.encode())


def refused(secrets: Secrets) -> Unavailable:
    """The 503 that a request gets, again and again, and that says nothing of our own affairs."""
    for _ in range(2):
        with pytest.raises(Unavailable) as found:
            secrets(soon())
    assert "arn:" not in found.value.detail
    assert found.value.__cause__
    return found.value


@pytest.mark.parametrize("text", ["hunter2", f"{OLD} hunter2", ","])
def test_a_failure_is_not_remembered(keep: Callable[[str], Kept], text: str) -> None:
    """What is kept may be mended while the service runs; until then nothing is signed."""
    kept = keep(text)
    secrets = secret_source(kept.arn)
    problem = refused(secrets)
    assert "hunter2" not in f"{problem!r} {problem.__cause__!r}"
    kept.write(NEW)
    assert secrets(soon()) == (NEW.encode(),)


@pytest.mark.parametrize("name", ["secretsmanager:{}:123456789012:secret:signpost-AbCdEf", "ssm:{}:1:parameter/none"])
def test_what_is_not_kept_there(role: pytest.MonkeyPatch, name: str) -> None:
    refused(secret_source(f"arn:aws:{name.format(embedded_s3.REGION)}"))


def test_a_secret_of_bytes_is_none(role: pytest.MonkeyPatch) -> None:
    client = boto3.client("secretsmanager", region_name=embedded_s3.REGION)
    refused(secret_source(client.create_secret(Name=uuid.uuid4().hex, SecretBinary=OLD.encode())["ARN"]))


def test_where_aws_is_out_of_reach(keep: Callable[[str], Kept], role: pytest.MonkeyPatch) -> None:
    secrets = secret_source(keep(OLD).arn)
    with role.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        refused(secrets)
    assert secrets(soon()) == (OLD.encode(),)


def test_without_credentials(keep: Callable[[str], Kept], role: pytest.MonkeyPatch) -> None:
    arn = keep(OLD).arn
    role.delenv("AWS_ACCESS_KEY_ID")
    role.delenv("AWS_SECRET_ACCESS_KEY")
    role.setattr("boto3.DEFAULT_SESSION", None)
    refused(secret_source(arn))


@pytest.mark.parametrize("used", [False, True])
def test_it_shows_nothing_of_them(keep: Callable[[str], Kept], used: bool) -> None:
    for secrets in (secret_source(OLD), secret_source(keep(OLD).arn)):
        if used:
            secrets(soon())
        assert OLD not in f"{secrets} {secrets!r}"
