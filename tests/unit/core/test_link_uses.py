"""What takes a use of a link, as far as it depends on the clock, the client's address, or a fake that fails."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_range_header

from chalicelib.core.link_uses import _range
from tests.support.builders import NOW, allow, basic, numbered
from tests.support.fakes import Signpost, ask, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

RULES = numbered(allow("/shared/**", "read list write share", "key:ann"))


def a_service(counter: MemoryLinkUseCounter | None = None, **rest: Any) -> Signpost:
    return signpost(rules=RULES, counter=counter or MemoryLinkUseCounter(), **{"objects": MemoryStore(), **rest})


def new_token(service: Signpost, raw_path: str, **wanted: object) -> str:
    body = json.dumps(wanted).encode()
    reply = ask("POST", raw_path, by=service, query={"link": ""}, headers=basic("ann"), body=body)
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["token"])


def status(
    service: Signpost, token: str, raw_path: str, headers: Mapping[str, str], method: str = "GET", **rest: Any
) -> int:
    query = {"token": token, **rest.pop("query", {})}
    return ask(method, raw_path, by=service, query=query, headers=headers, **rest).status


def test_new_ranges_of_the_same_file_are_free_for_the_same_client_for_60_seconds() -> None:
    service = a_service()
    token = new_token(service, "/shared/")
    curl = {"user-agent": "curl/8"}

    def get(byte_range: str = "bytes=5-", raw_path: str = "/shared/a", agent: str = "curl/8", **rest: Any) -> int:
        return status(service, token, raw_path, {"user-agent": agent, "range": byte_range}, **rest)

    assert status(service, token, "/shared/a", curl) == 307
    for number, byte_range in enumerate(["bytes=0-", "Bytes=-5", "bytes=0-4", "bytes=4-4", "bytes=0-1 ,\t3-"]):
        assert get(byte_range, now=NOW + 10 * number) == 307, byte_range
    assert get("bytes=00-") == 410  # the same range in another spelling
    assert get(address="192.0.2.2") == get(agent="wget") == get(now=NOW + 60) == 410
    for query in ({"response-expires": ""}, {"download": ""}, {"v": "1"}):
        assert get(query=query) == 410, query
    for raw_path in ("/shared/b", "/shared/a/", "/shared/sub/b", "/shared/"):
        assert get(raw_path=raw_path) == 410, raw_path
    malformed = ("", "x", "bytes=", "bytes=-", "bytes=5-4", "bytes=5", "bytes=1-,", "bytes=é-", "lines=5-", "bytes=5-;")
    for byte_range in malformed:
        assert get(byte_range) == 410, byte_range


def test_no_range_of_an_upload_or_a_listing_is_free() -> None:
    service = a_service()
    once = {"if-none-match": "*"}
    for method, raw_path, action, first in (("PUT", "/shared/a", "write", 307), ("GET", "/shared/", "read", 200)):
        token = new_token(service, "/shared/", action=action)
        assert status(service, token, raw_path, once, method) == first
        assert status(service, token, raw_path, once | {"range": "bytes=0-"}, method) == 410


@given(st.from_regex(r"(?i)bytes=[0-9, \t-]{0,12}", fullmatch=True))
def test_a_range_is_read_as_werkzeug_reads_it(field: str) -> None:
    """Every range that is free is a range for werkzeug, too, and each range has one spelling."""
    ranges = _range(field)
    if ranges is not None:
        assert _range(f"bytes={ranges}") == ranges
        first_text, _, last_text = ranges.split(",")[0].partition("-")
        parsed = parse_range_header(f"bytes={first_text}-{last_text}")
        assert parsed
        ends = (int(first_text), int(last_text) + 1 if last_text else None) if first_text else (-int(last_text), None)
        assert parsed.ranges == [ends]


def test_behind_a_cdn_the_address_that_the_cdn_appended_counts() -> None:
    """Only beside the CDN's secret: a client that reaches the service's own host can write any `X-Forwarded-For`."""
    cdn, ann, bob = "198.51.100.7", "203.0.113.1", "203.0.113.2"
    secrets = (b"old" * 11, b"new" * 11)
    behind_cdn, without_cdn = (a_service(cdn_secrets=known) for known in (lambda _: secrets, None))

    def get(
        service: Signpost, token: str, forwarded: str, secret: str, byte_range: str = "10-", address: str = cdn
    ) -> int:
        headers = {"x-forwarded-for": forwarded, "x-signpost-cdn-secret": secret, "range": f"bytes={byte_range}"}
        return status(service, token, "/shared/a", headers, address=address)

    good = "new" * 11
    for forwarded in (ann, f"{ann}, {cdn}", f"{bob}, {ann},{cdn}", f"{bob},\t{ann} "):
        token = new_token(behind_cdn, "/shared/a")
        assert get(behind_cdn, token, forwarded, good, "0-9") == 307
        assert get(behind_cdn, token, f"{bob}, {cdn}", good) == 410
        assert get(behind_cdn, token, f"{ann}, {bob}, {cdn}", good) == 410
        expected = 410 if cdn in forwarded else 307
        assert get(behind_cdn, token, forwarded, "old" * 11, address="198.51.100.8") == expected
    for service, secret in ((behind_cdn, "wrong"), (behind_cdn, ""), (behind_cdn, "é\ud800"), (without_cdn, good)):
        token = new_token(service, "/shared/a")
        assert get(service, token, ann, secret, "0-9", address=bob) == 307
        assert get(service, token, f"{bob}, {ann}", secret, address=ann) == 410
        assert get(service, token, "", secret, address=bob) == 307
    for forwarded in ("", ",", cdn, f" ,{cdn}"):  # the CDN appended nothing, so the address that connected counts
        token = new_token(behind_cdn, "/shared/a")
        assert get(behind_cdn, token, forwarded, good, "0-9") == 307
        assert get(behind_cdn, token, "", "") == 307


def test_a_directory_that_cannot_be_listed_takes_no_use() -> None:
    store = MemoryStore()
    service = a_service(objects=store)
    token = new_token(service, "/shared/")
    store.error = OSError("gone")
    assert status(service, token, "/shared/", {}) == 500
    store.error = None
    assert status(service, token, "/shared/", {}) == 200


def test_without_a_table_a_counted_link_is_a_503() -> None:
    token = new_token(a_service(), "/shared/a")
    assert status(signpost(rules=RULES), token, "/shared/a", {}) == 503
