"""What every token store promises: the one in memory that other tests use, and DynamoDB as two others make it."""

import json
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.core.access.link_tokens import MAX_FREE_RANGES, Link, Reading
from chalicelib.core.ports import LinkUseCounter
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems import LinkRevoked, LinkUsedUp, Problem, Unavailable
from local import embedded_s3
from tests.support.builders import soon
from tests.support.token_store import Tokens

from .foreign import answer_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000.123
ENDS = 1_800_003_600
ROUNDS = 20 if os.environ.get("CI") else 3  # of fifty who race for one link


class Table(NamedTuple):
    """A table of its own for a test; boto3's environment leads to where it is."""

    name: str
    client: "DynamoDBClient"

    def item(self, link: Link) -> dict[str, Any]:
        """What is kept of a link."""
        return dict(self.client.get_item(TableName=self.name, Key={"id": {"S": link.id}})["Item"])

    def delete(self) -> None:
        self.client.delete_table(TableName=self.name)


def make_table(endpoint: str, environment: pytest.MonkeyPatch) -> Table:
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    environment.setenv("AWS_DEFAULT_REGION", embedded_s3.REGION)
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    table = Table(f"links-{uuid.uuid4().hex}", boto3.client("dynamodb"))
    table.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return table


@pytest.fixture(scope="module")
def embedded() -> Iterator[str]:
    """Where the embedded DynamoDB is: moto's, one request at a time."""
    with embedded_s3.serve() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def dynamodb_local() -> str:
    """Where DynamoDB Local is: AWS's own, and the judge of our expressions."""
    endpoint = os.environ.get("DYNAMODB_ENDPOINT")
    if endpoint:
        return endpoint
    why = "DYNAMODB_ENDPOINT does not say where DynamoDB Local is: see CONTRIBUTING.md"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(params=["embedded", "dynamodb_local"])
