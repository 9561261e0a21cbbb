"""Starts on Lambda, in fresh processes: the import, which is INIT, and the first answer."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from local import embedded_s3
from tests.support.builders import basic
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, jwk, token

from .measuring import BARE, CALLS, PROJECT, Report, compare, environ, interleave, redirect_event

SECRET: Final = "a-secret"
STARTS: Final = 40

MAX_COLD_START: Final = 2.4  # import and first redirect, to import and first answer of a bare Chalice route
MAX_FIRST_REDIRECT: Final = 87  # to a bare Chalice route when warm: 2 ms on a machine where the route takes 23 µs
MAX_FIRST_KEYS: Final = 6.0  # import and first AWS keys, to the bare start; a quarter reads certificates for TLS to STS
MAX_INIT_MS: Final = 25  # CPU of the import with issuers, beyond the import without issuers
MAX_FIRST_TOKEN_MS: Final = 3  # CPU of the first redirect by a token, beyond the first redirect by an API key


def bench_starts(report: Report, trees: Mapping[str, Path], folder: Path) -> None:
    """A start on Lambda in a fresh process, with everything compiled: the import, then the first redirect."""
    event = redirect_event("/team-7/builds/first.tar.gz", basic("ci", SECRET))
    contenders = {BARE: ("bench.bare", PROJECT), **{name: ("app", tree) for name, tree in trees.items()}}
    starts: dict[str, list[Start]] = {name: [] for name in contenders}
    interleave(
        {name: partial(start, *contender, folder / "100.toml", event) for name, contender in contenders.items()},
        STARTS,
        starts,
    )
    first = {name: median(one.first for one in measured) for name, measured in starts.items()}
    whole = {name: median(one.imported + one.first for one in measured) for name, measured in starts.items()}
    report.table("A cold start: the import and the first redirect, with 100 rules", whole, 1e3, "ms")
    report.limit("a cold start, in cold starts of a bare route", whole["Signpost"] / whole[BARE], MAX_COLD_START)
    compare(report, "a cold start", {name: whole[name] for name in trees})
    report.table("The first redirect after the import", first, 1e3, "ms")
    warm = median(one.warm for one in starts[BARE])
    report.limit("the first redirect, in warm bare routes", first["Signpost"] / warm, MAX_FIRST_REDIRECT)


class Start(NamedTuple):
    """CPU seconds in a fresh process: of the import, of the first answer, and of one answer when warm."""

    imported: float
    first: float
    warm: float


def start(module: str, tree: Path, settings: Path, event: str, calls: int = CALLS) -> Start:
    """Start a contender in a fresh process."""
    run = subprocess.run(
        [sys.executable, str(PROJECT / "bench" / "worker.py"), module, event],
        cwd=tree,
        env=environ(tree, settings) | {"PYTHONPYCACHEPREFIX": str(settings.parent), "PYTHONDONTWRITEBYTECODE": ""},
        input=f"{calls}\n",
        capture_output=True,
        check=True,
        text=True,
    )
    return Start(*map(float, run.stdout.split()))


def bench_issuers(report: Report, folder: Path) -> None:
    """A start with the keys of an issuer in the snapshot: the first redirect by a token, and by an API key.

    These limits are times, and no ratios. So the least of all starts counts, which other work on the machine disturbs
    least.
    """
    path, without = "/team-7/builds/first.tar.gz", folder / "10.toml"
    (folder / "issuers").mkdir(exist_ok=True)
    with_issuers = folder / "issuers" / "signpost.toml"
    table = f'[[issuers]]\nname = "corp"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    rule = '[[rules]]\npath = "/**"\nallow = ["read"]\nto = ["user:corp:alice"]\n'
    with_issuers.write_text(f"{without.read_text()}\n{table}{rule}")
    source = f"{ISSUER}/.well-known/openid-configuration"
    snapshot = {source: {"fetched_at": int(time.time()), "keys": [jwk("rsa")]}}
    (with_issuers.parent / "issuers.json").write_text(json.dumps(snapshot))
    by_token = {"Authorization": f"Bearer {token({**CLAIMS, 'exp': time.time() + 3600})}"}
    api_key, by_issuer = basic("ci", SECRET), "with issuers, by a token"
    contenders = {
        "without issuers, by an API key": (without, api_key),
        "with issuers, by an API key": (with_issuers, api_key),
        by_issuer: (with_issuers, by_token),
    }
    starts: dict[str, list[Start]] = {name: [] for name in contenders}
    interleave(
        {
            name: partial(start, "app", PROJECT, settings, redirect_event(path, authorization))
            for name, (settings, authorization) in contenders.items()
        },
        STARTS,
        starts,
    )
    imported = {name: min(one.imported for one in measured) for name, measured in starts.items()}
    first = {name: min(one.first for one in measured) for name, measured in starts.items()}
    report.table("The import, by the least of all starts", imported, 1e3, "ms")
    report.table("The first redirect after the import, by the least of all starts", first, 1e3, "ms")
    without_name, with_name, _ = contenders
    with_issuers_s = min(imported[with_name], imported[by_issuer])  # one import, measured twice
    report.limit("ms of the import for issuers", (with_issuers_s - imported[without_name]) * 1e3, MAX_INIT_MS)
    more = (first[by_issuer] - first[with_name]) * 1e3
    report.limit("ms of the first token beyond an API key", more, MAX_FIRST_TOKEN_MS)


def bench_aws_keys(report: Report, folder: Path) -> None:
    """A cold start whose first answer is AWS keys, with a call to STS; SDKs wait for it for two seconds."""
    event, name = redirect_event("/-/credentials", basic("ci", SECRET)), "Signpost, AWS keys"
    settings = folder / "keys.toml"
    with embedded_s3.serve() as endpoint:
        at_sts = f'bucket = "bench-bucket"\nendpoint = "{endpoint}"\nrole = "arn:aws:iam::111122223333:role/files"'
        text = (folder / "10.toml").read_text().replace('bucket = "bench-bucket"', at_sts)
        settings.write_text(f"credentials = {{ enabled = true, narrow = true }}\n{text}")
        contenders = {BARE: "bench.bare", name: "app"}
        starts: dict[str, list[Start]] = {each: [] for each in contenders}
        interleave(
            {each: partial(start, module, PROJECT, settings, event, 1) for each, module in contenders.items()},
            STARTS,
            starts,
        )
    whole = {each: median(one.imported + one.first for one in measured) for each, measured in starts.items()}
    report.table("A cold start: the import and the first AWS keys", whole, 1e3, "ms")
    report.limit(
        "a cold start with AWS keys, in cold starts of a bare route", whole[name] / whole[BARE], MAX_FIRST_KEYS
    )
