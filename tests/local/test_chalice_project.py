"""Failures of Chalice."""

import json
from pathlib import Path

import pytest

from local.chalice_project import ChaliceFailed, deploy


def test_no_value_of_a_variable_is_in_the_reason(tmp_path: Path) -> None:
    """Lambda repeats the variables, as JSON, where they exceed 4 KB. Here the app does this while Chalice loads it."""
    values = ['secret "one"', 'secret "one" and two']
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text('{"version": "2.0", "app_name": "a", "stages": {"dev": {}}}')
    said = f"String measured: {json.dumps(values)} {values[0]}."
    (tmp_path / "app.py").write_text(f"raise RuntimeError({said!r})")
    with pytest.raises(ChaliceFailed) as caught:
        deploy(tmp_path, "dev", [*values, "e"])
    assert 'String measured: ["***", "***"] ***.' in str(caught.value)
    assert "Traceback" not in str(caught.value)
