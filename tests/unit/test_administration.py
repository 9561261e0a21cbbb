"""The administrator's tool, run as its user runs it: `python -m chalicelib …`."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

SETTINGS = """
[[mounts]]
path = "/"
bucket = "${SIGNPOST_BUCKET}"
prefix = "acme/"
region = "eu-west-1"
url_seconds = 90

[[keys]]
id = "ci"
sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
groups = ["builders"]

[[rules]]
path = "/secret/**"
deny = ["read"]
to = ["anyone"]

[[rules]]
path = "/builds/**"
allow = ["read", "write"]
to = ["group:builders"]
max_bytes = 1000000
content_types = ["application/zip"]
overwrite = false

[[rules]]
path = "/users/{user}/**"
allow = ["read", "list"]
to = ["authenticated"]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A settings file without a mistake, where its variable is set."""
    file = tmp_path / "signpost.toml"
    file.write_text(SETTINGS)
    return file


def run(
    settings: Path, *arguments: str, bucket: str | None = "acme-files", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the tool in an environment of its own."""
    environ = {"PATH": os.environ["PATH"], "SIGNPOST_CONFIG": str(settings), **variables}
    if bucket:
        environ["SIGNPOST_BUCKET"] = bucket
    command = [sys.executable, "-m", "chalicelib", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=30)


