"""Tables: pandas, polars and DuckDB read by the token of a link; who sends a key on to S3, and who does not."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import aiohttp
import duckdb
import fsspec
import pandas
import polars
import pytest
import requests

from local.dev_server import PROJECT
from tests.contract.sites import SECRET, Site

from .conftest import FOLDERS, ROWS

KEY = {"Authorization": f"Bearer {SECRET}"}
Reader = Callable[[str], Any]


def extension() -> str:
    """The command that loads DuckDB's extension for HTTP, from its package in place of the network."""
    spec = find_spec("duckdb_extension_httpfs")
    assert spec is not None
    (file,) = Path(str(spec.origin)).parent.rglob("httpfs.duckdb_extension")
    return f"LOAD '{file}'"


@pytest.fixture
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB, which reads from HTTP."""
    with duckdb.connect() as connection:
        connection.execute(extension())
        yield connection


def rows(table: Any) -> list[tuple[object, ...]]:
    """The rows of a table of pandas or polars."""
    if isinstance(table, pandas.DataFrame):
        return list(table.itertuples(index=False, name=None))
    return list(table.lazy().collect().rows())


def test_a_token_behind_the_url_opens_every_file_below(site: Site, token: str, duck: duckdb.DuckDBPyConnection) -> None:
    readers: dict[str, list[Reader]] = {
        "q3.csv": [pandas.read_csv, polars.read_csv, polars.scan_csv],
        "q3.parquet": [pandas.read_parquet, polars.read_parquet, polars.scan_parquet],
    }
    for folder in FOLDERS[:2]:
        for name, of_name in readers.items():
            url = f"{site.of(folder + name)}?token={token}"
            for read in of_name:
                assert rows(read(url)) == ROWS, (read, url)
            assert (
                duck.execute(f"FROM '{url}'" if name == "q3.parquet" else f"FROM read_csv('{url}')").fetchall() == ROWS
            )
            with fsspec.open(url) as file:
                assert file.read() == requests.get(url, timeout=10).content
    assert requests.get(f"{site.of('reports/2026/q3.csv')}?token={token}", timeout=10).status_code == 403


def test_fsspec_keeps_its_headers_from_s3(site: Site) -> None:
    for name, read in (("q3.csv", pandas.read_csv), ("q3.parquet", pandas.read_parquet)):
        with fsspec.open(site.of(f"tables/{name}"), headers=KEY) as file:
            assert rows(read(file)) == ROWS


@pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning", "ignore:.*auth:DeprecationWarning")
def test_a_key_that_a_client_sends_on_is_refused_by_s3(site: Site, duck: duckdb.DuckDBPyConnection) -> None:
    """S3 answers 400 to two means of authentication; fsspec calls this answer a missing file."""
    for name, read in (("q3.csv", pandas.read_csv), ("q3.parquet", pandas.read_parquet)):
        with pytest.raises(HTTPError, match="400"):
            read(site.of(f"tables/{name}"), storage_options=KEY)
    auth = aiohttp.BasicAuth("ci", SECRET)
    with pytest.raises(FileNotFoundError), fsspec.open(site.of("tables/q3.csv"), client_kwargs={"auth": auth}) as file:
        file.read()
    duck.execute(f"CREATE SECRET (TYPE http, BEARER_TOKEN '{SECRET}', SCOPE '{site.url}')")
    question = f"FROM '{site.of('tables/q3.parquet')}'"
    assert duck.execute(question).fetchall() == ROWS  # its usual HTTP client is curl
    duck.execute("SET httpfs_client_implementation = 'httplib'")
    with pytest.raises(duckdb.HTTPException):
        duck.execute(question.replace("parquet", "parquet?again"))


def test_none_of_them_writes_to_a_url(site: Site, duck: duckdb.DuckDBPyConnection) -> None:
    url = site.link("/tables/", action="write", uses=None).replace("/tables/?", "/tables/new.parquet?")
    table = pandas.DataFrame(ROWS, columns=["number", "name"])
    writes: list[Callable[[], object]] = [
        lambda: table.to_parquet(url),
        lambda: polars.from_pandas(table).write_parquet(url),
        lambda: duck.execute(f"COPY (SELECT 1) TO '{url}' (FORMAT parquet)"),
        lambda: fsspec.open(url, "wb").open(),
    ]
    for write in writes:
        with pytest.raises((OSError, NotImplementedError, duckdb.NotImplementedException)):
            write()
    assert requests.get(site.of("tables/new.parquet"), headers=KEY, timeout=10).status_code == 404


def test_the_examples_of_the_readme_run_as_they_stand(site: Site, tmp_path: Path) -> None:
    text = (PROJECT / "README.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert programs
    token = site.link("/reports/", uses=None).partition("?token=")[2]
    for program in programs:
        filled = re.sub("https?://(localhost:8000|files.example.com)", site.url, program)
        filled = filled.replace("TOKEN", token).replace("SECRET", SECRET)
        loaded = f'import duckdb\nduckdb.sql("{extension()}")\n{filled}'
        done = subprocess.run([sys.executable, "-c", loaded], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("日") == max(program.count("print("), 1)
