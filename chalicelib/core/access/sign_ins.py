"""Sign-ins: who signed in and when, as bytes that sessions, service tokens and links of people carry.

A sign-in is judged again at each use, by the settings of that moment. The bytes hold no secret. The bytes are not
signed: whoever carries them must sign them.

    kind 1 byte · time 4 bytes · mark 8 bytes · text

The text is the id of an API key, and the mark is a part of the hash of the secret that signed in. For a person, the
text has the person and the person's groups, and the mark is a part of the hash of the settings that admitted the
person.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.web.problems.access import TooManyGroups

from .principals import ApiKey, ApiKeys, Principal, sha256_of
from .revocations import Revoked, is_revoked

if TYPE_CHECKING:
    from .issuers import Issuer
    from .limits import Limit
    from .rules import Rule

_OF_KEY, _OF_PERSON = b"\0", b"\1"
_TIME_END: Final = 5
_MARK_BYTES: Final = 8
_TEXT_START: Final = _TIME_END + _MARK_BYTES
_SEPARATOR: Final = "\0"  # no text of a token has NUL (`jwt.read_token`)


class SignIn(NamedTuple):
    """A sign-in, whether it still holds or not.

    Attributes:
        time: of the sign-in, Unix time in whole seconds.
        issuer: the name of the issuer with which a person signed in; empty for an API key.
        principal: the principal with this sign-in; None where the sign-in has ended.
    """

    time: int
    issuer: str
    principal: Principal | None


class SignIns:
    """Writes sign-ins as bytes, and reads them.

    Args:
        keys: the API keys; a sign-in ends when its key is removed, or its key loses the secret that signed in.
        issuers: the tables of issuers. A sign-in ends when a change of its table could have refused the person.
        groups: the groups that `[groups]` gives to people, by `user:NAME:ID`; they count as they are at each use.
        rules: the rules. A sign-in carries the groups of its issuer that a rule names, and ends when a deny rule names
            other groups than at the sign-in: nobody knows whether the person is in these groups.
        limits: the limits. A sign-in also carries the groups of its issuer that a limit names.
        revoked: the revoked principals.
    """

    def __init__(
        self,
        *,
        keys: ApiKeys,
        issuers: "Sequence[Issuer]" = (),
        groups: Mapping[str, Sequence[str]],
        rules: "Iterable[Rule]" = (),
        limits: "Iterable[Limit]" = (),
        revoked: Revoked,
    ) -> None:
        self._keys = keys
        self._issuers = issuers
        self._groups = groups
        self._rules = rules
        self._limits = limits
        self._revoked = revoked

    def of_key(self, key: ApiKey, secret: str, now: float) -> bytes:
        """Return the sign-in of an API key with one of the key's secrets."""
        return _OF_KEY + int(now).to_bytes(_TIME_END - 1) + _mark_of(sha256_of(secret)) + key.id.encode()

    def of_person(self, principal: Principal, time: float) -> bytes:
        """Return the sign-in of a person, with all groups of the person's issuer that a rule or a limit names.

        Args:
            principal: of the token of an issuer, or of an earlier sign-in.
            time: of the sign-in, Unix time in seconds.
        """
        user = principal.name.removeprefix("user:")
        issuer = user.partition(":")[0]
        prefix = f"group:{issuer}:"
        groups = {tag.removeprefix(prefix) for tag in principal.tags if tag.startswith(prefix) and tag in self._named}
        text = _SEPARATOR.join((user, *sorted(groups)))
        return _OF_PERSON + int(time).to_bytes(_TIME_END - 1) + self._marks[issuer] + text.encode()

    def read(self, data: bytes) -> SignIn:
        """Return a sign-in. The bytes must be signed bytes that `of_key` or `of_person` returned."""
        time, mark, text = int.from_bytes(data[1:_TIME_END]), data[_TIME_END:_TEXT_START], data[_TEXT_START:].decode()
        if data[:1] == _OF_PERSON:
            issuer = text.partition(":")[0]
            principal = self._person(text) if self._marks.get(issuer) == mark else None
        else:
            issuer = ""
            key = self._keys.with_id(text)
            principal = self._keys.principal(key) if key and mark in map(_mark_of, key.sha256) else None
        if principal is None or is_revoked(self._revoked, principal.name, time):
            return SignIn(time, issuer, None)
        return SignIn(time, issuer, principal._replace(signed_in_at=time))

    def _person(self, text: str) -> Principal:
        from .issuer_claims import person  # a service without issuers has no people

        user, *groups = text.split(_SEPARATOR)
        name = f"user:{user}"
        issuer = user.partition(":")[0]
        return person(name, (*(f"{issuer}:{group}" for group in groups), *self._groups.get(name, ())))

    @cached_property
    def _named(self) -> frozenset[str]:
        in_rules = {tag for rule in self._rules for tag in rule.to}
        return frozenset(in_rules.union(*(limit.to for limit in self._limits)))

    @cached_property
    def _marks(self) -> Mapping[str, bytes]:
        """The mark of each issuer. Its changes: another issuer or id, a new demand, or a group that is denied now."""
        denied = {tag for rule in self._rules if not rule.allows for tag in rule.to}
        marks = {}
        for issuer in self._issuers:
            groups = sorted(tag for tag in denied if tag.startswith(f"group:{issuer.name}:"))
            demands = (issuer.issuer, issuer.subject, issuer.groups, issuer.require, issuer.email_trusted, groups)
            marks[issuer.name] = _mark_of(sha256(f"{demands}".encode()).hexdigest())
        return marks


def person_of(data: bytes) -> str:
    """Return the name `user:NAME:ID` in the sign-in of a person, whether the sign-in still holds or not."""
    return f"user:{data[_TEXT_START:].decode().partition(_SEPARATOR)[0]}"


def check_fits(holder: str, text: str, max_characters: int) -> None:
    """Raise TooManyGroups for a text that carries a sign-in and is too long; `holder` names the text in words."""
    if len(text) > max_characters:
        raise TooManyGroups(holder, len(text), max_characters)


def _mark_of(sha256_hex: str) -> bytes:
    return bytes.fromhex(sha256_hex)[:_MARK_BYTES]
