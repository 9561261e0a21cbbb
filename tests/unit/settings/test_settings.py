"""signpost.toml: every mistake is told with its place and what would be right, and no mistake is ever overlooked."""

import re
from pathlib import Path

import pytest

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import BucketUrl
from chalicelib.settings.load import InvalidSettings, Settings
from tests.support.settings_files import MOUNT, loaded, mistakes

SHA = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
CONTRACT = f'''
[service]
realm = "Acme files"
url_seconds = 300
head = "redirect"                    # or "inline"
cors_origins = []                    # other sites whose pages may call us: ["https://app.example.com"]

[[mounts]]
path = "/"                           # the URL prefix
bucket = "${{SIGNPOST_BUCKET}}"        # ${{NAME}} is taken from the environment
prefix = ""                          # prepended to the key
region = "eu-west-1"                 # default: AWS_REGION
# endpoint, public_endpoint = "https://s3.example.com"   path style
# url_seconds, stable_seconds, cache_seconds

[[keys]]
id = "ci"                            # lower-case letters, digits, '-'
sha256 = "{SHA}"                         # of the secret, hex
groups = ["builders"]

[[rules]]
path = "/public/**"                  # literal segments, '*' one segment, '**' the rest
allow = ["read", "list"]
to = ["anyone"]                      # anyone | authenticated | group:NAME | key:ID | user:ID

[[rules]]
path = "/users/{{user}}/**"            # {{user}}: the caller's own id, one whole segment
allow = ["read", "list", "write", "delete", "share"]
to = ["authenticated"]
overwrite = false
max_bytes = 50_000_000
content_types = ["image/*"]

[[rules]]
path = "/finance/**"
deny = ["read", "list"]              # a rule allows or denies
to = ["anyone"]
'''


def test_the_contracts_example_is_read_as_it_is_meant(tmp_path: Path) -> None:
    host = "acme-files.s3.eu-west-1.amazonaws.com"
    assert loaded(tmp_path, CONTRACT, {"SIGNPOST_BUCKET": "acme-files"}) == Settings(
        realm="Acme files",
        public_url=None,
        head_inline=False,
        cors_origins=(),
        mounts=(Mount("", "acme-files", "", "eu-west-1", None, BucketUrl(f"https://{host}", host, ""), 300, 0, 0),),
        keys=(ApiKey("ci", SHA, ("builders",)),),
        rules=(
            Rule(1, "/public/**", True, ("read", "list"), ("anyone",)),
            Rule(
                2,
                "/users/{user}/**",
                True,
                ("read", "list", "write", "delete", "share"),
                ("authenticated",),
                overwrite=False,
                max_bytes=50_000_000,
                content_types=("image/*",),
            ),
            Rule(3, "/finance/**", False, ("read", "list"), ("anyone",)),
        ),
        image_hosts=(),
    )


def test_the_error_says_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as refused:
        loaded(tmp_path, "a = 1\nb = 2")
    assert len(refused.value.mistakes) == 3
    assert str(refused.value) == "\n".join(refused.value.mistakes)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://files.example.com", "https://files.example.com"),
        ("https://files.example.com/", "https://files.example.com"),
        ("http://localhost:8000/api/v1/", "http://localhost:8000/api/v1"),
        ("", None),
    ],
)
def test_how_clients_call_the_service_ends_without_a_slash(tmp_path: Path, written: str, expected: str | None) -> None:
    assert loaded(tmp_path, f'[service]\npublic_url = "{written}"\n{MOUNT}').public_url == expected


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[[mounts]]\npath = "/"\nbucket = "acme"\n', {"AWS_REGION": "us-east-2"})
    assert settings[:4] == ("Signpost", None, False, ())
    assert settings[5:] == ((), (), (), None, None)
    only = settings.mounts[0]
    assert (only.region, only.endpoint, only.url_seconds, only.stable_seconds) == ("us-east-2", None, 300, 0)


@pytest.mark.parametrize(
    ("written", "origin", "endpoint"),
    [
        ('endpoint = "http://minio:9000"', "http://minio:9000", "http://minio:9000"),
        ('endpoint = "https://S3.Example.com:443/"', "https://s3.example.com", "https://s3.example.com"),
        ('endpoint = "http://minio:80"', "http://minio", "http://minio"),
        ('endpoint = "https://[::1]:9000"', "https://[::1]:9000", "https://[::1]:9000"),
        (
            'endpoint = "http://minio:9000"\npublic_endpoint = "https://s3.example.com"',
            "https://s3.example.com",
            "http://minio:9000",
        ),
        ('public_endpoint = "https://s3.example.com"', "https://s3.example.com", None),
    ],
)
def test_an_endpoint_is_what_clients_send_in_host(tmp_path: Path, written: str, origin: str, endpoint: str) -> None:
    found = loaded(tmp_path, MOUNT + written).mounts[0]
    assert (found.bucket_url, found.endpoint) == ((origin, origin.partition("//")[2], "/acme"), endpoint)