def test_check_says_where_paths_lead(settings: Path) -> None:
    """A good file is summed up, and the exit status is 0."""
    done = run(settings, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no mistake" in done.stdout
    assert "https://acme-files.s3.eu-west-1.amazonaws.com/acme/…" in done.stdout
    assert "1 keys, 3 rules" in done.stdout


def test_check_reports_every_mistake(settings: Path) -> None:
    """All at once, each with its line, and the exit status is 2."""
    settings.write_text(SETTINGS.replace("deny", "dney").replace('"list"', '"lsit"'))
    done = run(settings, "check", bucket=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{settings}:4: mounts[1].bucket: the environment variable SIGNPOST_BUCKET is not set" in done.stderr
    assert f'{settings}:16: rules[1].dney: is unknown; did you mean "deny"?' in done.stderr
    assert 'did you mean "list"?' in done.stderr
    assert "nothing is served" in done.stderr


DEAD = """
[[rules]]
path = "/users/{user}/**"
allow = ["read"]
to = ["key:ci"]
"""


def test_warnings_fail_a_strict_check_and_stop_nothing(settings: Path) -> None:
    """A rule that can never match is a warning where the rule allows, and a mistake where the rule denies."""
    settings.write_text(SETTINGS + DEAD)
    warning = f"{settings}:32: rules[4]: warning: can never match: rules[3] comes first and decides"
    statuses = {("check",): 0, ("check", "--strict"): 1, ("explain", "GET", "/builds/a", "--as", "ci"): 0}
    for arguments, status in statuses.items():
        done = run(settings, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1)
        assert done.stderr.startswith(warning)
    assert "no mistake, 1 warning\n" in run(settings, "check").stdout
    assert run(settings, "policy").returncode == 0
    settings.write_text(SETTINGS + DEAD + DEAD.replace("allow", "deny"))
    for arguments in statuses:
        done = run(settings, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert warning in done.stderr
        assert f"{settings}:37: rules[5]: can never match: " in done.stderr


def test_check_without_a_file(tmp_path: Path) -> None:
    """A file that is not there is a mistake like any other, not a traceback."""
    done = run(tmp_path / "missing.toml", "check")
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_key_new_is_a_key(settings: Path) -> None:
    """The TOML to paste has the hash of the secret that is printed, which has 256 bits and is never the same."""
    done, other = run(settings, "key", "new", "nightly"), run(settings, "key", "new", "nightly")
    match = re.search(r"-u nightly:(\S+)", done.stdout)
    assert match
    secret = match[1]
    assert len(secret) == 43
    assert hashlib.sha256(secret.encode()).hexdigest() in done.stdout
    assert done.stdout != other.stdout
    settings.write_text(SETTINGS + done.stdout.partition("In signpost.toml:")[2])
    assert "2 keys" in run(settings, "check").stdout


def test_a_publishable_key_says_what_it_is(settings: Path) -> None:
    """What is printed can be pasted, and the key makes no links."""
    done = run(settings, "key", "new", "site", "--in-urls")
    secret = re.search(r"k=(\S+)&", done.stdout)
    assert secret
    assert hashlib.sha256(secret[1].encode()).hexdigest() in done.stdout
    assert "whoever reads a page that uses it has it" in done.stdout
    settings.write_text(SETTINGS + done.stdout.partition("In signpost.toml:")[2])
    assert "2 keys, 4 rules" in run(settings, "check").stdout
    assert run(settings, "explain", "GET", "/-/resize", "--as", "site").returncode == 0
    asked = run(settings, "explain", "GET", f"/-/resize?u=https://a.example/&w=320&k={secret[1]}")
    assert "key     ?k decides, whoever asks: key:site" in asked.stdout
    assert "401 credentials-invalid" in run(settings, "explain", "GET", "/users/site/x", "--as", "site").stdout
    refused = run(settings, "link", "/users/site/x", "--as", "site", SIGNPOST_SECRET="s" * 32)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no key 'site'" in refused.stderr


def test_key_new_refuses_a_bad_id(settings: Path) -> None:
    """An id that the settings would refuse is refused here."""
    done = run(settings, "key", "new", "Not An Id")
    assert done.returncode == 2
    assert "lower-case letters" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("PUT", "/builds/a%20b.zip", "--as", "ci"), 0, ("key:ci asks to write /builds/a b.zip", "rule    2:")),
        (
            ("PUT", "/builds/a.zip", "--as", "ci"),
            0,
            ("uploads at most 1,000,000 bytes, of type application/zip, that overwrite nothing",),
        ),
        (("get", "/builds/a", "--as", "ci"), 0, ("bucket  acme-files", "key     acme/builds/a", "life    90 s")),
        (("GET", "/users/ann/x", "--as", "ann"), 0, ("user:ann asks to read", "rule    3:")),
        (("GET", "/users/ann/", "--as", "ann"), 0, ("asks to list",)),
        (("GET", "/users/ann/x", "--as", "bob"), 1, ("none matches", "403 forbidden")),
        (("GET", "/secret/x", "--as", "ci"), 1, ("rule    1: /secret/** denies read", "403 forbidden")),
        (("GET", "/-/resize", "--as", "ci"), 0, ("asks to read /-/resize", "allows read to authenticated")),
        (("POST", "/-/thumbnail"), 1, ("none matches", "401 credentials-missing")),
        (("GET", "/builds/a"), 1, ("anyone asks", "401 credentials-missing")),
        (("GET", "/a/../b"), 1, ("400 bad-path",)),
    ],
)
def test_explain(settings: Path, arguments: tuple[str, ...], status: int, expected: tuple[str, ...]) -> None:
    """Who, what, under which rule, where to and for how long; or why not."""
    done = run(settings, "explain", *arguments)
    assert (done.returncode, done.stderr) == (status, "")
    for text in expected:
        assert text in done.stdout


@pytest.mark.parametrize(("region", "start"), [("us-gov-west-1", "arn:aws-us-gov:"), ("us-iso-east-1", "arn:aws-iso:")])
def test_policy_of_another_partition(settings: Path, region: str, start: str) -> None:
    """Its ARNs have another beginning."""
    settings.write_text(SETTINGS.replace("eu-west-1", region))
    statements = json.loads(run(settings, "policy").stdout)["Statement"]
    assert all(item["Resource"].startswith(start) for item in statements)


