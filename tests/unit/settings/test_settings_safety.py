"""Whatever signpost.toml holds, it is settings or a list of mistakes, and no mistake repeats a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.s3.stores import Credentials
from chalicelib.settings.load import InvalidSettings, load
from tests.support.settings_files import MOUNT, loaded, mistakes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[[mounts", "is not TOML: "),
        (b"a = 1\na = 2", "is not TOML: "),
        (b"a = " + b"9" * 5000, "is not TOML: "),
        (b"a = " + b"[" * 5000, "is not TOML: "),
        (b"realm = '\xff'", "is not UTF-8; save it as UTF-8"),
        (b"\xff\xfe[\x00", "is not UTF-8; save it as UTF-8"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, text: bytes, told: str) -> None:
    (tmp_path / "signpost.toml").write_bytes(text)
    with pytest.raises(InvalidSettings, match=told) as refused:
        load(tmp_path / "signpost.toml", {})
    assert len(refused.value.mistakes) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"nothing\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "nothing.toml", {})
    with pytest.raises(InvalidSettings, match="cannot be read: Is a directory"):
        load(tmp_path, {})


@pytest.mark.parametrize("written", ['"canary"', "5", '["canary"]', '{canary = "canary"}', "canary", '"canary\\u0000"'])
def test_a_secret_in_place_of_its_hash_is_not_repeated(tmp_path: Path, written: str) -> None:
    told = mistakes(tmp_path, f'{MOUNT}[[keys]]\nid = "ci"\nsha256 = {written}\n')
    assert len(told) == 1
    assert "canary" not in told[0]


@pytest.mark.parametrize(
    "place", ["realm", "public_url", "head", "cors_origins", "path", "bucket", "prefix", "region", "endpoint"]
)
@pytest.mark.parametrize("value", ["canary /\n..", "..", "CANARY"])
def test_what_the_environment_holds_is_not_repeated(tmp_path: Path, place: str, value: str) -> None:
    secret = {"SECRET": f"c4n4ry{value}"}
    written = '["${SECRET}"]' if place == "cors_origins" else '"${SECRET}"'
    in_service = place in ("realm", "public_url", "head", "cors_origins")
    values = {"path": '"/"', "bucket": '"acme"', "region": '"eu-west-1"'} | ({} if in_service else {place: written})
    table = "\n".join(f"{name} = {value}" for name, value in values.items())
    service = f"[service]\n{place} = {written}\n" if in_service else ""
    assert "c4n4ry" not in str(mistakes(tmp_path, f"{service}[[mounts]]\n{table}\n", secret))


@pytest.mark.parametrize("value", ["key:c4n4ry", "c4n4ry"])
def test_what_the_environment_holds_is_not_repeated_from_a_rule(tmp_path: Path, value: str) -> None:
    rule = '[[rules]]\npath = "${SECRET}"\nallow = ["${SECRET}"]\nto = ["${SECRET}"]\n'
    assert "c4n4ry" not in str(mistakes(tmp_path, MOUNT + rule, {"SECRET": value}))


OWN = 'access_key = "${ID}"\nsecret_key = "${SECRET}"\n'


def test_a_mounts_own_credentials_come_from_the_environment(tmp_path: Path) -> None:
    own = loaded(tmp_path, MOUNT + OWN, {"ID": "AKID", "SECRET": "c4n4ry"}).mounts[0].credentials
    assert own == Credentials("AKID", "c4n4ry")
    assert loaded(tmp_path, MOUNT).mounts[0].credentials is None


@pytest.mark.parametrize(
    ("written", "environ", "told"),
    [
        (OWN.replace("${SECRET}", "c4n4ry"), {"ID": "AKID"}, "secret_key: is a secret, which is not kept in this file"),
        (OWN.replace("${SECRET}", "a${SECRET}"), {"ID": "AKID", "SECRET": "c4n4ry"}, "write ${NAME}, and set NAME"),
        (OWN, {"ID": "AKID"}, "secret_key: the environment variable SECRET is not set"),
        (OWN, {"ID": "AKID", "SECRET": ""}, "secret_key: the text here is not a key"),
        (OWN, {"ID": "AKID", "SECRET": "c4n4ry\n"}, "secret_key: the text here is not a key"),
        ('secret_key = "${SECRET}"', {"SECRET": "c4n4ry"}, "access_key: and secret_key go together"),
        ("secret_key = 5", {}, "secret_key: is a secret"),
    ],
)
def test_a_mounts_own_credentials_are_both_there_and_not_in_the_file(
    tmp_path: Path, written: str, environ: dict[str, str], told: str
) -> None:
    said = "\n".join(mistakes(tmp_path, MOUNT + written, environ))
    assert told in said
    assert "c4n4ry" not in said


CDN = f'[service]\ncdn_secret = "${{SECRET}}"\n{MOUNT}'


def test_the_secret_of_the_cdn_is_a_reference(tmp_path: Path) -> None:
    long = "c4n4ry" * 6
    for text, secret, told in [
        (CDN.replace("${SECRET}", long), "", "service.cdn_secret: is a secret, which is not kept in this file"),
        (CDN, "", "service.cdn_secret: the text here is not a secret of 32 characters or more"),
        (CDN, "c4n4ry", "service.cdn_secret: the text here is not a secret of 32 characters or more"),
        (CDN, "arn:aws:s3:::c4n4ry", "or the ARN of a secret in Secrets Manager or of a parameter in SSM"),
    ]:
        said = "\n".join(mistakes(tmp_path, text, {"SECRET": secret}))
        assert told in said
        assert "c4n4ry" not in said
    settings = loaded(tmp_path, CDN, {"SECRET": long})
    assert settings.cdn_secret == long
    assert "c4n4ry" not in repr(settings)


def test_credentials_are_read_in_a_header_of_the_owners(tmp_path: Path) -> None:
    wanted = 'is not a header of your own in lower case: "x-signpost-authorization"'
    for name in (
        "authorization",
        "cookie",
        "X-A",
        "x-amz-meta-a",
        "x-amzn-a",
        "x-forwarded-for",
        "x-signpost-cdn-secret",
    ):
        assert wanted in str(mistakes(tmp_path, f'[service]\nauthorization_header = "{name}"\n{MOUNT}'))
    text = f'[service]\nauthorization_header = "x-signpost-authorization"\n{MOUNT}'
    assert loaded(tmp_path, text).authorization_header == "x-signpost-authorization"


def toml(value: object) -> str:
    """A value as TOML writes it; its strings are JSON's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


