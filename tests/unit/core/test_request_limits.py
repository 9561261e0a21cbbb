"""The limits of requests: who is counted, what counts as one, many containers, and a table that is out of reach."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.authorization import Caller
from chalicelib.core.access.client_address import ClientAddresses
from chalicelib.core.access.limits import MAX_LEASES, Limit
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.ports import Lease, LeaseTable
from chalicelib.core.request_limits import MAX_LEASE_SECONDS, MAX_REMEMBERED, PAUSE_SECONDS, RequestLimits, _Permits
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.problems.access import TooManyRequests
from tests.support.builders import NOW, RULES, allow, api_key, basic, mount, numbered, path, principal, request
from tests.support.fakes import Signpost, ask, code, signpost, token_of_link
from tests.support.lease_table import CountingLeaseTable, MemoryLeaseTable
from tests.support.store import MemoryStore

CONTAINERS = 100
MINUTE = NOW // 60 * 60  # the start of a window
TWO = Limit(("anyone",), 2, 60)


def container(table: LeaseTable, *limits: Limit, url_seconds: int = 300) -> RequestLimits:
    """The limits of one container."""
    return RequestLimits(
        limits=limits,
        leases=table,
        client_addresses=ClientAddresses(None),
        url_seconds=lambda *_: url_seconds,
        admit_without_table=False,
    )


def admits(limits: RequestLimits, now: float = MINUTE, address: str = "192.0.2.1", key_id: str = "") -> bool:
    """Whether a request of a key, or of anyone from an address, gets through."""
    caller = Caller(principal(key_id) if key_id else ANYONE, "read")
    try:
        limits.admit(request(address=address), caller, path("/a"), now, AccessLogEntry())
    except TooManyRequests:
        return False
    return True


def statuses(service: Signpost, count: int, *, raw_path: str = "/public/a.txt", **asked: object) -> list[int]:
    """The statuses of the answers to equal requests."""
    return [ask("GET", raw_path, service=service, **asked).status for _ in range(count)]  # type: ignore[arg-type]


# Many containers


@given(
    st.integers(1, 120),
    st.lists(st.tuples(st.integers(0, CONTAINERS - 1), st.integers(0, 2)), max_size=300),
    st.integers(1, CONTAINERS),
)
def test_no_number_of_containers_lets_more_requests_through(
    most: int, steps: list[tuple[int, int]], running: int
) -> None:
    """In each window, at most `requests` get through by at most 50 leases, and no refused container asks again."""
    shared = MemoryLeaseTable()
    tables = [CountingLeaseTable(shared) for _ in range(CONTAINERS)]
    containers = [container(table, Limit(("anyone",), most, 60)) for table in tables]
    admitted, leases, calls_of_refused = Counter[int](), Counter[str](), dict[tuple[int, int], int]()
    steps += [(number % running, 0) for number in range(most + running)]  # enough to use up the first window
    for number, window in sorted(steps, key=lambda step: step[1]):
        calls = calls_of_refused.get((number, window))
        if admits(containers[number], MINUTE + 60 * window + 1):
            assert calls is None
            admitted[window] += 1
        else:
            assert calls in (None, tables[number].calls)
            calls_of_refused[number, window] = tables[number].calls
    for table in tables:
        leases += table.leases
        assert table.refusals.total() <= 3  # a container learns once in each window that nothing is left
    assert max(admitted.values()) <= most
    assert max(leases.values()) <= MAX_LEASES


def test_one_container_lets_exactly_the_limit_through_with_the_fewest_leases() -> None:
    for most, leases in ((1, 1), (49, 49), (50, 50), (51, 26), (99, 50), (100, 50), (101, 34), (451, 46)):
        table = CountingLeaseTable(MemoryLeaseTable())
        limits = container(table, Limit(("anyone",), most, 60))
        assert sum(admits(limits) for _ in range(most + 10)) == most
        assert (table.leases.total(), table.refusals.total()) == (leases, 0), most


def test_a_window_ends_and_an_old_lease_is_worth_nothing_in_the_next_window() -> None:
    table = CountingLeaseTable(MemoryLeaseTable())
    limits = container(table, Limit(("anyone",), 100, 60))
    assert [admits(limits, MINUTE + second) for second in (0, 59.999)] == [True, True]
    assert table.calls == 1
    assert admits(limits, MINUTE + 60)
    assert table.calls == 2


def test_each_window_of_each_limit_and_caller_has_a_name_of_its_own() -> None:
    limits = [Limit(("anyone",), 5, 60), Limit(("anyone",), 5, 30), Limit(("anyone", "key:ci"), 5, 60)]
    names = {limit.window_id(name, start) for limit in limits for name in ("key:ci", "anyone ::") for start in (0, 60)}
    assert len(names) == 12
    assert limits[0].window_id("a", 0) == limits[0]._replace(requests=6).window_id("a", 0)


def test_a_request_that_a_short_window_refuses_takes_nothing_of_a_long_window() -> None:
    table = CountingLeaseTable(MemoryLeaseTable())
    limits = container(table, Limit(("anyone",), 2, 86_400), Limit(("anyone",), 1, 60))
    assert [admits(limits, MINUTE + second) for second in (0, 1, 2, 60)] == [True, False, False, True]


def test_the_table_gets_a_part_of_the_time_of_the_request() -> None:
    """So the rest is left for the answer."""
    left = []

    class Slow(MemoryLeaseTable):
        def lease(self, window_id: str, **options: Any) -> Lease:
            left.append(options["deadline"].left())
            return super().lease(window_id, **options)

    assert admits(container(Slow(), TWO))
    assert left == [MAX_LEASE_SECONDS]


def test_the_memory_of_a_container_is_bounded_and_forgetting_admits_no_more() -> None:
    """An attacker can have any number of addresses."""
    limits = container(CountingLeaseTable(MemoryLeaseTable()), Limit(("anyone",), 1, 86_400))
    first = "192.0.2.1"
    assert [admits(limits, address=first), admits(limits, address=first)] == [True, False]
    for number in range(MAX_REMEMBERED):
        limits._permits.put(f"{number}", _Permits(iter(()), is_last=True), until=MINUTE + 60, now=MINUTE)
    assert len(limits._permits._values) <= MAX_REMEMBERED
    assert limits._permits.get(f"{MAX_REMEMBERED - 99}", MINUTE)
    assert not admits(limits, address=first)


# Callers


def test_a_principal_has_one_count_at_all_addresses_and_anyone_has_one_for_each_address() -> None:
    service = signpost(limits=[TWO])
    for address in ("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.3"):
        assert statuses(service, 3, address=address) == [307, 307, 429]
    assert statuses(service, 1, address="192.0.2.3") == [429]
    counted = [ask("GET", "/public/a", service=service, headers=basic("ci"), address=f"192.0.2.{n}") for n in range(3)]
    assert [reply.status for reply in counted] == [307, 307, 429]


def test_a_client_that_varies_its_ipv6_address_within_its_network_is_one_client() -> None:
    service = signpost(limits=[TWO])
    addresses = ("2001:db8:0:1::1", "2001:DB8::1:ffff:0:0:2", "2001:db8:0:1:abcd::", "2001:db8:0:2::1")
    assert [statuses(service, 1, address=address) for address in addresses] == [[307], [307], [429], [307]]


def test_the_holders_of_a_link_are_counted_by_link_and_address_and_never_against_the_maker() -> None:
    """Nor against what the same address asks without the link."""
    service = signpost(
        rules=numbered(allow("/**", "read share", "key:ci"), *RULES),
        limits=[Limit(("key:ci",), 4, 60), TWO],
    )
    for raw_path in ("/a", "/b"):
        query = {"token": token_of_link(service, raw_path, "ci", uses=None)}
        for address in ("192.0.2.1", "192.0.2.2"):
            assert statuses(service, 3, raw_path=raw_path, query=query, address=address) == [307, 307, 429]
    assert statuses(service, 3, headers=basic("ci")) == [307, 307, 429]
    assert statuses(service, 1) == [307]


def test_the_readers_of_a_page_with_a_publishable_key_are_counted_by_address() -> None:
    web = api_key("web")._replace(in_urls=True)
    limits = container(MemoryLeaseTable(), TWO)
    caller = Caller(web.principal(), "read")
    for address in ("192.0.2.1", "192.0.2.2"):
        for _ in range(2):
            limits.admit(request(address=address), caller, path("/-/resize"), NOW, AccessLogEntry())


def test_a_limit_counts_for_the_callers_in_to_alone_and_the_first_of_each_length_counts() -> None:
    service = signpost(limits=[Limit(("key:ci",), 4, 60), TWO, Limit(("authenticated",), 3, 3_600)])
    assert statuses(service, 4, headers=basic("ci")) == [307, 307, 307, 429]  # by the third limit
    assert statuses(service, 3, headers=basic("ann")) == [307, 307, 429]  # by the second limit
    assert statuses(service, 3) == [307, 307, 429]
    service = signpost(limits=[Limit(("group:builders",), 1, 60)])
    assert [statuses(service, 2, headers=basic(name)) for name in ("ci", "ann")] == [[307, 429], [307, 307]]


# What counts


def test_every_request_counts_also_a_refused_request_and_one_without_a_path() -> None:
    wrong, other_site = basic("ci", "wrong"), {"origin": "https://app.example.com"}
    requests = [
        ("HEAD", "/public/a", {}, {}, 307),
        ("OPTIONS", "/public/a", {}, {}, 204),
        ("OPTIONS", "/public/a", {}, {**other_site, "access-control-request-method": "PUT"}, 204),
        ("GET", "/public/", {}, {}, 200),
        ("GET", "/public/a.jpg", {"w": "320"}, {}, 404),
        ("GET", "/secret", {}, {}, 401),
        ("GET", "/public/a", {}, wrong, 401),
        ("GET", "/public/a", {"token": "x"}, {}, 403),
        ("GET", "/public/%zz", {}, {}, 400),
        ("BREW", "/public/a", {}, {}, 405),
        ("GET", "/-/login", {}, {}, 200),
        ("GET", "/-/assets/page.css", {}, {}, 200),
    ]
    for method, raw_path, query, headers, status in requests:
        service = signpost(limits=[Limit(("anyone",), 1, 60)], cors_origins=["https://app.example.com"])
        for expected in (status, 429):
            assert ask(method, raw_path, service=service, query=query, headers=headers).status == expected, raw_path


def test_wrong_credentials_count_by_address_and_not_against_the_key() -> None:
    service = signpost(limits=[TWO])
    assert statuses(service, 3, headers=basic("ci", "wrong")) == [401, 401, 429]
    assert statuses(service, 3, headers=basic("ci")) == [307, 307, 429]


def test_ranges_of_one_file_count_once_within_the_life_of_its_url() -> None:
    def get(raw_path: str, field: str, now: float = MINUTE, **query: str) -> int:
        headers = {"range": field}
        return ask("GET", raw_path, service=service, query=query, headers=headers, now=now).status

    service = signpost(limits=[Limit(("anyone",), 3, 3_600)], mounts=[mount(url_seconds=100)])
    assert {get("/public/a", f"bytes={number}0-{number}9") for number in range(1, 12)} == {307}  # one unit
    assert get("/public/a", "bytes=0-", NOW, v="42") == 307
    assert get("/public/b", "bytes=0-") == 307
    assert get("/public/a", "bytes=0-", MINUTE + 101) == 307  # the third unit
    assert [get("/public/a", "bytes=0-", MINUTE + 102), get("/public/c", "bytes=0-")] == [307, 429]
    rules = numbered(allow("/**", "read")._replace(url_seconds=100))
    service = signpost(rules=rules, limits=[Limit(("anyone",), 1, 3_600)])
    assert [get("/a", "bytes=0-", MINUTE + seconds) for seconds in (0, 99, 101)] == [307, 307, 429]
    for headers in (basic("ci"), basic("ann")):  # each caller by itself
        service = signpost(limits=[Limit(("anyone",), 1, 3_600)])
        assert ask("GET", "/public/a", service=service, headers={"range": "bytes=0-"}).status == 307
        answers = [
            ask("GET", "/public/a", service=service, headers=headers | field) for field in ({"range": "bytes=0-"}, {})
        ]
        assert [answer.status for answer in answers] == [307, 429]
    ended = ask("GET", "/public/a", service=service)
    assert ended.status == 429  # the whole file counts
    page = {"accept": "text/html", "range": "bytes=0-"}
    for raw_path, query in (("/public/a.m3u8", {}), ("/public/a", {"view": ""})):  # the service itself asks S3
        service = signpost(limits=[Limit(("anyone",), 1, 3_600)], objects=MemoryStore(["public/a"]))
        replies = [ask("GET", raw_path, service=service, query=query, headers=page).status for _ in range(2)]
        assert replies[1] == 429, raw_path
    service = signpost(limits=[TWO])
    assert [get("/public/a", "bytes=0-", versionId=version) for version in "1122 3"] == [307, 307, 307, 307, 429, 429]


def test_only_well_formed_ranges_of_a_get_of_a_file_count_once() -> None:
    fields = ("", "bytes", "bytes=", "bytes=-", "bytes=5-4", "lines=0-1", "bytes=1-2,,", "bytes=a-b", "bytes=-0")
    asked: list[tuple[str, str, str, dict[str, str]]] = [("GET", "/public/a", field, {}) for field in fields]
    asked += [("GET", "/-/resize", "bytes=0-1", {"u": "https://img.example.com/a.png"})]
    asked += [("HEAD", "/public/a", "bytes=0-1", {}), ("GET", "/public/", "bytes=0-1", {})]
    asked += [("GET", "/public/a.jpg", "bytes=0-1", {"w": "320"}), ("OPTIONS", "/public/a", "bytes=0-1", {})]
    for method, raw_path, field, query in asked:
        service = signpost(limits=[TWO])
        for number in range(3):
            reply = ask(method, raw_path, service=service, query=query, headers={"range": field})
            assert (reply.status == 429) == (number == 2), (method, field, number)
    wrong = signpost(limits=[TWO])
    assert statuses(wrong, 3, headers={"range": "bytes=0-1", **basic("ci", "wrong")}) == [401, 401, 429]


# Answers


def test_a_refusal_says_when_to_ask_again_also_on_a_page() -> None:
    service = signpost(limits=[Limit(("anyone",), 1, 3_600)])
    assert ask("GET", "/public/a", service=service, now=MINUTE).status == 307
    for headers in ({}, {"accept": "text/html"}):
        reply = ask("GET", "/public/a", service=service, headers=headers, now=NOW + 0.5)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "2800")
        assert b"limited to 1 in 3,600 seconds. Ask again in 2,800 seconds, at 2023-11-14T23:00:00Z." in reply.body
    assert service.log[-1]["code"] == code(ask("GET", "/public/a", service=service, now=NOW)) == "too-many-requests"


def test_without_the_table_requests_get_through_with_a_log_line_or_are_refused_as_the_settings_say() -> None:
    """The container asks the table again after a pause, so that not every request waits for the table."""
    for admit, status in ((True, 307), (False, 503)):
        memory = MemoryLeaseTable()
        memory.reachable = False
        service = signpost(limits=[TWO], leases=memory, admit_without_table=admit)
        for _ in range(5):
            assert ask("GET", "/public/a", service=service, now=NOW).status == status
        errors = [str(record.get("error")) for record in service.log]
        assert [error for error in errors if error.startswith("limits: not counted: ")] == (errors if admit else [])
        assert "the wire is cut" in errors[0]
        memory.reachable = True
        assert ask("GET", "/public/a", service=service, now=NOW + PAUSE_SECONDS - 1).status == status
        later = [ask("GET", "/public/a", service=service, now=NOW + PAUSE_SECONDS).status for _ in range(3)]
        assert later == [307, 307, 429]
