"""One store with two tables in it, and Signpost before the store, as a REST API and as a Function URL."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from local import dev_server
from tests.contract.sites import Site, Store, open_site, open_store, open_table

if find_spec("pandas") is None:
    collect_ignore_glob = [
        "test_*.py"
    ]  # `make test-clients` installs requirements-clients.txt and requirements-aws-clients.txt first

ROWS = [(1, "é"), (2, "日")]
FOLDERS = ("tables/", "tables/2026 ü+/", "reports/2026/")


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """An S3 with the same tables in several folders."""
    from pyarrow import BufferOutputStream, csv, parquet, table

    tables = table({"number": [number for number, _ in ROWS], "name": [name for _, name in ROWS]})
    with open_store() as store:
        for name, write in (("q3.parquet", parquet.write_table), ("q3.csv", csv.write_csv)):
            output = BufferOutputStream()
            write(tables, output)
            for folder in FOLDERS:
                body = output.getvalue().to_pybytes()
                store.client().put_object(Bucket=store.bucket, Key=f"tenant/{folder}{name}", Body=body)
        yield store


@pytest.fixture(scope="session", params=[dev_server.REST_API, dev_server.FUNCTION_URL], ids=["rest", "function_url"])
def site(request: Any, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost, which redirects every HEAD."""
    folder = tmp_path_factory.mktemp("site")
    with (
        open_table(f"signpost-clients-{folder.name}") as table,
        open_site(store, table, folder, store.environ(), entry_point=request.param) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def token(site: Site) -> str:
    """The token of a link to the tables, whose uses are not counted."""
    return site.link("/tables/", uses=None).partition("?token=")[2]
