"""Mutated tokens, and the decisions of PyJWT and joserfc about them, which the service must share."""

import itertools
import json
import re
import time
import warnings
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import joserfc.jwk
import joserfc.jws
import joserfc.jwt
import jwt
from joserfc.errors import SecurityWarning

from chalicelib.backends.token_signatures import CryptographySignatures
from chalicelib.core.access.issuer_tokens import IssuerTokens
from chalicelib.core.access.issuers import MAX_TOKEN_BYTES, Issuer
from chalicelib.core.web.problems.access import CredentialsInvalid

from .builders import DEADLINE
from .token_issuer import AUDIENCE, ISSUER, KIDS, SIGNED, MemoryIssuerKeys, base64url, jwk, keys, sign

ALGORITHMS = tuple(name for name in SIGNED if name not in ("HS256", "none"))
TABLE: Final = Issuer("corp", ISSUER, (AUDIENCE, "other"), algorithms=ALGORITHMS)
ESSENTIAL: Final = ("exp", "iss", "aud", "sub")

INSERTED: Final = (
    *(
        '"sub":"bob",',
        '"exp":9e99,',
        '"exp":1e400,',
        '"a":1e400,',
        '"a":NaN,',
        '"a":-Infinity,',
        '"a":1.5e3,',
        '"a":01,',
    ),
    *(
        '"a":"\\u0000",',
        '"a":"\\ud800",',
        '"a":"\\ud83d\\ude00",',
        '"a":"\x01",',
        '"a":{"b":1,"b":2},',
        '"alg":"none",',
    ),
    *(" ", "[["),
)
_NESTED: Final = [json.loads("[" * depth + "]" * depth) for depth in (2, 30, 40)]
_LONG: Final[dict[str, list[Any]]] = {
    "sub": ["a" * 5_500],
    "groups": [[f"group {number}" for number in range(400)]],
    "deep": [json.loads("[" * 500 + "]" * 500)],
}
_BY_TYPE: Final = {key.algorithms: str(key.kid) for key in keys(*KIDS)}
_PYJWT: Final = {kid: jwt.PyJWK(jwk(kid) | {"alg": keys(kid)[0].algorithms[0]}).key for kid in KIDS}
_JOSERFC: Final = {kid: joserfc.jwk.import_key({**jwk(kid)}) for kid in KIDS}
# An unknown member of a header is ignored, as RFC 7515 §4 says.
_LENIENT: Final = joserfc.jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_LENIENT.max_header_length = MAX_TOKEN_BYTES


def key_of(header: dict[str, Any]) -> str:
    """The id of the only key that fits a header; raise LookupError where there is none."""
    kids = [
        kid for algorithms, kid in _BY_TYPE.items() if header["alg"] in algorithms and header.get("kid", kid) == kid
    ]
    if len(kids) != 1:
        raise LookupError
    return kids[0]


def pyjwt_accepts(text: str) -> bool:
    """Whether PyJWT accepts a token."""
    kid = key_of(jwt.get_unverified_header(text))
    options: Any = {"require": list(ESSENTIAL)}
    jwt.decode(text, _PYJWT[kid], list(ALGORITHMS), options, audience=TABLE.audience, issuer=ISSUER, leeway=30)
    return True


def joserfc_accepts(text: str) -> bool:
    """Whether joserfc accepts a token."""
    decoded = joserfc.jwt.decode(text, lambda token: _JOSERFC[key_of(token.headers())], list(ALGORITHMS), _LENIENT)
    registry = joserfc.jwt.JWTClaimsRegistry(
        leeway=30,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "values": list(TABLE.audience)},
        exp={"essential": True},
        sub={"essential": True},
    )
    registry.validate(decoded.claims)
    return True


def _decides(accepts: Callable[[str], bool], text: str) -> bool:
    try:
        return accepts(text)
    except Exception:  # the libraries raise many kinds of errors for tokens of a bad form
        return False


