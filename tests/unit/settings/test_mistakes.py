"""Every mistake in signpost.toml is reported at once, with its line and what to do, and never with a secret."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS
from chalicelib.settings.load import Settings
from tests.support.settings_files import MOUNT, MOUNT_VALUES, loaded, mistakes, table

SHA = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
EMPTY_SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# Each table: its name in a mistake, its heading, and the values that it needs.
TABLES = {
    "service": ("[service]", {}),
    "mounts[1]": ("[[mounts]]", MOUNT_VALUES),
    "keys[1]": ("[[keys]]", {"id": '"ci"', "sha256": f'"{SHA}"'}),
    "rules[1]": ("[[rules]]", {"path": '"/a"', "allow": '["write", "read"]', "to": '["anyone"]'}),
    "images": ("[images]", {}),
    "issuers[1]": (
        "[[issuers]]",
        {"name": '"corp"', "issuer": '"https://login.example.com"', "audience": '"https://files.example.com"'},
    ),
    "groups": ("[groups]", {}),
}

URL = "is not the URL at which clients call the service: "
LITERAL_PATH = 'is not a path of literal segments that starts with a slash: "/" or "/archive"'
RULE_PATH = "is not a path from its slash, below /-/ only /-/thumbnail and /-/resize: "
SIZE = 'is not a width, a height or both, up to 4096 pixels: "320x", "x240", "96x96"'

# Bad values: the table, the key, the values, and words of the mistake that each value is.
BAD_VALUES = [
    ("service", "realm", ["'a\"b'", "'a\\'", "''", '"é"'], 'is not printable ASCII without " and \\'),
    ("service", "realm", ["5"], "is 5 and must be a text"),
    ("service", "url_seconds", ["0", "604801", "true", "1.5", "'5'"], "must be a whole number from 1 to 604,800"),
    ("service", "public_url", ["'files.example.com'", "'https://a/b?c'", "'https://a/%20'"], URL),
    ("service", "head", ["'inlin'"], '"inlin" is not redirect or inline; did you mean "inline"?'),
    ("service", "cors_origins", ["'https://a'"], "must be a list: cors_origins = "),
    ("service", "cors_origins", ["[5]"], "is 5 and must be a text"),
    ("service", "url_second", ["5"], 'is unknown; did you mean "url_seconds"?'),
    (
        "service",
        "authorization_header",
        [f'"{name}"' for name in ("authorization", "cookie", "X-A", "x-amz-meta-a", "x-amzn-a", "x-forwarded-for")]
        + ['"x-signpost-cdn-secret"'],
        'is not a header of your own in lower case: "x-signpost-authorization"',
    ),
    ("mounts[1]", "path", ['"files"', '"/a//b"', '"/*"', '"/{user}"', '"/-/a"', '"/-"', '"/a/.."'], LITERAL_PATH),
    ("mounts[1]", "bucket", ['"a"', '"a b"'], "is not a bucket's name, three characters or more"),
    ("mounts[1]", "bucket", ['"${NONE}"'], "the environment variable NONE is not set; set it, or write the value here"),
    ("mounts[1]", "prefix", ["'/a'", "'a/../'"], "is not the beginning of keys, without a leading slash"),
    ("mounts[1]", "endpoint", ["'s3.example.com'", "'https://s3.example.com/x'"], "is not a URL without a path"),
    ("mounts[1]", "endpoint", ["'https://[::::]'", "'https://a:99999'", "'https://a:0'", "''"], "is not a URL"),
    ("mounts[1]", "public_endpoint", ["'ftp://a'"], "is not a URL without a path"),
    ("mounts[1]", "pubic_endpoint", ["1"], 'is unknown; did you mean "public_endpoint"?'),
    ("mounts[1]", "stable_seconds", ["151"], "is 151, so url_seconds must be at least 302, but is 300"),
    ("mounts[1]", "stable_seconds", ["-1", "302401"], "must be a whole number from 0 to 302,400"),
    ("mounts[1]", "cache_seconds", ["-1", "604801"], "must be a whole number from 0 to 604,800"),
    ("mounts[1]", "url_seconds", ["0", "604801"], "must be a whole number from 1 to 604,800"),
    ("mounts[1]", "media_seconds", ["300", "1"], "is no longer than url_seconds = 300: raise or remove media_seconds"),
    ("mounts[1]", "media_seconds", ["0", "604801"], "must be a whole number from 1 to 604,800"),
    ("mounts[1]", "inline", ["['*.html']", "['*.M3U8']", "['*']"], 'is not "*.m3u8" or "*.mpd", and nothing else'),
    ("mounts[1]", "index", ["'a/b.html'", "'..'", "'/'"], 'is not the name of a file: "index.html"'),
    ("mounts[1]", "colour", ["1"], "is unknown"),
    ("keys[1]", "id", ['"CI"', '"a_b"'], "is not lower-case letters, digits and '-'"),
    ("keys[1]", "sha256", [f'"{EMPTY_SHA}"', '"abc"', f'"{SHA}0"'], "is not the SHA-256 of a secret, 64 hex digits"),
    ("keys[1]", "sha256", [f'["{SHA}", "abc"]'], "is not the SHA-256 of a secret, 64 hex digits"),
    ("keys[1]", "sha256", ["[]"], "is missing; give the SHA-256 of a secret, 64 hex digits"),
    ("keys[1]", "sha256", [str([char * 64 for char in "abc"])], "has more than two values; remove the values of"),
    ("keys[1]", "sha256", [f'["{SHA}", "{SHA.upper()}"]'], "has a value twice"),
    ("keys[1]", "groups", ["['a b']", "['a:b']"], "is not a name without spaces and colons"),
    ("keys[1]", "groups", ["'a'"], 'must be a list: groups = ["…"]'),
    ("keys[1]", "in_urls", ["'no'", "0"], "must be true or false"),
    ("rules[1]", "path", ["'a'", "'/a*'", "'/{who}'", "'/**/a'", "'/a/{user}b'", "'/a/./b'", "'//a'"], RULE_PATH),
    ("rules[1]", "path", [f"'/-/{name}'" for name in ("", "*", "**", "x", "login", "{user}")] + ["'/-'"], RULE_PATH),
    ("rules[1]", "path", ["'/-/resize/'", "'/-/resize/**'"], RULE_PATH),
    ("rules[1]", "url_seconds", ["0", "604801"], "must be a whole number from 1 to 604,800"),
    ("rules[1]", "allow", ['["raed"]'], 'list, write, delete, share, versions, purge; did you mean "read"?'),
    ("rules[1]", "to", ["['group:']", "['key:a b: c']", "['group:a b']", "['user:corp:a ']"], "is not anyone, auth"),
    ("rules[1]", "to", ["['anybody']"], 'key:ID, user:ISSUER:ID or group:ISSUER:NAME; did you mean "anyone"?'),
    ("rules[1]", "to", ["[]"], 'is missing; name the principals: to = ["anyone"]'),
    ("rules[1]", "overwrite", ["'no'"], "is 'no' and must be true or false"),
    ("rules[1]", "max_bytes", ["-1", "5497558138881"], "must be a whole number from 0 to 5,497,558,138,880"),
    ("rules[1]", "content_types", ["['png']", "['image/']"], 'is not a media type: "image/png" or "image/*"'),
    ("rules[1]", "checksum", ["'md5'"], "is not none or sha256"),
    ("rules[1]", "require_headers", ["['a']"], 'must be a table: require_headers = { "…" = "…" }'),
    ("rules[1]", "require_headers", ["{ expires = 5 }"], "is 5 and must be a text: printable ASCII"),
    ("rules[1]", "require_headers", ["{ expires = 'a  b' }", "{ expires = '' }"], "is not printable ASCII, with one"),
    ("rules[1]", "image_sizes", ["'320x'"], 'must be a list: image_sizes = ["…"]'),
    ("rules[1]", "image_sizes", ["[320]"], "is 320 and must be a text: a width"),
    (
        "rules[1]",
        "image_sizes",
        [f"['{size}']" for size in ("", "x", "320", "0x", "x0", "4097x", "x4097", "320X")],
        SIZE,
    ),
    ("rules[1]", "image_sizes", [f"['{size}']" for size in ("320 x", "320x2x1", "-1x", "1.5x", "٣x", "x10000")], SIZE),
    ("rules[1]", "image_size", ["[]"], 'is unknown; did you mean "image_sizes"?'),
    ("issuers[1]", "name", ['"Corp"', '"a:b"', '""'], "is not lower-case letters, digits and '-'"),
    (
        "issuers[1]",
        "issuer",
        ["'http://a'", "'login.example.com'", "'https://a/?b'", "'https://a/#b'", "'https://'", "''"],
        "is not the issuer exactly as its tokens name it",
    ),
    ("issuers[1]", "audience", ["''", "['']", "' a'"], "is not the name of this service in the tokens"),
    ("issuers[1]", "audience", ["[]"], "is missing; give the name of this service"),
    ("issuers[1]", "audience", ["5"], 'must be a list: audience = ["…"]'),
    ("issuers[1]", "audience_claim", ["'client_id'"], "needs require, because such a token is for no service"),
    ("issuers[1]", "algorithms", ["['HS256']", "['none']", "['ES512']"], "is not one of RS256, RS384, RS512, PS256"),
    ("issuers[1]", "groups", ["['realm_access', 5]"], "is 5 and must be a text: the name of a claim"),
    ("issuers[1]", "require", ["['a']"], 'must be a table: require = { "…" = "…" }'),
    ("issuers[1]", "require", ["{ a = 5 }", "{ a = { b = [5] } }"], "is 5 and must be a text: a value of a claim"),
    ("issuers[1]", "require", ["{ a = [] }"], "a has no value: give at least one value, or remove a"),
    ("issuers[1]", "email_trusted", ["true"], 'is about the claim "email": write subject = "email"'),
    ("issuers[1]", "jwks", ["'http://a/keys'", "'ftp:a'", "'https://'"], "is not an https URL, or a file beside"),
    ("issuers[1]", "inner", ["'yes'"], "must be true or false"),
    ("issuers[1]", "audiences", ["'a'"], 'is unknown; did you mean "audience"?'),
    ("groups", "editors", ["'user:corp:alice'"], 'must be a list: editors = ["…"]'),
    ("groups", "editors", ["['alice']", "['key:ci']", "['user:corp']"], "is not a person of an issuer"),
    ("groups", "editors", ["['user:corp:alice']"], '"user:corp:alice" names no issuer'),
    ("images", "hosts", ["'a.example.com'"], 'must be a list: hosts = ["…"]'),
    ("images", "host", ["[]"], 'is unknown; did you mean "hosts"?'),
]


def file_with(name: str, key: str, value: str) -> tuple[str, int]:
    """A file whose first table has this value, and the line of the value."""
    heading, needed = TABLES[name]
    values = {**needed, key: value}
    others = "" if name == "mounts[1]" else MOUNT
    return table(heading, values) + others, 2 + list(values).index(key)


def test_a_bad_value_is_one_mistake_with_its_line_and_what_is_right(tmp_path: Path) -> None:
    assert f"up to {MAX_SIDE_PIXELS} pixels" in SIZE
    for name, key, values, words in BAD_VALUES:
        for value in values:
            text, line = file_with(name, key, value)
            (mistake,) = mistakes(tmp_path, text)
            assert mistake.startswith(f":{line}: {name}.{key}: "), mistake
            assert words in mistake, mistake


def test_a_rule_limits_only_what_it_allows(tmp_path: Path) -> None:
    uploads = 'limits uploads, so it belongs in a rule that allows "write"'
    images = 'limits the sizes of images, so it belongs in a rule that allows "read"'
    headers = 'passes headers, so it belongs in a rule that allows "read" or "write"'
    upload_keys = {"overwrite": "true", "max_bytes": "5", "content_types": "[]", "checksum": "'none'"}
    for key, value, actions, words in [
        *((key, value, {"write"}, uploads) for key, value in (upload_keys | {"require_headers": "{}"}).items()),
        ("image_sizes", "[]", {"read"}, images),
        ("pass_headers", "[]", {"read", "write", "delete"}, headers),
    ]:
        for verb, action in [("deny", "write"), *(("allow", name) for name in ("read", "write", "delete", "share"))]:
            values = {"path": '"/a"', verb: f'["{action}"]', "to": '["anyone"]', key: value}
            expected = [] if verb == "allow" and action in actions else [f":9: rules[1].{key}: {words}"]
            assert mistakes(tmp_path, MOUNT + table("[[rules]]", values)) == expected


def test_a_table_of_the_wrong_kind_or_without_a_required_key_is_a_mistake(tmp_path: Path) -> None:
    key, rule = table(*TABLES["keys[1]"]), table(*TABLES["rules[1]"])
    either = ':5: rules[1]: needs either allow or deny, with at least one action: allow = ["read"]'
    for text, words in {
        "mounts = []": ": mounts: is missing; add [[mounts]]",
        "mounts = 5": ": mounts: must be written [[mounts]], with two brackets",
        "[mounts]": ":1: mounts[1]: must be written [[mounts]], with two brackets",
        f"service = 5\n{MOUNT}": ": service: must be one table: [service]",
        f"[[service]]\n{MOUNT}": ":1: service: must be one table: [service]",
        f"[Service]\n{MOUNT}": ':1: Service[1]: is unknown; did you mean "service"?',
        f"{MOUNT}[image]": ':5: image[1]: is unknown; did you mean "images"?',
        f"{MOUNT}[[images]]": ":5: images: must be one table: [images]",
        "[[mounts]]\nbucket = 'acme'\nregion = 'eu-west-1'": ":1: mounts[1].path: is missing; give a path",
        "[[mounts]]\npath = '/'\nregion = 'eu-west-1'": ":1: mounts[1].bucket: is missing; give a bucket's name",
        "[[mounts]]\npath = '/'\nbucket = 'acme'": ":1: mounts[1].region: ",
        f"{MOUNT}[[keys]]\nid = 'a'": ":5: keys[1].sha256: is missing; give the SHA-256 of a secret",
        f"{MOUNT}[[rules]]\nallow = ['read']\nto = ['anyone']": ":5: rules[1].path: is missing; give a path",
        f"{MOUNT}[[rules]]\npath = '/a'\nallow = ['read']": ":5: rules[1].to: is missing; name the principals",
        f"{MOUNT}[[rules]]\npath = '/a'\nto = ['anyone']": either,
        f"{MOUNT}{rule}deny = ['read']": either,
        f"{MOUNT}{key}{rule.replace('anyone', 'key:c')}": ':11: rules[1].to: "key:c" names no key; did you mean "ci"?',
        MOUNT * 2: ":6: mounts[2].path: is the same as in mounts[1]",
        MOUNT + MOUNT.replace('"/"', '"/a"') * 2: ":10: mounts[3].path: is the same as in mounts[2]",
        f"{MOUNT}{key}{key.replace(SHA, 'a' * 64)}": ":9: keys[2].id: is the same as in keys[1]",
        f"{MOUNT}{key}{key.replace('ci', 'b')}": ":10: keys[2].sha256: is the same as in keys[1]",
        f"{MOUNT}{key}[[keys]]\nid = 'b'\nsha256 = ['{'b' * 64}', '{SHA}']": ":10: keys[2].sha256: is the same as in ",
    }.items():
        assert any(mistake.startswith(words) for mistake in mistakes(tmp_path, text)), text
    (mistake,) = mistakes(tmp_path, "[[mounts]]\npath = '/'\nbucket = 'acme'")
    assert "or set the variable for the default region (docs/settings.md)" in mistake


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = '[service]\nhead = 5\n[[mounts]]\npath = "files"\nbucket = "${A}${B}"\nregion = "eu-west-1"\n\'colour\'=1\n'
    text += '[[rules]]\npath = "/a/**/b"\nallow = ["raed", 5]\nto = ["key:nobody"]\n[[rule]]\n'
    places = ["2: service.head", "4: mounts[1].path", "5: mounts[1].bucket", "5: mounts[1].bucket"]
    places += ["7: mounts[1].colour", "9: rules[1].path", "10: rules[1].allow", "10: rules[1].allow"]
    places += ["11: rules[1].to", "12: rule[1]"]
    texts = mistakes(tmp_path, text)
    assert sorted(":".join(mistake.split(":")[1:3]) for mistake in texts) == sorted(places)


# Secrets

LONG_SECRET = "c4n4ry" * 6
STORE_KEYS = 'access_key = "${ID}"\nsecret_key = "${SECRET}"\n'


def test_no_mistake_shows_the_value_of_a_variable(tmp_path: Path) -> None:
    for name, key in [
        *(("service", key) for key in ("realm", "public_url", "head", "cors_origins", "authorization_header")),
        *(("mounts[1]", key) for key in ("path", "bucket", "prefix", "region", "endpoint", "kms_key")),
        *(("keys[1]", key) for key in ("id", "sha256", "groups")),
        *(("rules[1]", key) for key in ("path", "allow", "to", "content_types", "image_sizes", "pass_headers")),
        ("images", "hosts"),
    ]:
        for value in ("c4n4ry", "key:c4n4ry", "c4n4ry /\n..", "c4n4ry..", "c4n4ryCANARY"):
            for written in ('"${SECRET}"', '["${SECRET}"]'):
                text, _ = file_with(name, key, written)
                assert "c4n4ry" not in str(mistakes(tmp_path, text, {"SECRET": value}))


def test_no_mistake_shows_a_secret_that_stands_in_place_of_its_hash(tmp_path: Path) -> None:
    for written in ('"c4n4ry"', "5", '["c4n4ry"]', '{c4n4ry = "c4n4ry"}', "c4n4ry", '"c4n4ry\\u0000"'):
        (mistake,) = mistakes(tmp_path, file_with("keys[1]", "sha256", written)[0])
        assert "c4n4ry" not in mistake


def test_a_secret_must_come_from_the_environment(tmp_path: Path) -> None:
    service = f'[service]\ncdn_secret = "${{SECRET}}"\n{MOUNT}'
    in_file = "is a secret, which must not be in this file: write ${NAME}, and set NAME"
    for text, variables, words in [
        (MOUNT + STORE_KEYS.replace("${SECRET}", "c4n4ry"), {}, f"secret_key: {in_file}"),
        (MOUNT + STORE_KEYS.replace("${SECRET}", "a${SECRET}"), {"SECRET": "c4n4ry"}, in_file),
        (MOUNT + STORE_KEYS, {}, "secret_key: the environment variable SECRET is not set"),
        (MOUNT + 'secret_key = "${ID}"', {}, "access_key: and secret_key belong together: give both, or neither"),
        (MOUNT + 'access_key = "${ID}"', {}, "access_key: and secret_key belong together: give both, or neither"),
        (MOUNT + "secret_key = 5", {}, f"secret_key: {in_file}"),
        (service.replace("${SECRET}", LONG_SECRET), {}, f"service.cdn_secret: {in_file}"),
        *(
            (service, {"SECRET": secret}, "service.cdn_secret: the text here is not a secret of 32 characters or more")
            for secret in ("", "c4n4ry", "arn:aws:s3:::c4n4ry")
        ),
    ]:
        texts = "\n".join(mistakes(tmp_path, text, {"ID": "AKID", **variables}))
        assert words in texts
        assert "c4n4ry" not in texts


def test_a_key_of_a_store_has_no_blanks_and_no_quotation_marks_around_it(tmp_path: Path) -> None:
    for before, after in ((" ", ""), ("", " "), ('"', '"'), ("'", "'"), ("", "\n"), ("\ufeff", ""), ("", "\xa0")):
        for key, name in (("access_key", "ID"), ("secret_key", "SECRET")):
            for value in (f"{before}c4n4ry{after}", ""):
                (mistake, *_) = mistakes(tmp_path, MOUNT + STORE_KEYS, {"ID": "AKID", "SECRET": "s/+=", name: value})
                assert f"{key}: the text here is not a key: it is empty, or it has blanks" in mistake
                assert "c4n4ry" not in mistake


# Any file


def toml(value: object) -> str:
    """A value as TOML writes it; the strings of TOML are those of JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