PLAIN = st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_characters="\x7f")
NAMES = st.sampled_from(
    [
        "service",
        "mounts",
        "keys",
        "rules",
        "realm",
        "head",
        "cors_origins",
        "path",
        "bucket",
        "prefix",
        "region",
        "endpoint",
        "public_endpoint",
        "url_seconds",
        "stable_seconds",
        "cache_seconds",
        "id",
        "sha256",
        "groups",
        "allow",
        "deny",
        "to",
        "overwrite",
        "max_bytes",
        "content_types",
        "image_sizes",
        "images",
        "hosts",
        "x",
    ]
)
TEXTS = st.text(PLAIN, max_size=8) | st.sampled_from(
    [
        "/",
        "/a/**",
        "${A}",
        "${B}",
        "anyone",
        "read",
        "key:ci",
        "https://[::",
        "http://a:99999",
        "eu-west-1",
        "redirect",
        "320x",
        "*.a.b:1",
    ]
)
LEAVES = st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=5), max_leaves=20
)
TABLES = st.lists(st.dictionaries(NAMES, VALUES, max_size=8), max_size=3) | VALUES
DOCUMENTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("mounts", "keys", "rules", "x"), TABLES) | {"service": VALUES, "images": VALUES}
).map(lambda document: "\n".join(f"{name} = {toml(value)}" for name, value in document.items()))


@given(DOCUMENTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_document_is_settings_or_mistakes(tmp_path: Path, text: str) -> None:
    """Anything but InvalidSettings would fail here, and at the door."""
    told = mistakes(tmp_path, text, {"A": "a", "AWS_REGION": "eu-west-1"})
    assert all(mistake.startswith(":") for mistake in told)
