"""signpost.toml is read into the values that it names, with defaults for the rest."""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

import pytest

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.stores import Variant
from chalicelib.settings.load import InvalidSettings, Settings, load
from tests.support.settings_files import MOUNT, loaded, mistakes, table

SHA = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
OTHER_SHA = "0" * 64
VARIABLES = {"CDN_SECRET": "cdn-secret" * 4, "BUCKET": "acme", "ACCESS_KEY": "tenant$ann:x", "SECRET_KEY": "a b'c"}
# Every key that there is. No two keys of one type have the same value, so a swap of two keys gives other settings.
EVERY_KEY = f"""
[service]
realm = "Acme files"
public_url = "https://files.example.com/base"
authorization_header = "x-acme-authorization"
cdn_secret = "${{CDN_SECRET}}"
head = "inline"
cors_origins = ["https://app.example.com"]
log_address = true
metrics = true
[[mounts]]
path = "/aws"
bucket = "${{BUCKET}}"
prefix = "acme/"
region = "eu-west-1"
kms_key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"
[[mounts]]
path = "/archive"
bucket = "old"
region = "auto"
endpoint = "http://minio:9000"
public_endpoint = "https://s3.example.com"
access_key = "${{ACCESS_KEY}}"
secret_key = "${{SECRET_KEY}}"
addressing = "virtual"
url_seconds = 60
stable_seconds = 30
cache_seconds = 9
[[mounts]]
path = "/fast"
bucket = "arn:aws:s3:us-east-1:111122223333:accesspoint/acme-ap"
dualstack = true
requester_pays = true
[[mounts]]
path = "/validated"
bucket = "validated"
region = "us-east-1"
fips = true
media_seconds = 14400
[[mounts]]
path = "/near"
bucket = "near"
region = "us-east-1"
accelerate = true
[[keys]]
id = "ci"
sha256 = ["{SHA}", "{OTHER_SHA}"]
groups = ["builders"]
in_urls = true
[[rules]]
path = "/aws/users/{{user}}/**"
allow = ["read", "list", "write", "delete", "share"]
to = ["authenticated"]
overwrite = false
max_bytes = 50_000_000
content_types = ["image/*"]
checksum = "sha256"
require_headers = {{ expires = "0", x-amz-meta-from = "ci" }}
image_sizes = ["320x", "x240", "96x96", "4096x4096"]
pass_headers = ["x-amz-tagging"]
url_seconds = 50
[[rules]]
path = "/aws/*/finance"
deny = ["purge"]
to = ["anyone"]
[[rules]]
path = "/-/thumbnail"
deny = ["read"]
to = ["authenticated"]
[images]
hosts = ["images.example.com"]
"""
# The keys whose field has another name or another form.
OTHER_FIELDS: dict[str, Callable[[Any], object]] = {
    "head": lambda settings: "inline" if settings.head_inline else "redirect",
    "hosts": lambda settings: settings.image_hosts,
    "public_endpoint": lambda mount: mount.bucket_url.origin.replace("old.", ""),
    **{name: partial(lambda name, mount: getattr(mount.variant, name), name) for name in Variant._fields},
    "access_key": lambda mount: mount.credentials.access_key,
    "secret_key": lambda mount: mount.credentials.secret_key,
    "allow": lambda rule: rule.actions if rule.allows else (),
    "deny": lambda rule: () if rule.allows else rule.actions,
    "checksum": lambda rule: "sha256" if rule.checksum else "none",
    "require_headers": lambda rule: dict(rule.require_headers),
}


def test_each_key_of_the_file_fills_its_own_field(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EVERY_KEY, VARIABLES)
    document: dict[str, Any] = tomllib.loads(Template(EVERY_KEY).substitute(VARIABLES))
    pairs: list[tuple[dict[str, Any], Any]] = [(document["service"] | document["images"], settings)]
    for name in ("mounts", "keys", "rules"):
        pairs += zip(document[name], getattr(settings, name), strict=True)
    for values, fields in pairs:
        for key, value in values.items():
            field = OTHER_FIELDS[key](fields) if key in OTHER_FIELDS else getattr(fields, key)
            assert ([*field] if isinstance(field, tuple) else field) == value, key
    assert [rule.number for rule in settings.rules] == [1, 2, 3]
    assert "secret" not in repr(settings)


