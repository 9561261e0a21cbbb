"""Fixtures of all tests: the number of Hypothesis's examples, and an environment without variables of the machine."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from chalicelib import bootstrap

from .support.builders import CREDENTIALS
from .support.entry_points import SETTINGS
from .support.fakes import SIGNING_SECRET

# Fixtures set the environment once for all examples of a test.
_SHARED = [HealthCheck.function_scoped_fixture]

settings.register_profile(
    "dev", max_examples=20, deadline=None, database=None, derandomize=False, suppress_health_check=_SHARED
)
settings.register_profile(
    "ci",
    max_examples=500,
    deadline=None,
    database=None,
    derandomize=True,  # so a change is refused only for its own faults; `make test` draws other examples each time
    print_blob=True,
    suppress_health_check=[*_SHARED, HealthCheck.too_slow],
)
settings.register_profile("fast", settings.get_profile("dev"), max_examples=5)  # `make test-fast`
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Every boto3 session reads botocore's descriptions of AWS anew, which takes longer than most tests. So all sessions
# share one reader.
botocore.session.create_loader = cache(botocore.session.create_loader)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_READ = ("AWS_", "SIGNPOST_")


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """One browser for all tests of a worker: Playwright runs once in a process."""
    from .browser.sites import open_chromium

    with open_chromium() as browser:
        yield browser


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment without any variable that Signpost or boto3 reads, and no service built yet."""
    for name in [name for name in os.environ if name.startswith(_READ)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the credentials of the test before
    bootstrap.application.cache_clear()
    yield monkeypatch
    bootstrap.application.cache_clear()


@pytest.fixture
def settings_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The settings of `tests.support.entry_points` for the service of this process; returns their file."""
    file = tmp_path / "signpost.toml"
    file.write_text(SETTINGS)
    environment.setenv("SIGNPOST_CONFIG", str(file))
    environment.setenv("SIGNPOST_BUCKET", "acme-files")
    environment.setenv("SIGNPOST_SECRET", SIGNING_SECRET.decode())
    environment.setenv("AWS_REGION", "eu-west-1")
    environment.setenv("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key)
    environment.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_key)
    return file
