"""Claims: which table of `[[issuers]]` a token is for, and the principal that the claims of the token make there."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from chalicelib.core.web.paths import CONTROLS
from chalicelib.core.web.problems.access import CredentialsInvalid

from .issuers import FEWER_GROUPS, Issuer
from .principals import Principal

Claims = Mapping[str, Any]

MAX_DISPLAY_NAME_CHARACTERS: Final = 63  # at most 252 bytes: a session writes the length in one byte


def choose_issuer(issuers: Sequence[Issuer], claims: Claims) -> Issuer:
    """Return the first table whose `issuer`, `audience` and `require` hold for the claims of a token of a client.

    Raises:
        CredentialsInvalid: the claims fit no table, or are of an ID token. The reason names the claims that do not fit,
            and no values.
    """
    candidates = [issuer for issuer in issuers if claims.get("iss") == issuer.issuer]
    if not candidates:
        raise CredentialsInvalid("No table of [[issuers]] has the `iss` of the token.")
    _check_not_id_token(candidates, claims)
    mismatches = []
    for issuer in candidates:
        mismatch = _mismatch(issuer, claims)
        if not mismatch:
            return issuer
        mismatches.append(f"issuer {issuer.name}: {mismatch}")
    raise CredentialsInvalid("; ".join(mismatches))


def principal_of(issuer: Issuer, claims: Claims, groups: Mapping[str, Sequence[str]]) -> Principal:
    """Return the principal of a token.

    Args:
        issuer: the table that `choose_issuer` returned.
        claims: the claims of the token.
        groups: the groups that `[groups]` gives to principals of issuers, by `user:NAME:ID`.

    Raises:
        CredentialsInvalid: the token has no id, or its groups cannot be read.
    """
    subject = _claim(issuer, claims, (issuer.subject,))
    if not isinstance(subject, str) or not subject:
        hint = _email_hint((issuer.subject,))
        raise CredentialsInvalid(f"issuer {issuer.name}: {issuer.subject} is missing, or is not a text{hint}.")
    name = f"user:{issuer.name}:{subject}"
    issuer_groups = (f"{issuer.name}:{group}" for group in _groups(issuer, claims))
    return person(name, (*issuer_groups, *groups.get(name, ())))


def check_id_token(issuer: Issuer, claims: Claims, nonce: str) -> None:
    """Check that an ID token is for this service and for this sign-in (OpenID Connect Core §3.1.3.7).

    Args:
        issuer: the table with which the person signs in; its `require` holds for ID tokens too.
        claims: the claims of the token.
        nonce: of the sign-in.

    Raises:
        CredentialsInvalid: the token is for another service or another sign-in.
    """
    if claims.get("iss") != issuer.issuer:
        raise CredentialsInvalid(f"issuer {issuer.name}: the ID token has another `iss`.")
    mismatch = _mismatch(issuer._replace(audience=(issuer.client_id,), audience_claim="aud"), claims)
    if mismatch:
        raise CredentialsInvalid(
            f"issuer {issuer.name}: the ID token is refused; its `aud` must be `client_id`: {mismatch}"
        )
    is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if is_for_several else issuer.client_id) != issuer.client_id:
        raise CredentialsInvalid(f"issuer {issuer.name}: the `azp` of the ID token is not `client_id`.")
    own_nonce = claims.get("nonce")
    if not isinstance(own_nonce, str) or not hmac.compare_digest(own_nonce.encode(), nonce.encode()):
        raise CredentialsInvalid(f"issuer {issuer.name}: the `nonce` of the ID token is of another sign-in.")
    if "iat" not in claims:
        raise CredentialsInvalid(f"issuer {issuer.name}: the ID token has no `iat`.")


def signed_in_at(claims: Claims, now: float) -> int:
    """Return the time when the person signed in with the issuer, Unix time in whole seconds; 0 where nobody knows it.

    The earlier of two times counts: `auth_time` (OpenID Connect Core §2), and `iat`.
    """
    times = [claims[name] for name in ("auth_time", "iat") if name in claims]
    numbers = [time if isinstance(time, int | float) else 0 for time in times]
    return int(min(max(0, min(numbers, default=0)), now))


def display_name_of(claims: Claims) -> str:
    """Return how pages name a person (OpenID Connect Core §5.1); empty where the claims have no short name."""
    for claim in ("email", "preferred_username", "name"):
        name = claims.get(claim)
        if isinstance(name, str) and name.isprintable() and 0 < len(name) <= MAX_DISPLAY_NAME_CHARACTERS:
            return name
    return ""


def person(name: str, groups: Iterable[str]) -> Principal:
    """Return the principal of a person of an issuer.

    Args:
        name: `user:ISSUER:ID`.
        groups: the groups of this person: those of the issuer as `ISSUER:GROUP`, and those of `[groups]`.
    """
    user = name.removeprefix("user:")
    tags = ("anyone", "authenticated", *(f"group:{group}" for group in groups), name)
    is_segment = "/" not in user and CONTROLS.isdisjoint(user)
    return Principal(user if is_segment else "", tags)  # `{user}` stands for one segment of a path


def _check_not_id_token(issuers: Iterable[Issuer], claims: Claims) -> None:
    """Raise CredentialsInvalid for a token that was made for signing in, here or elsewhere: it opens no files.

    An ID token has the `client_id` of a client in its `aud`, and the nonce of a sign-in (OpenID Connect Core §2).
    """
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if "nonce" in claims or any(issuer.client_id in audiences for issuer in issuers if issuer.client_id):
        raise CredentialsInvalid(
            "The token has `nonce`, or a `client_id` as `aud`, so it was made for signing in: send an access token."
        )


def _mismatch(issuer: Issuer, claims: Claims) -> str:
    """Return why the claims do not fit a table, empty for claims that fit."""
    if issuer.audience_claim != "aud" and "aud" in claims:
        return f"the token has `aud`, and the table takes the audience from {issuer.audience_claim}"
    audience = claims.get(issuer.audience_claim)
    audiences = [audience] if isinstance(audience, str) else audience
    if not _is_texts(audiences):
        return f"{issuer.audience_claim} is missing, or is neither a text nor a list of texts"
    if not set(audiences) & set(issuer.audience):
        return f"{issuer.audience_claim} has no value of `audience`"
    for path, patterns in issuer.require:
        values = _claim(issuer, claims, path)
        texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
        if not any(matches(pattern, text) for pattern in patterns for text in texts if text is not None):
            return f"{'.'.join(path)} has no value of `require`{_email_hint(path)}"
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether a text has a pattern of `require`: `*` stands for any characters, also for none. Takes linear time."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return place <= end


def _claim(issuer: Issuer, claims: Claims, path: Sequence[str]) -> object:
    """Return the claim at a path, None where there is none. An `email` that nobody has verified is no claim."""
    is_verified = claims.get("email_verified", issuer.email_trusted) is True
    if path[0] == "email" and not is_verified:
        return None
    value: object = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _email_hint(path: Sequence[str]) -> str:
    return " (email counts where email_verified is true, or with `email_trusted`)" if path[0] == "email" else ""


def _groups(issuer: Issuer, claims: Claims) -> Sequence[str]:
    """Return the groups in a token: the claim is a list of texts, or one text for one group, or is missing.

    The list is whole or refused, because a group that is left out may be a group that a rule denies.
    """
    if not issuer.groups:
        return ()
    left_out = claims.get("_claim_names")
    if claims.get("hasgroups") or (isinstance(left_out, dict) and issuer.groups[0] in left_out):
        raise CredentialsInvalid(
            f"issuer {issuer.name}: the token has too many groups, so its issuer left them out. {FEWER_GROUPS}"
        )
    groups = _claim(issuer, claims, issuer.groups)
    groups = [groups] if isinstance(groups, str) else groups
    if groups is None:
        return ()
    if not _is_texts(groups):
        raise CredentialsInvalid(
            f"issuer {issuer.name}: {'.'.join(issuer.groups)} is neither a text nor a list of texts."
        )
    return groups


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _text(value: object) -> str | None:
    """Return a value of a claim as `require` writes it; None for a value that no text stands for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
