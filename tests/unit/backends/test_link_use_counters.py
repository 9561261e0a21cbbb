"""The contract of `ports.LinkUseCounter`: the counter in memory keeps it as the one in DynamoDB does."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import MAX_FREE_RANGES, Link
from chalicelib.core.ports import LinkUseCounter
from chalicelib.core.web.problems import LinkRevoked, LinkUsedUp, Problem
from tests.support.builders import soon
from tests.support.link_use_counter import MemoryLinkUseCounter

from .link_tables import NOW, Table, dynamodb, new_link, new_table, redeem

RACERS = 30
RACES = 20 if os.environ.get("CI") else 2


@pytest.fixture(scope="module", params=["embedded", "dynamodb_local"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    with dynamodb(request.param) as endpoint:
        yield endpoint


@pytest.fixture
def table(endpoint: str, environment: pytest.MonkeyPatch) -> Table:
    return new_table(endpoint, environment)


@pytest.fixture(scope="module", params=["memory", "embedded", "dynamodb_local"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """The endpoint of a counter; empty for the counter in memory."""
    with nullcontext("") if request.param == "memory" else dynamodb(request.param) as endpoint:
        yield endpoint


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


def test_a_link_has_as_many_uses_as_it_says_and_a_check_takes_none(counter: LinkUseCounter) -> None:
    for uses in (1, 2, 20):
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


def test_links_share_no_uses_attempts_or_revocations(counter: LinkUseCounter) -> None:
    used, link, revoked = new_link(), new_link(), new_link()
    redeem(counter, used, attempt="same")
    counter.revoke(revoked, soon())
    counter.check(link, soon())
    redeem(counter, link, part="1", attempt="same")
    assert_used_up(counter, link)


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


def test_the_range_that_took_the_use_is_not_free(counter: LinkUseCounter) -> None:
    link = new_link()
    redeem(counter, link, part="1")
    redeem(counter, link, part="2")
    for part in ("1", "2", "whole"):
        with pytest.raises(LinkUsedUp):
            redeem(counter, link, part=part)


def test_a_free_range_takes_no_use_and_does_not_prolong_the_60_seconds(counter: LinkUseCounter) -> None:
    link = new_link(2)
    redeem(counter, link, now=1_000)
    redeem(counter, link, part="1", now=1_059)
    counter.check(link, soon())
    redeem(counter, link, part="2", now=1_061)  # takes the second use, which starts its own 60 seconds
    assert_used_up(counter, link)
    redeem(counter, link, part="3", now=1_118)


def test_ranges_of_another_file_are_not_free_and_a_write_makes_no_range_free(counter: LinkUseCounter) -> None:
    read, written = new_link(), new_link()
    redeem(counter, read)
    redeem(counter, written, file="")
    for link in (read, written):
        for file, part in (("bob", "1"), ("", "whole")):
            with pytest.raises(LinkUsedUp):
                redeem(counter, link, file, part)


def test_the_number_of_free_ranges_is_limited(counter: LinkUseCounter) -> None:
    link = new_link()
    redeem(counter, link)
    for number in range(MAX_FREE_RANGES):
        redeem(counter, link, part=f"{number}")
    with pytest.raises(LinkUsedUp):
        redeem(counter, link, part="more")


def test_a_file_may_have_any_name(counter: LinkUseCounter) -> None:
    names = ["#file", ":now", "a b.c[0]", "id", "expires", "é" * 100]
    link = new_link(len(names))
    for name in names:
        redeem(counter, link, name)
        redeem(counter, link, name, "1")


# Races, and the counters compared


def outcome_of(start: threading.Barrier, counter: LinkUseCounter, link: Link, file: str, part: str) -> str:
    start.wait()
    try:
        redeem(counter, link, file, part)
    except Problem as problem:
        return type(problem).__name__
    return "won"


def test_of_many_who_race_as_many_win_as_the_link_has_uses(counter: LinkUseCounter) -> None:
    """Different clients, and one client that asks for the same range. On a slow machine some requests end with 503."""
    for files, part, uses in ((RACERS, "whole", 1), (RACERS, "1", 3), (1, "1", 1), (1, "1", 3)):
        for _ in range(RACES):
            race = partial(outcome_of, threading.Barrier(RACERS), counter, new_link(uses), part=part)
            with ThreadPoolExecutor(RACERS) as pool:
                outcomes = Counter(pool.map(race, [str(number % files) for number in range(RACERS)]))
            assert uses - outcomes["Unavailable"] <= outcomes["won"] <= uses
            assert outcomes.keys() <= {"won", "LinkUsedUp", "Unavailable"}


class Call(NamedTuple):
    """A call of a counter, some seconds after the call before."""

    method: str
    link: int
    file: str
    part: str
    attempt: str
    pause: float


CALLS = st.builds(
    Call,
    method=st.sampled_from(["redeem"] * 8 + ["check", "check", "revoke"]),
    link=st.integers(0, 1),
    file=st.sampled_from(["ann", "bob", ""]),
    part=st.sampled_from(["whole", "1", "2"]),
    attempt=st.sampled_from("abcdef"),
    pause=st.sampled_from([0, 0.1, 1, 29.95, 59.9, 60, 61]),
)


def outcomes(counter: LinkUseCounter, links: list[Link], calls: list[Call]) -> Iterator[str]:
    now = NOW
    for call in calls:
        now += call.pause
        link = links[call.link]
        try:
            if call.method == "redeem":
                redeem(counter, link, call.file, call.part, attempt=call.attempt, now=now)
            else:
                (counter.check if call.method == "check" else counter.revoke)(link, soon())
            yield "done"
        except Problem as problem:
            yield type(problem).__name__


@settings(max_examples=30 if os.environ.get("CI") else 15)
@given(st.lists(CALLS, min_size=5, max_size=15), st.integers(1, 3))
def test_the_counter_in_memory_answers_as_dynamodb_does(table: Table, calls: list[Call], uses: int) -> None:
    links = [new_link(uses), new_link(uses)]
    assert list(outcomes(table.counter(), links, calls)) == list(outcomes(MemoryLinkUseCounter(), links, calls))
