"""The signing secret is replaced while old and new containers run side by side, and none refuses the other."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import boto3
import pytest
from moto import mock_aws

from chalicelib import __main__ as tool
from chalicelib.backends.secrets import secret_source
from chalicelib.core.access.signing import Signer
from chalicelib.operator import reports, secret_rotation
from chalicelib.operator.secret_rotation import Place, rotate
from tests.support.builders import DEADLINE

OLDER, OLD, NEW = "older" * 8, "old" * 12, "new" * 12


def signer(text: str) -> Signer:
    """The signer of a container that has read this text."""
    return Signer(secret_source(text), "link")


def test_old_and_new_containers_accept_each_other_at_every_step() -> None:
    for begin in (OLD, f"{OLDER},{OLD}", f"{NEW[::-1]},{OLDER} {OLD}"):
        written, read = [begin], [begin]

        def restart() -> None:
            """Each container is replaced at some time, so both texts are in use."""
            old, new = signer(read[-1]), signer(written[-1])  # noqa: B023 - called in this round
            for one, other in ((old, new), (new, old), (new, new)):
                assert other.verifies(DEADLINE, one.sign(DEADLINE, b"link"), b"link")
            read.append(written[-1])  # noqa: B023

        rotate(Place(lambda: written[-1], written.append), restart, lambda: None, NEW)  # noqa: B023
        assert written == [begin, ",".join([NEW, *begin.replace(",", " ").split()]), f"{OLD},{NEW}"]
        assert read[1:] == written[1:]
        assert not signer(written[-1]).verifies(DEADLINE, signer(OLDER).sign(DEADLINE, b"link"), b"link")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(reports, "INVOCATION_SECONDS", 0)
    with mock_aws():
        yield


def _make_function(name: str) -> None:
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    with ZipFile(code := BytesIO(), "w") as archive:
        archive.writestr("app.py", "")
    function: dict[str, Any] = {"Runtime": "python3.13", "Handler": "app.app", "Role": role}
    boto3.client("lambda").create_function(FunctionName=name, Code={"ZipFile": code.getvalue()}, **function)


def test_one_command_rotates_a_secret_of_secrets_manager_or_of_ssm_and_restarts_the_functions(
    aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _make_function("signpost-dev")
    secrets_manager, ssm = boto3.client("secretsmanager"), boto3.client("ssm")
    ssm.put_parameter(Name="/signpost/secret", Value=OLD, Type="SecureString", KeyId="alias/own")
    for arn in (
        secrets_manager.create_secret(Name="signpost", SecretString=OLD)["ARN"],
        ssm.get_parameter(Name="/signpost/secret")["Parameter"]["ARN"],
    ):
        monkeypatch.setenv("SIGNPOST_SECRET", arn)
        assert tool.main(["secret", "rotate", "--function", "signpost-dev"]) == 0
        old, new = secret_rotation.place_of(arn).read().split(",")  # type: ignore[union-attr]
        assert (old, len(new) >= 43) == (OLD, True)
        assert new not in "".join(capsys.readouterr())
    (parameter,) = ssm.describe_parameters()["Parameters"]
    assert (parameter["Type"], parameter["KeyId"]) == ("SecureString", "alias/own")
    description = boto3.client("lambda").get_function_configuration(FunctionName="signpost-dev")["Description"]
    assert description.startswith("Restarted at ")


def test_a_function_that_is_missing_changes_nothing_and_a_secret_in_clear_cannot_be_rotated(
    aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = boto3.client("secretsmanager").create_secret(Name="signpost", SecretString=OLD)["ARN"]
    monkeypatch.setenv("SIGNPOST_SECRET", arn)
    assert tool.main(["secret", "rotate", "--function", "missing"]) == 1
    assert "There is no function missing" in capsys.readouterr().err
    assert secret_rotation.place_of(arn).read() == OLD  # type: ignore[union-attr]
    monkeypatch.setenv("SIGNPOST_SECRET", OLD)
    assert tool.main(["secret", "rotate", "--function", "missing"]) == 1
    assert OLD not in (text := capsys.readouterr().err)
    assert "Secrets Manager" in text
