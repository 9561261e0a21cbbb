"""The credentials that URLs are signed with: the environment's, else boto3's chain, else a 503."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.backends.credentials import ChainCredentials, FixedCredentials
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems import Unavailable
from tests.support.builders import CREDENTIALS, soon


def test_fixed_credentials_stay_as_they_are() -> None:
    fixed = FixedCredentials(CREDENTIALS)
    assert fixed.current(soon()) == fixed.current(soon()) == CREDENTIALS


def test_a_profile_is_found_by_the_chain(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\naws_session_token = token\n")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    chain = ChainCredentials()
    assert chain.current(soon()) == Credentials("AKID", "secret", "token", None)
    file.unlink()
    assert chain.current(soon()) == Credentials("AKID", "secret", "token", None)


def process(environment: pytest.MonkeyPatch, folder: Path, **answer: str) -> None:
    """Have the chain ask a program, as for SSO and roles elsewhere."""
    (folder / "answer.json").write_text(json.dumps({"Version": 1, **answer}))
    code = f"print(open({str(folder / 'answer.json')!r}).read())"
    (folder / "config").write_text(f'[default]\ncredential_process = {sys.executable} -c "{code}"\n')
    environment.setenv("AWS_CONFIG_FILE", str(folder / "config"))


@pytest.mark.parametrize("token", [{}, {"SessionToken": "token"}])
def test_the_end_of_credentials_is_known(
    environment: pytest.MonkeyPatch, tmp_path: Path, token: dict[str, str]
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    process(environment, tmp_path, AccessKeyId="AKID", SecretAccessKey="secret", Expiration=ends.isoformat(), **token)
    assert ChainCredentials().current(soon()) == Credentials(
        "AKID", "secret", token.get("SessionToken"), ends.timestamp()
    )


def test_credentials_that_end_soon_are_renewed(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for name, minutes in (("OLD", 5), ("NEW", 60)):
        ends = (now + timedelta(minutes=minutes)).isoformat()
        process(environment, tmp_path, AccessKeyId=name, SecretAccessKey="s", SessionToken="t", Expiration=ends)
        if name == "OLD":
            chain = ChainCredentials()
            assert chain.current(soon()).access_key == "OLD"
    assert chain.current(soon()).access_key == "NEW"


def test_without_any_credentials_it_is_a_503(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="no credentials") as refused:
        ChainCredentials().current(soon())
    assert refused.value.status == 503


@pytest.mark.parametrize("answer", [{}, {"AccessKeyId": "AKID"}, {"Version": "2"}])
def test_a_chain_that_fails_is_a_503(environment: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, str]) -> None:
    process(environment, tmp_path, **answer)
    with pytest.raises(Unavailable):
        ChainCredentials().current(soon())


def test_a_chain_that_gives_what_has_ended_is_a_503(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ended = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    process(environment, tmp_path, AccessKeyId="AKID", SecretAccessKey="s", SessionToken="t", Expiration=ended)
    with pytest.raises(Unavailable):
        ChainCredentials().current(soon())


def test_an_unreadable_configuration_is_a_503(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default\nno = end")
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(Unavailable):
        ChainCredentials().current(soon())
