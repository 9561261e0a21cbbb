"""`[[rules]]`: the actions and principals that each rule allows or denies, and its demands on uploads."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import ACTIONS, Rule
from chalicelib.core.web.paths import IMAGE_ENDPOINTS

from .checks import MAX_URL_SECONDS, PATTERN_CHARACTERS, Check, is_path, pattern
from .mistakes import did_you_mean
from .schema import Document, Table

if TYPE_CHECKING:
    from chalicelib.core.access.issuers import Issuer

_MAX_UPLOAD_BYTES: Final = 5 * 1024**4  # S3 User Guide, "Amazon S3 multipart upload limits": the largest object

# The headers that S3 stores with an object and that are not always signed (S3 API Reference, PutObject). No rule
# is asked about the effect of a copy source, an ACL, a grant or a bypass, so these headers cannot be named.
_STORED_HEADERS: Final = (
    r"x-amz-(?:object-lock-(?:legal-hold|mode|retain-until-date)|storage-class|tagging|website-redirect-location"
    r"|server-side-encryption-(?:aws-kms-key-id|bucket-key-enabled|context))"
)


def _is_rule_path(text: str) -> bool:
    if text in IMAGE_ENDPOINTS:
        return True
    *segments, last = text[1:].split("/")
    if last != "**":
        segments.append(last)
    literal = (segment for segment in segments if segment not in ("*", "{user}"))
    return is_path(text) and all(PATTERN_CHARACTERS.isdisjoint(segment) for segment in literal)


_PATH: Final = Check(
    _is_rule_path,
    "a path from its slash, below /-/ only /-/thumbnail and /-/resize: "
    "literal segments, '*' or '{user}' for a whole segment, '**' as the last",
)
_ACTION: Final = Check(ACTIONS.__contains__, f"one of {', '.join(ACTIONS)}", ACTIONS)


def _is_principal(text: str) -> bool:
    """Whether a text has the form of a principal. (No regular expression: a cold start would compile it.)"""
    kind, _, name = text.partition(":")
    has_name = name != "" and name == name.strip() and name.isprintable()
    one_word = " " not in name or (kind != "key" and ":" in name)  # only names of issuers have spaces
    return text in ("anyone", "authenticated") or (kind in ("group", "key", "user") and has_name and one_word)


_PRINCIPAL: Final = Check(
    _is_principal,
    "anyone, authenticated, group:NAME, key:ID, user:ISSUER:ID or group:ISSUER:NAME",
    ("anyone", "authenticated"),
)
_CONTENT_TYPE: Final = Check(pattern(r"[\w.+-]+/(?:\*|[\w.+-]+)"), 'a media type: "image/png" or "image/*"')
_REQUIRED_HEADER: Final = Check(
    pattern(
        r"cache-control|content-(?:disposition|encoding|language)|expires"
        rf"|x-amz-(?:meta-[a-z0-9._-]+|server-side-encryption)|{_STORED_HEADERS}"
    ),
    'a header that S3 stores, in lower case: "cache-control", "x-amz-meta-…", "x-amz-server-side-encryption"',
)
_HEADER_VALUE: Final = Check(pattern(r"[!-~]+(?: [!-~]+)*"), "printable ASCII, with one space between two words")
_PASSED_HEADER: Final = Check(
    pattern(rf"x-amz-server-side-encryption-customer-(?:algorithm|key|key-md5)|{_STORED_HEADERS}"),
    "a header that a rule can pass to S3, in lower case: docs/settings.md has the list",
)


def _is_image_size(text: str) -> bool:
    from chalicelib.core.web.image_parameters import is_size  # few files limit the sizes of images

    return is_size(text)


_IMAGE_SIZE: Final = Check(_is_image_size, 'a width, a height or both, up to 4096 pixels: "320x", "x240", "96x96"')

# The keys that need an action: a rule must allow one of the actions. Each key has the words of the mistake.
_ACTIONS_OF_KEYS: Final = {
    **dict.fromkeys(
        ("overwrite", "max_bytes", "content_types", "checksum", "require_headers"),
        (("write",), 'limits uploads, so it belongs in a rule that allows "write"'),
    ),
    "url_seconds": (
        ("read", "write", "delete"),
        'is the life of presigned URLs, so it belongs in a rule that allows "read", "write" or "delete"',
    ),
    "image_sizes": (("read",), 'limits the sizes of images, so it belongs in a rule that allows "read"'),
    "pass_headers": (
        ("read", "write", "delete"),
        'passes headers, so it belongs in a rule that allows "read" or "write"',
    ),
}


class PrincipalNames:
    """The principals that the settings make: the tags of keys and of listed people, and all people of issuers."""

    def __init__(self, tags: set[str], issuers: "Sequence[Issuer]") -> None:
        self.tags = tags
        self.issuers = {issuer.name for issuer in issuers}
        self._issuers_with_groups = {issuer.name for issuer in issuers if issuer.groups}

    def has(self, principal: str) -> bool:
        """Whether a principal can exist. An issuer can have every person and every group."""
        kind, _, name = principal.partition(":")
        issuer, is_of_issuer, _ = name.partition(":")
        makers = {"user": self.issuers, "group": self._issuers_with_groups}.get(kind, ())
        return principal in self.tags or bool(is_of_issuer and issuer in makers)


def principal_names(
    keys: Sequence[ApiKey], issuers: "Sequence[Issuer]", groups: Mapping[str, Sequence[str]]
) -> PrincipalNames:
    """Return the principals that rules and limits can name.

    Args:
        keys: the API keys, with their groups.
        issuers: the issuers, with all their people and groups.
        groups: the groups of people, from `[groups]`.
    """
    listed = (f"group:{name}" for own in groups.values() for name in own)
    tags = {"anyone", "authenticated", *listed}.union(*(key.principal().tags for key in keys))
    return PrincipalNames(tags, issuers)


def read_rules(document: Document, names: PrincipalNames) -> tuple[Rule, ...]:
    """Return the rules in the order of the file; `names` has the principals that the file makes."""
    return tuple(_read_rule(table, names) for table in document.tables("rules"))


def _read_rule(table: Table, names: PrincipalNames) -> Rule:
    allow = table.texts("allow", _ACTION)
    deny = table.texts("deny", _ACTION)
    rule = Rule(
        number=table.index + 1,
        path=table.text("path", _PATH),
        allows=bool(allow),
        actions=allow or deny,
        to=read_principals(table, names, protects=not allow),
        overwrite=table.flag("overwrite", default=True),
        max_bytes=table.whole_number("max_bytes", None, 0, _MAX_UPLOAD_BYTES),
        content_types=table.texts("content_types", _CONTENT_TYPE),
        checksum=table.choice("checksum", ("none", "sha256")) == "sha256",
        require_headers=table.pairs("require_headers", _REQUIRED_HEADER, _HEADER_VALUE),
        image_sizes=table.texts("image_sizes", _IMAGE_SIZE),
        pass_headers=table.texts("pass_headers", _PASSED_HEADER),
        url_seconds=table.whole_number("url_seconds", None, 1, MAX_URL_SECONDS),
    )
    if bool(allow) == bool(deny):
        table.mistake(None, 'needs either allow or deny, with at least one action: allow = ["read"]')
    for key, (actions, words) in _ACTIONS_OF_KEYS.items():
        if key in table.values and set(actions).isdisjoint(allow):
            table.mistake(key, words)
    table.finish()
    return rule


def read_principals(table: Table, names: PrincipalNames, *, protects: bool) -> tuple[str, ...]:
    """Return `to`, and report the principals there that no setting makes.

    Args:
        table: a rule or a limit.
        names: the principals that the file makes.
        protects: whether the table refuses requests. Such a table with no other principal protects nothing, which is a
            mistake. A rule that allows too little is a warning.
    """
    to = table.texts("to", _PRINCIPAL)
    if not to:
        table.mistake("to", 'is missing; name the principals: to = ["anyone"], ["authenticated"], ["key:ID"]')
        return ()
    for written, principal in zip(table.values["to"], to, strict=True):
        if names.has(principal) or not _PRINCIPAL.passes(principal):
            continue
        is_key = principal.startswith("key:")
        never = not is_key and not any(names.has(other) for other in to)
        text = partial(_unknown_principal, written, principal, names, never=never)
        if is_key:
            table.mistake("to", text())
        elif any(table.mistakes.in_tables(name) for name in ("keys", "issuers", "groups")):
            continue  # a key or an issuer with a mistake can have this group
        elif never and protects:
            table.mistake("to", text())
        else:
            table.warn("to", text)
    return to


def _unknown_principal(written: str, principal: str, names: PrincipalNames, *, never: bool) -> str:
    start = f'{"can never match: " if never else ""}"{written}"'
    kind, _, name = principal.partition(":")
    issuer, is_of_issuer, _ = name.partition(":")
    if is_of_issuer and kind != "key" and issuer in names.issuers:
        return f'{start} is a group, but the table of issuer "{issuer}" has no groups: name the claim of the groups'
    if is_of_issuer and kind != "key":
        return f"{start} names no issuer{did_you_mean(issuer, sorted(names.issuers))}"
    known = sorted(tag.partition(":")[2] for tag in names.tags if tag.startswith(f"{kind}:"))
    if kind == "user":
        return f"{start} is nobody: write user:ISSUER:ID for a person, key:ID for a key"
    cause = "is a group that no key has" if kind == "group" else "names no key"
    return f"{start} {cause}{did_you_mean(name, known)}"
