"""A store, a table and sites for each driver, for all tests of the contract in a worker."""

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest

from local import dev_server

from . import probes
from .drivers import DRIVERS
from .sites import Site, Store, Table, client_of, open_site, open_store, open_table
from .upload_sites import bucket_content, open_upload_site, unfinished_uploads


@pytest.fixture(scope="session", params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """The way in which requests reach the service."""
    return str(request.param)


@pytest.fixture(autouse=True)
def own_environment(driver: str, store: Store, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the environment of the service, where the service runs in this process."""
    if driver != "curl":
        for name, value in {**table.environ(), **store.environ()}.items():
            if value:
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture(scope="session")
def store(driver: str) -> Iterator[Store]:
    """The S3 that judges the signatures of the service."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def table(driver: str) -> Iterator[Table]:
    """The table that counts the uses of links."""
    with open_table(f"signpost-{uuid4().hex}") as table:
        yield table


@pytest.fixture(scope="session")
def site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the credentials of an access key, which redirects HEAD."""
    with open_site(store, table, tmp_path_factory.mktemp("site"), store.environ(), driver=driver) as site:
        yield site


@pytest.fixture(scope="session")
def session_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the credentials of an assumed role, as a Function URL that answers HEAD inline."""
    folder, environ = tmp_path_factory.mktemp("session"), store.environ()
    if probes.has_roles(store):
        environ = store.session_environ()
    with open_site(
        store, table, folder, environ, head="inline", entry_point=dev_server.FUNCTION_URL, driver=driver
    ) as site:
        yield site


@pytest.fixture(scope="session")
def upload_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with a rule for each promise that a rule can demand of an upload."""
    with open_upload_site(store, table, tmp_path_factory.mktemp("uploads"), driver) as site:
        yield site


@pytest.fixture
def name() -> str:
    """The name of a file that no other test uses, for the folder of a rule."""
    return f"{uuid4().hex}.txt"


@pytest.fixture
def unchanged(upload_site: Site, store: Store) -> Iterator[None]:
    """Check that the test stores nothing, and abort the uploads in parts that the test began."""
    before, ids = bucket_content(store), unfinished_uploads(store).keys()
    yield
    assert bucket_content(store) == before
    for upload_id, key in unfinished_uploads(store).items():
        if upload_id not in ids:
            client_of(store).abort_multipart_upload(Bucket=store.bucket, Key=key, UploadId=upload_id)