PLAIN = st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_characters="\x7f")
KEYS = sorted({key for _, key, _, _ in BAD_VALUES} | {key for _, needed in TABLES.values() for key in needed})
TEXTS = st.text(PLAIN, max_size=8) | st.sampled_from(
    ["/", "/a/**", "${A}", "${B}", "anyone", "read", "key:ci", "https://[::", "http://a:99999", "eu-west-1", "*.a.b:1"]
)
LEAVES = st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=5),
    max_leaves=20,
)
ANY_TABLES = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8), max_size=3) | VALUES
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("mounts", "keys", "rules", "issuers", "x"), ANY_TABLES)
    | dict.fromkeys(("service", "images", "groups"), VALUES),
).map(lambda document: "\n".join(f"{name} = {toml(value)}" for name, value in document.items()))


@given(DOCUMENTS | st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_file_gives_settings_or_mistakes(tmp_path: Path, text: str) -> None:
    """Any exception but InvalidSettings would fail here, and at the entry points."""
    texts = mistakes(tmp_path, text, {"A": "a", "AWS_REGION": "eu-west-1"})
    assert all(mistake.startswith(":") for mistake in texts)
    assert texts or isinstance(loaded(tmp_path, text, {"A": "a", "AWS_REGION": "eu-west-1"}), Settings)
