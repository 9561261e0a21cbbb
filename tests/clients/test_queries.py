"""The queries of docs/operating.md answer their questions, read from the page, over logs of the service and of S3.

The service writes the lines of its log and the URLs here. Athena's SQL is the SQL of Trino: sqlglot translates the
queries for DuckDB. The tables are read by the regular expressions of their definitions on the page.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from chalicelib.settings.load import Settings
from local.dev_server import PROJECT
from tests.support.builders import KEYS, allow, basic, deny, mount, numbered
from tests.support.fakes import SIGNING_SECRET, Fixed, Signpost, ask
from tests.support.link_use_counter import MemoryLinkUseCounter

from . import logs_insights

PAGE = (PROJECT / "docs/operating.md").read_text()
OFFICE, HOME, THIEF = "192.0.2.1", "198.51.100.7", "203.0.113.9"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LAST_MONTH = datetime(2026, 10, 31, 23, tzinfo=UTC)
DIRECT = "https://acme-files.s3.eu-west-1.amazonaws.com/tenant/report.pdf?x-id=GetObject"
CI, ANN = basic("ci"), basic("ann")


class Logs:
    """A service whose clients follow each redirect, and the two logs that this leaves."""

    def __init__(self) -> None:
        rules = numbered(deny("/secret/**", "read"), allow("/**", "read write share", "authenticated"))
        settings = Settings(
            *("Acme files", None, False, (), (mount(prefix="tenant/"),), KEYS, rules, ()), log_address=True
        )
        backends = {"credentials": Fixed(), "link_use_counter": MemoryLinkUseCounter(), "mark_keys": [SIGNING_SECRET]}
        self._service = Signpost(settings, {**backends, "signing_secrets": lambda _: [SIGNING_SECRET]})
        self.own: list[tuple[datetime, Mapping[str, Any]]] = []
        self.s3: list[str] = []

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        at: datetime = NOW,
        address: str = OFFICE,
        token: str = "",
        answer: str = "200 - 9",
    ) -> None:
        """Ask the service, and S3 where the service redirects; `answer` is the status, the error and the size of S3."""
        query = {"token": token} if token else {}
        reply = ask(
            method, path, service=self._service, query=query, headers=headers, address=address, now=at.timestamp()
        )
        self.own.append((at, self._service.log[-1]))
        if reply.status == 307:
            self.request(method, reply.headers["Location"], at, address, answer)

    def request(self, method: str, url: str, at: datetime, address: str, answer: str = "200 - 9") -> None:
        """Write a record of S3 (S3 User Guide, "Amazon S3 server access log format")."""
        parts = urlsplit(url)
        self.s3.append(
            f"79a5 acme-files [{at:%d/%b/%Y:%H:%M:%S} +0000] {address} arn:aws:sts::1:assumed-role/files/f 3E57 "
            f'REST.{method}.OBJECT {parts.path[1:]} "{method} {parts.path}?{parts.query} HTTP/1.1" {answer} 9 7 6 "-" '
            f'"curl/8 (x86_64)" - s9lz= SigV4 TLS_AES_128_GCM_SHA256 QueryString {parts.netloc} TLSv1.3 - - eu-west-1'
        )

    def link(self, path: str) -> str:
        """Return the token of a new link of ann."""
        body = json.dumps({"uses": 3}).encode()
        reply = ask(
            "POST", path, service=self._service, query={"link": ""}, headers=ANN, body=body, now=NOW.timestamp()
        )
        return str(json.loads(reply.body)["url"]).partition("?token=")[2]


class Examples(NamedTuple):
    """The logs of the examples, and the name of the link in them."""

    logs: Logs
    link: str


@pytest.fixture(scope="module")
def examples() -> Examples:
    logs = Logs()
    token = logs.link("/report.pdf")
    logs.ask("GET", "/report.pdf", ANN, at=LAST_MONTH, address=HOME)
    logs.ask("GET", "/report.pdf", ANN, at=LAST_MONTH, address=HOME, answer="206 - 4")
    logs.ask("GET", "/report.pdf", ANN, at=LAST_MONTH, address=HOME, answer="403 AccessDenied 243")
    logs.ask("GET", "/report.pdf", CI)
    logs.request("GET", DIRECT, LAST_MONTH, HOME)
    logs.ask("GET", "/report.pdf", {}, address=HOME, token=token)
    logs.ask("GET", "/report.pdf", {}, address=THIEF, token=token)
    logs.ask("GET", "/report.pdf", {}, address=THIEF, token=token)
    logs.ask("GET", "/report.pdf", {}, address=THIEF, token=token)
    logs.ask("PUT", "/builds/a.tar", CI)
    logs.ask("PUT", "/builds/old.tar", CI, at=LAST_MONTH)
    logs.ask("PUT", "/builds/ann.tar", ANN)
    logs.ask("GET", "/secret/a", ANN)
    logs.ask("GET", "/secret/a", {})
    return Examples(logs, str(logs.own[5][1]["principal"]))


def queries(language: str) -> dict[str, str]:
    """The queries of the page in a language, by the first words of their questions."""
    questions = rf"^((?:Who|What|Which) \S+ \S+) (?:(?!```).)*?```{language}\n(.*?)```"
    return dict(re.findall(questions, PAGE, re.DOTALL | re.MULTILINE))


def test_the_log_of_the_service_answers(examples: Examples) -> None:
    asked, link = queries("logs-insights"), examples.link

    def answers(question: str, month: int) -> list[tuple[Any, ...]]:
        events = ({**line, "@timestamp": at.isoformat()} for at, line in examples.logs.own if at.month == month)
        return [tuple(row.values()) for row in logs_insights.run(asked.pop(question), events)]

    assert answers("Who got a", 10) == [("key:ann", None, 3)]
    assert answers("What did `ci`", 11) == [(NOW.isoformat(), "PUT", "acme-files", "tenant/builds/a.tar")]
    path = "/report.pdf"
    assert answers("Which links were", 11) == [
        (link, "key:ann", path, THIEF, 2, NOW.isoformat()),
        (link, "key:ann", path, HOME, 1, NOW.isoformat()),
    ]
    refused = answers("What was refused,", 11)
    assert set(refused) == {
        (410, "link-used-up", link, path, 2, None, 1),
        (403, "forbidden", "key:ann", "/secret/a", 1, None, 1),
        (401, "credentials-missing", "anyone", "/secret/a", None, None, 1),
    }
    mark = examples.logs.own[5][1]["mark"]
    (query,) = re.findall(r'```logs-insights\n(filter mark = "MARK".*?)```', PAGE, re.DOTALL)
    events = [line for _, line in examples.logs.own]
    rows = logs_insights.run(query.replace("MARK", str(mark)), events)
    assert rows == [{"principal": link, "maker": "key:ann", "requests": 3}]
    assert asked == {}


@pytest.fixture(scope="module")
def athena(examples: Examples) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables and views of the page, over the logs."""
    logs = examples.logs
    files = {
        "s3_access_log": logs.s3,
        "signpost_log": [
            f"{LAST_MONTH:%Y-%m-%dT%H:%M:%S}.000Z START RequestId: 1 Version: $LATEST",
            *(f"{at:%Y-%m-%dT%H:%M:%S}.000Z {json.dumps(line)}" for at, line in logs.own),
        ],
    }
    with duckdb.connect() as connection:
        for definition in re.findall(r"```sql\n(CREATE .*?)```", PAGE, re.DOTALL):
            statement = sqlglot.parse_one(definition, read="athena")
            if statement.args["kind"] == "TABLE":
                _load(connection, statement, files.pop(statement.this.this.name))
            else:
                connection.execute(translated(definition))
        assert files == {}
        yield connection


