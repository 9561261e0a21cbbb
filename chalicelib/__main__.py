"""The administrator's tool: `python -m chalicelib COMMAND`.

The exit status is 0, 1 for a refusal, and 2 for a mistake in the settings or in the command line.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from chalicelib import bootstrap, key_secrets, stages
from chalicelib.command_line import Command, parser
from chalicelib.core.access.principals import Principal
from chalicelib.core.web import paths
from chalicelib.core.web.problems.base import Problem
from chalicelib.environment import BUCKET, MARK_KEY, SECRET, Environment
from chalicelib.explain import explain, pasted, principal_of, rules_of
from chalicelib.explained_token import explain_token
from chalicelib.iam_policy import policy_of, stack_policy_of
from chalicelib.issuer_snapshots import describe, fetch_snapshot
from chalicelib.operator import reports
from chalicelib.settings.load import InvalidSettings, Settings
from chalicelib.whois import not_named, whois


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = parser(_COMMANDS).parse_args(arguments)
    try:
        return int(options.run(options))
    except InvalidSettings as error:
        _warn(error.warnings)
        count = len(error.mistakes)
        print(*error.mistakes, f"{count} mistake{'s'[: count != 1]}: nothing is served.", sep="\n", file=sys.stderr)
        return 2


def _settings(environment: Environment) -> Settings:
    settings, warnings = bootstrap.inspect_settings(environment)
    _warn(warnings)
    return settings


def _warn(warnings: Sequence[str]) -> None:
    if warnings:
        print(*warnings, sep="\n", file=sys.stderr)


def _check(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage)
    settings, warnings = bootstrap.inspect_settings(environment)
    _warn(warnings)
    issuers = describe(settings.issuers, os.path.dirname(environment.settings_file), time.time())
    count = len(warnings)
    print(f"{environment.settings_file}: no mistake{f', {count} warning' if count else ''}{'s'[: count > 1]}")
    for mount in settings.mounts:
        origin, _, base = mount.bucket_url
        print(f"  {mount.path}/…  →  {origin}{base}/{mount.prefix}…  {mount.url_seconds} s")
    print(*(f"  {line}\n" for line in issuers), sep="", end="")
    limits = f", {len(settings.limits)} limits" if settings.limits else ""
    print(f"  {len(settings.keys)} keys, {len(settings.rules)} rules{limits}")
    return 1 if warnings and options.strict else 0


def _key_new(options: argparse.Namespace) -> int:
    print(key_secrets.new_key(options.id, in_urls=options.in_urls))
    return 0


def _key_rotate(options: argparse.Namespace) -> int:
    settings = _settings(stages.environment_of_tool(options.stage))
    key = next((key for key in settings.keys if key.id == options.id), None)
    if key is None:
        print(f"There is no key {options.id!r}.", file=sys.stderr)
        return 1
    if len(key.sha256) > 1:
        print(
            f"The key {key.id!r} has two values in sha256. Remove the value of the old secret and deploy, then rotate "
            "the key again.",
            file=sys.stderr,
        )
        return 2
    print(key_secrets.new_secret(key))
    return 0


def _secret_rotate(options: argparse.Namespace) -> int:
    return reports.rotate_secret(stages.environment_of_tool(options.stage), options.functions, time.time, time.sleep)


def _explain(options: argparse.Namespace) -> int:
    if options.url is None and options.token is None:
        print("Name METHOD and PATH, or a token: explain GET /a.txt, explain --token FILE.", file=sys.stderr)
        return 2
    environment = stages.environment_of_tool(options.stage)
    settings = _settings(environment)
    principal, refused = principal_of(settings, options.caller), False
    if options.token:
        principal, refused = _explain_token(options.token, settings, environment)
    elif principal is None:
        text = f"There is no {options.caller!r}: name the ID of a key, or a principal as rules name it in `to`."
        print(text, file=sys.stderr)
    if principal is None or options.url is None:
        return int(refused or principal is None)
    request = pasted(options.method, options.url, settings.public_url, bootstrap.deadline(None))
    link_tokens = bootstrap.access_factory(settings, environment).link_tokens
    explained = explain(settings, link_tokens, principal, request, int(time.time()))
    print(*explained.lines, sep="\n")
    return int(explained.refused or refused)


def _explain_token(file: Path, settings: Settings, environment: Environment) -> tuple[Principal | None, bool]:
    """Print what a token is, and return its principal, and whether the token is refused."""
    tokens = bootstrap.access_factory(settings, environment).issuer_tokens
    if tokens is None:
        print("The settings have no [[issuers]]: docs/identity.md has tables to paste.", file=sys.stderr)
        return None, True
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        print(f"{file}: cannot be read as a text; name the file of a token.", file=sys.stderr)
        return None, True
    explained = explain_token(settings, tokens, text, time.time(), bootstrap.deadline(None))
    rules = rules_of(settings, explained.principal) if explained.principal else ()
    print(*explained.lines, *rules, sep="\n")
    return explained.principal, explained.refused


def _link(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage)
    settings = _settings(environment)
    keys = (key for key in settings.keys if not key.in_urls)
    principal = next((key.principal() for key in keys if key.id == options.caller), None)
    if principal is None:
        person = (
            "A person's link carries the groups of a sign-in, so only the person can make it, with ?link or the page."
        )
        no_key = f"There is no key {options.caller!r}; here a link needs the API key of its maker."
        print(person if options.caller.startswith("user:") else no_key, file=sys.stderr)
        return 1
    if environment.signing_secrets() is None:
        print(
            f"The environment variable {SECRET} is not set, and no link is signed without it: set it.", file=sys.stderr
        )
        return 1
    now, access = int(time.time()), bootstrap.access_factory(settings, environment)
    maker = access.makers.of(principal, now)
    if access.makers.principal(maker) is None:
        print(f"The key {options.caller!r} is revoked, so no link of it opens: see [revoked].", file=sys.stderr)
        return 1
    try:
        path = paths.decode(options.path)
        access.rules.authorize(principal, "share", path)
        access.rules.authorize(principal, options.action, path)
        link = (path, options.action, options.uses, now + options.expires_in, maker)
        _, token = access.link_tokens.make(*link, bootstrap.deadline(None))
    except Problem as problem:
        print(f"{problem.status} {problem.code}: {problem.detail}", file=sys.stderr)
        return 1
    print(f"{settings.public_url or ''}{quote(path)}?token={token}")
    return 0


def _whois(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage)
    mark_keys = environment.mark_keys()
    if not mark_keys:
        print(
            f"URLs have no marks here: set {MARK_KEY}, or {SECRET} in clear. For a stack, docs/operating.md says how "
            "this tool gets the key.",
            file=sys.stderr,
        )
        return 1
    lines = whois(_settings(environment), mark_keys, options.mark)
    print(*lines or [not_named(options.mark)], sep="\n", file=sys.stdout if lines else sys.stderr)
    return int(not lines)


def _issuers(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage)
    issuers = _settings(environment).issuers
    directory = os.path.dirname(environment.settings_file)
    failures = fetch_snapshot(issuers, directory, time.time) if options.fetch else []
    print(*describe(issuers, directory, time.time()), sep="\n")
    print(*failures, sep="\n", file=sys.stderr, end="\n" if failures else "")
    return int(bool(failures))


def _doctor(options: argparse.Namespace) -> int:
    return reports.doctor(stages.environment_of_tool(options.stage), options.stage, options.function, time.time)


def _adopt(options: argparse.Namespace) -> int:
    return reports.adopt(stages.environment_of_tool(options.stage), options.bucket, apply=options.apply)


def _publish(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage or stages.STACK)
    settings = None if options.rollback else _settings(environment)
    return reports.publish(environment, settings, options.stage, options.stack, time.time, time.sleep)


def _policy(options: argparse.Namespace) -> int:
    environment = stages.environment_of_tool(options.stage)
    settings = _settings(environment)
    if options.stage == stages.STACK:
        document = stack_policy_of(stages.template_policy(), settings, environment.variables[BUCKET])
    else:
        document = policy_of(settings, environment)
    if not options.write:
        print(json.dumps(document, indent=2))
        return 0
    if options.stage in (None, stages.STACK):
        print(
            "--write needs a --stage other than stack: `make package` writes the policy of the stack.", file=sys.stderr
        )
        return 2
    print(f"{stages.write_policy(options.stage, document)} is written.")
    return 0


_COMMANDS: Final[Mapping[str, Command]] = {
    "check": _check,
    "key new": _key_new,
    "key rotate": _key_rotate,
    "secret rotate": _secret_rotate,
    "explain": _explain,
    "link": _link,
    "whois": _whois,
    "issuers": _issuers,
    "policy": _policy,
    "doctor": _doctor,
    "adopt": _adopt,
    "publish": _publish,
}

if __name__ == "__main__":
    sys.exit(main())
