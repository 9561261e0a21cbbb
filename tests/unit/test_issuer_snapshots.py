"""The administrator's tool: `issuers`, in the fake internet."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.tool import Tool
from tests.unit.backends.test_issuer_keys import BASE, CONFIGURATION, HOST, KEYS
from tests.unit.core.access.test_issuer_keys import jwks, rsa

ISSUER = f'[[issuers]]\nissuer = "{BASE}"\naudience = "files"\nname = '
SETTINGS = f"""
[[mounts]]
path = "/"
bucket = "acme-files"
region = "eu-west-1"

{ISSUER}"corp"
{ISSUER}"ci"
{ISSUER}"named"
jwks = "{BASE}{KEYS}"
{ISSUER}"file"
jwks = "keys.json"
"""


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        internet.add(HOST, ADDRESS)
        internet.serve(CONFIGURATION, json.dumps({"issuer": BASE, "jwks_uri": f"{BASE}{KEYS}"}).encode())
        internet.serve(KEYS, jwks(rsa(kid="a"), rsa(kid=None)))
        internet.patch(monkeypatch)
        yield internet


@pytest.fixture
def tool(environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    (tmp_path / "signpost.toml").write_text(SETTINGS)
    (tmp_path / "keys.json").write_bytes(jwks(rsa(kid="f")))
    environment.setenv("SIGNPOST_CONFIG", str(tmp_path / "signpost.toml"))
    return Tool(capsys)


def test_issuers_lists_the_keys_at_hand_and_fetches_them_where_the_option_asks(
    tool: Tool, internet: FakeInternet, tmp_path: Path
) -> None:
    none = "no keys yet; run `python -m chalicelib issuers --fetch`"
    lines = [f"corp, ci: {BASE}{CONFIGURATION}: ", f"named: {BASE}{KEYS}: ", "file: keys.json: f\n"]
    assert tool("issuers").out == f"{none}\n".join(lines)
    assert internet.seen == []
    fetched = tool("issuers", "--fetch")
    assert (fetched.status, fetched.err) == (0, "")
    assert fetched.out == tool("issuers").out == "a, a key without an id; 0.0 hours old\n".join(lines)
    assert [request.path for request in internet.seen] == [CONFIGURATION, KEYS, KEYS]
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["issuers.json", "keys.json", "signpost.toml"]


def test_a_failed_fetch_keeps_the_old_keys_and_names_the_issuer(
    tool: Tool, internet: FakeInternet, tmp_path: Path
) -> None:
    tool("issuers", "--fetch")
    snapshot = tmp_path / "issuers.json"
    old = snapshot.read_text()
    internet.serve(KEYS, status=500)
    (tmp_path / "signpost.toml").write_text(SETTINGS.replace(f'jwks = "{BASE}{KEYS}"', f'jwks = "{BASE}/other"'))
    run = tool("issuers", "--fetch")
    assert run.status == 1
    assert f"corp, ci: {BASE}{KEYS}: answers with status 500" in run.err
    assert f"named: {BASE}/other: answers with status 404" in run.err
    assert snapshot.read_text() == re.sub(rf',\s+"{BASE}{KEYS}".*\]\s+}}', "", old, flags=re.DOTALL)
    snapshot.write_text("damaged")
    internet.serve(KEYS, jwks(rsa(kid="a"), rsa(kid=None)))
    assert (tool("issuers").status, "issuers.json: cannot be read" in tool("issuers").err) == (2, True)
    tool("issuers", "--fetch")
    assert "issuers.json" not in tool("issuers").err
    assert f"\n  named: {BASE}/other: no keys yet" in tool("check").out
    (tmp_path / "keys.json").unlink()
    for command in ("issuers", "check"):
        assert "file: keys.json: cannot be read: No such file or directory\n1 mistake" in tool(command).err
