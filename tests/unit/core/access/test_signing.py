"""A signature is accepted while its secret is in the list, and no other signature is accepted."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.signing import MAC_BYTES, Signer, decode, encode, fingerprint
from tests.support.builders import DEADLINE

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
PARTS = st.lists(st.binary(max_size=12), min_size=1, max_size=4)


def signer(*secrets: bytes, purpose: str = "link") -> Signer:
    return Signer(lambda _: secrets, purpose)


def test_a_signature_is_hmac_sha256_with_a_key_for_the_purpose() -> None:
    """Written again from RFC 2104, so that tokens stay good when the code changes."""
    key = hmac.new(NEW, b"signpost link", hashlib.sha256).digest()
    expected = hmac.new(key, b"1,2\0a\0bc", hashlib.sha256).digest()[:16]
    assert signer(NEW).sign(DEADLINE, b"a", b"bc") == expected
    assert MAC_BYTES == 16


@given(PARTS, PARTS)
def test_a_signature_verifies_its_own_texts_alone(parts: list[bytes], others: list[bytes]) -> None:
    signature = signer(NEW).sign(DEADLINE, *parts)
    assert signer(NEW).verifies(DEADLINE, signature, *parts)
    assert signer(NEW).verifies(DEADLINE, signature, *others) == (parts == others)


def test_no_two_lists_of_texts_have_one_signature() -> None:
    lists = ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"ab\0c"], [b"", b"abc"])
    assert len({signer(NEW).sign(DEADLINE, *parts) for parts in lists}) == 5


def test_another_purpose_and_another_secret_do_not_verify() -> None:
    signature = signer(NEW).sign(DEADLINE, b"a")
    assert not signer(NEW, purpose="session").verifies(DEADLINE, signature, b"a")
    assert not signer(OTHER).verifies(DEADLINE, signature, b"a")


def test_the_last_secret_signs_and_all_secrets_are_accepted() -> None:
    by_old, by_both = signer(OLD).sign(DEADLINE, b"a"), signer(OLD, NEW).sign(DEADLINE, b"a")
    assert by_both == signer(NEW).sign(DEADLINE, b"a")
    assert signer(OLD, NEW).verifies(DEADLINE, by_old, b"a")
    assert signer(OLD, NEW).verifies(DEADLINE, by_both, b"a")
    assert not signer(NEW).verifies(DEADLINE, by_old, b"a")


@given(st.binary(max_size=70))
def test_bytes_have_one_spelling(data: bytes) -> None:
    assert decode(encode(data)) == data
    assert decode(encode(data) + "=") is None


def test_a_text_that_encode_never_returns_is_not_decoded() -> None:
    for text in ("A", "AB", "====", "A A=", "é", "\ud800", "AAAA\n", "+/+/", "AAB"):
        assert decode(text) is None


def test_a_fingerprint_is_ten_bytes_of_sha256() -> None:
    assert fingerprint("key:ci") == hashlib.sha256(b"key:ci").digest()[:10]
