"""Counters of link uses: the contract of `ports.LinkUseCounter`, and the failures of DynamoDB.

The counters in memory and in DynamoDB keep the same contract. The embedded DynamoDB always runs; DynamoDB Local,
the judge of the expressions, runs where `DYNAMODB_ENDPOINT` names it, and always in CI.
"""

import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.core.access.link_tokens import Link, Reading
from chalicelib.core.link_uses import MAX_FREE_RANGES
from chalicelib.core.ports import LinkUseCounter
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.access import LinkRevoked, LinkUsedUp
from chalicelib.core.web.problems.base import Problem
from tests.support.aws_stub import AwsStub, unavailable
from tests.support.builders import soon
from tests.support.link_use_counter import MemoryLinkUseCounter

from .tables import Table, dynamodb, new_table

if TYPE_CHECKING:
    pass

RACERS = 10
RACES = 5 if os.environ.get("CI") else 1
NOW = 1_800_000_000.123
EXPIRES_AT = 1_800_003_600


def new_link(uses: int = 1) -> Link:
    return Link(uuid.uuid4().hex[:16], decode("/a"), "read", uses, EXPIRES_AT, b"0123456789")


def redeem(
    counter: LinkUseCounter, link: Link, file: str = "ann", part: str = "whole", *, attempt: str = "", now: float = NOW
) -> None:
    """Redeem a GET of a range of a file, or a write for a file without a name; by default as a new attempt."""
    reading = Reading(file, part, part != "whole") if file else None
    counter.redeem(link, attempt=attempt or uuid.uuid4().hex, reading=reading, now=now, deadline=soon())


