"""DynamoLinkUseCounter: what the table holds, and what becomes of failures and of answers that are not DynamoDB's."""

import json
from collections.abc import Callable, Iterator

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.core.ports import LinkUseCounter
from chalicelib.core.web.problems import LinkUsedUp, Unavailable
from tests.support.aws_stub import AwsStub
from tests.support.builders import soon

from .link_tables import EXPIRES_AT, Table, dynamodb, new_link, new_table, redeem

LATE = ReadTimeoutError(endpoint_url="http://127.0.0.1")
CUT = ConnectionClosedError(endpoint_url="http://127.0.0.1")


@pytest.fixture(scope="module", params=["embedded", "dynamodb_local"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    with dynamodb(request.param) as endpoint:
        yield endpoint


@pytest.fixture
def table(endpoint: str, environment: pytest.MonkeyPatch) -> Table:
    return new_table(endpoint, environment)


def unavailable(act: Callable[[], object]) -> Unavailable:
    with pytest.raises(Unavailable) as refused:
        act()
    assert refused.value.headers == {"Retry-After": "5"}
    return refused.value


def calls(counter: LinkUseCounter) -> list[Callable[[], None]]:
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
    for call in calls(counter):
        problem = unavailable(call)
        assert table not in problem.detail
        assert problem.__cause__


# What the table holds


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
        for call in calls(counter):
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
            attempt.setattr("boto3.DEFAULT_SESSION", None)
            assert_out_of_reach(DynamoLinkUseCounter("links"), "links-")


def test_the_region_of_the_table_may_differ_from_the_environments(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert DynamoLinkUseCounter("links", "us-east-1")._client.meta.region_name == "us-east-1"
