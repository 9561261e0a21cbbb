"""`explain` gives the answer of the service to a URL as a user pastes it, and the reasons."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.token_signatures import CryptographySignatures
from chalicelib.core.access.issuer_tokens import IssuerTokens
from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.signing import Signer
from chalicelib.core.s3.stores import Cdn
from chalicelib.core.web.paths import Path
from chalicelib.explain import Explanation, explain, pasted, principal_of, rules_of
from chalicelib.explained_token import explain_token
from chalicelib.settings.load import Settings, load
from tests.support.builders import CI, DEADLINE
from tests.support.fakes import makers
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, MemoryIssuerKeys, keys, token

SETTINGS = f"""
[service]
public_url = "https://files.example.com/base"
head = "inline"

[[mounts]]
path = "/"
bucket = "acme-files"
region = "eu-west-1"
inline = ["*.mpd"]

[[keys]]
id = "ci"
sha256 = "{hashlib.sha256(b"ci").hexdigest()}"
groups = ["builders"]

[[rules]]
path = "/in/**"
allow = ["read", "write"]
to = ["group:builders"]
max_bytes = 1000
content_types = ["image/*"]
overwrite = false
checksum = "sha256"
require_headers = {{ cache-control = "private" }}
image_sizes = ["320x"]
pass_headers = ["x-amz-tagging"]

[[issuers]]
name = "corp"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
groups = "groups"

[groups]
editors = ["user:corp:ann"]

[[rules]]
path = "/people/{{user}}/**"
allow = ["read", "share"]
to = ["group:editors"]