@pytest.fixture(scope="module", params=["embedded", "dynamodb_local"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    with dynamodb(request.param) as endpoint:
        yield endpoint


@pytest.fixture
def table(endpoint: str, environment: pytest.MonkeyPatch) -> Table:
    return new_table(endpoint, environment)


@pytest.fixture
def counter(place: str, environment: pytest.MonkeyPatch) -> LinkUseCounter:
    return new_table(place, environment).counter() if place else MemoryLinkUseCounter()


def assert_used_up(counter: LinkUseCounter, link: Link) -> None:
    with pytest.raises(LinkUsedUp):
        counter.check(link, soon())
    for file in ("bob", ""):
        with pytest.raises(LinkUsedUp):
            redeem(counter, link, file)


# Uses


def test_a_link_has_its_number_of_uses_and_a_check_takes_no_use(counter: LinkUseCounter) -> None:
    for uses in (1, 2, 5):
        link = new_link(uses)
        for _ in range(uses):
            counter.check(link, soon())
            redeem(counter, link)
        assert_used_up(counter, link)
        with pytest.raises(LinkUsedUp):
            redeem(counter, link)


def test_a_repeated_attempt_takes_one_use_also_of_a_link_that_is_used_up(counter: LinkUseCounter) -> None:
    link = new_link(2)
    for attempt in ("first", "first", "second", "second", "first"):
        redeem(counter, link, attempt=attempt)
    for _ in range(2):  # a refused attempt is not remembered
        with pytest.raises(LinkUsedUp):
            redeem(counter, link, attempt="third")


def test_a_revoked_link_is_never_used_again(counter: LinkUseCounter) -> None:
    """Neither its free ranges nor an attempt that took a use before, with or without uses left."""
    for used in (0, 1, 2):
        link = new_link(2)
        for number in range(used):
            redeem(counter, link, attempt=f"{number}")
        counter.revoke(link, soon())
        counter.revoke(link, soon())
        for attempt, part in (("0", "whole"), ("0", "1"), ("new", "whole"), ("new", "1")):
            with pytest.raises(LinkRevoked):
                redeem(counter, link, part=part, attempt=attempt)
        with pytest.raises(LinkRevoked):
            counter.check(link, soon())


# Free ranges


def test_after_a_use_each_range_of_the_file_is_free_once_for_60_seconds(counter: LinkUseCounter) -> None:
    for seconds, is_free in ((0, True), (59.99, True), (60, False)):
        link = new_link()
        redeem(counter, link, now=1_000)
        for part in "12":
            for allowed in (is_free, False):
                with nullcontext() if allowed else pytest.raises(LinkUsedUp):
                    redeem(counter, link, part=part, now=1_000 + seconds)


def test_a_free_range_takes_no_use_and_does_not_prolong_the_60_seconds(counter: LinkUseCounter) -> None:
    link = new_link(2)
    redeem(counter, link, now=1_000)
    redeem(counter, link, part="1", now=1_059)
    counter.check(link, soon())
    redeem(counter, link, part="2", now=1_061)  # takes the second use, which starts its own 60 seconds
    assert_used_up(counter, link)
    redeem(counter, link, part="3", now=1_118)


# Races


def outcome_of(start: threading.Barrier, counter: LinkUseCounter, link: Link, file: str, part: str) -> str:
    start.wait()
    try:
        redeem(counter, link, file, part)
    except Problem as problem:
        return type(problem).__name__
    return "won"


def test_of_many_racing_requests_as_many_win_as_the_link_has_uses(counter: LinkUseCounter) -> None:
    """Different clients, and one client that asks for the same range. On a slow machine some requests end with 503."""
    for files, part, uses in ((RACERS, "whole", 1), (RACERS, "1", 3), (1, "1", 1), (1, "1", 3)):
        for _ in range(RACES):
            race = partial(outcome_of, threading.Barrier(RACERS), counter, new_link(uses), part=part)
            with ThreadPoolExecutor(RACERS) as pool:
                outcomes = Counter(pool.map(race, [str(number % files) for number in range(RACERS)]))
            assert uses - outcomes["Unavailable"] <= outcomes["won"] <= uses
            assert outcomes.keys() <= {"won", "LinkUsedUp", "Unavailable"}


# DynamoDB

LATE = ReadTimeoutError(endpoint_url="http://127.0.0.1")
CUT = ConnectionClosedError(endpoint_url="http://127.0.0.1")


def every_call(counter: LinkUseCounter) -> list[Callable[[], object]]:
    """Every method, each with a new link."""
    return [
        lambda: redeem(counter, new_link()),
        lambda: redeem(counter, new_link(), part="1"),
        lambda: redeem(counter, new_link(), file=""),
        lambda: counter.check(new_link(), soon()),
        lambda: counter.revoke(new_link(), soon()),
    ]


def assert_out_of_reach(counter: LinkUseCounter, table: str) -> None:
    """Every call ends with a 503 that does not name the table."""
    for call in every_call(counter):
        problem = unavailable(call)
        assert table not in problem.detail
        assert problem.__cause__


# The content of the table


def test_the_item_of_a_link_expires_an_hour_after_the_link(table: Table) -> None:
    counter, link, revoked = table.counter(), new_link(2), new_link()
    redeem(counter, link, "ann", attempt="first", now=1_000.5)
    redeem(counter, link, "ann", "1", attempt="third", now=1_000.5)
    redeem(counter, link, "", attempt="second", now=1_001)
    item, expires = table.item(link), {"N": str(EXPIRES_AT + 3_600)}
    assert sorted(item.pop("attempts")["SS"]) == ["first", "second"]
    assert sorted(item.pop("parts ann")["SS"]) == ["1", "third", "whole"]
    assert item == {"id": {"S": link.id}, "expires": expires, "file ann": {"N": "1000.5"}}
    counter.revoke(revoked, soon())
    assert table.item(revoked) == {"id": {"S": revoked.id}, "expires": expires, "revoked": {"BOOL": True}}


def test_the_number_of_free_ranges_is_limited(table: Table) -> None:
    """The set holds "whole", and a range and an attempt for each free range."""
    counter, link = table.counter(), new_link()
    redeem(counter, link)
    sent = [f"{kind}{number}" for kind in ("range", "attempt") for number in range(MAX_FREE_RANGES - 2)]
    table.client.update_item(
        TableName=table.name,
        Key={"id": {"S": link.id}},
        UpdateExpression="ADD #parts :sent",
        ExpressionAttributeNames={"#parts": "parts ann"},
        ExpressionAttributeValues={":sent": {"SS": sent}},
    )
    for part in "12":
        redeem(counter, link, part=part)
    with pytest.raises(LinkUsedUp):
        redeem(counter, link, part="more")


def test_a_check_reads_what_was_written_last(table: Table) -> None:
    counter = table.counter()
    stub = AwsStub(counter._client)
    unavailable(lambda: counter.check(new_link(), soon()))
    assert json.loads(stub.requests[0].body)["ConsistentRead"] is True


# Failures


def test_an_answer_that_does_not_prove_the_write_is_an_error(table: Table) -> None:
    """boto3 reads a proxy's page with status 200 as an answer without values."""
    counter = table.counter()
    stub = AwsStub(counter._client)
    bodies = [b"<html>A proxy's page</html>", b"", b"{}", b"[]", b"null", b'{"Attributes": {}}', b'{"Item": {}}']
    bodies += [b'{"Attributes": {"attempts": {"SS": ["another"]}, "revoked": {"BOOL": false}}, "ConsumedCapacity": {}}']
    bodies += [b'{"ConsumedCapacity": {"CapacityUnits": 0}}']
    for stub.body in bodies:
        for call in every_call(counter):
            unavailable(call)


def lose_answers(counter: DynamoLinkUseCounter, error: HTTPClientError, count: int) -> list[str]:
    """Send the next writes to the table, but lose the first answers; returns the list of all writes."""
    writes: list[str] = []

    def send_and_lose(request: AWSPreparedRequest, **_: object) -> None:
        writes.append(request.url)
        if len(writes) <= count:
            URLLib3Session().send(request)
            raise error

    counter._client.meta.events.register("before-send.dynamodb.UpdateItem", send_and_lose)
    return writes


def test_a_lost_answer_takes_no_second_use(table: Table) -> None:
    """boto3 repeats the write."""
    for error in (LATE, CUT):
        counter, link = table.counter(), new_link(2)
        for part in ("whole", "1"):
            counter = table.counter()
            writes = lose_answers(counter, error, 1)
            redeem(counter, link, part=part, attempt=f"{part} first")
            assert len(writes) == 2
        assert table.item(link)["attempts"] == {"SS": ["whole first"]}


def test_after_three_lost_answers_the_same_attempt_can_be_repeated(table: Table) -> None:
    counter, link = table.counter(), new_link()
    lose_answers(counter, LATE, 3)
    unavailable(lambda: redeem(counter, link, attempt="first"))
    redeem(counter, link, attempt="first")
    with pytest.raises(LinkUsedUp):
        redeem(counter, link, attempt="second")


def test_a_table_that_is_missing_deleted_or_has_another_key_is_unavailable(table: Table) -> None:
    assert_out_of_reach(DynamoLinkUseCounter(f"{table.name}-2"), table.name)
    counter = table.counter()
    redeem(counter, new_link())
    table.delete()
    assert_out_of_reach(counter, table.name)
    table.create(key="name")
    assert_out_of_reach(table.counter(), table.name)


def test_without_a_table_in_reach_credentials_or_a_region_every_call_is_unavailable(
    environment: pytest.MonkeyPatch,
) -> None:
    settings = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-1"}
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    for missing in ("", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"):
        with environment.context() as attempt:
            for name, value in settings.items():
                if name != missing:
                    attempt.setenv(name, value)
            attempt.setattr(boto3, "DEFAULT_SESSION", None)
            assert_out_of_reach(DynamoLinkUseCounter("links"), "links-")


def test_the_table_may_be_in_another_region_than_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert DynamoLinkUseCounter("links", "us-east-1")._client.meta.region_name == "us-east-1"