def test_the_life_of_urls_is_the_mounts_else_the_services(tmp_path: Path) -> None:
    other = MOUNT.replace('"/"', '"/a/"') + "url_seconds = 60\nstable_seconds = 30\ncache_seconds = 9\n"
    found = loaded(tmp_path, f"[service]\nurl_seconds = 120\nhead = 'inline'\n{MOUNT}{other}")
    assert found.head_inline
    lives = [(each.url_seconds, each.stable_seconds, each.cache_seconds) for each in found.mounts]
    assert lives == [(120, 0, 0), (60, 30, 9)]
    assert [each.path for each in found.mounts] == ["", "/a"]


def test_variables_are_taken_from_the_environment_within_a_text_too(tmp_path: Path) -> None:
    text = '[service]\nrealm = "The ${A}-${B}"\n' + MOUNT
    assert loaded(tmp_path, text, {"A": "x", "B": "${A}"}).realm == "The x-${A}"


def test_every_mistake_is_told_at_once_with_its_line_and_what_would_be_right(tmp_path: Path) -> None:
    text = """[service]
url_second = 300
head = "inlin"
[[mounts]]
path = "files"
bucket = "${NO_SUCH_BUCKET}"
region = "eu-west-1"
[[keys]]
id = "CI"
sha256 = "s3cr3t"
[[rules]]
path = "/a/**/b"
allow = ["raed"]
to = ["key:nobody"]
[[rule]]
"""
    assert sorted(mistakes(tmp_path, text), key=lambda told: int(told.split(":")[1])) == [
        ':2: service.url_second: is unknown; did you mean "url_seconds"?',
        ':3: service.head: "inlin" is not redirect or inline; did you mean "inline"?',
        ':5: mounts[1].path: "files" is not a path of literal segments that starts with a slash: "/" or "/archive"',
        ":6: mounts[1].bucket: the environment variable NO_SUCH_BUCKET is not set; set it, or write the value here",
        ":9: keys[1].id: \"CI\" is not lower-case letters, digits and '-'",
        ":10: keys[1].sha256: the text here is not the SHA-256 of a secret, 64 hex digits, as `python -m chalicelib "
        "key new ID` prints it",
        ':12: rules[1].path: "/a/**/b" is not a path from its slash, below /-/ only /-/thumbnail and /-/resize: '
        "literal segments, '*' or '{user}' for a whole segment, '**' as the last",
        ':13: rules[1].allow: "raed" is not one of read, list, write, delete, share, versions, purge; '
        'did you mean "read"?',
        ':14: rules[1].to: "key:nobody" names no key',
        ':15: rule[1]: is unknown; did you mean "rules"?',
    ]


