"""`[[limits]]`: the values, and every mistake in them."""

from pathlib import Path

import pytest

from chalicelib.core.access.limits import Limit
from tests.support.settings_files import MOUNT, inspected, loaded, mistakes, table
from tests.support.tool import Tool

VALUES = {"to": '["anyone"]', "requests": "100", "per_seconds": "60"}
KEYS = table("[[keys]]", {"id": '"ci"', "sha256": f'"{"a" * 64}"', "groups": '["builders"]'})
KEYS += table("[[keys]]", {"id": '"web"', "sha256": f'"{"b" * 64}"', "in_urls": "true"})


def limit(**values: str) -> str:
    """A `[[limits]]` table."""
    return table("[[limits]]", VALUES | values)


def test_limits_are_read_in_the_order_of_the_file_and_admit_without_the_table_by_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, MOUNT).limits == ()
    settings = loaded(tmp_path, MOUNT + KEYS + limit() + limit(to='["key:ci"]', per_seconds="86_400"))
    assert settings.limits == (Limit(("anyone",), 100, 60), Limit(("key:ci",), 100, 86_400))
    assert settings.admit_without_table
    assert not loaded(tmp_path, f'[service]\nlimits_without_table = "refuse"\n{MOUNT}').admit_without_table


def test_every_mistake_in_a_limit_has_its_place(tmp_path: Path) -> None:
    wrong = {
        "to": ["[]", '["group:nobody"]', '["key:c1"]', '["ci"]', '"anyone"'],
        "requests": ["0", "-1", "1.5", "true", '"1"', "1_000_000_001"],
        "per_seconds": ["0", "86_401", '"60"'],
        "per_second": ["1"],
    }
    for key, values in wrong.items():
        for value in values:
            found = mistakes(tmp_path, MOUNT + KEYS + limit(**{key: value}))
            assert found, (key, value)
            assert all(f"limits[1].{key}" in text for text in found), found
    for key in VALUES:
        without = table("[[limits]]", {name: value for name, value in VALUES.items() if name != key})
        (text,) = mistakes(tmp_path, MOUNT + without)
        assert f"limits[1].{key}: is missing" in text
    assert "must be written [[limits]]" in mistakes(tmp_path, MOUNT + table("[limits]", VALUES))[0]


def test_a_limit_that_never_counts_is_a_warning(tmp_path: Path) -> None:
    def warned(*tos: str) -> bool:
        found, warnings = inspected(tmp_path, MOUNT + KEYS + "".join(limit(to=f'["{to}"]') for to in tos))
        assert found == []
        return any("never counts" in text for text in warnings)

    hidden = [("anyone", "key:ci"), ("key:ci", "key:ci"), ("authenticated", "group:builders"), ("anyone", "anyone")]
    assert [pair for pair in hidden if not warned(*pair)] == []
    seen = [
        ("key:ci", "anyone"),
        ("authenticated", "anyone"),
        ("authenticated", "key:web"),
        ("group:builders", "key:ci"),
    ]
    assert [pair for pair in seen if warned(*pair)] == []
    assert inspected(tmp_path, MOUNT + limit() + limit(per_seconds="61")) == ([], [])


def test_check_says_that_limits_need_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "signpost.toml"
    file.write_text(MOUNT + limit())
    monkeypatch.setenv("SIGNPOST_CONFIG", str(file))
    monkeypatch.delenv("SIGNPOST_TABLE", raising=False)
    run = Tool(capsys)("check")
    assert (run.status, "set the environment variable SIGNPOST_TABLE" in run.err) == (2, True)
    monkeypatch.setenv("SIGNPOST_TABLE", "signpost")
    run = Tool(capsys)("check")
    assert (run.status, "1 limits" in run.out) == (0, True)
    assert "401" in Tool(capsys)("explain", "GET", "/a", "--as", "anyone").out  # and calls no table