def test_policy(settings: Path) -> None:
    """What the role needs for the mounts, and nothing for stores that are not on AWS."""
    more = """
[[mounts]]
path = "/archive"
bucket = "acme-archive"
region = "cn-north-1"

[[mounts]]
path = "/archive/old"
bucket = "acme-archive"
region = "cn-north-1"

[[mounts]]
path = "/elsewhere"
bucket = "other"
region = "any"
endpoint = "https://s3.example.com"
"""
    settings.write_text(SETTINGS + more)
    statements = {item["Sid"]: item for item in json.loads(run(settings, "policy").stdout)["Statement"]}
    resources = {name: item["Resource"] for name, item in statements.items()}
    assert resources == {
        "Objects1": "arn:aws:s3:::acme-files/acme/*",
        "Objects2": "arn:aws-cn:s3:::acme-archive/*",
        "List1": "arn:aws:s3:::acme-files",
        "List2": "arn:aws-cn:s3:::acme-archive",
        "Logs": "arn:aws:logs:*:*:log-group:/aws/lambda/signpost-*:*",
    }
    assert statements["List1"]["Action"] == ["s3:ListBucket"]
    assert "s3:PutObject" in statements["Objects1"]["Action"]
    assert all(item["Effect"] == "Allow" for item in statements.values())


def test_policy_follows_the_rules(settings: Path) -> None:
    """S3 asks for more where a rule allows more: whether the role has that is not left to chance."""
    more = '[[rules]]\npath = "/a"\nto = ["anyone"]\n'
    kept = '{ x-amz-object-lock-mode = "GOVERNANCE", x-amz-object-lock-legal-hold = "ON" }'
    for written, expected in {
        'deny = ["versions", "purge"]': set(),
        'allow = ["versions"]': {"s3:GetObjectVersion"},
        'allow = ["purge"]': {"s3:DeleteObjectVersion"},
        'allow = ["write"]\npass_headers = ["x-amz-tagging"]': {"s3:PutObjectTagging"},
        f'allow = ["write"]\nrequire_headers = {kept}': {"s3:PutObjectRetention", "s3:PutObjectLegalHold"},
    }.items():
        settings.write_text(SETTINGS)
        before = json.loads(run(settings, "policy").stdout)["Statement"][0]["Action"]
        settings.write_text(f"{SETTINGS}{more}{written}\n")
        assert {*json.loads(run(settings, "policy").stdout)["Statement"][0]["Action"]} - {*before} == expected


def test_policy_with_links(settings: Path) -> None:
    """Where the environment names a table and a secret, what they need is in it."""
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:signpost-AbCdEf"
    cdn = "arn:aws:ssm:eu-west-1:111122223333:parameter/cdn"
    settings.write_text(SETTINGS + '[service]\ncdn_secret = "${CDN_SECRET}"\n')
    done = run(settings, "policy", SIGNPOST_TABLE="signpost-links", SIGNPOST_SECRET=arn, CDN_SECRET=cdn)
    statements = {item["Sid"]: item for item in json.loads(done.stdout)["Statement"]}
    assert statements["Table"]["Resource"] == "arn:aws:dynamodb:*:*:table/signpost-links"
    assert statements["Secret"]["Resource"] == arn
    assert statements["CdnSecret"]["Resource"] == cdn
    assert statements["CdnSecret"]["Action"] == ["ssm:GetParameter"]


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_committed_policies_are_what_policy_prints(stage: str) -> None:
    """For the settings that are committed, and the bucket that the stage's configuration names."""
    config = json.loads((PROJECT / ".chalice/config.json").read_text())
    bucket = config["stages"][stage]["environment_variables"]["SIGNPOST_BUCKET"]
    environ = {"PATH": os.environ["PATH"], "SIGNPOST_BUCKET": bucket, "AWS_REGION": "eu-west-1"}
    command = [sys.executable, "-m", "chalicelib", "policy"]
    done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True)
    assert json.loads(done.stdout) == json.loads((PROJECT / f".chalice/policy-{stage}.json").read_text())
