"""Measures contenders side by side, and holds the figures to limits. A figure is the CPU time of one call."""

import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

from tests.support.builders import rest_event

PROJECT: Final = Path(__file__).parent.parent
MAX_TO_BASE: Final = 1.05  # to the base revision
CALLS: Final = 100
BARE: Final = "a bare Chalice route"
HEADERS: Final = (
    ("Accept", "*/*"),
    ("Host", "files.example.com"),
    ("User-Agent", "curl/8.10.1"),
    ("X-Amzn-Trace-Id", "Root=1-67f0e4a1-0123456789abcdef01234567"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "https"),
)

T = TypeVar("T")


class Report:
    """Prints figures and remembers the figures that are over their limit."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def table(self, title: str, seconds: Mapping[str, float], unit: float, unit_name: str) -> None:
        """Print the figure of each contender, and its ratio to the first."""
        yardstick = next(iter(seconds.values()))
        print(f"{title}: interleaved rounds, CPU time")
        for name, value in seconds.items():
            print(f"  {name:32}{value * unit:8.1f} {unit_name} {value / yardstick:6.2f} times")

    def limit(self, name: str, value: float, limit: float) -> None:
        """Print a figure beside its limit."""
        verdict = "ok" if value <= limit else "OVER THE LIMIT"
        print(f"  {name}: {value:.2f}, at most {limit:.2f}: {verdict}")
        if value > limit:
            self.failures.append(name)


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median seconds of each contender."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    interleave(contenders, rounds, measured)
    return medians(measured)


def interleave(contenders: Mapping[str, Callable[[], T]], rounds: int, measured: Mapping[str, list[T]]) -> None:
    """Measure rounds: in each round every contender has its turn, in an order that rotates."""
    turns = deque(contenders.items())
    for _ in range(rounds):
        for name, measure in turns:
            measured[name].append(measure())
        turns.rotate()


def medians(measured: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of each contender."""
    return {name: median(values) for name, values in measured.items()}


def compare(report: Report, name: str, seconds: Mapping[str, float]) -> None:
    """Hold today's figure to the figure of the base revision, where there is a base."""
    today, *bases = seconds.values()
    for base in bases:
        report.limit(f"{name}, to the base", today / base, MAX_TO_BASE)


def environ(tree: Path, settings: Path) -> dict[str, str]:
    """The environment of a contender, as on Lambda."""
    function = {"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    return {**os.environ, **function, "PYTHONPATH": str(tree), "SIGNPOST_CONFIG": str(settings)}


def redirect_event(path: str, authorization: Mapping[str, str]) -> str:
    """A GET as API Gateway sends it, with the headers of curl and of the edge, as JSON."""
    return json.dumps(rest_event("GET", path, headers=[*HEADERS, *authorization.items()]))
