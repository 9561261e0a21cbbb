"""signpost.toml is read into the values that it names, with defaults for the rest."""

from pathlib import Path

import pytest

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import BucketUrl, Credentials
from chalicelib.settings.load import InvalidSettings, Settings, load
from tests.support.settings_files import MOUNT, loaded, mistakes, table

SHA = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
KMS_KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"

# The example of the contract, with every key that there is. No two keys of one type have the same value.
EVERY_KEY = f"""
[service]
realm = "Acme files"
public_url = "https://files.example.com/base/"
authorization_header = "x-acme-authorization"
cdn_secret = "${{CDN_SECRET}}"
url_seconds = 120
head = "inline"                      # or "redirect"
cors_origins = ["https://app.example.com"]

[[mounts]]
path = "/"                           # the URL prefix
bucket = "${{BUCKET}}"                 # ${{NAME}} is taken from the environment
prefix = "acme/"                     # prepended to the key
region = "eu-west-1"                 # default: AWS_REGION
kms_key = "{KMS_KEY}"

[[mounts]]
path = "/archive/"
bucket = "old"
region = "auto"
endpoint = "http://minio:9000"
public_endpoint = "https://s3.example.com"
access_key = "${{ACCESS_KEY}}"
secret_key = "${{SECRET_KEY}}"
url_seconds = 60
stable_seconds = 30
cache_seconds = 9

[[keys]]
id = "ci"                            # lower-case letters, digits, '-'
sha256 = "{SHA.upper()}"             # of the secret, in hex
groups = ["builders"]
in_urls = true

[[rules]]
path = "/public/**"                  # literal segments, '*' one segment, '**' the rest
allow = ["read", "list"]
to = ["anyone"]                      # anyone | authenticated | group:NAME | key:ID | user:ID
image_sizes = ["320x"]

[[rules]]
path = "/users/{{user}}/**"            # {{user}}: the caller's own id, one whole segment
allow = ["read", "list", "write", "delete", "share"]
to = ["authenticated"]
overwrite = false
max_bytes = 50_000_000
content_types = ["image/*"]
checksum = "sha256"
require_headers = {{ expires = "0", x-amz-meta-from = "ci" }}
pass_headers = ["x-amz-tagging"]

[[rules]]
path = "/finance/**"
deny = ["purge"]                     # a rule allows or denies
to = ["anyone"]

[images]
hosts = ["images.example.com"]
"""


def test_each_key_of_the_file_fills_its_own_field(tmp_path: Path) -> None:
    secrets = {"CDN_SECRET": "cdn-secret" * 4, "BUCKET": "acme", "ACCESS_KEY": "tenant$ann:x", "SECRET_KEY": "a b'c"}
    settings = loaded(tmp_path, EVERY_KEY, secrets)
    assert settings == Settings(
        realm="Acme files",
        public_url="https://files.example.com/base",
        head_inline=True,
        cors_origins=("https://app.example.com",),
        mounts=(
            Mount(
                path="",
                bucket="acme",
                prefix="acme/",
                region="eu-west-1",
                endpoint=None,
                bucket_url=BucketUrl("https://acme.s3.eu-west-1.amazonaws.com", "acme.s3.eu-west-1.amazonaws.com", ""),
                url_seconds=120,
                stable_seconds=0,
                cache_seconds=0,
                kms_key=KMS_KEY,
            ),
            Mount(
                path="/archive",
                bucket="old",
                prefix="",
                region="auto",
                endpoint="http://minio:9000",
                bucket_url=BucketUrl("https://s3.example.com", "s3.example.com", "/old"),
                url_seconds=60,
                stable_seconds=30,
                cache_seconds=9,
                credentials=Credentials("tenant$ann:x", "a b'c"),
            ),
        ),
        keys=(ApiKey(id="ci", sha256=SHA, groups=("builders",), in_urls=True),),
        rules=(
            Rule(
                number=1,
                path="/public/**",
                allows=True,
                actions=("read", "list"),
                to=("anyone",),
                image_sizes=("320x",),
            ),
            Rule(
                number=2,
                path="/users/{user}/**",
                allows=True,
                actions=("read", "list", "write", "delete", "share"),
                to=("authenticated",),
                overwrite=False,
                max_bytes=50_000_000,
                content_types=("image/*",),
                checksum=True,
                require_headers=(("expires", "0"), ("x-amz-meta-from", "ci")),
                pass_headers=("x-amz-tagging",),
            ),
            Rule(number=3, path="/finance/**", allows=False, actions=("purge",), to=("anyone",)),
        ),
        image_hosts=("images.example.com",),
        authorization_header="x-acme-authorization",
        cdn_secret="cdn-secret" * 4,
    )
    assert "secret" not in repr(settings)


def test_a_key_that_is_left_out_has_a_default(tmp_path: Path) -> None:
    mount = table("[[mounts]]", {"path": '"/"', "bucket": '"acme"'})
    rule = table("[[rules]]", {"path": '"/a"', "allow": '["write"]', "to": '["anyone"]'})
    for variables in ({"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "x"}, {"AWS_DEFAULT_REGION": "us-east-2"}):
        settings = loaded(tmp_path, f'{mount}[[keys]]\nid = "a"\nsha256 = "{SHA}"\n{rule}', variables)
        assert settings.mounts[0].region == "us-east-2"
    assert settings == Settings(
        realm="Signpost",
        public_url=None,
        head_inline=False,
        cors_origins=(),
        mounts=loaded(tmp_path, f'{mount}region = "us-east-2"\nurl_seconds = 300\n').mounts,
        keys=(ApiKey(id="a", sha256=SHA, groups=()),),
        rules=(Rule(number=1, path="/a", allows=True, actions=("write",), to=("anyone",)),),
        image_hosts=(),
    )
    empty = '[service]\npublic_url = ""\nauthorization_header = ""\n' + MOUNT + 'kms_key = ""\n'
    assert loaded(tmp_path, empty) == loaded(tmp_path, MOUNT)


def test_the_bounds_of_numbers_are_accepted(tmp_path: Path) -> None:
    for url_seconds, stable_seconds, cache_seconds, max_bytes in ((1, 0, 0, 0), (604_800, 302_400, 604_800, 5 * 2**40)):
        lives = f"url_seconds = {url_seconds}\nstable_seconds = {stable_seconds}\ncache_seconds = {cache_seconds}\n"
        rule = '[[rules]]\npath = "/a"\nallow = ["write"]\nto = ["anyone"]\nmax_bytes = '
        settings = loaded(tmp_path, f"{MOUNT}{lives}{rule}{max_bytes}\n")
        (mount,) = settings.mounts
        assert (mount.url_seconds, mount.stable_seconds, mount.cache_seconds) == (
            url_seconds,
            stable_seconds,
            cache_seconds,
        )
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
            load(tmp_path / "signpost.toml", {})
        assert len(refused.value.mistakes) == 1
    with pytest.raises(InvalidSettings, match=r"nothing\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "nothing.toml", {})
    with pytest.raises(InvalidSettings, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_the_error_names_all_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        loaded(tmp_path, "a = 1\nb = 2")
    assert len(refused.value.mistakes) == 3
    assert str(refused.value) == "\n".join(refused.value.mistakes)
    assert mistakes(tmp_path, "") == [': mounts: is missing; add [[mounts]] with path = "/" and bucket = "NAME"']
