"""Checks of texts: the texts that a setting accepts, and the words for these texts in a mistake."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from chalicelib.backends.secrets import client_secret_source, secret_source
from chalicelib.core.web.paths import CONTROLS, DOT_SEGMENTS, SERVICE_PATHS

PATTERN_CHARACTERS: Final = frozenset("*{}")
"""The characters of patterns in rules, which no literal segment has."""

MAX_URL_SECONDS: Final = 604_800
"""The longest life of a URL that SigV4 signs (FACTS 4.3)."""


class Check(NamedTuple):
    """A check that a text must pass.

    Attributes:
        passes: whether a text passes.
        wanted: describes the texts that pass.
        choices: all texts that pass, where these are few.
        is_secret: whether the text can be a secret, also in the wrong place: a mistake then never shows the text.
        correction: returns the right form of a wrong text; empty where no form is certain.
    """

    passes: Callable[[str], object]
    wanted: str
    choices: tuple[str, ...] = ()
    is_secret: bool = False
    correction: Callable[[str], str] | None = None


def pattern(expression: str) -> Callable[[str], object]:
    """Return a function that tells whether a whole text matches a regular expression.

    The first call compiles the expression. A settings file uses few of all expressions, and a cold start must not
    compile the others.
    """
    return lambda text: re.fullmatch(expression, text)


def optional(expression: str) -> Callable[[str], object]:
    """Return the function of `pattern`, which also accepts the empty text: a setting that is left out."""
    return lambda text: not text or re.fullmatch(expression, text)


def is_path(text: str) -> bool:
    """Whether a text is a path that a request for a file can have. Patterns of rules are not checked here."""
    return (
        text.startswith("/")
        and not text.startswith(("//", SERVICE_PATHS))
        and text != SERVICE_PATHS.removesuffix("/")
        and CONTROLS.isdisjoint(text)
        and DOT_SEGMENTS.isdisjoint(text.split("/"))
    )


def _is_secret(source: Callable[[str], object]) -> Callable[[str], bool]:
    """Return a function that tells whether a text has what a function of `backends.secrets` reads."""

    def passes(text: str) -> bool:
        try:
            source(text)
        except ValueError:
            return False
        return True

    return passes


SIGNING_SECRET: Final = Check(
    _is_secret(secret_source),
    "a secret of 32 characters or more (`openssl rand -hex 32`), or the ARN of a secret in Secrets Manager or of a "
    "parameter in SSM",
    is_secret=True,
)
CLIENT_SECRET: Final = Check(
    _is_secret(client_secret_source),
    "a secret: it is empty, or the ARN of something else than a secret in Secrets Manager or a parameter in SSM",
    is_secret=True,
)
ACCESS_KEY: Final = Check(
    pattern(r"[!#-&(-~]+"),
    "a key: it is empty, or it has blanks, quotation marks or other characters; correct it",
    is_secret=True,
)
SECRET_KEY: Final = Check(
    lambda text: text and text.isprintable() and text == text.strip() and not {text[0], text[-1]} & {'"', "'"},
    "a key: it is empty, or it has blanks or quotation marks around it; correct it",
    is_secret=True,
)
