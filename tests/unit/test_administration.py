"""The administrator's tool: `check`, `key`, `explain` and `link`."""

import hashlib
import json
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chalicelib.core.access.marks import Marks
from tests.support.builders import BASE_URL, Fields, url_event
from tests.support.cdn_key import pem
from tests.support.entry_points import Answer, at_function_url
from tests.support.fakes import SIGNING_SECRET
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, jwk, token
from tests.support.tool import Tool

SETTINGS = f"""
[service]
public_url = "{BASE_URL}/base"

[[mounts]]
path = "/"
bucket = "${{SIGNPOST_BUCKET}}"
prefix = "acme/"
region = "eu-west-1"
url_seconds = 90

[[keys]]
id = "ci"
sha256 = "{hashlib.sha256(b"ci").hexdigest()}"
groups = ["builders"]

[[keys]]
id = "guest"
sha256 = "{hashlib.sha256(b"guest").hexdigest()}"

[[rules]]
path = "/secret/**"
deny = ["read"]
to = ["anyone"]

[[rules]]
path = "/builds/**"
allow = ["read", "write", "list"]
to = ["group:builders", "key:guest"]

[[rules]]
path = "/**"
allow = ["share"]
to = ["key:ci"]
"""
UNREACHABLE = """
[[rules]]
path = "/builds/x/**"
allow = ["read"]
to = ["key:ci"]
"""


