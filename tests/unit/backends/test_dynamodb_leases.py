"""Leases of requests: the contract of `ports.LeaseTable`, 100 containers at one table, and the failures of DynamoDB."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.backends.dynamodb_leases import DynamoLeaseTable
from chalicelib.core.access.authorization import Caller
from chalicelib.core.access.client_address import ClientAddresses
from chalicelib.core.access.limits import MAX_LEASES, Limit
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.ports import Lease, LeaseTable
from chalicelib.core.request_limits import RequestLimits
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.problems.access import TooManyRequests
from tests.support.aws_stub import AwsStub, unavailable
from tests.support.builders import path, request, soon
from tests.support.lease_table import CountingLeaseTable, MemoryLeaseTable

from .tables import Table, new_table

ENDS_AT = 1_800_000_060
CONTAINERS = 100


@pytest.fixture
def leases(place: str, environment: pytest.MonkeyPatch) -> LeaseTable:
    return DynamoLeaseTable(new_table(place, environment).name) if place else MemoryLeaseTable()


def lease(leases: LeaseTable, window_id: str, size: int = 3, requests: int = 7) -> Lease:
    return leases.lease(window_id, size=size, requests=requests, ends_at=ENDS_AT, deadline=soon())


def test_the_last_lease_of_a_window_has_the_requests_that_are_left(leases: LeaseTable) -> None:
    for size, requests, expected in ((3, 7, [3, 3, 1, 0, 0]), (2, 4, [2, 2, 0]), (1, 1, [1, 0]), (5, 3, [3, 0])):
        window_id = uuid.uuid4().hex
        given = [lease(leases, window_id, size, requests) for _ in expected]
        assert [each.requests for each in given] == expected
        assert [each.is_last for each in given] == [sum(expected[: n + 1]) == requests for n in range(len(expected))]


def test_containers_with_an_older_number_of_requests_lease_from_the_same_window(leases: LeaseTable) -> None:
    window_id = uuid.uuid4().hex
    assert [lease(leases, window_id, 4, 10), lease(leases, window_id, 1, 5)] == [Lease(4, False), Lease(1, True)]
    assert [lease(leases, window_id, 1, 5), lease(leases, window_id, 4, 10)] == [Lease(0, True), Lease(4, False)]


def test_a_hundred_containers_at_once_let_no_more_requests_through(leases: LeaseTable) -> None:
    """Every container that was refused knows it, and asks no more."""
    limit, caller = Limit(("anyone",), 120, 86_400), Caller(ANYONE, "read")
    counted = CountingLeaseTable(leases)

    def run(_: int) -> int:
        limits = RequestLimits(
            limits=[limit],
            leases=counted,
            client_addresses=ClientAddresses(None),
            url_seconds=lambda *_: 300,
            admit_without_table=False,
        )
        admitted = 0
        for _ in range(6):  # two leases
            try:
                limits.admit(request(deadline=soon()), caller, path("/a"), ENDS_AT, AccessLogEntry())
                admitted += 1
            except TooManyRequests:
                pass
        return admitted

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(run, range(CONTAINERS)))
    assert admitted == limit.requests
    assert counted.leases.total() == 40 <= MAX_LEASES
    assert counted.refusals.total() <= CONTAINERS


def test_the_item_of_a_window_expires_and_shows_no_caller(table: Table) -> None:
    window_id = Limit(("anyone",), 7, 60).window_id("anyone 192.0.2.1", 1_800_000_000)
    lease(DynamoLeaseTable(table.name), window_id)
    (item,) = table.client.scan(TableName=table.name)["Items"]
    assert item == {"id": {"S": window_id}, "expires": {"N": str(ENDS_AT + 3_600)}, "used": {"N": "3"}}
    assert "192.0.2.1" not in json.dumps(item)


def test_a_lost_answer_costs_a_lease_and_gives_no_request_twice(table: Table) -> None:
    """boto3 repeats the write."""
    leases, window_id = DynamoLeaseTable(table.name), uuid.uuid4().hex
    lost: list[str] = []

    def send_and_lose(request: AWSPreparedRequest, **_: object) -> None:
        if not lost:
            lost.append(request.url)
            URLLib3Session().send(request)
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    leases._client.meta.events.register("before-send.dynamodb.UpdateItem", send_and_lose)
    assert [lease(leases, window_id) for _ in range(3)] == [Lease(3, False), Lease(1, True), Lease(0, True)]


def test_a_table_that_does_not_confirm_a_lease_is_unavailable(table: Table, environment: pytest.MonkeyPatch) -> None:
    leases = DynamoLeaseTable(table.name)
    stub = AwsStub(leases._client)
    for stub.body in (
        b"<html>A proxy's page</html>",
        b"",
        b"{}",
        b'{"Attributes": {}}',
        b'{"Attributes": {"used": {}}}',
    ):
        unavailable(lambda: lease(leases, "a"))
    calls: list[Callable[[], Lease]] = [lambda: lease(DynamoLeaseTable(f"{table.name}-2"), "a")]
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    environment.setattr(boto3, "DEFAULT_SESSION", None)
    calls.append(lambda: lease(DynamoLeaseTable(table.name), "a"))
    for call in calls:
        assert table.name not in unavailable(call).detail
    assert DynamoLeaseTable("t", "us-east-1")._client.meta.region_name == "us-east-1"
