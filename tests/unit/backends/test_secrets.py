"""The signing secrets: in the text itself, or fetched from the embedded Secrets Manager or Parameter Store."""

import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import boto3
import pytest

from chalicelib.backends.cdn_keys import key_source
from chalicelib.backends.secrets import client_secret_source, secret_source
from chalicelib.core.access.signing import Secrets, Signer
from chalicelib.core.web.problems.base import Unavailable
from local import embedded_s3
from tests.support import cdn_key
from tests.support.builders import soon

OLD, NEW = "old-0123456789-0123456789-0123456789", "new-0123456789-0123456789-0123456789"
BOTH = (OLD.encode(), NEW.encode())


class StoredText(NamedTuple):
    """A text that AWS stores."""

    arn: str
    write: Callable[[str], object]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_s3.serve() as endpoint:
        yield endpoint


@pytest.fixture
def role(endpoint: str, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials, an endpoint, and another region than the region of the secrets."""
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    environment.setenv("AWS_DEFAULT_REGION", "us-west-2")
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    return environment


def in_secrets_manager(text: str) -> StoredText:
    client = boto3.client("secretsmanager", region_name=embedded_s3.REGION)
    arn = client.create_secret(Name=f"signpost-{uuid.uuid4().hex}", SecretString=text)["ARN"]
    return StoredText(arn, lambda text: client.put_secret_value(SecretId=arn, SecretString=text))


def in_ssm(text: str, kind: str = "SecureString", folder: str = "/signpost/") -> StoredText:
    client, name = boto3.client("ssm", region_name=embedded_s3.REGION), f"{folder}{uuid.uuid4().hex}"

    def write(text: str) -> object:
        return client.put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)  # type: ignore[arg-type]

    write(text)
    return StoredText(client.get_parameter(Name=name)["Parameter"]["ARN"], write)


@pytest.fixture(params=[in_secrets_manager, in_ssm])
def stored(request: pytest.FixtureRequest, role: pytest.MonkeyPatch) -> StoredText:
    """A text with two secrets in each of the services."""
    text: StoredText = request.param(f"{OLD}\n{NEW}\n")
    return text


def unavailable(secrets: Secrets) -> Unavailable:
    """The 503 of every use, which names neither the ARN nor a secret."""
    for _ in range(2):
        with pytest.raises(Unavailable) as refused:
            secrets(soon())
    assert "arn:" not in refused.value.detail
    assert "hunter2" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__cause__
    return refused.value


# In the text itself


def test_a_text_has_secrets_in_their_order() -> None:
    for text in (f"{OLD},{NEW}", f"{OLD} {NEW}", f"{OLD}, {NEW}\n", f"\n{OLD}\r\n\t{NEW},\n", f",{OLD},,{NEW}"):
        assert secret_source(text)(soon()) == BOTH
    assert secret_source("x" * 32)(soon()) == (b"x" * 32,)


def test_a_secret_may_have_any_characters_also_bytes_that_are_not_utf_8() -> None:
    """Python decodes such bytes of the environment as surrogates (PEP 383)."""
    assert secret_source("ü:=" * 16)(soon()) == ("ü:=".encode() * 16,)
    assert secret_source("\udcff" * 32)(soon()) == (b"\xff" * 32,)


def test_a_secret_is_replaced_by_adding_a_secret_and_removing_the_old_secret() -> None:
    old, both, new = (Signer(secret_source(text), "test") for text in (OLD, f"{OLD},{NEW}", NEW))
    assert both.verifies(soon(), old.sign(soon(), b"a"), b"a")
    assert new.verifies(soon(), both.sign(soon(), b"a"), b"a")
    assert not new.verifies(soon(), old.sign(soon(), b"a"), b"a")


def test_a_missing_or_short_secret_is_refused_and_not_repeated() -> None:
    for text in ("", " ", ",", "hunter2", "x" * 31, f"{OLD},hunter2", f"hunter2 {OLD}"):
        with pytest.raises(ValueError, match=r"holds no secret|fewer than 32 characters; make one with") as refused:
            secret_source(text)
        assert OLD not in str(refused.value)
        assert "hunter2" not in str(refused.value)


def test_an_arn_of_something_else_is_never_a_secret() -> None:
    """Anyone could guess an ARN."""
    for rest in (
        "kms:eu-west-1:123456789012:key/1",
        "ssm:eu-west-1:1:document/a",
        "secretsmanager:eu-west-1",
        "x" * 32,
    ):
        with pytest.raises(ValueError, match="neither"):
            secret_source(f"arn:aws:{rest}")


def test_the_secret_of_a_client_is_a_whole_text_of_any_length() -> None:
    for text in ("x", "a, b", " a:b", "\xfc~Q"):
        assert client_secret_source(f"{text}\r\n")(soon()) == text.encode()
    for text in ("", "\n", "arn:aws:kms:eu-west-1:123456789012:key/1"):
        with pytest.raises(ValueError, match=r"no secret|neither"):
            client_secret_source(text)


# Fetched from AWS


def test_secrets_are_fetched_at_the_first_use_and_kept(stored: StoredText) -> None:
    """From the region in the ARN, not the region of the service."""
    secrets = secret_source(f" {stored.arn}\n")
    assert OLD not in repr(secrets)
    stored.write(NEW)
    assert secrets(soon()) == (NEW.encode(),)
    stored.write(OLD)
    assert secrets(soon()) == (NEW.encode(),)
    assert secret_source(stored.arn)(soon()) == (OLD.encode(),)
    assert client_secret_source(stored.arn)(soon()) == OLD.encode()
    assert NEW not in f"{secrets} {secrets!r} {secret_source(NEW)!r}"


def test_the_private_key_of_a_cdn_is_fetched(stored: StoredText) -> None:
    key = key_source(stored.arn, "")
    with pytest.raises(Unavailable):
        key(soon())
    stored.write(cdn_key.pem("P-256"))
    cdn_key.verify(cdn_key.pem("P-256"), key(soon())(b"text"), b"text")


def test_every_type_of_parameter_is_read(role: pytest.MonkeyPatch) -> None:
    for kind, folder in (("SecureString", ""), ("SecureString", "/"), ("String", "/a/b/"), ("StringList", "/")):
        assert secret_source(in_ssm(f"{OLD},{NEW}", kind, folder).arn)(soon()) == BOTH


def test_after_a_failure_the_next_use_fetches_again(stored: StoredText, role: pytest.MonkeyPatch) -> None:
    secrets = secret_source(stored.arn)
    for text in ("hunter2", f"{OLD} hunter2", ","):
        stored.write(text)
        unavailable(secrets)
    with role.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        unavailable(secrets)
    with role.context() as without_credentials:
        without_credentials.delenv("AWS_ACCESS_KEY_ID")
        without_credentials.delenv("AWS_SECRET_ACCESS_KEY")
        without_credentials.setattr(boto3, "DEFAULT_SESSION", None)
        unavailable(secrets)
    stored.write(NEW)
    assert secrets(soon()) == (NEW.encode(),)


def test_a_secret_that_does_not_exist_or_is_binary_is_a_503(role: pytest.MonkeyPatch) -> None:
    for name in ("secretsmanager:{}:123456789012:secret:signpost-AbCdEf", "ssm:{}:1:parameter/none"):
        unavailable(secret_source(f"arn:aws:{name.format(embedded_s3.REGION)}"))
    client = boto3.client("secretsmanager", region_name=embedded_s3.REGION)
    unavailable(secret_source(client.create_secret(Name=uuid.uuid4().hex, SecretBinary=OLD.encode())["ARN"]))