[[rules]]
path = "/shared/**"
allow = ["read", "list", "write", "delete", "share"]
to = ["key:ci"]
"""
NOW = 1_000_000.0
LINKS = LinkTokens(Signer(lambda deadline: (b"s" * 32,), "link"), bytes)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file = tmp_path_factory.mktemp("settings") / "signpost.toml"
    file.write_text(SETTINGS)
    return load(file, {}, "")


def explained(settings: Settings, method: str, url: str, caller: str | None = "ci") -> Explanation:
    principal = principal_of(settings, caller)
    assert principal is not None
    return explain(settings, LINKS, principal, pasted(method, url, settings.public_url, DEADLINE), NOW)


def test_a_url_is_understood_as_it_is_pasted(settings: Settings) -> None:
    for url in (
        "/shared/a%20b.txt",
        "/shared/a b.txt?x=1#there",
        "https://files.example.com/base/shared/a%20b.txt?v=42",
        "HTTPS://Files.Example.com/base/shared/a%20b.txt",
        "https://abc.execute-api.eu-west-1.amazonaws.com/api/shared/a%20b.txt",
        "https://abc.lambda-url.eu-west-1.on.aws/shared/a%20b.txt?download",
        "http://localhost:8000/shared/a%20b.txt",
    ):
        lines = explained(settings, "GET", url).lines
        assert lines[0] == "key:ci asks to read /shared/a b.txt"
        assert lines[2:] == (
            "bucket  acme-files in eu-west-1, at https://acme-files.s3.eu-west-1.amazonaws.com",
            "key     shared/a b.txt",
            "life    300 s, less where the service's credentials end sooner",
            "answer  307: the client is sent to S3",
        )


def test_the_life_of_a_url_is_of_the_rule_else_of_the_mount_and_its_players(settings: Settings) -> None:
    mounts = [mount._replace(media_seconds=7_200) for mount in settings.mounts]
    rules = [rule._replace(url_seconds=60) for rule in settings.rules]
    for changed, life in (
        (settings._replace(mounts=(*mounts,)), "300 s, 7200 s for a player in a browser, less"),
        (settings._replace(mounts=(*mounts,), rules=(*rules,)), "60 s, less"),
    ):
        assert f"life    {life} where" in "\n".join(explained(changed, "GET", "/shared/a").lines)


ANSWERS = [
    ("GET", "/shared/a.jpg?w=320", "307: the client is sent to S3, for the image in the size of the query"),
    ("GET", "/in/a.jpg?w=320", "307: "),
    ("GET", "/in/a.jpg?w=321", "403 size-not-allowed: "),
    ("GET", "/shared/a.jpg?w=x", "400 bad-parameter: "),
    ("GET", "/shared/a?download=a/b", "400 bad-parameter: "),
    ("GET", "/shared/a?versionId=x", "403 "),
    ("GET", "/in/a.jpg?w=320&versionId=x", "403 "),
    ("DELETE", "/shared/a?versionId=x", "403 "),
    ("GET", "/shared/a?presign", "200: the signed URL, as JSON"),
    ("GET", "/shared/a.mpd", "200: the playlist itself; "),
    ("HEAD", "/shared/a", "200: the headers that GET would get"),
    ("HEAD", "https://abc.execute-api.eu-west-1.amazonaws.com/api/shared/a", "307: "),
    ("OPTIONS", "/shared/a", "204: an empty answer"),
    ("GET", "/shared/", "200: the directory"),
    ("POST", "/shared/a?link", "201: a link"),
    ("POST", "/in/a?link", "403 forbidden: "),
    ("POST", "/shared/?form", "200: a form to upload with, as JSON"),
    ("POST", "/shared/a", "405 method-not-allowed: "),
    ("POST", "/shared/a?uploads", "307: "),
    ("PUT", "/shared/a?partNumber=0&uploadId=x", "400 bad-parameter: "),
    ("DELETE", "/shared/a", "307: "),
    ("DELETE", "/in/a", "403 forbidden: "),
    ("PUT", "/in/a?size=1000", "307: the client is sent to S3, if the request has what the rule demands"),
    ("PUT", "/in/a?size=1001", "413 too-large: "),
    ("GET", "/-/derived/a", "404 not-found: "),
    ("GET", "/shared/" + "a" * 1100, "414 "),
    ("GET", "/shared/%zz", "400 bad-path: "),
    ("GET", "/-/login", "200: a page of the service itself, which no rule decides"),
    ("PUT", "/-/login", "405 "),
    ("GET", "/-/resize?u=https://a.example/b.png&w=20", "200: the image, in the size of the query"),
    ("GET", "/-/resize?u=https://a.example/b.png&w=x", "400 bad-parameter: "),
    ("PUT", "/-/resize", "405 "),
]


def test_the_answer_is_the_answer_of_the_service(settings: Settings) -> None:
    for method, url, start in ANSWERS:
        explanation = explained(settings, method, url)
        assert explanation.lines[-1].startswith(f"answer  {start}"), (method, url)
        assert explanation.refused == (int(start[:3]) >= 400)


def test_a_read_is_explained_with_its_cdn_and_needs_no_key(settings: Settings) -> None:
    mount = settings.mounts[0]._replace(cdn=Cdn("cdn.example.com", "K1", "none.pem"))
    at_cdn = settings._replace(mounts=(mount, *settings.mounts[1:]))
    for method, store in (("GET", "the CDN cdn.example.com"), ("PUT", "S3")):
        assert f"the client is sent to {store}" in explained(at_cdn, method, "/shared/a.txt").lines[-1]


def test_the_rule_is_described_with_its_number_and_its_demands(settings: Settings) -> None:
    assert explained(settings, "PUT", "/in/a").lines[1] == (
        "rule    1: /in/** allows read, write to group:builders, uploads at most 1,000 bytes, of type image/*, that "
        "overwrite nothing (If-None-Match: *), with x-amz-checksum-sha256, with cache-control: private, "
        "images in 320x, passes x-amz-tagging to S3"
    )
    thumbnail = explained(settings, "POST", "/-/thumbnail").lines[1]
    assert thumbnail == "rule    built in, after the rules of the file: /-/* allows read to authenticated"
    _, rule, answer = explained(settings, "POST", "/-/thumbnail", None).lines
    assert rule == "rule    no rule matches, so the request is refused"
    assert answer.startswith("answer  401 credentials-missing: ")


def test_the_rule_of_an_index_file_is_named(settings: Settings) -> None:
    (mount,) = settings.mounts
    lines = explained(settings._replace(mounts=(mount._replace(index_file="a.html"),)), "GET", "/in/", "ci").lines
    assert lines[1].startswith("index   the index file of the directory answers")
    assert lines[2].startswith("rule    1: /in/** allows read")
    assert lines[4] == "key     in/a.html"


def test_the_caller_is_named_as_in_a_rule(settings: Settings) -> None:
    for caller, name, id_, start in [
        ("ci", "key:ci", "ci", "307"),
        ("key:ci", "key:ci", "ci", "307"),
        ("group:builders", "group:builders", "", "307"),
        ("user:corp:ann", "user:corp:ann", "corp:ann", "403"),
        ("user:corp:a/b", "user:corp:a/b", "", "403"),
        ("group:corp:dev", "group:corp:dev", "", "403"),
        ("authenticated", "authenticated", "", "403"),
        ("anyone", "anyone", "", "401"),
        (None, "anyone", "", "401"),
    ]:
        principal = principal_of(settings, caller)
        assert principal is not None
        assert (principal.name, principal.id) == (name, id_)
        assert explained(settings, "GET", "/in/a", caller).lines[-1].startswith(f"answer  {start}")
    for caller in ("key:ic", "ann", "user:ann", "user:crop:ann", "group:crop:dev", "group:", "key:corp:ann", ""):
        assert principal_of(settings, caller) is None, caller
    assert explained(settings, "GET", "/people/corp:ann/a", "user:corp:ann").lines[-1].startswith("answer  307: ")
    assert explained(settings, "GET", "/people/corp:bob/a", "user:corp:ann").lines[-1].startswith("answer  403 ")
    assert explained(settings, "POST", "/people/corp:ann/a?link", "user:corp:ann").lines[-1] == "answer  201: a link"


def test_the_token_of_a_link_decides_and_is_not_shown(settings: Settings) -> None:
    path = Path("/shared/a")
    link, token = LINKS.make(path, "read", 1, int(NOW) + 9, makers().of(CI.principal(), NOW), DEADLINE)
    explanation = explained(settings, "GET", f"https://files.example.com/base{path}?token={token}", None)
    assert explanation.lines[1:3] == (
        f"link    the token decides, whoever asks: link:{link.id}",
        "rule    3: /shared/** allows read, list, write, delete, share to key:ci",
    )
    assert explanation.lines[-1].startswith("answer  307: ")
    assert token not in str(explanation)
    assert explained(settings, "GET", f"/-/t/{token}{path}", None) == explanation
    for method, url in (("PUT", f"{path}?token={token}"), ("GET", f"/shared/b?token={token}"), ("GET", "/x?token=x")):
        lines = explained(settings, method, url).lines
        assert lines[-1].startswith("answer  403 ")
        assert not any(line.startswith("rule") for line in lines)


def test_a_token_is_explained_with_its_principal_and_the_reason_of_a_refusal(settings: Settings) -> None:
    memory_keys = MemoryIssuerKeys(keys("rsa"), None)
    tokens = IssuerTokens(
        issuers=settings.issuers,
        keys=memory_keys,
        signatures=CryptographySignatures(),
        groups=settings.groups,
        revoked={},
    )
    claims = {**CLAIMS, "sub": "ann", "groups": ["dev"], "exp": NOW + 300}
    caller = ["caller  'user:corp:ann', {user} is 'corp:ann'", "groups  'group:corp:dev', 'group:editors'"]
    table = "token   for the table of issuer corp, signed with 'RS256', ends at 1970-01-12T13:51:40Z"
    for text, lines, reason in [
        (token(claims), [table, *caller], ""),
        (token({**claims, "exp": NOW - 300}), [table.replace("51:40", "41:40"), *caller], "401 credentials-invalid: "),
        (token({**claims, "exp": "soon"}), [table.partition(", ends")[0], *caller], "401 credentials-invalid: `exp`"),
        (token(claims, kid="new"), [table, *caller], "503 unavailable: "),
        (token({**claims, "aud": "x"}), [], "401 credentials-invalid: issuer corp: aud has no value of `audience`"),
        (token({**claims, "sub": 5}), [], "401 credentials-invalid: One of iss, sub, jti in the token is not a text."),
        ("x" * 8193, [], "401 credentials-invalid: The token has more than 8,192 bytes. Let the issuer put fewer"),
    ]:
        explanation = explain_token(settings, tokens, text, NOW, DEADLINE)
        shown = [*explanation.lines]
        assert shown[: len(lines)] == lines
        assert [line.startswith(f"answer  {reason}") for line in shown[len(lines) :]] == [True] * bool(reason)
        assert explanation.refused == bool(reason)
        assert (explanation.principal is None) == (not lines)
        assert all(len(part) < 9 or part not in str(explanation) for part in text.split("."))
    assert rules_of(settings, principal_of(settings, "user:corp:ann") or ANYONE) == (
        "rule    2: /people/{user}/** allows read, share to group:editors",
    )


@given(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]), st.text(), st.sampled_from([None, "ci"]))
def test_every_text_has_an_explanation(settings: Settings, method: str, text: str, caller: str | None) -> None:
    for url in (text, f"/{text}", f"https://{text}", f"https://files.example.com/base{text}"):
        assert explained(settings, method, url, caller).lines
