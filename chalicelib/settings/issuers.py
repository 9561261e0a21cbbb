"""`[[issuers]]`: the identity providers whose tokens the service accepts; and `[groups]`: the people in groups."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from chalicelib.core.access.issuers import DEFAULT_SCOPES, Issuer
from chalicelib.core.access.rules import Rule

from .api_keys import GROUP, KEY_ID
from .checks import CLIENT_SECRET, Check, optional, pattern
from .mistakes import Mistakes, Place, did_you_mean
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
_CLIENT_ID: Final = Check(_is_trimmed, 'the id of this service at the issuer, for signing in: "signpost"')
_SCOPE: Final = Check(pattern(r"[!#-\[\]-~]+"), 'a scope of OAuth: "profile"')  # RFC 6749 §3.3
PERSON: Final = Check(pattern(r"user:[a-z0-9-]+:\S(?:.*\S)?"), 'a person of an issuer: "user:corp:alice"')


_OTHER_NAME: Final = (
    'two tables of issuers have the same issuer, so "{1}" can stand for the same people as "{0}": {2} that name too'
)


def read_issuers(document: Document, tables: Sequence[Table]) -> tuple[tuple[Issuer, ...], Mapping[str, str]]:
    """Return the issuers of the `[[issuers]]` tables; no two tables may have the same name.

    The second value has the secret of the service at each issuer with a `client_id`, or the reference of the secret, by
    the name of the issuer.
    """
    read = [_read_issuer(table) for table in tables]
    issuers = tuple(issuer for issuer, _ in read)
    document.check_unique("issuers", "name", [(issuer.name,) for issuer in issuers])
    for table, issuer in zip(tables, issuers, strict=True):
        _check_audience(table, issuer, issuers)
    return issuers, {issuer.name: secret for issuer, secret in read if secret}


def read_groups(table: Table, issuers: Sequence[Issuer]) -> Mapping[str, tuple[str, ...]]:
    """Return the groups of each person that the `[groups]` table lists; a person is written `user:ISSUER:ID`."""
    names = [issuer.name for issuer in issuers]
    groups: dict[str, tuple[str, ...]] = {}
    for group in table.values:
        if not GROUP.passes(group):
            table.mistake(group, f"is not {GROUP.wanted}")
        for person in table.texts(group, PERSON):
            name = person.split(":")[1] if PERSON.passes(person) else ""
            if name and name not in names and not table.mistakes.in_tables("issuers"):
                table.mistake(group, f'"{person}" names no issuer{did_you_mean(name, names)}')
            groups[person] = (*groups.get(person, ()), group)
    return groups


def warn_of_other_names(
    issuers: Sequence[Issuer],
    groups: Mapping[str, Sequence[str]],
    rules: Iterable[Rule],
    revoked: Iterable[str],
    mistakes: Mistakes,
) -> None:
    """Warn where a name is denied something or is revoked, and another table gives the same person another name.

    Two tables with the same `issuer` accept tokens of the same people. A token chooses the table by its audience, so
    `user:corp:alice` and `user:corp-ci:alice` are one person.
    """

    people = [name for name in revoked if name.startswith("user:")]
    lists = [*_denied(groups, rules), *((("revoked", 0, name), [name], people, "revoke") for name in people)]
    for place, names, all_names, verb in lists:
        for name in names:
            other = next((other for other in _other_names(name, issuers) if not _has(all_names, other)), None)
            if other:
                mistakes.warn(place, partial(_OTHER_NAME.format, name, other, verb))


def _denied(
    groups: Mapping[str, Sequence[str]], rules: Iterable[Rule]
) -> Iterator[tuple[Place, Sequence[str], Sequence[str], str]]:
    """Yield the people and the groups of issuers to which each rule denies something."""
    for rule in rules:
        if not rule.allows:
            listed = (name for name, own in groups.items() if any(f"group:{group}" in rule.to for group in own))
            denied = sorted({*listed, *(tag for tag in rule.to if tag.count(":") > 1)})
            yield ("rules", rule.number - 1, "to"), denied, denied, "deny"


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


def _read_issuer(table: Table) -> tuple[Issuer, str]:
    """Return the issuer of a table, and the secret of the service there, or its reference; empty for no secret."""
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
        client_id=table.optional_text("client_id", _CLIENT_ID) or "",
        scopes=table.texts("scopes", _SCOPE) or DEFAULT_SCOPES,
    )
    client_secret = table.secret("client_secret", CLIENT_SECRET)
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
    for key, other in (("client_id", "client_secret"), ("client_secret", "client_id")):
        if table.values.get(key) and not table.values.get(other):
            table.mistake(key, f"needs {other}: people sign in with both, which the issuer gives to this service")
    if "openid" not in issuer.scopes:
        table.mistake("scopes", 'must have "openid", without which the issuer gives no ID token')
    check_owner(table, issuer)
    table.finish()
    return issuer, client_secret


def _check_audience(table: Table, issuer: Issuer, issuers: Iterable[Issuer]) -> None:
    """Report an `audience` with a client id of the same issuer: the ID tokens of a sign-in have this audience."""
    client_ids = {other.client_id for other in issuers if other.issuer == issuer.issuer and other.client_id}
    if issuer.audience_claim == "aud" and client_ids & {*issuer.audience}:
        table.mistake(
            "audience",
            "has a client_id of this issuer, so the service would accept the ID tokens of a sign-in as bearer tokens: "
            "give this service an audience of its own at the issuer",
        )
