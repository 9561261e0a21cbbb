"""Links, listings and pages from the zip alone: what they load travels in it, or comes with Lambda's Python."""

import json
import re
import uuid
from collections.abc import Iterator

import boto3
import pytest

from local import embedded_s3
from tests.e2e.sites import SECRET, Store, Table, open_table
from tests.support.builders import Fields, basic

from .conftest import Door, Lambda, Running, follow

AS_CI: Fields = tuple(basic("ci", SECRET).items())
BROWSER: Fields = (("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
SIGNING = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    with open_table(f"links-{uuid.uuid4().hex}") as table:
        yield table


@pytest.fixture(scope="module")
def environ(table: Table) -> dict[str, str]:
    """As the stack sets it: the table by its name, the signing secret by its ARN."""
    owner = boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION)
    manager = owner.client("secretsmanager", endpoint_url=table.endpoint)
    arn = manager.create_secret(Name=f"signpost-{uuid.uuid4().hex}", SecretString=SIGNING)["ARN"]
    return table.environ() | {"SIGNPOST_SECRET": arn, "AWS_ENDPOINT_URL_SECRETS_MANAGER": table.endpoint}


@pytest.fixture(scope="module", autouse=True)
def files(store: Store) -> None:
    """What there is to see."""
    store.client().put_object(Bucket=store.bucket, Key="tenant/linked/a.txt", Body=b"a")


def make_link(running: Running) -> str:
    """The query of a new link to the file, for one use."""
    made = running.ask("POST", "/linked/a.txt", "link", AS_CI, b'{"uses": 1}')
    assert made.status == 201, made
    return f"token={json.loads(made.body)['token']}"


def test_a_link_opens_once_whichever_container_is_asked(
    machine: Lambda, door: Door, toml: str, environ: dict[str, str]
) -> None:
    with machine.run(door, toml, **environ) as running:
        link = make_link(running)
        token = link.removeprefix("token=")
        opened = running.ask("GET", "/linked/a.txt", link)
        assert follow(opened.headers["location"], "GET", {}, b"").body == b"a"
        assert running.ask("GET", "/linked/a.txt", link).status == 410
        assert token not in running.function.output()
        assert SIGNING not in running.function.output()
    with machine.run(door, toml, **environ) as another:
        assert another.ask("GET", "/linked/a.txt", link).status == 410


def test_a_link_leads_nowhere_while_its_uses_cannot_be_counted(
    machine: Lambda, door: Door, toml: str, environ: dict[str, str], table: Table
) -> None:
    with machine.run(door, toml, **environ) as running:
        link = make_link(running)
        with table.gone():
            answer = running.ask("GET", "/linked/a.txt", link)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "location" not in answer.headers
        assert running.ask("GET", "/linked/a.txt", link).status == 307


def test_nothing_is_signed_without_the_secret(machine: Lambda, door: Door, toml: str, environ: dict[str, str]) -> None:
    """The function starts, and what needs no secret works."""
    nowhere = environ | {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:1"}
    with machine.run(door, toml, **nowhere) as running:
        assert running.ask("POST", "/linked/a.txt", "link", AS_CI, b"{}").status == 503
        assert running.ask("GET", "/linked/a.txt", headers=AS_CI).status == 307


def test_a_directory_is_a_page_with_its_files(machine: Lambda, door: Door, toml: str, environ: dict[str, str]) -> None:
    """Jinja2 makes it of the templates in the zip; and what it loads is served."""
    with machine.run(door, toml, **environ) as running:
        page = running.ask("GET", "/linked/", headers=[*AS_CI, *BROWSER])
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"a.txt" in page.body
        assets = {*re.findall(r'"[^"]*(/-/assets/[^"]+)"', page.body.decode())}
        assert {asset.rpartition(".")[2] for asset in assets} == {"css", "js"}
        assert {running.ask("GET", asset).status for asset in assets} == {200}


def test_a_refusal_is_a_page_to_a_browser(running: Running) -> None:
    answer = running.ask("GET", "/secret/a.txt", headers=[*AS_CI, *BROWSER])
    assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