RULE = '[[rules]]\npath = "/a"\nallow = ["read"]\nto = ["anyone"]\n'
KEY = f'[[keys]]\nid = "ci"\nsha256 = "{SHA}"\n'
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"^: mounts: is missing; add \[\[mounts\]\]"),
        ("mounts = []", r"mounts: is missing"),
        ("mounts = 5", r"mounts: must be written \[\[mounts\]\]"),
        ("[mounts]", r":1: mounts\[1\]: must be written \[\[mounts\]\]"),
        (f"service = 5\n{MOUNT}", r"service: must be one table"),
        (f"[[service]]\n{MOUNT}", r":1: service: must be one table: \[service\]"),
        (f"[Service]\n{MOUNT}", r':1: Service\[1\]: is unknown; did you mean "service"'),
        (f"{MOUNT}colour = 1", r":5: mounts\[1\].colour: is unknown$"),
        (f"{MOUNT}pubic_endpoint = 1", r':5: .*is unknown; did you mean "public_endpoint"'),
        (f"[service]\nrealm = 'a\"b'\n{MOUNT}", r":2: service.realm: .* is not printable ASCII"),
        (f"[service]\nrealm = ''\n{MOUNT}", r":2: service.realm: .* is not printable ASCII"),
        (f"[service]\nrealm = 5\n{MOUNT}", r":2: service.realm: is 5 and must be a text"),
        (f"[service]\nurl_seconds = 0\n{MOUNT}", r":2: .*is 0 and must be a whole number from 1 to 604,800"),
        (f"[service]\nurl_seconds = 604801\n{MOUNT}", r":2: .*must be a whole number from 1 to 604,800"),
        (f"[service]\nurl_seconds = true\n{MOUNT}", r":2: .*is True and must be a whole number"),
        (f"[service]\nurl_seconds = 1.5\n{MOUNT}", r":2: .*is 1.5 and must be a whole number"),
        (f"[service]\nurl_seconds = '5'\n{MOUNT}", r":2: .*must be a whole number"),
        (f"[service]\npublic_url = 'files.example.com'\n{MOUNT}", r":2: .*is not how clients call the service"),
        (f"[service]\npublic_url = 'https://a/b?c'\n{MOUNT}", r":2: .*is not how clients call the service"),
        (f"[service]\npublic_url = 'https://a/%20'\n{MOUNT}", r":2: .*is not how clients call the service"),
        (f"[service]\npublic_url = 5\n{MOUNT}", r":2: .*is 5 and must be a text"),
        (f"[service]\ncors_origins = 'https://a'\n{MOUNT}", r":2: .*must be a list: cors_origins = "),
        (f"[service]\ncors_origins = ['https://a/']\n{MOUNT}", r":2: .*is not an origin"),
        (f"[service]\ncors_origins = ['*']\n{MOUNT}", r":2: .*is not an origin"),
        (f"[service]\ncors_origins = [5]\n{MOUNT}", r":2: .*is 5 and must be a text"),
        ("[[mounts]]\nbucket = 'acme'\nregion = 'a'", r":1: mounts\[1\].path: is missing; give"),
        ("[[mounts]]\npath = '/'\nregion = 'a'", r":1: mounts\[1\].bucket: is missing; give"),
        ("[[mounts]]\npath = '/'\nbucket = 'acme'", r":1: mounts\[1\].region: .*or set AWS_REGION"),
        (f"{MOUNT}prefix = '/a'", r":5: .*without a leading slash"),
        (f"{MOUNT}prefix = 'a/../'", r":5: mounts\[1\].prefix"),
        (f"{MOUNT}endpoint = 's3.example.com'", r":5: .*is not an address without a path"),
        (f"{MOUNT}endpoint = 'https://s3.example.com/x'", r":5: .*is not an address without a path"),
        (f"{MOUNT}endpoint = 'https://[::::]'", r":5: mounts\[1\].endpoint"),
        (f"{MOUNT}endpoint = 'https://s3.example.com:99999'", r":5: mounts\[1\].endpoint"),
        (f"{MOUNT}public_endpoint = 'ftp://a'", r":5: .*is not an address without a path"),
        (f"{MOUNT}stable_seconds = 151", r":5: .*is 151, so url_seconds must be at least 302, and is 300"),
        (f"{MOUNT}cache_seconds = -1", r":5: .*must be a whole number from 0"),
        (MOUNT + MOUNT, r":6: mounts\[2\].path: is the same as that of mounts\[1\]"),
        (MOUNT.replace("acme", "a"), r":3: .*is not a bucket's name"),
        (MOUNT.replace('"/"', '"/a//b"'), r":2: mounts\[1\].path"),
        (MOUNT.replace('"/"', '"/*"'), r":2: mounts\[1\].path"),
        (MOUNT.replace('"/"', '"/-/a"'), r":2: mounts\[1\].path"),
        (MOUNT.replace('"/"', '"/a/.."'), r":2: mounts\[1\].path"),
        (f"{MOUNT}{KEY}{KEY}", r":9: keys\[2\].id: is the same as that of keys\[1\]"),
        (f"{MOUNT}{KEY}{KEY.replace('ci', 'b')}", r":10: keys\[2\].sha256: is the same as that of keys\[1\]"),
        (f"{MOUNT}{KEY.replace(SHA, EMPTY)}", r":7: keys\[1\].sha256: .*is not the SHA-256 of a secret"),
        (f"{MOUNT}{KEY}groups = ['a b']", r":8: keys\[1\].groups: .*without spaces and colons"),
        (f"{MOUNT}{KEY}groups = 'a'", r":8: keys\[1\].groups: must be a list"),
        (f"{MOUNT}[[rules]]\nallow = ['read']\nto = ['anyone']", r":5: rules\[1\].path: is missing"),
        (f"{MOUNT}[[rules]]\npath = '/a'\nallow = ['read']", r":5: rules\[1\].to: is missing; say whom"),
        (f"{MOUNT}[[rules]]\npath = '/a'\nto = ['anyone']", r":5: rules\[1\]: needs either allow or deny"),
        (f"{MOUNT}{RULE}deny = ['read']", r":5: rules\[1\]: needs either allow or deny"),
        (f"{MOUNT}{RULE}max_bytes = 5", r":9: rules\[1\].max_bytes: limits uploads"),
        (
            MOUNT + RULE.replace("read", "share") + "pass_headers = ['x-amz-tagging']",
            r":9: .* lets headers through, so",
        ),
        (f"{MOUNT}{RULE}overwrite = 'no'", r":9: rules\[1\].overwrite: is 'no' and must be true or false"),
        (f"{MOUNT}{RULE}content_types = ['png']", r":9: .*is not a media type"),
        (MOUNT + RULE.replace("anyone", "anybody"), r':8: .*is not anyone,.*; did you mean "anyone"'),
        (MOUNT + KEY + RULE.replace("anyone", "key:c"), r':11: .*"key:c" names no key; did you mean "ci"'),
        *(
            (MOUNT + RULE.replace("/a", wrong), r":6: rules\[1\].path")
            for wrong in ("a", "/a*", "/{who}", "/-/x", "//a")
        ),
        *((MOUNT + RULE.replace("/a", wrong), r":6: rules\[1\].path") for wrong in ("/**/a", "/a/{user}b", "/a/./b")),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_hint(tmp_path: Path, text: str, told: str) -> None:
    found = mistakes(tmp_path, text)
    assert [mistake for mistake in found if re.search(told, mistake)] != []