def table(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> Table:
    return make_table(request.getfixturevalue(request.param), environment)


@pytest.fixture(params=["fake", "embedded", "dynamodb_local"])
def store(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> LinkUseCounter:
    if request.param == "fake":
        return Tokens()
    return DynamoLinkUseCounter(make_table(request.getfixturevalue(request.param), environment).name)


def link(uses: int = 1) -> Link:
    """A new link."""
    return Link(uuid.uuid4().hex[:16], decode("/a"), "read", uses, ENDS, b"0123456789")


def redeem(
    store: LinkUseCounter, link: Link, file: str = "ann", part: str = "whole", *, attempt: str = "", now: float = NOW
) -> None:
    """Ask for a use or a part, as a new request if no attempt is named; for a write where the file has no name."""
    reading = Reading(file, part, part != "whole") if file else None
    store.redeem(link, attempt=attempt or uuid.uuid4().hex, reading=reading, now=now, deadline=soon())


# Uses


@pytest.mark.parametrize("uses", [1, 2, 3, 20])
def test_a_link_has_as_many_uses_as_it_says(store: LinkUseCounter, uses: int) -> None:
    several = link(uses)
    for _ in range(uses):
        store.check(several, soon())
        redeem(store, several)
    for client in ("ann", "bob"):
        with pytest.raises(LinkUsedUp):
            redeem(store, several, client)
    with pytest.raises(LinkUsedUp):
        store.check(several, soon())


def test_a_check_takes_nothing(store: LinkUseCounter) -> None:
    single = link()
    for _ in range(3):
        store.check(single, soon())
    redeem(store, single)


def test_a_repeated_attempt_takes_one_use(store: LinkUseCounter) -> None:
    """Even when none is left."""
    double = link(2)
    for attempt in ("first", "first", "second", "second", "first"):
        redeem(store, double, attempt=attempt)
    with pytest.raises(LinkUsedUp):
        redeem(store, double, attempt="third")


def test_a_refused_attempt_is_not_kept(store: LinkUseCounter) -> None:
    single = link()
    redeem(store, single, attempt="first")
    for _ in range(2):
        with pytest.raises(LinkUsedUp):
            redeem(store, single, attempt="second")


def test_links_have_nothing_in_common(store: LinkUseCounter) -> None:
    one, other, third = link(), link(), link()
    redeem(store, one, attempt="same")
    store.revoke(third, soon())
    store.check(other, soon())
    redeem(store, other, part="1", attempt="same")
    with pytest.raises(LinkUsedUp):
        store.check(other, soon())


# Parts of a file that a use was taken for


@pytest.mark.parametrize(("later", "free"), [(0, True), (59.99, True), (60, False), (61, False)])
def test_a_part_is_free_for_a_minute_and_once(store: LinkUseCounter, later: float, free: bool) -> None:
    single = link()
    redeem(store, single, now=1_000)
    for part in "123":
        for expected in (free, False):
            with nullcontext() if expected else pytest.raises(LinkUsedUp):
                redeem(store, single, part=part, now=1_000 + later)


def test_a_part_that_took_the_use_is_not_free_either(store: LinkUseCounter) -> None:
    single = link()
    redeem(store, single, part="1")
    redeem(store, single, part="2")
    for part in ("1", "2", "whole"):
        with pytest.raises(LinkUsedUp):
            redeem(store, single, part=part)


def test_free_parts_leave_the_uses_and_the_minute_as_they_are(store: LinkUseCounter) -> None:
    double = link(2)
    redeem(store, double, now=1_000)
    redeem(store, double, part="1", now=1_059)
    store.check(double, soon())
    redeem(store, double, part="1", now=1_059)  # the same part again takes the second use, with a minute of its own
    with pytest.raises(LinkUsedUp):
        store.check(double, soon())
    redeem(store, double, part="2", now=1_118)


def test_a_part_of_another_file_is_not_free_and_a_write_frees_nothing(store: LinkUseCounter) -> None:
    single, other = link(), link()
    redeem(store, single)
    redeem(store, other, file="")
    for used in (single, other):
        for file, part in (("bob", "1"), ("", "whole")):
            with pytest.raises(LinkUsedUp):
                redeem(store, used, file, part)


def test_only_so_many_parts_are_free(store: LinkUseCounter) -> None:
    single = link()
    redeem(store, single)
    for number in range(MAX_FREE_RANGES):
        redeem(store, single, part=f"{number}")
    with pytest.raises(LinkUsedUp):
        redeem(store, single, part="more")


def test_a_file_may_have_any_name(store: LinkUseCounter) -> None:
    names = ["#file", ":now", "a b.c[0]", "id", "expires", "é" * 100]
    several = link(len(names))
    for name in names:
        redeem(store, several, name)
        redeem(store, several, name, "1")


# Taken back


@pytest.mark.parametrize("used", [0, 1, 2])
def test_a_revoked_link_is_never_used_again(store: LinkUseCounter, used: int) -> None:
    """Whether uses are left or not, and neither for parts nor for an attempt that was granted."""
    double = link(2)
    for number in range(used):
        redeem(store, double, attempt=f"{number}")
    store.revoke(double, soon())
    store.revoke(double, soon())
    for attempt, part in (("0", "whole"), ("0", "1"), ("new", "whole"), ("new", "1")):
        with pytest.raises(LinkRevoked):
            redeem(store, double, part=part, attempt=attempt)
    with pytest.raises(LinkRevoked):
        store.check(double, soon())


# Many at once


@pytest.mark.parametrize(("file", "part"), [(str, "whole"), (str, "1"), (lambda _: "ann", "1")])
@pytest.mark.parametrize("uses", [1, 3])
@pytest.mark.parametrize("store", ["fake", "embedded", "dynamodb_local"], indirect=True)
def test_of_fifty_who_race_as_many_win_as_there_are_uses(
    store: LinkUseCounter, uses: int, file: Callable[[int], str], part: str
) -> None:
    """Also where all fifty are one client to us, and ask for the same part."""
    start = threading.Barrier(50)

    def outcome(raced: Link, file: str, part: str) -> str:
        start.wait()
        try:
            redeem(store, raced, file, part)
        except Problem as problem:
            return type(problem).__name__
        return "taken"

    with ThreadPoolExecutor(50) as pool:
        for _ in range(ROUNDS):
            found = Counter(pool.map(outcome, repeat(link(uses), 50), map(file, range(50)), repeat(part, 50)))
            # Where the machine is so busy that some wait too long, they are told so, and nobody is let in for it.
            assert found["taken"] == uses
            assert found.keys() <= {"taken", "LinkUsedUp", "Unavailable"}


# What the table holds


def test_what_is_kept_of_a_link(table: Table) -> None:
    """An hour after the link, DynamoDB's TTL may take the item: Unix time in seconds, as a number."""
    store, double = DynamoLinkUseCounter(table.name), link(2)
    redeem(store, double, "ann", attempt="first", now=1_000.5)
    redeem(store, double, "ann", "1", attempt="third", now=1_000.5)
    redeem(store, double, "", attempt="second", now=1_001)
    kept = table.item(double)
    assert sorted(kept.pop("attempts")["SS"]) == ["first", "second"]
    assert sorted(kept.pop("parts ann")["SS"]) == ["1", "third", "whole"]
    assert kept == {
        "id": {"S": double.id},
        "expires": {"N": str(ENDS + 3600)},
        "file ann": {"N": "1000.5"},
    }


def test_what_is_kept_of_a_revoked_link(table: Table) -> None:
    store, single = DynamoLinkUseCounter(table.name), link()
    store.revoke(single, soon())
    expires = {"N": str(ENDS + 3600)}
    assert table.item(single) == {"id": {"S": single.id}, "expires": expires, "revoked": {"BOOL": True}}


def test_a_check_reads_what_was_written_last(table: Table) -> None:
    """Of DynamoDB's two ways to read, the one that never answers with something old."""
    store, sent = DynamoLinkUseCounter(table.name), []

    def remember(request: Any, **_: object) -> None:
        sent.append(json.loads(request.body))

    store._client.meta.events.register("before-send.dynamodb.GetItem", remember)
    store.check(link(), soon())
    assert [body["ConsistentRead"] for body in sent] == [True]


# Answers that are not DynamoDB's


READS = (("ann", "whole"), ("ann", "1"), ("", "whole"))
FOREIGN = (
    *(b"<html>A proxy's page</html>", b"", b"{}", b"[]", b"null", b'{"Attributes": {}}', b'{"Item": {}}'),
    b'{"Attributes": {"attempts": {"SS": ["another"]}, "revoked": {"BOOL": false}}, "ConsumedCapacity": {}}',
)


@pytest.mark.parametrize("body", FOREIGN)
def test_what_does_not_prove_a_use_takes_none_and_lets_nobody_in(table: Table, body: bytes) -> None:
    store = DynamoLinkUseCounter(table.name)
    answer_all(store._client, body)
    asked: list[Callable[[], None]] = [
        *(lambda part=part, file=file: redeem(store, link(), file, part) for file, part in READS),
        lambda: store.check(link(), soon()),
        lambda: store.revoke(link(), soon()),
    ]
    for ask in asked:
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.headers == {"Retry-After": "5"}


# A bad connection


def lose_answers(store: DynamoLinkUseCounter, lost: HTTPClientError, count: int) -> list[str]:
    """Let the next requests reach the table, and their answers not us; returns the list of those requests."""
    sent: list[str] = []

    def send_and_lose(request: AWSPreparedRequest, **_: object) -> None:
        sent.append(request.url)
        if len(sent) <= count:
            URLLib3Session().send(request)
            raise lost

    store._client.meta.events.register("before-send.dynamodb.UpdateItem", send_and_lose)
    return sent


LOST: list[HTTPClientError] = [
    ReadTimeoutError(endpoint_url="http://127.0.0.1"),
    ConnectionClosedError(endpoint_url="http://127.0.0.1"),
]


@pytest.mark.parametrize("lost", LOST, ids=["late", "cut"])
def test_an_answer_that_is_lost_costs_nothing(table: Table, lost: HTTPClientError) -> None:
    """boto3 asks again by itself."""
    store, double = DynamoLinkUseCounter(table.name), link(2)
    for part in ("whole", "1"):
        sent = lose_answers(store, lost, 1)
        redeem(store, double, part=part, attempt=f"{part} first")
        assert len(sent) == 2
    assert table.item(double)["attempts"] == {"SS": ["whole first"]}


def test_an_answer_that_is_lost_for_good_can_be_asked_for_again(table: Table) -> None:
    store, single = DynamoLinkUseCounter(table.name), link()
    lose_answers(store, LOST[0], 3)
    with pytest.raises(Unavailable):
        redeem(store, single, attempt="first")
    redeem(store, single, attempt="first")
    with pytest.raises(LinkUsedUp):
        redeem(store, single, attempt="second")


def out_of_reach(store: LinkUseCounter, table: str = "links") -> None:
    """Everything that the store does ends as a 503 that says nothing of our own affairs."""
    asked: list[Callable[[], None]] = [
        lambda: redeem(store, link()),
        lambda: store.check(link(), soon()),
        lambda: store.revoke(link(), soon()),
    ]
    for ask in asked:
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.headers == {"Retry-After": "5"}
        assert table not in refused.value.detail
        assert refused.value.__cause__


def test_a_table_that_is_not_there(table: Table) -> None:
    out_of_reach(DynamoLinkUseCounter(f"{table.name}-2"), table.name)


def test_a_table_that_is_deleted_under_way(table: Table) -> None:
    store = DynamoLinkUseCounter(table.name)
    redeem(store, link())
    table.delete()
    out_of_reach(store, table.name)


def test_a_table_with_another_key(table: Table) -> None:
    table.delete()
    table.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    out_of_reach(DynamoLinkUseCounter(table.name), table.name)


def test_an_endpoint_where_nobody_listens(embedded: str, environment: pytest.MonkeyPatch) -> None:
    table = make_table(embedded, environment)
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    started = time.monotonic()
    with pytest.raises(Unavailable):
        redeem(DynamoLinkUseCounter(table.name), link())
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"])
def test_a_service_that_is_not_set_up(embedded: str, environment: pytest.MonkeyPatch, missing: str) -> None:
    """It starts nevertheless, since most requests need no table."""
    table = make_table(embedded, environment)
    environment.delenv(missing)
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    environment.setattr("boto3.DEFAULT_SESSION", None)
    out_of_reach(DynamoLinkUseCounter(table.name), table.name)


# The fake and the real one


class Ask(NamedTuple):
    """A request asks, so many seconds after the one before."""

    what: str
    link: int
    file: str
    part: str
    attempt: str
    later: float


ASKED = st.builds(
    Ask,
    what=st.sampled_from(["redeem"] * 8 + ["check", "check", "revoke"]),
    link=st.integers(0, 1),
    file=st.sampled_from(["ann", "bob", ""]),
    part=st.sampled_from(["whole", "1", "2"]),
    attempt=st.sampled_from("abcdef"),
    later=st.sampled_from([0, 0.1, 1, 29.95, 59.9, 60, 61]),
)


def outcomes(store: LinkUseCounter, links: list[Link], asked: list[Ask]) -> Iterator[str]:
    """What becomes of each, in this order."""
    now = NOW
    for ask in asked:
        now += ask.later
        try:
            match ask.what:
                case "redeem":
                    redeem(store, links[ask.link], ask.file, ask.part, attempt=ask.attempt, now=now)
                case "check":
                    store.check(links[ask.link], soon())
                case "revoke":
                    store.revoke(links[ask.link], soon())
            yield "yes"
        except Problem as problem:
            yield type(problem).__name__


@settings(max_examples=30 if os.environ.get("CI") else 15)
@given(st.lists(ASKED, min_size=5, max_size=15), st.integers(1, 3))
def test_the_fake_answers_as_dynamodb_does(table: Table, asked: list[Ask], uses: int) -> None:
    links = [link(uses), link(uses)]
    expected = list(outcomes(Tokens(), links, asked))
    assert list(outcomes(DynamoLinkUseCounter(table.name), links, asked)) == expected
