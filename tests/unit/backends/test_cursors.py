"""Cursors are sealed: only a service with the same secret can open, change or make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.cursors import FernetCursors
from chalicelib.core.access.signing import no_secrets
from chalicelib.core.web.problems.base import NotOffered
from tests.support.builders import DEADLINE

OLD, NEW = b"old-0123456789-0123456789-0123456789", b"new-0123456789-0123456789-0123456789"


def cursors(*secrets: bytes) -> FernetCursors:
    return FernetCursors(lambda _: secrets)


@given(st.binary(max_size=300))
def test_a_sealed_text_opens_with_every_current_secret_and_no_other(text: bytes) -> None:
    sealed = cursors(OLD).seal(text, DEADLINE)
    assert sealed.replace("-", "").replace("_", "").isalnum()  # it needs no escape in a URL
    assert cursors(OLD, NEW).open(sealed, DEADLINE) == text
    assert cursors(NEW).open(sealed, DEADLINE) is None
    assert cursors(NEW).open(cursors(OLD, NEW).seal(text, DEADLINE), DEADLINE) == text


@given(st.binary(max_size=80), st.data())
def test_a_changed_text_is_refused(text: bytes, data: st.DataObject) -> None:
    sealed = cursors(NEW).seal(text, DEADLINE)
    place = data.draw(st.integers(0, len(sealed) - 3))  # the last character has bits that base64 does not use
    # Without `+`, which Fernet's decoder reads as `-`: the bytes under the signature stay the same.
    other = data.draw(st.sampled_from("ABCdef012-_= é").filter(lambda character: character != sealed[place]))
    assert cursors(NEW).open(sealed[:place] + other + sealed[place + 1 :], DEADLINE) is None
    assert cursors(NEW).open(sealed[:place], DEADLINE) is None


@given(st.text(max_size=90))
def test_any_other_text_is_refused(text: str) -> None:
    assert cursors(NEW).open(text, DEADLINE) is None


def test_nothing_of_the_text_can_be_read() -> None:
    text = b"users/ann/secret plans.txt" * 4
    assert not any(part in cursors(NEW).seal(text, DEADLINE) for part in ("secret", "dXNlcnMv"))


def test_without_a_signing_secret_no_cursor_is_offered() -> None:
    for use in (
        lambda: FernetCursors(no_secrets).seal(b"", DEADLINE),
        lambda: FernetCursors(no_secrets).open("", DEADLINE),
    ):
        with pytest.raises(NotOffered):
            use()