def test_a_rule_names_headers_of_its_choice_and_none_that_goes_past_the_rules(tmp_path: Path) -> None:
    kept = ["x-amz-tagging", "x-amz-storage-class", "x-amz-object-lock-mode", "x-amz-website-redirect-location"]
    kept += [f"x-amz-server-side-encryption-{name}" for name in ("aws-kms-key-id", "bucket-key-enabled", "context")]
    passed = [*kept, "x-amz-server-side-encryption-customer-key", "x-amz-request-payer"]
    write = RULE.replace("read", "write")
    assert loaded(tmp_path, f"{MOUNT}{write}pass_headers = {passed}").rules[0].pass_headers == tuple(passed)
    required = "{" + ", ".join(f'{name} = "x"' for name in kept) + "}"
    found = loaded(tmp_path, f"{MOUNT}{write}require_headers = {required}")
    assert [name for name, _ in found.rules[0].require_headers] == kept
    past = ["copy-source", "copy-source-range", "rename-source", "acl", "grant-read", "bypass-governance-retention"]
    past += ["grant-of-tomorrow", "of-tomorrow", "write-offset-bytes", "security-token", "*", "", "tagging ", "TAGGING"]
    for name in (*(f"x-amz-{name}" for name in past), "x-amz-tagging,x-amz-acl", "X-Amz-Acl", "authorization", "host"):
        for written in (f'pass_headers = ["{name}"]', f'require_headers = {{ "{name}" = "x" }}'):
            (told,) = mistakes(tmp_path, f"{MOUNT}{write}{written}")
            assert told.startswith(f":9: rules[1].{written[:12]}")
            assert f'"{name}" is not a header that ' in told


# Images

IMAGES = """
[images]
hosts = ["images.example.com", "*.cdn.example.com", "x-1.example.co.uk:8443"]

[[rules]]
path = "/-/resize"
allow = ["read"]
to = ["anyone"]
image_sizes = ["320x", "x240", "96x96", "4096x4096"]

[[rules]]
path = "/-/thumbnail"
deny = ["read"]
to = ["authenticated"]
"""


def test_images_are_read_as_they_are_meant(tmp_path: Path) -> None:
    found = loaded(tmp_path, MOUNT + IMAGES)
    sizes = ("320x", "x240", "96x96", "4096x4096")
    assert found.image_hosts == ("images.example.com", "*.cdn.example.com", "x-1.example.co.uk:8443")
    assert found.rules == (
        Rule(1, "/-/resize", True, ("read",), ("anyone",), image_sizes=sizes),
        Rule(2, "/-/thumbnail", False, ("read",), ("authenticated",)),
    )


SIZE = 'a width, a height or both, up to 4096 pixels: "320x", "x240", "96x96"'
HOST = 'a host by its name: "images.example.com", or "*.example.com" for all below it'


