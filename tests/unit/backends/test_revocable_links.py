"""Revocable links: the contract of `ports.RevocableLinks` in memory and in DynamoDB, and the failures of DynamoDB."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError

from chalicelib.backends.dynamodb_links import DynamoRevocableLinks
from chalicelib.core.access.link_tokens import MAX_REVOCABLE_LINKS, Link
from chalicelib.core.ports import RevocableLinks
from chalicelib.core.web.problems.access import LinkRevoked, TooManyLinks
from tests.support.aws_stub import AwsStub, unavailable
from tests.support.builders import path, soon
from tests.support.revocable_links import MemoryRevocableLinks

from .tables import Table, new_table
from .test_link_use_counters import EXPIRES_AT, NOW, new_link

ANN = "key:ann"


@pytest.fixture
def links(place: str, environment: pytest.MonkeyPatch) -> RevocableLinks:
    return DynamoRevocableLinks(new_table(place, environment).name) if place else MemoryRevocableLinks()


def added(links: RevocableLinks, maker: str = ANN, at: str = "/a", ends_at: int = EXPIRES_AT, now: float = NOW) -> Link:
    """A new link that was added to the list of a maker."""
    link = new_link(0)._replace(path=path(at), expires_at=ends_at, revocable=True)
    links.add(maker, link, "Ann B.", now=now, deadline=soon())
    return link


def is_live(links: RevocableLinks, link: Link) -> bool:
    try:
        return links.check(link, soon()) == "Ann B."
    except LinkRevoked:
        return False


def ids(links: RevocableLinks, maker: str = ANN, now: float = NOW) -> list[str]:
    return [link.id for link in links.links_of(maker, now=now, deadline=soon())]


def test_a_link_is_live_and_listed_for_its_maker_alone_until_it_is_revoked_or_ends(links: RevocableLinks) -> None:
    unknown, first, second = new_link(0), added(links, at="/b/ü #1", ends_at=EXPIRES_AT - 9), added(links)
    assert [is_live(links, link) for link in (unknown, first, second)] == [False, True, True]
    assert ids(links) == [second.id, first.id]
    assert ids(links, "key:bob") == []
    listed = links.links_of(ANN, now=EXPIRES_AT - 9.001, deadline=soon())[1]
    assert listed == (first.id, "/b/ü #1", "read", EXPIRES_AT - 9)
    assert ids(links, now=EXPIRES_AT - 9) == [second.id]
    for _ in range(2):
        links.revoke(ANN, second.id, EXPIRES_AT, soon())
    assert [is_live(links, link) for link in (first, second)] == [True, False]
    assert ids(links) == [first.id]


def test_links_that_are_made_and_revoked_at_once_are_all_right(links: RevocableLinks) -> None:
    def make_and_revoke(number: int) -> tuple[Link, Link]:
        kept, revoked = added(links, ends_at=EXPIRES_AT + number), added(links, ends_at=EXPIRES_AT - number)
        links.revoke(ANN, revoked.id, EXPIRES_AT, soon())
        return kept, revoked

    with ThreadPoolExecutor(4) as pool:
        pairs = [*pool.map(make_and_revoke, range(6))]
    assert {*ids(links)} == {kept.id for kept, _ in pairs}
    assert all(is_live(links, kept) and not is_live(links, revoked) for kept, revoked in pairs)


# DynamoDB


def list_of(table: Table) -> dict[str, Any]:
    """The only list of a table."""
    (item,) = (item for item in table.client.scan(TableName=table.name)["Items"] if item["id"]["S"][:6] == "links:")
    return dict(item)


def test_a_list_has_a_limit_loses_the_ended_links_and_keeps_its_latest_end(table: Table) -> None:
    """The longest path fits as often as the limit says: an item may have 400 kB."""
    links, longest = DynamoRevocableLinks(table.name), "/" + "ü" * 512
    first = added(links, at=longest, ends_at=EXPIRES_AT + 100)
    item = list_of(table)
    ended = {"M": item[f"link {first.id}"]["M"] | {"ends_at": {"N": str(EXPIRES_AT)}}}
    item |= {f"link {number:016}": ended for number in range(1, MAX_REVOCABLE_LINKS)}
    assert 330_000 < len(json.dumps(item, ensure_ascii=False).encode()) < 400_000
    table.client.put_item(TableName=table.name, Item=item)
    with pytest.raises(TooManyLinks, match=f"You have {MAX_REVOCABLE_LINKS} live links"):
        added(links, now=EXPIRES_AT - 1)
    second = added(links, ends_at=EXPIRES_AT + 50, now=EXPIRES_AT)
    assert {*ids(links, now=EXPIRES_AT)} == {first.id, second.id}
    item = list_of(table)
    assert len([name for name in item if name.startswith("link ")]) == MAX_REVOCABLE_LINKS + 1 - 100
    assert item["expires"] == {"N": str(EXPIRES_AT + 100 + 3_600)}


def test_a_list_lives_until_its_last_link_ends_also_where_another_write_was_faster(table: Table) -> None:
    links, faster_ones = DynamoRevocableLinks(table.name), list[Link]()

    def be_faster(**_: object) -> None:
        if not faster_ones:
            faster_ones.append(added(DynamoRevocableLinks(table.name), ends_at=EXPIRES_AT + 100))

    links._client.meta.events.register("before-send.dynamodb.UpdateItem", be_faster)
    link = added(links)
    assert {*ids(links)} == {link.id, faster_ones[0].id}
    assert list_of(table)["expires"] == {"N": str(EXPIRES_AT + 100 + 3_600)}


def test_the_items_name_neither_the_maker_nor_a_token_and_expire(table: Table) -> None:
    links = DynamoRevocableLinks(table.name)
    link = added(links)
    expires = {"N": str(EXPIRES_AT + 3_600)}
    entry = {"M": {"path": {"S": "/a"}, "action": {"S": "read"}, "ends_at": {"N": str(EXPIRES_AT)}}}
    listed = list_of(table)
    assert listed == {"id": listed["id"], "expires": expires, f"link {link.id}": entry}
    assert ANN not in listed["id"]["S"]
    assert table.item(link) == {"id": {"S": link.id}, "expires": expires, "maker": {"S": "Ann B."}}
    links.revoke("key:bob", link.id, EXPIRES_AT, soon())
    assert list_of(table) == listed  # no list is made for a maker without links


def test_a_failure_between_two_writes_leaves_no_link_that_works_and_is_not_listed(table: Table) -> None:
    links = DynamoRevocableLinks(table.name)
    writes: list[str] = []

    def fail_second(request: AWSPreparedRequest, **_: object) -> None:
        writes.append(request.url)
        if len(writes) > 1:
            raise ConnectionClosedError(endpoint_url="http://127.0.0.1")

    def failing() -> DynamoRevocableLinks:
        """A new client whose second write fails, and each later write."""
        writes.clear()
        failing = DynamoRevocableLinks(table.name)
        failing._client.meta.events.register("before-send.dynamodb.UpdateItem", fail_second)
        return failing

    unavailable(lambda: added(failing()))
    (half_made,) = ids(links)
    assert not is_live(links, new_link(0)._replace(id=half_made))
    links.revoke(ANN, half_made, EXPIRES_AT, soon())
    link = added(links)
    unavailable(lambda: failing().revoke(ANN, link.id, EXPIRES_AT, soon()))
    assert not is_live(links, link)
    assert ids(links) == [link.id]


def test_a_table_that_does_not_confirm_is_unavailable(table: Table, environment: pytest.MonkeyPatch) -> None:
    links = DynamoRevocableLinks(table.name)
    link = added(links)

    def check_all(links: RevocableLinks) -> None:
        for call in (
            lambda: added(links),
            lambda: links.check(link, soon()),
            lambda: ids(links),
            lambda: links.revoke(ANN, link.id, EXPIRES_AT, soon()),
        ):
            assert table.name not in unavailable(call).detail

    stub = AwsStub(links._client)
    for stub.body in (b"<html>A proxy's page</html>", b"", b"{}", b'{"Attributes": {}}', b'{"Item": {}}'):
        check_all(links)
    assert all(json.loads(sent.body).get("ConsistentRead", True) for sent in stub.requests)
    check_all(DynamoRevocableLinks(f"{table.name}-2"))
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    environment.setattr(boto3, "DEFAULT_SESSION", None)
    check_all(DynamoRevocableLinks(table.name))
    assert DynamoRevocableLinks("t", "us-east-1")._client.meta.region_name == "us-east-1"
