"""The private keys of CDNs: from a file or from a text. Other keys are refused, and never shown."""

from pathlib import Path

import pytest

from chalicelib.backends.cdn_keys import PrivateKeys
from chalicelib.core.s3.stores import Cdn
from tests.support.builders import soon
from tests.support.cdn_key import pem, verify


def sign(reference: str, directory: str = "") -> bytes:
    cdn = Cdn("cdn.example.com", "K1", reference)
    return PrivateKeys([cdn], directory).sign(cdn, b"text", soon())


def test_a_key_is_read_from_a_file_or_from_a_text(tmp_path: Path) -> None:
    for text in (pem("P-256"), pem("rsa2048"), pem("rsa2048", traditional=True), pem("P-256", traditional=True)):
        (tmp_path / "cdn.pem").write_text(text)
        for reference in ("cdn.pem", str(tmp_path / "cdn.pem"), text, f"\n{text}\n\n"):
            verify(text, sign(reference, str(tmp_path)), b"text")


def test_a_key_that_cannot_be_used_is_refused_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "latin.pem").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.pem").write_bytes(b"")
    body = "".join(pem("P-256").splitlines()[1:-1])
    for reference, words in {
        "none.pem": "No such file",
        "latin.pem": "not a PEM file",
        "empty.pem": "not a private key in PEM",
        body: "cannot be read as a file",
        pem("P-256", passphrase="x"): "without a passphrase",
        f"-----BEGIN PRIVATE KEY-----\n{body[:40]}\n-----END PRIVATE KEY-----": "not a private key in PEM",
        **{pem(kind): "CloudFront refuses" for kind in ("rsa1024", "P-384", "ed25519")},
        "arn:aws:kms:eu-west-1:123456789012:key/1": "neither",
    }.items():
        with pytest.raises(ValueError, match=r"the private_key of the cdn cdn\.example\.com ") as refused:
            sign(reference, str(tmp_path))
        assert words in str(refused.value)
        assert body[:20] not in str(refused.value)
