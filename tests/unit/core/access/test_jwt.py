"""The reader takes a token in one form only, refuses every other text in the same way, and takes little memory."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.access.issuers import MAX_TOKEN_BYTES
from chalicelib.core.access.jwt import MAX_NESTING, check_times, read_token
from chalicelib.core.web.problems.access import CredentialsInvalid
from tests.support.builders import NOW
from tests.support.token_issuer import CLAIMS, base64url, sign, token

HEADER = b'{"alg":"RS256"}'
GOOD = token()
FIRST, SECOND, THIRD = GOOD.split(".")


def reason_of(text: str) -> str:
    """Why the reader refuses a text; the reason repeats no part of the text."""
    with pytest.raises(CredentialsInvalid) as refused:
        read_token(text)
    reason = refused.value.reason
    assert reason
    assert not any(part in reason for part in text.split(".") if len(part) > 8)
    return reason


def with_claims(content: str) -> str:
    return sign(HEADER, content.encode("utf-8", "surrogatepass"))


def nested(depth: int) -> str:
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
claims = st.dictionaries(texts.filter(lambda name: name not in ("iss", "sub", "jti")), values, max_size=5)


@given(claims, st.sampled_from(["JWT", "jwt", "at+JWT", "application/at+jwt", ...]), st.sampled_from(["k", "", ...]))
def test_the_content_is_read_as_it_was_written(content: dict[str, Any], media_type: object, kid: object) -> None:
    read = read_token(token(content, "ed25519", typ=media_type, kid=kid, jwk={"kty": "RSA"}, jku="https://x", x5c=[]))
    assert read.claims == content
    assert (read.algorithm, read.kid) == ("EdDSA", None if kid is ... else kid)
    assert repr(read) == "Token('EdDSA')"


@given(st.text(st.characters(), max_size=40) | st.binary(max_size=60).map(lambda data: f"{FIRST}.{base64url(data)}."))
@example(f"{FIRST}.{base64url(b'{}')}.")  # no signature
def test_any_other_text_is_refused_and_never_another_error(text: str) -> None:
    assert reason_of(text)


def test_a_text_that_is_almost_a_token_is_refused() -> None:
    for text in (
        *(
            "",
            ".",
            "..",
            "a.b.c",
            GOOD[: GOOD.rindex(".") + 1],
            f"{GOOD}.",
            f".{GOOD}",
            f"{GOOD}.{THIRD}",
            f"{GOOD}...",
        ),
        *(f"{FIRST}.{SECOND}", f"{FIRST}..{THIRD}", f".{SECOND}.{THIRD}", f"{SECOND}.{FIRST}.{THIRD}", "..."),
        *(f"{GOOD}=", f"{FIRST}=.{SECOND}.{THIRD}", f"{GOOD} ", f"{GOOD}\n", f"{GOOD}ü", f"{FIRST}.{SECOND}.+/{THIRD}"),
        f"{FIRST}.{base64url(b'{}')[:-1]}{chr(ord(base64url(b'{}')[-1]) + 1)}.{THIRD}",  # bits that no byte has
        *(
            sign(HEADER, content)
            for content in (b"", b"[]", b"null", b'"a"', b"{", b"{}{}", b"\xff", b"\xef\xbb\xbf{}")
        ),
        *(sign(header, b"{}") for header in (b"", b"[]", b"{}", b'{"alg":null}', b'{"alg":["RS256"]}', b'{"alg":5}')),
        *(sign(HEADER, "{}".encode(encoding)) for encoding in ("utf-16", "utf-32")),
    ):
        reason_of(text)


def test_two_members_of_one_name_are_refused_at_any_depth() -> None:
    for content in ('{"sub":"a","sub":"b"}', '{"a":[{"b":1,"b":1}]}', '{"sub":"a","s\\u0075b":"b"}'):
        assert "strict JSON" in reason_of(with_claims(content))
    reason_of(sign(b'{"alg":"RS256","alg":"none"}', b"{}"))


def test_only_numbers_and_texts_of_json_are_read() -> None:
    for value in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "1.", "'a'", '"\x01"', "9" * 5_000):
        assert "strict JSON" in reason_of(with_claims(f'{{"a":{value}}}'))
    for value in ('"\\u0000"', '"\\ud800"', '["a",{"b":"\\udc00"}]', '{"\\u0000":1}'):
        assert "NUL" in reason_of(with_claims(f'{{"a":{value}}}'))


def test_the_size_and_the_nesting_have_limits() -> None:
    room = MAX_TOKEN_BYTES - len(with_claims('{"sub":""}'))
    fits = next(text for size in range(room, 0, -1) if len(text := with_claims(f'{{"sub":"{"a" * size}"}}')) <= 8_192)
    assert read_token(fits).claims["sub"]
    assert "8,192 bytes" in reason_of(fits + "A" * (MAX_TOKEN_BYTES + 1 - len(fits)))
    assert "groupMembershipClaims" in reason_of(token({"groups": [f"g{number}" for number in range(100_000)]}))
    assert read_token(with_claims(nested(MAX_NESTING)))
    assert "inside each other" in reason_of(with_claims(nested(MAX_NESTING + 1)))
    assert "strict JSON" in reason_of(with_claims('{"a":' + "[" * 5_000))
    assert reason_of(with_claims('{"a":' + "[" * 2_500 + "]" * 2_500 + "}"))


def test_a_large_text_is_refused_in_constant_memory() -> None:
    large = [token(kid="k" * 1_000_000), f"{FIRST}.{'[' * 1_000_000}.{THIRD}", "." * 1_000_000, "a" * 1_000_000]
    tracemalloc.start()
    for text in large:
        with pytest.raises(CredentialsInvalid):
            read_token(text)
    assert tracemalloc.get_traced_memory()[1] < 50_000
    tracemalloc.stop()


def test_the_header_changes_neither_the_reading_nor_the_kind_of_the_token() -> None:
    refused: dict[str, list[Any]] = {
        "crit": [[], ["exp"], None],
        "b64": [False, None, "false"],
        "typ": ["logout+jwt", "id_token", "JWS", "", "dpop+jwt", "secevent+jwt", "jwt ", None, ["JWT"]],
        "kid": [None, 5, ["rsa"], {}],
    }
    for name, members in refused.items():
        for member in members:
            assert f"`{name}`" in reason_of(token(CLAIMS, **{name: member}))
    for name in ("iss", "sub", "jti"):
        assert "jti" in reason_of(token({name: 5}))


def test_times_are_numbers_with_a_leeway_of_30_seconds() -> None:
    assert check_times({"exp": NOW - 29}, NOW) == NOW + 1
    assert check_times({"exp": 10**400, "iat": NOW + 30, "nbf": -(10**400)}, NOW) > NOW
    assert check_times({"exp": NOW + 0.5, "nbf": NOW + 30}, NOW)
    refused: dict[str, list[dict[str, Any]]] = {
        "expired": [{"exp": NOW - 30}, {"exp": 0}, {"exp": -(10**400)}],
        "future": [
            {"exp": NOW + 99, "nbf": NOW + 31},
            {"exp": NOW + 99, "iat": NOW + 30.5},
            {"exp": 9e9, "iat": 10**400},
        ],
        "no `exp`": [{}, {"iat": NOW}],
        "not a number": [
            {"exp": NOW + 99} | {name: value}
            for name in ("exp", "nbf", "iat")
            for value in (str(NOW), True, None, [NOW])
        ],
    }
    for reason, contents in refused.items():
        for content in contents:
            with pytest.raises(CredentialsInvalid) as problem:
                check_times(json.loads(json.dumps(content)), NOW)
            assert reason in problem.value.reason
