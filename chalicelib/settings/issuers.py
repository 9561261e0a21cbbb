"""`[[issuers]]`: the identity providers whose tokens the service accepts; and `[groups]`: the people in groups."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.rules import Rule

from .api_keys import GROUP, KEY_ID
from .checks import Check, optional, pattern
from .mistakes import Mistakes, did_you_mean
from .schema import Document, Table
from .world_issuers import check_owner

# RFC 7518 §3.1 and RFC 8037 §3.1. HS* needs a secret that the issuer and the service share, which is no issuer key.
_ALGORITHMS: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512)),
    *("ES256", "ES384", "EdDSA"),
)


def _is_trimmed(text: str) -> bool:
    return text != "" and text.isprintable() and text == text.strip()


def _is_issuer(text: str) -> bool:
    """Whether a text is an https URL without a query and a fragment (OpenID Connect Discovery 1.0 §3)."""
    has_host = text.startswith("https://") and text[8:9] not in ("", "/")
    return has_host and text.isprintable() and not {*text} & {"?", "#", " "}


# These checks compile no regular expression, because a cold start waits for them.
_ISSUER: Final = Check(
    _is_issuer, 'the issuer exactly as its tokens name it in "iss", from https://: "https://login.example.com"'
)
_JWKS: Final = Check(
    optional(r"https://[^\s#/]+(?:/[^\s#]*)?|[^\s:]+"),
    'an https URL, or a file beside the settings: "https://login.example.com/keys" or "keys.json"',
)
_ALGORITHM: Final = Check(_ALGORITHMS.__contains__, f"one of {', '.join(_ALGORITHMS)}", _ALGORITHMS)
_AUDIENCE: Final = Check(_is_trimmed, 'the name of this service in the tokens: "https://files.example.com"')
_CLAIM: Final = Check(_is_trimmed, 'the name of a claim: "sub"')
_VALUE: Final = Check(_is_trimmed, 'a value of a claim, where * stands for any characters: "acme/*"')
_PERSON: Final = Check(pattern(r"user:[a-z0-9-]+:\S(?:.*\S)?"), 'a person of an issuer: "user:corp:alice"')

_OTHER_NAME: Final = (
    'denies "{0}", but two tables of issuers have the same issuer, where the same person can be "{1}": '
    "deny that name too"
)


def read_issuers(document: Document, tables: Iterable[Table]) -> tuple[Issuer, ...]:
    """Return the issuers of the `[[issuers]]` tables; no two tables may have the same name."""
    issuers = tuple(_read_issuer(table) for table in tables)
    document.check_unique("issuers", "name", [(issuer.name,) for issuer in issuers])
    return issuers


def read_groups(table: Table, issuers: Sequence[Issuer]) -> Mapping[str, tuple[str, ...]]:
    """Return the groups of each person that the `[groups]` table lists; a person is written `user:ISSUER:ID`."""
    names = [issuer.name for issuer in issuers]
    groups: dict[str, tuple[str, ...]] = {}
    for group in table.values:
        if not GROUP.passes(group):
            table.mistake(group, f"is not {GROUP.wanted}")
        for person in table.texts(group, _PERSON):
            name = person.split(":")[1] if _PERSON.passes(person) else ""
            if name and name not in names and not table.mistakes.in_tables("issuers"):
                table.mistake(group, f'"{person}" names no issuer{did_you_mean(name, names)}')
            groups[person] = (*groups.get(person, ()), group)
    return groups


def warn_of_other_names(
    issuers: Sequence[Issuer], groups: Mapping[str, Sequence[str]], rules: Iterable[Rule], mistakes: Mistakes
) -> None:
    """Warn where a rule denies something to a name, and another table gives the same person another name.

    Two tables with the same `issuer` accept tokens of the same people. A token chooses the table by its audience, so
    `user:corp:alice` and `user:corp-ci:alice` are one person.
    """
    for rule in rules:
        if rule.allows:
            continue
        listed = (name for name, own in groups.items() if any(f"group:{group}" in rule.to for group in own))
        denied = {*listed, *(tag for tag in rule.to if tag.count(":") > 1)}
        for tag in sorted(denied):
            other = next((name for name in _other_names(tag, issuers) if not _has(denied, name)), None)
            if other:
                mistakes.warn(("rules", rule.number - 1, "to"), partial(_OTHER_NAME.format, tag, other))


def _other_names(tag: str, issuers: Sequence[Issuer]) -> Iterator[str]:
    """The names at other tables with the same issuer; `…` stands for an id that comes from another claim."""
    kind, name, rest = tag.split(":", 2)
    for own in (issuer for issuer in issuers if issuer.name == name):
        for other in issuers:
            if other.issuer == own.issuer and other is not own:
                same_claim = own.subject == other.subject if kind == "user" else own.groups == other.groups
                yield f"{kind}:{other.name}:{rest if same_claim else '…'}"


def _has(tags: Iterable[str], name: str) -> bool:
    return any(tag == name or (name.endswith(":…") and tag.startswith(name[:-1])) for tag in tags)


def _read_issuer(table: Table) -> Issuer:
    issuer = Issuer(
        name=table.text("name", KEY_ID),
        issuer=table.text("issuer", _ISSUER),
        audience=table.text_or_texts("audience", _AUDIENCE),
        audience_claim=table.text("audience_claim", _CLAIM, default="aud"),
        algorithms=table.texts("algorithms", _ALGORITHM) or ("RS256",),
        subject=table.text("subject", _CLAIM, default="sub"),
        groups=table.text_or_texts("groups", _CLAIM),
        require=table.nested_texts("require", _VALUE),
        email_trusted=table.flag("email_trusted", default=False),
        jwks=table.optional_text("jwks", _JWKS) or "",
        inner=table.flag("inner", default=False),
    )
    if table.values.get("audience") in (None, []):
        table.mistake("audience", f"is missing; give {_AUDIENCE.wanted}")
    if issuer.audience_claim != "aud" and not issuer.require:
        table.mistake(
            "audience_claim",
            "needs require, because such a token is for no service in particular: "
            'require = { token_use = "access" } for Cognito',
        )
    if issuer.email_trusted and issuer.subject != "email":
        table.mistake("email_trusted", 'is about the claim "email": write subject = "email", or remove email_trusted')
    check_owner(table, issuer)
    table.finish()
    return issuer