def _load(connection: duckdb.DuckDBPyConnection, statement: exp.Expression, lines: list[str]) -> None:
    """Read lines as Hive's RegexSerDe does: a line that does not match has no values, and neither has a bad number."""
    (pattern,) = (it.args["value"].name for it in statement.find_all(exp.Property) if it.name == "input.regex")
    columns = statement.find_all(exp.ColumnDef)
    types = {column.name: column.kind.sql("duckdb") for column in columns if column.kind}
    connection.execute(f"CREATE TABLE {statement.this.this.name} ({', '.join(f'{n} {t}' for n, t in types.items())})")
    for line in lines:
        match = re.fullmatch(pattern, line)
        texts = match.groups() if match else (None,) * len(types)
        casts = ", ".join(f"TRY_CAST(? AS {type_})" for type_ in types.values())
        connection.execute(f"INSERT INTO {statement.this.this.name} SELECT {casts}", texts)


def translated(query: str) -> str:
    """A query of Athena as a query of DuckDB, on the day of the examples."""

    def on_the_day(node: exp.Expression) -> exp.Expression:
        return sqlglot.parse_one(f"DATE '{NOW:%Y-%m-%d}'") if isinstance(node, exp.CurrentDate) else node

    return str(sqlglot.parse_one(query, read="athena").transform(on_the_day).sql("duckdb"))


def test_the_log_of_s3_answers_with_the_callers_of_the_service(
    examples: Examples, athena: duckdb.DuckDBPyConnection
) -> None:
    asked, link = queries("sql"), examples.link

    def answers(question: str) -> list[tuple[Any, ...]]:
        return list(athena.execute(translated(asked.pop(question))).fetchall())

    assert answers("Who read this") == [("key:ann", None, HOME, 2, 13), (None, None, HOME, 1, 9)]
    now = NOW.replace(tzinfo=None)
    assert answers("What did `ci`") == [(now, "REST.PUT.OBJECT", "tenant/builds/a.tar", OFFICE)]
    key = "tenant/report.pdf"
    assert answers("Which links were") == [(link, "key:ann", key, THIEF, 2, now), (link, "key:ann", key, HOME, 1, now)]
    assert answers("What did S3") == [("403", "AccessDenied", "key:ann", key, 1)]
    assert asked == {}