@pytest.mark.parametrize(
    "size", ["", "x", "320", "0x", "x0", "4097x", "x4097", "320X", "320 x", "320x240x1", "-1x", "1.5x", "٣x", "x10000"]
)
def test_a_size_is_a_width_a_height_or_both(tmp_path: Path, size: str) -> None:
    assert mistakes(tmp_path, f'{MOUNT}{RULE}image_sizes = ["320x", "{size}"]') == [
        f':9: rules[1].image_sizes: "{size}" is not {SIZE}'
    ]


@pytest.mark.parametrize(
    "host",
    [
        *("", "localhost", "127.0.0.1", "[::1]", "169.254.169.254", "*", "*.", "*.com", "a.*.com", "a*.example.com"),
        *("https://images.example.com", "images.example.com/x", "Images.example.com", "images.example.com."),
        *(
            "images..example.com",
            "images.example.com:0",
            "images.example.com:65536",
            "images.example.com:",
            "-a.example.com",
        ),
        *("a@example.com", "a b.example.com", "1.2.3.4:443", "bücher.example"),
    ],
)
def test_a_host_is_a_name_below_which_there_may_be_others(tmp_path: Path, host: str) -> None:
    """No address: what is private would be reached by it."""
    assert mistakes(tmp_path, f'{MOUNT}[images]\nhosts = ["a.example.com", "{host}"]') == [
        f':6: images.hosts: "{host}" is not {HOST}'
    ]


RULE_PATH = (
    "a path from its slash, below /-/ only /-/thumbnail and /-/resize: literal segments, "
    "'*' or '{user}' for a whole segment, '**' as the last"
)
WRITE = RULE.replace("read", "write")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{RULE}image_sizes = '320x'", ':9: rules[1].image_sizes: must be a list: image_sizes = ["…"]'),
        (f"{RULE}image_sizes = [320]", f":9: rules[1].image_sizes: is 320 and must be a text: {SIZE}"),
        (f"{RULE}image_size = []", ':9: rules[1].image_size: is unknown; did you mean "image_sizes"?'),
        *(
            (
                f"{rule}image_sizes = {sizes}",
                ':9: rules[1].image_sizes: limits what images are read in, so it belongs to a rule that allows "read"',
            )
            for rule in (WRITE, RULE.replace("allow", "deny"))
            for sizes in ("['320x']", "[]")
        ),
        ("[images]\nhosts = 'a.example.com'", ':6: images.hosts: must be a list: hosts = ["…"]'),
        ("[images]\nhosts = [5]", f":6: images.hosts: is 5 and must be a text: {HOST}"),
        ("[images]\nhost = []", ':6: images.host: is unknown; did you mean "hosts"?'),
        ("[[images]]\nhosts = []", ":5: images: must be one table: [images]"),
        ("[image]\nhosts = []", ':5: image[1]: is unknown; did you mean "images"?'),
        *(
            (RULE.replace("/a", wrong), f':6: rules[1].path: "{wrong}" is not {RULE_PATH}')
            for wrong in ("/-/", "/-/*", "/-/**", "/-/login", "/-/resize/", "/-/resize/**", "/-/{user}", "/-")
        ),
    ],
)
def test_a_mistake_about_images_is_told_with_its_line_and_a_hint(tmp_path: Path, text: str, told: str) -> None:
    assert mistakes(tmp_path, MOUNT + text) == [told]


@pytest.mark.parametrize(
    ("prefixes", "wrong"),
    [
        (("a/", "a/-/derived/"), [2]),
        (("a/", "a/-/derived/sub/"), [2]),
        (("a/-/derived/", "", "a/"), [1]),
        (("v2", "v2-/derived/x/", "a/"), [2]),
        (("a/", "a/-/", "derived/", "a/-/derived", "a/-/derived-x/", "b/-/derived/"), []),
    ],
)
def test_no_mount_is_where_the_service_keeps_what_it_makes(
    tmp_path: Path, prefixes: tuple[str, ...], wrong: list[int]
) -> None:
    tables = [MOUNT.replace('"/"', f'"/m{each}"') + f'prefix = "{prefix}"\n' for each, prefix in enumerate(prefixes)]
    assert mistakes(tmp_path, "".join(tables)) == [
        f":{5 * number}: mounts[{number}].prefix: is below -/derived/, where the service keeps what it makes"
        for number in wrong
    ]
    apart = [table.replace("acme", f"acme-{each}") for each, table in enumerate(tables)]
    assert mistakes(tmp_path, "".join(apart)) == []
