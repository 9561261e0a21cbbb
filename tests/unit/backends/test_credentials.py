"""The credentials that sign URLs: fixed credentials, or credentials of boto3's chain, else a 503."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.backends.credentials import ChainCredentials, FixedCredentials
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import CREDENTIALS, soon


def answer_with(environment: pytest.MonkeyPatch, folder: Path, **credentials: str) -> None:
    """Let the chain run a program that prints credentials, as for SSO."""
    (folder / "answer.json").write_text(json.dumps({"Version": 1, **credentials}))
    (folder / "config").write_text(f"[default]\ncredential_process = cat {folder / 'answer.json'}\n")
    environment.setenv("AWS_CONFIG_FILE", str(folder / "config"))


def key(name: str, minutes: float) -> dict[str, str]:
    """Credentials that expire after some minutes."""
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    return {"AccessKeyId": name, "SecretAccessKey": "secret", "Expiration": expires_at.isoformat()}


def test_fixed_credentials_never_change() -> None:
    fixed = FixedCredentials(CREDENTIALS)
    assert fixed.current(soon()) == fixed.current(soon()) == CREDENTIALS


def test_the_chain_reads_a_profile_once(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKID\naws_secret_access_key = secret\naws_session_token = token\n")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    chain = ChainCredentials()
    assert chain.current(soon()) == Credentials("AKID", "secret", "token", None)
    file.unlink()
    assert chain.current(soon()) == Credentials("AKID", "secret", "token", None)


def test_the_expiry_of_credentials_is_known(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for token in (None, "token"):
        credentials = key("AKID", 60)
        answer_with(environment, tmp_path, **credentials, **({"SessionToken": token} if token else {}))
        expires_at = datetime.fromisoformat(credentials["Expiration"]).timestamp()
        assert ChainCredentials().current(soon()) == Credentials("AKID", "secret", token, expires_at)


def test_credentials_that_expire_soon_are_renewed(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chain = ChainCredentials()
    for name, minutes in (("OLD", 5), ("NEW", 60)):
        answer_with(environment, tmp_path, **key(name, minutes))
        assert chain.current(soon()).access_key == name


def test_a_chain_that_finds_no_valid_credentials_is_a_503(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no credentials"):
        ChainCredentials().current(soon())
    for credentials in ({}, {"AccessKeyId": "AKID"}, {"Version": "2"}, key("AKID", -60)):
        answer_with(environment, tmp_path, **credentials)
        with pytest.raises(Unavailable, match="cannot get its own credentials"):
            ChainCredentials().current(soon())
    (tmp_path / "config").write_text("[default\nno = end")
    with pytest.raises(Unavailable, match="cannot get its own credentials"):
        ChainCredentials().current(soon())
