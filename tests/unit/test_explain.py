"""`explain` says what the service answers, for a URL as a user pastes it, with the reasons."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.signing import Signer
from chalicelib.explain import Explanation, explain, pasted, principal_of
from chalicelib.settings.load import Settings, load
from tests.support.builders import DEADLINE

SETTINGS = f"""
[service]
public_url = "https://files.example.com/base"
head = "inline"

[[mounts]]
path = "/"
bucket = "acme-files"
region = "eu-west-1"

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
    return load(file, {})


def explained(settings: Settings, method: str, url: str, who: str | None = "ci") -> Explanation:
    principal = principal_of(settings, who)
    assert principal is not None
    return explain(settings, LINKS, principal, pasted(method, url, settings.public_url, DEADLINE), NOW)


def answer(settings: Settings, method: str, url: str, who: str | None = "ci") -> str:
    return explained(settings, method, url, who).lines[-1].removeprefix("answer  ")


@pytest.mark.parametrize(
    "url",
    [
        "/shared/a%20b.txt",
        "/shared/a b.txt?x=1#there",
        "https://files.example.com/base/shared/a%20b.txt?v=42",
        "HTTPS://Files.Example.com/base/shared/a%20b.txt",
        "https://abc.execute-api.eu-west-1.amazonaws.com/api/shared/a%20b.txt",
        "https://abc.lambda-url.eu-west-1.on.aws/shared/a%20b.txt?download",
        "http://localhost:8000/shared/a%20b.txt",
    ],
)
def test_a_url_is_taken_as_it_is_pasted(settings: Settings, url: str) -> None:
    found = explained(settings, "GET", url)
    assert found.lines[0] == "key:ci asks to read /shared/a b.txt"
    assert "key     shared/a b.txt" in found.lines
    assert found.lines[-1] == "answer  307: the client is sent to S3"


@pytest.mark.parametrize(
    ("method", "url", "starts"),
    [
        ("GET", "/shared/a.jpg?w=320", "307: the client is sent to S3, for the image in the size of the query"),
        ("GET", "/in/a.jpg?w=320", "307: "),
        ("GET", "/in/a.jpg?w=321", "403 size-not-allowed: "),
        ("GET", "/shared/a.jpg?w=x", "400 bad-parameter: "),
        ("GET", "/shared/a?download=a/b", "400 bad-parameter: "),
        ("GET", "/shared/a?versionId=x", "403 "),
        ("GET", "/in/a.jpg?w=320&versionId=x", "403 "),
        ("DELETE", "/shared/a?versionId=x", "403 "),
        ("GET", "/shared/a?presign", "200: the signed URL, as JSON"),
        ("HEAD", "/shared/a", "200: the headers of what GET would get"),
        ("HEAD", "https://abc.execute-api.eu-west-1.amazonaws.com/api/shared/a", "307: "),
        ("OPTIONS", "/shared/a", "204: an empty answer"),
        ("GET", "/shared/", "200: the directory"),
        ("POST", "/shared/a?link", "201: a link is made"),
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
        ("GET", "/-/login", "200: a page of the service's own; no rule is asked about it"),
        ("PUT", "/-/login", "405 "),
        ("GET", "/-/resize?u=https://a.example/b.png&w=20", "200: the image, in the size of the query"),
        ("GET", "/-/resize?u=https://a.example/b.png&w=x", "400 bad-parameter: "),
        ("PUT", "/-/resize", "405 "),
    ],
)
def test_the_answer_is_that_of_the_service(settings: Settings, method: str, url: str, starts: str) -> None:
    found = explained(settings, method, url)
    assert found.lines[-1].startswith(f"answer  {starts}")
    assert found.refused == (int(starts[:3]) >= 400)


def test_the_demands_of_the_rule_are_named(settings: Settings) -> None:
    assert explained(settings, "PUT", "/in/a").lines[1] == (
        "rule    1: /in/** allows read, write to group:builders, uploads at most 1,000 bytes, of type image/*, that "
        "overwrite nothing (If-None-Match: *), with x-amz-checksum-sha256, with cache-control: private, "
        "images in 320x, lets x-amz-tagging through to S3"
    )


def test_the_rule_that_the_file_does_not_have_has_no_number(settings: Settings) -> None:
    lines = explained(settings, "POST", "/-/thumbnail").lines
    assert lines[1] == "rule    built in, after those of the file: /-/* allows read to authenticated"
    assert explained(settings, "POST", "/-/thumbnail", None).lines[1:] == (
        "rule    none matches, so it is refused",
        "answer  401 credentials-missing: " + answer(settings, "POST", "/-/thumbnail", None).partition(": ")[2],
    )


@pytest.mark.parametrize(
    ("who", "name", "id_", "starts"),
    [
        ("ci", "key:ci", "ci", "307"),
        ("key:ci", "key:ci", "ci", "307"),
        ("group:builders", "group:builders", "", "307"),
        ("group:x:builders", "group:x:builders", "", "403"),
        ("user:ann", "user:ann", "ann", "403"),
        ("user:corp:ann", "user:corp:ann", "corp:ann", "403"),
        ("ann", "user:ann", "ann", "403"),
        ("authenticated", "authenticated", "", "403"),
        ("anyone", "anyone", "", "401"),
        (None, "anyone", "", "401"),
    ],
)
def test_whoever_asks_is_named_as_in_a_rule(
    settings: Settings, who: str | None, name: str, id_: str, starts: str
) -> None:
    principal = principal_of(settings, who)
    assert principal is not None
    assert (principal.name, principal.id) == (name, id_)
    assert answer(settings, "GET", "/in/a", who).startswith(starts)
    assert principal_of(settings, "key:ic") is None


def test_the_token_of_a_link_decides_and_is_not_repeated(settings: Settings) -> None:
    path = "/shared/a"
    link, token = LINKS.make(path, "read", 1, int(NOW) + 9, "key:ci", DEADLINE)  # type: ignore[arg-type]
    found = explained(settings, "GET", f"https://files.example.com/base{path}?token={token}", None)
    assert found.lines[1:3] == (
        f"link    the token decides, whoever asks: link:{link.id}",
        "rule    2: /shared/** allows read, list, write, delete, share to key:ci",
    )
    assert found.lines[-1].startswith("answer  307: ")
    assert token not in str(found)
    for method, url in (("PUT", f"{path}?token={token}"), ("GET", f"/shared/b?token={token}"), ("GET", "/x?token=x")):
        found = explained(settings, method, url)
        assert found.lines[-1].startswith("answer  403 ")
        assert not any(line.startswith("rule") for line in found.lines)


@given(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"]), st.text(), st.sampled_from([None, "ci"]))
def test_every_text_has_an_explanation(settings: Settings, method: str, text: str, who: str | None) -> None:
    for url in (text, f"/{text}", f"https://{text}", f"https://files.example.com/base{text}"):
        assert explained(settings, method, url, who).lines
    assert ANYONE is principal_of(settings, None)