def test_a_key_that_is_left_out_has_a_default(tmp_path: Path) -> None:
    mount = table("[[mounts]]", {"path": '"/"', "bucket": '"acme"'})
    rule = table("[[rules]]", {"path": '"/a"', "allow": '["write"]', "to": '["anyone"]'})
    text = f'{mount}[[keys]]\nid = "a"\nsha256 = "{SHA.upper()}"\n{rule}'
    for variables in ({"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "x"}, {"AWS_DEFAULT_REGION": "us-east-2"}):
        assert loaded(tmp_path, text, variables) == Settings(
            realm="Signpost",
            public_url=None,
            head_inline=False,
            cors_origins=(),
            mounts=loaded(tmp_path, f'{mount}region = "us-east-2"\nprefix = ""\nurl_seconds = 300\n').mounts,
            keys=(ApiKey(id="a", sha256=(SHA,), groups=()),),
            rules=(Rule(number=1, path="/a", allows=True, actions=("write",), to=("anyone",)),),
            image_hosts=(),
        )
    empty = '[service]\npublic_url = ""\nauthorization_header = ""\n' + MOUNT + 'kms_key = ""\n'
    assert loaded(tmp_path, empty) == loaded(tmp_path, MOUNT)
    (mount_with_default_life,) = loaded(tmp_path, f"[service]\nurl_seconds = 120\n{MOUNT}").mounts
    assert (mount_with_default_life.url_seconds, mount_with_default_life.path) == (120, "")


def test_the_bounds_of_numbers_are_accepted(tmp_path: Path) -> None:
    rule = '[[rules]]\npath = "/a"\nallow = ["write"]\nto = ["anyone"]\nmax_bytes = '
    for url, stable, cache, max_bytes in ((1, 0, 0, 0), (604_800, 302_400, 604_800, 5 * 2**40)):
        lives = f"url_seconds = {url}\nstable_seconds = {stable}\ncache_seconds = {cache}\n"
        settings = loaded(tmp_path, f"{MOUNT}{lives}{rule}{max_bytes}\n")
        mount = settings.mounts[0]
        assert (mount.url_seconds, mount.stable_seconds, mount.cache_seconds) == (url, stable, cache)
        assert settings.rules[0].max_bytes == max_bytes


def test_a_variable_can_be_a_part_of_a_text_and_is_replaced_once(tmp_path: Path) -> None:
    text = '[service]\nrealm = "The ${A}-${B}"\n' + MOUNT
    assert loaded(tmp_path, text, {"A": "x", "B": "${A}"}).realm == "The x-${A}"


def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    for content, words in {
        b"[[mounts": "is not TOML: ",
        b"a = 1\na = 2": "is not TOML: ",
        b"a = " + b"9" * 5000: "is not TOML: ",
        b"a = " + b"[" * 5000: "is not TOML: ",
        b"realm = '\xff'": "is not UTF-8; save it as UTF-8",
        b"\xff\xfe[\x00": "is not UTF-8; save it as UTF-8",
    }.items():
        (tmp_path / "signpost.toml").write_bytes(content)
        with pytest.raises(InvalidSettings, match=words) as refused:
            load(tmp_path / "signpost.toml", {}, "")
        assert len(refused.value.mistakes) == 1
    for path, words in {tmp_path / "none.toml": "No such file or directory", tmp_path: "Is a directory"}.items():
        with pytest.raises(InvalidSettings, match=f"{path}: cannot be read: {words}"):
            load(path, {}, "")


def test_the_error_names_all_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        loaded(tmp_path, "a = 1\nb = 2")
    assert len(refused.value.mistakes) == 3
    assert str(refused.value) == "\n".join(refused.value.mistakes)
    assert mistakes(tmp_path, "") == [': mounts: is missing; add [[mounts]] with path = "/" and bucket = "NAME"']
