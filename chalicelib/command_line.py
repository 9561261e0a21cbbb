"""The command line of the administrator's tool: its commands and their options."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from . import __version__
from .backends.issuer_snapshot import SNAPSHOT
from .core.access.actions import METHODS
from .core.access.link_tokens import LINK_ACTIONS, MAX_LINK_SECONDS, MAX_USES
from .core.features.links import DEFAULT_LINK_SECONDS
from .core.web.numbers import whole_number
from .environment import SECRET
from .settings.api_keys import KEY_ID
from .whois import MARK

Command = Callable[[argparse.Namespace], int]
"""Runs with the options of the command line, and returns the exit status."""


def parser(run: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    The attribute `run` of its result is the command.

    Args:
        run: each command by its name, for `key` with the name of the second command: `key new`.
    """
    tool = argparse.ArgumentParser(prog="python -m chalicelib", description="Signpost's administration.")
    tool.add_argument("--version", action="version", version=f"Signpost {__version__}")
    commands = tool.add_subparsers(required=True, metavar="COMMAND")
    stage = argparse.ArgumentParser(add_help=False)
    stage.add_argument("--stage", help="use the environment of a stage in .chalice/config.json, not this environment")

    check = commands.add_parser("check", parents=[stage], help="report every mistake in the settings")
    check.add_argument("--strict", action="store_true", help="fail on warnings too")
    check.set_defaults(run=run["check"])

    key = commands.add_parser("key", help="make API keys, and new secrets for API keys").add_subparsers(
        required=True, metavar="COMMAND"
    )
    new = key.add_parser("new", help="make an API key: print the secret once, and the TOML to paste")
    new.add_argument("id", metavar="ID", type=_key_id, help="lower-case letters, digits and '-'")
    new.add_argument(
        "--in-urls", action="store_true", help="make a publishable key, only for the URLs of images on a page"
    )
    new.set_defaults(run=run["key new"])
    rotate = key.add_parser("rotate", parents=[stage], help="make a new secret for an API key, beside its old secret")
    rotate.add_argument("id", metavar="ID", help="the ID of an API key in the settings")
    rotate.set_defaults(run=run["key rotate"])

    secret = commands.add_parser("secret", help="replace the signing secret").add_subparsers(
        required=True, metavar="COMMAND"
    )
    rotate = secret.add_parser("rotate", parents=[stage], help="replace the signing secret while the service runs")
    rotate.add_argument(
        "--function",
        metavar="NAME",
        dest="functions",
        action="append",
        required=True,
        help="a function that reads the secret: repeat this option for each function",
    )
    rotate.set_defaults(run=run["secret rotate"])

    explained = commands.add_parser("explain", parents=[stage], help="say how the service answers a request, and why")
    explained.add_argument("method", metavar="METHOD", type=str.upper, choices=METHODS, nargs="?")
    explained.add_argument("url", metavar="PATH", nargs="?", help="a URL, or its path and query, as you would paste it")
    caller = explained.add_mutually_exclusive_group()
    caller.add_argument(
        "--as", metavar="ID", dest="caller", help="the caller: the ID of a key, user:ISSUER:ID …; default: anyone"
    )
    caller.add_argument(
        "--token", metavar="FILE", type=Path, help="the caller has the token of an issuer in this file: explain it too"
    )
    explained.set_defaults(run=run["explain"])

    link = commands.add_parser("link", parents=[stage], help=f"make a link, signed with {SECRET}")
    link.set_defaults(run=run["link"])
    link.add_argument(
        "path", metavar="PATH", help="the path of the URL; a slash at its end opens everything below the directory"
    )
    link.add_argument("--as", dest="caller", metavar="ID", required=True, help="the ID of the API key of the maker")
    link.add_argument("--action", choices=LINK_ACTIONS, default="read")
    link.add_argument(
        "--expires-in",
        metavar="SECONDS",
        type=_number(1, MAX_LINK_SECONDS),
        default=DEFAULT_LINK_SECONDS,
        help="default: a day",
    )
    link.add_argument("--uses", type=_number(0, MAX_USES), default=1, help="default: 1; 0: no limit")

    whois = commands.add_parser("whois", parents=[stage], help="name the API key whose mark a presigned URL has")
    whois.add_argument(
        "mark", metavar="MARK", type=_mark, nargs="?", help="the value of x-signpost=; default: list every key's mark"
    )
    whois.set_defaults(run=run["whois"])

    issuers = commands.add_parser("issuers", parents=[stage], help="list the issuers, and the keys in their snapshot")
    issuers.add_argument(
        "--fetch", action="store_true", help=f"fetch the keys of all issuers, and write {SNAPSHOT} beside the settings"
    )
    issuers.set_defaults(run=run["issuers"])

    publish = commands.add_parser("publish", help="make the settings live without a deployment, in seconds")
    deployment = publish.add_mutually_exclusive_group(required=True)
    deployment.add_argument("--stage", metavar="STAGE", help="the stage of `make deploy`")
    deployment.add_argument("--stack", metavar="NAME", help="the name of the stack")
    publish.add_argument("--rollback", action="store_true", help="go back to the settings that were live before")
    publish.set_defaults(run=run["publish"])

    doctor = commands.add_parser(
        "doctor", parents=[stage], help="ask AWS whether everything is as the settings need it"
    )
    doctor.add_argument("--function", metavar="NAME", help="the function whose role is asked; default: signpost-STAGE")
    doctor.set_defaults(run=run["doctor"])

    adopt = commands.add_parser("adopt", parents=[stage], help="say what a bucket that exists lacks")
    adopt.add_argument("bucket", metavar="BUCKET", help="the name of the bucket")
    adopt.add_argument("--apply", action="store_true", help="do what is missing; nothing that is there is overwritten")
    adopt.set_defaults(run=run["adopt"])

    role = commands.add_parser("policy", parents=[stage], help="print the IAM policy that the functions' role needs")
    role.add_argument("--write", action="store_true", help="write the policy to .chalice/policy-STAGE.json instead")
    role.set_defaults(run=run["policy"])
    return tool


def _key_id(text: str) -> str:
    if not KEY_ID.passes(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not {KEY_ID.wanted}")
    return text


def _mark(text: str) -> str:
    if not MARK.passes(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not {MARK.wanted}")
    return text


def _number(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = whole_number(text, minimum, maximum)
        if number is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {minimum:,} to {maximum:,}")
        return number

    return parse