class Mutants:
    """Makes mutated tokens, the same kinds for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._signed: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while True:
            if len(self._signed) < 50 or self._random.random() < 0.4:
                text = self._signed_token()
                self._signed = [*self._signed[-200:], text]
            else:
                text = self._changed_text(self._random.choice(self._signed))
            yield text

    def _signed_token(self) -> str:
        random, now = self._random, time.time()
        kid = random.choices(KIDS, (2, 4, 1, 16))[0]  # to sign by Ed25519 takes the shortest time
        algorithm = random.choice(keys(kid)[0].algorithms)
        header: dict[str, Any] = {"alg": algorithm, "kid": kid}
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(now) + 300}
        for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
            random.choice((self._change_header, self._change_claims, self._change_claims))(header, claims, now)
        signer = kid if random.random() < 0.95 else f"{kid} 2"
        if random.random() < 0.05:
            algorithm = random.choice(("HS256", "none"))
            header["alg"] = algorithm
        texts = [json.dumps(part, ensure_ascii=random.random() < 0.5) for part in (header, claims)]
        place = random.randrange(2)
        if random.random() < 0.4:
            texts[place] = self._changed_json(texts[place])
        encoding = random.choices(("utf-8", "utf-8-sig", "utf-16", "utf-32-le"), (97, 1, 1, 1))[0]
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        parts[place] = texts[place].encode(encoding, "surrogatepass")
        return sign(parts[0], parts[1], signer, algorithm)

    def _change_header(self, header: dict[str, Any], claims: dict[str, Any], now: float) -> None:
        values: dict[str, list[Any]] = {
            "alg": [*ALGORITHMS, "HS256", "none", "None", "", "rs256", None, 5, ["RS256"]],
            "kid": [*KIDS, "new", "", None, 5, ["rsa"], ...],
            "typ": ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "JWS", "", None, 5],
            "cty": ["JWT", "json"],
            "crit": [["exp"], [], ["b64"], None],
            "b64": [True, False],
            "jwk": [jwk("rsa 2"), jwk("ed25519 2"), None],
            "jku": ["https://evil.example.com"],
            "x5c": [["MIIB"], "x"],
            "zip": ["DEF"],
        }
        self._set(header, values)

    def _change_claims(self, header: dict[str, Any], claims: dict[str, Any], now: float) -> None:
        times = [int(now) + offset for offset in (-(10**6), -60, -20, 20, 60, 10**6)]
        odd: list[Any] = [*map(float, times), *json.loads('["", null, true, [], {}, "9999999999", 1e300, 0, -1]')]
        odd += [10**400, -(10**400)]
        values: dict[str, list[Any]] = {
            **{name: [*times, *times, *odd, ...] for name in ("exp", "nbf", "iat")},
            "aud": [AUDIENCE, "other", ["x", "other"], f"{AUDIENCE}/", [AUDIENCE, 5], {AUDIENCE: 1}, [], "", None, ...],
            "iss": [ISSUER, f"{ISSUER}/", "", None, 5, [ISSUER], ...],
            "sub": ["alice", "", None, 5, ["alice"], "a\0b", "\ud800", "ü📁", ...],
            "jti": ["x", "", None, 5, ["x"]],
            "nonce": ["n", None],
            "groups": [["a"], "a", None],
            "email": ["a@example.com"],
            "deep": _NESTED,
        }
        self._set(claims, values if self._random.random() < 0.98 else _LONG)

    def _set(self, members: dict[str, Any], values: dict[str, list[Any]]) -> None:
        name = self._random.choice([*values])
        members[name] = self._random.choice(values[name])
        if members[name] is ...:
            del members[name]

    def _changed_json(self, text: str) -> str:
        random = self._random
        inserted = random.choice(INSERTED)
        if random.random() < 0.6:
            place = random.choice((1, 1, len(text) - 1))
            return text[:place] + (inserted if place == 1 else "," + inserted.rstrip(",")) + text[place:]
        return self._changed(text, '{}[]",:0123456789 \\ueab\0\ufeff')

    def _changed(self, text: str, characters: str) -> str:
        place, character = self._random.randrange(len(text)), self._random.choice(characters)
        return text[:place] + self._random.choice((character, "", text[place] + character)) + text[place + 1 :]

    def _changed_text(self, text: str) -> str:
        parts = text.split(".")
        match self._random.randrange(8):
            case 0:
                self._random.shuffle(parts)
            case 1:
                parts[self._random.randrange(3)] = ""
            case 2:
                parts[2] = parts[2] + self._random.choice(("=", "==", "A", "AAAA", " ", "\n", ".", "..", "ü"))
            case 3:
                parts[2] = parts[2][: self._random.randrange(len(parts[2]) + 1)]
            case 4:  # the last character has bits that no byte has
                place = self._random.randrange(3)
                alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                last = alphabet[(alphabet.find(parts[place][-1:]) + self._random.choice((1, 2, 3))) % 64]
                parts[place] = parts[place][:-1] + last
            case 5:
                other = self._random.choice(self._signed).split(".")
                place = self._random.randrange(len(other))
                parts[place % 3] = other[place]
            case _:
                return self._changed(text, "AZaz09-_+/=. \n\0ü")
        return ".".join(parts)


def compare(count: int, seed: int) -> Counter[str]:
    """Count the decisions about mutants. Each count with `!` breaks a promise.

    Args:
        count: the number of mutants.
        seed: of the random choices.
    """
    known = MemoryIssuerKeys(keys(*KIDS), keys(*KIDS))
    tokens = IssuerTokens(issuers=(TABLE,), keys=known, signatures=CryptographySignatures(), groups={}, revoked={})
    decisions: Counter[str] = Counter()
    with warnings.catch_warnings(action="ignore", category=SecurityWarning):  # EdDSA has a new name in RFC 9864
        for _, text in zip(range(count), Mutants(seed), strict=False):
            by_others = _decides(pyjwt_accepts, text), _decides(joserfc_accepts, text)
            decisions[_decision(text, _reason(tokens, text), by_others)] += 1
    return decisions


def _reason(tokens: IssuerTokens, text: str) -> str:
    """Why the service refuses a token; empty for a token that it accepts."""
    try:
        tokens.principal(text, time.time(), DEADLINE)
    except CredentialsInvalid as problem:
        return problem.reason
    return ""


def _decision(text: str, reason: str, by_others: tuple[bool, bool]) -> str:
    if any(by_others) and not all(by_others):
        return f"{'refused' if reason else 'accepted'}, as one library does"
    if bool(reason) != any(by_others):
        return f"{'refused' if reason else 'accepted'} by all"
    rule = _own_rule(text) if reason else None
    return f"refused by the rule of {rule}" if rule else f"! {reason or 'accepted alone'}"


def _own_rule(text: str) -> str | None:
    """The rule of the service that a token breaks and that no library has, judged by other code than the service's."""
    repeated: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    parts = [urlsafe_b64decode(part + "==") for part in text.split(".")]
    if ".".join(map(base64url, parts)) != text:
        return "base64url"
    try:
        header, claims = (json.loads(part.decode("utf-8"), object_pairs_hook=members) for part in parts[:2])
    except ValueError:
        return "UTF-8"
    written = json.dumps([header, claims])
    brackets = re.sub(r"[^][{}]", "", re.sub(r'"(\\.|[^"\\])*"', "", written))
    rules = {
        "size": len(text) > 8_192,
        "unique members": bool(repeated),
        "numbers": re.search("NaN|Infinity", written),
        "NUL and surrogates": re.search(r"\\u0000", written)
        or re.search("[\ud800-\udfff]", json.dumps([header, claims], ensure_ascii=False)),
        "typ": str(header.get("typ", "JWT")).lower() not in ("jwt", "at+jwt", "application/at+jwt"),
        "crit": "crit" in header,
        "nonce": "nonce" in claims,
        "nesting": max(itertools.accumulate(1 if bracket in "[{" else -1 for bracket in brackets)) > 33,
    }
    return next((rule for rule, is_broken in rules.items() if is_broken), None)
