"""A hundred thousand mutated images through the renderer, without a crash, a hang or an error of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NUMBER = 100_000 if os.environ.get("CI") else 2_000
PROCESSES = 2  # for as many workers


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("process", range(PROCESSES))
def test_a_mutated_image_is_rendered_or_refused(tmp_path: Path, process: int) -> None:
    """In a process of its own, that may die; then `python -m tests.fuzz_renderer SEED 1` does so again."""
    each, trying = NUMBER // PROCESSES, tmp_path / "seed"
    command = [sys.executable, "-m", "tests.unit.backends.fuzz_renderer", str(process * each), str(each), str(trying)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})
    said = f"{done.stdout}{done.stderr[-2000:]}"
    assert (done.returncode, said) == (0, ""), f"at seed {trying.read_text().strip()}"
