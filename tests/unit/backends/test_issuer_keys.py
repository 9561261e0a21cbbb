"""Issuer keys: from a snapshot, a file or the fake internet, with every call counted."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from chalicelib.backends.issuer_keys import FetchedIssuerKeys
from chalicelib.backends.issuer_snapshot import KeySet, read_snapshot
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.issuer_snapshots import write_snapshot
from tests.support.builders import NOW, soon
from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.fake_sockets.sitecustomize import FakeSockets
from tests.unit.core.access.test_issuer_keys import jwks, rsa

pytestmark = pytest.mark.timeout(60)

HOST, INNER_ADDRESS = "login.example.com", "10.0.0.5"
BASE = f"https://{HOST}"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"
DISCOVERED = Issuer("corp", BASE, ("files",))
NAMED = DISCOVERED._replace(jwks=f"{BASE}{KEYS}")
DAY, MINUTE = 24 * 60 * 60, 60


class World:
    """One container in the fake internet, where the issuer serves one key, `a`; and a clock that the test sets."""

    def __init__(self, internet: FakeInternet, sockets: FakeSockets, directory: Path) -> None:
        self.internet, self.sockets, self.directory = internet, sockets, directory
        self.now = NOW
        self.warnings: list[str] = []
        internet.add(HOST, ADDRESS)
        self.serve("a")
        self.configure(issuer=BASE, jwks_uri=f"{BASE}{KEYS}")
        self.start()

    def start(self) -> None:
        """Start a new container."""
        self.keys = FetchedIssuerKeys(self.directory, lambda: self.now, self.warnings.append)

    def serve(self, *kids: str, **answer: Any) -> None:
        self.internet.serve(KEYS, jwks(*(rsa(kid=kid) for kid in kids)), **answer)

    def configure(self, **members: str) -> None:
        self.internet.serve(CONFIGURATION, json.dumps(members).encode())

    def snapshot(self, age: float, *kids: str) -> None:
        """Start a new container with a snapshot of this age in seconds."""
        keys = self.keys.known(NAMED, soon())
        named = tuple(keys[0]._replace(kid=kid) for kid in kids)
        write_snapshot(str(self.directory), {NAMED.jwks: KeySet(named, self.now - age)})
        self.start()
        self.requests()

    def known(self, issuer: Issuer = NAMED) -> str:
        return " ".join(str(key.kid) for key in self.keys.known(issuer, soon()))

    def after_unknown(self, issuer: Issuer = NAMED) -> str:
        return " ".join(str(key.kid) for key in self.keys.after_unknown(issuer, soon()))

    def fails(self, reason: str, issuer: Issuer = NAMED) -> None:
        """Assert that the keys are unavailable, with this reason for the log and no URL for the client."""
        with pytest.raises(Unavailable) as refusal:
            pytest.fail(f"{self.after_unknown(issuer)} was returned")
        assert reason in refusal.value.reason
        assert HOST not in refusal.value.detail

    def requests(self) -> list[str]:
        """Return and forget the paths that the issuer was asked for."""
        return self.internet.take_paths()


@pytest.fixture
def world(internet: FakeInternet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    internet.forget()
    return World(internet, internet.patch(monkeypatch), tmp_path)


# -- when keys are fetched --


def test_fresh_keys_need_no_call(world: World) -> None:
    world.snapshot(DAY, "old")
    world.sockets.dialled.clear()
    assert [world.known() for _ in range(9)] == ["old"] * 9
    world.now -= 2 * DAY - 1  # a clock that is slow
    assert world.known() == "old"
    assert (world.sockets.dialled, world.requests()) == ([], [])


def test_old_keys_are_fetched_once_in_a_container(world: World) -> None:
    world.snapshot(DAY + 1, "old")
    assert [world.known() for _ in range(9)] == ["a"] * 9
    assert world.requests() == [KEYS]
    world.now += DAY + 1  # and once a day in a container that lives so long
    assert [world.known() for _ in range(9)] == ["a"] * 9
    assert world.requests() == [KEYS]


def test_old_keys_stay_when_the_issuer_is_down(world: World) -> None:
    world.snapshot(DAY + 1, "old")
    world.serve(status=500)
    for _ in range(9):
        assert world.known() == "old"
        world.now += MINUTE
    assert world.requests() == [KEYS]
    (warning,) = world.warnings  # the only sign of the fault, because all requests are answered
    assert warning.startswith(f"{BASE}{KEYS}: answers with status 500")


def test_unknown_keys_make_one_fetch_in_a_minute(world: World) -> None:
    """An attacker who sends many unknown keys makes no more fetches (lua-resty-openidc#468)."""
    assert world.after_unknown() == "a"
    world.serve("a", "b")
    world.now += MINUTE - 1
    assert [world.after_unknown(), world.known()] == ["a", "a"]
    assert world.requests() == [KEYS]
    world.now += 1
    assert [world.after_unknown(), world.after_unknown(), world.known()] == ["a b"] * 3
    assert world.requests() == [KEYS]


def test_a_failed_fetch_removes_no_key(world: World) -> None:
    """A known key still works, and an unknown key is unavailable; one fetch in a minute fails (pyjwt#1162)."""
    assert world.known() == "a"
    world.serve("b", status=500)
    world.requests()
    world.now += MINUTE
    for _ in range(3):
        world.fails(f"{BASE}{KEYS}: answers with status 500")
        assert world.known() == "a"
    assert world.requests() == [KEYS]
    world.serve("b")
    world.now += MINUTE
    assert [world.after_unknown(), world.known()] == ["b", "b"]  # the key `a` has ended


def test_without_any_key_an_issuer_is_asked_once_in_a_minute(world: World) -> None:
    world.serve(status=503)
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.known()
    assert world.requests() == [KEYS]
    world.serve("a")
    world.now += MINUTE
    assert world.known() == "a"


def test_requests_at_once_make_one_fetch(world: World) -> None:
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(world.after_unknown())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["a"] * 8
    assert world.requests() == [KEYS]
    with pytest.raises(Unavailable):  # a request that has no time does not wait for another request
        world.keys.after_unknown(NAMED, soon(0))


def test_tables_of_one_issuer_share_its_keys(world: World) -> None:
    other = DISCOVERED._replace(name="other", audience=("pages",))
    assert [world.known(DISCOVERED), world.known(other), world.after_unknown(other)] == ["a"] * 3
    assert world.requests() == [CONFIGURATION, KEYS]
    assert world.known(NAMED) == "a"
    assert world.requests() == [KEYS]


# -- how keys are fetched --


def test_every_bad_answer_is_a_failure_with_its_reason(world: World) -> None:
    keys, configuration, large = f"{BASE}{KEYS}", f"{BASE}{CONFIGURATION}", b" " * 64 * 1024
    served = world.internet.serve
    for answer, reason in (
        ({"status": 302, "headers": {"Location": "/other"}}, f"{keys}: answers with status 302"),
        ({"status": 404}, f"{keys}: answers with status 404"),
        ({"body": b"<html>"}, f"{keys}: is not an object in strict JSON"),
        ({"body": b'{"keys": []}'}, f"{keys}: has no key for signatures"),
        ({"body": jwks(rsa()) + large}, f"{keys}: answers with more than 65,536 bytes"),
        ({"body": jwks(rsa()), "headers": {"X": large.decode()[:60_000], "Y": "y" * 9999}}, "more than 65,536 bytes"),
    ):
        served(KEYS, **answer)
        world.fails(reason, NAMED)
        world.now += MINUTE
    world.internet.script(KEYS, lambda stream: stream.write(b"no HTTP"))
    world.fails(f"{keys}: does not answer: BadStatusLine")
    for members, reason in (
        ({"issuer": f"{BASE}/", "jwks_uri": keys}, f"{configuration}: has another `issuer` than the settings"),
        ({"jwks_uri": keys}, f"{configuration}: has another `issuer`"),
        ({"issuer": BASE}, f"{configuration}: `jwks_uri` is not an https URL"),
        ({"issuer": BASE, "jwks_uri": f"http://{HOST}/keys"}, f"{configuration}: `jwks_uri` is not an https URL"),
        ({"issuer": BASE, "jwks_uri": "/keys"}, f"{configuration}: `jwks_uri` is not an https URL"),
    ):
        world.configure(**members)
        world.fails(reason, DISCOVERED)
        world.now += MINUTE
    assert f"{BASE}/other" not in world.requests()


def test_a_fetch_takes_two_seconds_of_the_deadline_and_tells_the_issuer_nothing(world: World) -> None:
    world.keys.known(NAMED, soon(3600))
    (request,) = world.internet.seen
    assert request.headers == {
        "host": HOST,
        "user-agent": "Signpost",
        "accept": "application/jwk-set+json, application/json",
        "accept-encoding": "identity",
        "connection": "close",
    }
    world.sockets.silent.add(ADDRESS)
    world.now += MINUTE
    with pytest.raises(Unavailable):  # otherwise the test hangs until the timeout of pytest
        world.keys.after_unknown(NAMED, soon(3600))
    with pytest.raises(Unavailable):
        FetchedIssuerKeys(world.directory, lambda: NOW, world.warnings.append).known(NAMED, soon(0.2))
    assert [timeout <= most for timeout, most in zip(world.sockets.timeouts, (2, 2, 0.2), strict=True)] == [True] * 3


def test_an_inner_address_needs_the_word_of_the_settings_and_only_for_the_host_that_they_name(world: World) -> None:
    inner, issuer_ports = DISCOVERED._replace(inner=True), world.internet.ports
    issuer_ports[INNER_ADDRESS] = issuer_ports[ADDRESS]
    world.internet.names[HOST] = [INNER_ADDRESS]
    world.fails("has an inner address: set `inner = true`", DISCOVERED)
    assert world.sockets.dialled == []
    world.now += MINUTE
    assert world.after_unknown(inner) == "a"
    world.internet.names["metadata.cdn.example.com"] = [INNER_ADDRESS]
    for authority in ("metadata.cdn.example.com", f"{HOST}:8443", INNER_ADDRESS):
        world.configure(issuer=BASE, jwks_uri=f"https://{authority}{KEYS}")
        world.sockets.dialled.clear()
        world.now += MINUTE
        world.fails(f"https://{authority}{KEYS}: has an inner address", inner)
        assert world.sockets.dialled == [(INNER_ADDRESS, 443)]


# -- files --


def test_a_file_of_keys_is_beside_the_settings(world: World) -> None:
    issuer, file = NAMED._replace(jwks="keys.json"), world.directory / "keys.json"
    world.fails("keys.json: cannot be read: No such file", issuer)
    world.now += MINUTE
    file.write_bytes(b"{}")
    world.fails("keys.json: is not a JSON Web Key Set", issuer)
    world.now += MINUTE
    file.write_bytes(jwks(rsa(kid="file")))
    assert world.known(issuer) == "file"
    assert world.requests() == []


def test_a_snapshot_counts_for_its_source_alone_and_a_damaged_snapshot_stops_the_start(world: World) -> None:
    world.snapshot(0, "old")
    assert read_snapshot(world.directory)[NAMED.jwks].fetched_at == NOW
    assert [world.known(), world.known(DISCOVERED)] == ["old", "a"]
    keys = json.loads(jwks(rsa()))
    damaged: tuple[dict[str, Any], ...] = (
        {"a": 1},
        {"a": {"keys": []}},
        {"a": keys},
        {"a": keys | {"fetched_at": None}},
    )
    for text in ("", "[]", *map(json.dumps, damaged)):
        (world.directory / "issuers.json").write_text(text)
        with pytest.raises(ValueError, match=r"issuers\.json: cannot be read; run `python -m chalicelib issuers"):
            world.start()