@pytest.fixture
def file(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The settings file, in an environment in which both the tool and the service run."""
    file = tmp_path / "signpost.toml"
    file.write_text(SETTINGS)
    environment.setenv("SIGNPOST_CONFIG", str(file))
    environment.setenv("SIGNPOST_BUCKET", "acme-files")
    environment.setenv("SIGNPOST_SECRET", SIGNING_SECRET.decode())
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "example")
    return file


@pytest.fixture
def tool(file: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(capsys)


def test_check_prints_where_paths_lead_or_every_mistake(
    tool: Tool, file: Path, environment: pytest.MonkeyPatch
) -> None:
    run = tool("check")
    assert (run.status, run.err) == (0, "")
    assert f"{file}: no mistake\n" in run.out
    assert "https://acme-files.s3.eu-west-1.amazonaws.com/acme/…" in run.out
    assert "2 keys, 3 rules" in run.out
    environment.delenv("SIGNPOST_BUCKET")
    file.write_text(SETTINGS.replace("deny", "dney"))
    run = tool("check")
    assert (run.status, run.out) == (2, "")
    assert f"{file}:7: mounts[1].bucket: the environment variable SIGNPOST_BUCKET is not set" in run.err
    assert f'{file}:23: rules[1].dney: is unknown; did you mean "deny"?' in run.err
    assert "3 mistakes: nothing is served." in run.err


def test_check_reads_the_private_key_of_a_cdn(tool: Tool, file: Path) -> None:
    cdn = 'cdn = {domain = "cdn.example.com", key_pair_id = "K1", private_key = "cdn.pem"}'
    file.write_text(SETTINGS.replace("url_seconds = 90", cdn))
    assert "the private_key of the cdn cdn.example.com cannot be read as a file: No such file" in tool("check").err
    (file.parent / "cdn.pem").write_text(pem("P-256"))
    assert tool("check").status == 0


def test_warnings_fail_only_a_strict_check(tool: Tool, file: Path) -> None:
    """A rule that can never match is a warning where the rule allows, and a mistake where the rule denies."""
    file.write_text(SETTINGS + UNREACHABLE)
    warning = f"{file}:36: rules[4]: warning: can never match: rules[2] comes first and decides"
    statuses = {("check",): 0, ("check", "--strict"): 1, ("explain", "GET", "/builds/a", "--as", "ci"): 0}
    for arguments, status in statuses.items():
        run = tool(*arguments)
        assert (run.status, run.err.count("\n")) == (status, 1)
        assert run.err.startswith(warning)
    assert "no mistake, 1 warning\n" in tool("check").out
    assert tool("policy").status == 0
    file.write_text(SETTINGS + UNREACHABLE + UNREACHABLE.replace("allow", "deny"))
    for arguments in statuses:
        run = tool(*arguments)
        assert (run.status, run.out) == (2, "")
        assert warning in run.err
        assert f"{file}:41: rules[5]: can never match: " in run.err


def test_a_new_key_has_a_secret_and_the_table_to_paste(tool: Tool, file: Path) -> None:
    first, second = tool("key", "new", "nightly"), tool("key", "new", "nightly")
    secret = re.search(r"-u nightly:(\S{43}) ", first.out)  # 256 bits in base64
    assert secret
    assert hashlib.sha256(secret[1].encode()).hexdigest() in first.out
    assert first.out != second.out
    file.write_text(SETTINGS + first.out.partition("In signpost.toml:")[2])
    assert "3 keys" in tool("check").out
    refused = tool("key", "new", "Not An Id")
    assert refused.status == 2
    assert "lower-case letters" in refused.err


def test_a_new_secret_of_a_key_stands_beside_the_old_secret_until_it_is_removed(tool: Tool, file: Path) -> None:
    run = tool("key", "rotate", "ci")
    assert (run.status, run.err) == (0, "")
    secret = re.search(r"shown only now: +(\S{43})\n", run.out)
    line = re.search(r'^sha256 = \["(\S+)", "(\S+)"\]$', run.out, re.MULTILINE)
    assert secret
    assert line
    new, old = (hashlib.sha256(text.encode()).hexdigest() for text in (secret[1], "ci"))
    assert line.groups() == (new, old)
    steps = run.out.partition(line[0])[2]
    assert re.search(rf'Deploy.*Give .*Remove .*sha256 = "{new}"\n.*Deploy', steps, re.DOTALL)
    assert run.out.count(secret[1]) == 1
    assert tool("key", "rotate", "ci").out != run.out
    file.write_text(SETTINGS.replace(f'sha256 = "{old}"', line[0]))
    assert "2 keys" in tool("check").out
    for key_id, status, words in [
        ("ci", 2, "The key 'ci' has two values in sha256. Remove the value of the old secret and deploy, then"),
        ("nobody", 1, "There is no key 'nobody'."),
    ]:
        refused = tool("key", "rotate", key_id)
        assert (refused.status, refused.out) == (status, "")
        assert words in refused.err


def test_a_new_publishable_key_opens_only_images(tool: Tool, file: Path) -> None:
    run = tool("key", "new", "site", "--in-urls")
    secret = re.search(r"k=(\S+)&", run.out)
    assert secret
    assert hashlib.sha256(secret[1].encode()).hexdigest() in run.out
    assert "every reader of a page with this key has the key" in " ".join(run.out.split())
    file.write_text(SETTINGS + run.out.partition("In signpost.toml:")[2])
    assert "3 keys, 4 rules" in tool("check").out
    assert tool("explain", "GET", "/-/resize", "--as", "site").status == 0
    explained = tool("explain", "GET", f"/-/resize?u=https://a.example/&w=320&k={secret[1]}")
    assert "key     ?k decides, whoever asks: key:site" in explained.out
    assert "401 credentials-invalid" in tool("explain", "GET", "/builds/x", "--as", "site").out
    refused = tool("link", "/builds/x", "--as", "site")
    assert (refused.status, refused.out) == (1, "")
    assert "There is no key 'site'" in refused.err


def test_explain_exits_with_1_for_a_refusal(tool: Tool) -> None:
    for arguments, status, words in [
        (("put", "/builds/a%20b.zip", "--as", "ci"), 0, "key:ci asks to write /builds/a b.zip"),
        (("GET", "/secret/x", "--as", "ci"), 1, "rule    1: /secret/** denies read"),
        (("GET", "/a", "--as", "key:nobody"), 1, "There is no 'key:nobody': name the ID of a key"),
        ((), 2, "Name METHOD and PATH, or a token"),
        (("--token", "none"), 1, "The settings have no [[issuers]]: docs/identity.md has tables to paste."),
        (("BREW", "/a"), 2, "invalid choice: 'BREW'"),
    ]:
        run = tool("explain", *arguments)
        assert run.status == status
        assert words in run.out + run.err


def test_explain_verifies_a_token_by_the_file_of_keys_beside_the_settings(tool: Tool, file: Path) -> None:
    table = f'[[issuers]]\nname = "corp"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\njwks = "keys.json"\n'
    rule = '[[rules]]\npath = "/b/**"\nallow = ["read"]\nto = ["user:corp:alice"]\n'
    file.write_text(SETTINGS + table + rule)
    (file.parent / "keys.json").write_text(json.dumps({"keys": [jwk("rsa")]}))
    tokens = {"new": token({**CLAIMS, "exp": time.time() + 60}), "old": token(), "bad": "x", "binary": ""}
    for name, text in tokens.items():
        (file.parent / name).write_text(f"{text}\n")
    (file.parent / "binary").write_bytes(b"\xff")
    for arguments, status, words in [
        (("--token", "new"), 0, "rule    4: /b/** allows read to user:corp:alice"),
        (("get", "/b/x", "--token", "new"), 0, "answer  307: "),
        (("get", "/c", "--token", "new"), 1, "answer  403 forbidden: "),
        (("get", "/b/x", "--token", "old"), 1, "answer  401 credentials-invalid: The token has expired."),
        (("--token", "bad"), 1, "answer  401 credentials-invalid: The token does not have three parts."),
        (("--token", "binary"), 1, "binary: cannot be read as a text; name the file of a token."),
        (("--token", "none"), 1, "none: cannot be read as a text"),
        (("get", "/b/x", "--token", "new", "--as", "ci"), 2, "not allowed with argument"),
    ]:
        run = tool("explain", *(str(file.parent / word) if word in {*tokens, "none"} else word for word in arguments))
        assert (run.status, words in run.out + run.err) == (status, True), run
        assert tokens["new"].split(".")[2] not in str(run)


def link(tool: Tool, *arguments: str) -> str:
    """The link that the tool makes for the key ci: the tool prints nothing else."""
    run = tool("link", *arguments, "--as", "ci")
    assert (run.status, run.err) == (0, "")
    (line,) = run.out.splitlines()
    return line


def opened(url: str, method: str = "GET", headers: Fields = ()) -> Answer:
    """The service's answer to a request with a link."""
    base, _, rest = url.partition("/base/")
    assert base == BASE_URL
    split = urlsplit(f"/{rest}")
    return at_function_url(url_event(method, split.path, split.query, headers))


def test_a_link_without_limit_needs_no_table_and_by_default_has_one_use(tool: Tool, file: Path) -> None:
    unlimited = opened(link(tool, "/builds/b%20c+d.txt", "--uses", "0"))
    assert unlimited.status == 307
    location = unlimited.headers["location"]
    assert location.startswith("https://acme-files.s3.eu-west-1.amazonaws.com/acme/builds/b%20c%2Bd.txt?")
    url = link(tool, "/builds/a b?ü.txt")  # a character that a URL cannot have is escaped
    assert url.startswith(f"{BASE_URL}/base/builds/a%20b%3F%C3%BC.txt?token=")
    assert opened(url).status == 503  # without a table, the service cannot count the use
    file.write_text(SETTINGS.replace("public_url", "# public_url"))
    assert link(tool, "/builds/a.txt").startswith("/builds/a.txt?token=")


def test_a_link_opens_its_action_and_everything_below_its_directory(tool: Tool) -> None:
    write = link(tool, "/builds/in.txt", "--action", "write", "--uses", "0", "--expires-in", "60")
    assert [opened(write, method).status for method in ("PUT", "GET", "HEAD")] == [428, 403, 403]
    assert opened(write, "PUT", [("If-None-Match", "*")]).status == 307
    path, _, token = link(tool, "/builds/d/", "--uses", "0").partition("?")
    assert [opened(f"{path}{more}?{token}").status for more in ("b.txt", "b/c.txt", "../b.txt")] == [307, 307, 400]
    assert opened(f"{BASE_URL}/base/builds/b.txt?{token}").status == 403


def test_link_refuses_for_the_reasons_of_the_service(tool: Tool, file: Path, environment: pytest.MonkeyPatch) -> None:
    for arguments, status, words in [
        (("/builds/a.txt", "--as", "guest"), 1, "403 forbidden: The key guest may not share here."),
        (("/secret/a.txt", "--as", "ci"), 1, "403 forbidden: The key ci may not read here."),
        (("/builds/a.txt", "--as", "nobody"), 1, "There is no key 'nobody'"),
        (("/builds/a.txt", "--as", "user:corp:ann"), 1, "so only the person can make it, with ?link or the page."),
        (("/a/../b", "--as", "ci"), 1, "400 bad-path"),
        (("/a.txt",), 2, "--as"),
        (("/a.txt", "--as", "ci", "--uses", "1001"), 2, "'1001' is not a whole number from 0 to 1,000"),
        (("/a.txt", "--as", "ci", "--expires-in", "0"), 2, "'0' is not a whole number from 1 to 31,622,400"),
        (("/a.txt", "--as", "ci", "--action", "delete"), 2, "invalid choice: 'delete'"),
    ]:
        run = tool("link", *arguments)
        assert (run.status, run.out) == (status, "")
        assert words in run.err
    for secret, status in (("", 1), ("too-short", 2)):
        environment.setenv("SIGNPOST_SECRET", secret)
        run = tool("link", "/builds/a.txt", "--as", "ci")
        assert (run.status, run.out) == (status, "")
        assert "SIGNPOST_SECRET" in run.err
        assert "too-short" not in run.err
    environment.setenv("SIGNPOST_SECRET", "s" * 32)
    file.write_text(f'{SETTINGS}\n[revoked]\n"key:ci" = true\n')
    assert "The key 'ci' is revoked" in tool("link", "/builds/a.txt", "--as", "ci").err


def test_whois_names_the_api_key_of_a_mark(tool: Tool, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SIGNPOST_MARK_KEY", f"{'o' * 32} {'n' * 32}")
    old, new = (Marks(letter.encode() * 32) for letter in "on")
    for caller in ("key:ci", "key:guest", "anyone"):
        for marks in (old, new):
            assert tool("whois", marks.of(caller)) == (0, f"{marks.of(caller)} {caller}\n", "")
    listed = tool("whois").out
    assert listed == "".join(f"{new.of(caller)} {caller}\n" for caller in ("anyone", "key:ci", "key:guest"))
    unknown = tool("whois", new.of("user:corp:ann"))
    assert (unknown.status, unknown.out) == (1, "")
    assert f'filter mark = "{new.of("user:corp:ann")}"' in unknown.err
    assert "is not a mark" in tool("whois", "x-signpost").err
    environment.delenv("SIGNPOST_MARK_KEY")
    environment.setenv("SIGNPOST_SECRET", "arn:aws:ssm:eu-west-1:1:parameter/a")
    assert (tool("whois").status, "set SIGNPOST_MARK_KEY" in tool("whois").err) == (1, True)
