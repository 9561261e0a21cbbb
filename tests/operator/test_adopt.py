"""`adopt`, on moto: a bucket that a team already has gets what is missing, and keeps everything else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.dev_server import PROJECT

from .account import BUCKET, Account

TEAM = "team-files"
ORIGIN = "https://app.example.com"
READS = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 5}
OLD_LOGS = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 9}}
PARTNER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "s3:GetObject"}
PARTNER |= {"Sid": "Partner", "Resource": f"arn:aws:s3:::{TEAM}/shared/*"}
SETTINGS = f"""
[service]
public_url = "{ORIGIN}"

[[mounts]]
path = "/"
bucket = "{TEAM}"
prefix = "tenant/"
region = "eu-north-1"
"""


class TeamBucket:
    """The bucket of a team, with rules and a policy of its own."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.s3: Any = boto3.client("s3", region_name="eu-north-1")
        place: Any = {"LocationConstraint": "eu-north-1"}
        self.s3.create_bucket(Bucket=TEAM, CreateBucketConfiguration=place)
        self.set(READS, OLD_LOGS, PARTNER)

    def set(self, cors: dict[str, Any], lifecycle: dict[str, Any], statement: dict[str, Any]) -> None:
        """Replace the rules and the policy."""
        self.s3.put_bucket_cors(Bucket=TEAM, CORSConfiguration={"CORSRules": [cors]})
        self.s3.put_bucket_lifecycle_configuration(Bucket=TEAM, LifecycleConfiguration={"Rules": [lifecycle]})
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=TEAM, Policy=policy)

    def state(self) -> tuple[Any, Any, Any]:
        """The CORS rules, the lifecycle rules, and the statements of the policy."""
        return (
            self.s3.get_bucket_cors(Bucket=TEAM)["CORSRules"],
            self.s3.get_bucket_lifecycle_configuration(Bucket=TEAM)["Rules"],
            json.loads(self.s3.get_bucket_policy(Bucket=TEAM)["Policy"])["Statement"],
        )


@pytest.fixture
def team(environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[TeamBucket]:
    with mock_aws():
        yield TeamBucket(Account(tmp_path, environment, capsys))


def test_adopt_adds_what_is_missing_and_keeps_what_is_there(team: TeamBucket) -> None:
    team.account.settings.write_text(SETTINGS)
    before = team.state()
    run = team.account.tool("adopt", TEAM)
    assert run.status == 1
    lines = run.out.splitlines()
    faults = [line.partition(" of team-files: ")[0] for line in lines if line.startswith("fault")]
    assert faults == ["fault  public access block", "fault  policy", "fault  CORS", "fault  lifecycle"]
    assert [line.split()[2] for line in lines if line.startswith("       aws")] == [
        "put-public-access-block",
        "put-bucket-policy",
        "put-bucket-cors",
        "put-bucket-lifecycle-configuration",
    ]
    assert team.state() == before
    applied = team.account.tool("adopt", TEAM, "--apply")
    assert (applied.status, applied.out.count("\ndone   "), applied.out[-10:]) == (0, 4, "0 faults.\n")
    cors, lifecycle, statements = team.state()
    assert (cors[0], lifecycle[0], statements[0]) == tuple(own[0] for own in before)
    assert (cors[1]["AllowedOrigins"], cors[1]["AllowedHeaders"]) == ([ORIGIN], ["*"])
    assert [rule["Filter"]["Prefix"] for rule in lifecycle[1:]] == ["", "tenant/-/derived/"]
    assert lifecycle[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert (statements[1]["Effect"], statements[1]["Resource"][1]) == ("Deny", f"arn:aws:s3:::{TEAM}/*")
    assert statements[1]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    after = team.state()
    for arguments in ((), ("--apply",)):
        again = team.account.tool("adopt", TEAM, *arguments)
        assert (again.status, "done" in again.out) == (0, False)
    assert team.state() == after


def test_an_adopted_bucket_has_the_rules_of_the_bucket_of_the_stack(team: TeamBucket) -> None:
    resources = json.loads((PROJECT / ".chalice/resources.json").read_text())["Resources"]
    stack, policy = (resources[name]["Properties"] for name in ("Bucket", "BucketPolicy"))
    own_cors, (uploads, derived) = (
        stack["CorsConfiguration"]["CorsRules"][0],
        stack["LifecycleConfiguration"]["Rules"][:2],
    )
    (denial,) = policy["PolicyDocument"]["Statement"]
    team.account.settings.write_text(SETTINGS)
    team.account.tool("adopt", TEAM, "--apply")
    cors, lifecycle, statements = (rules[1:] for rules in team.state())
    names = {"AllowedMethods": "AllowedMethods", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    assert {name: cors[0][other] for name, other in names.items()} == {name: own_cors[name] for name in names}
    assert lifecycle[0]["AbortIncompleteMultipartUpload"] == uploads["AbortIncompleteMultipartUpload"]
    assert lifecycle[1]["Filter"]["Prefix"] == f"tenant/{derived['Prefix']}"
    assert lifecycle[1]["Expiration"]["Days"] == derived["ExpirationInDays"]
    assert lifecycle[1]["NoncurrentVersionExpiration"] == derived["NoncurrentVersionExpiration"]
    assert {**statements[0], "Resource": ""} == {**denial, "Resource": ""}
    block = team.s3.get_public_access_block(Bucket=TEAM)["PublicAccessBlockConfiguration"]
    assert block == stack["PublicAccessBlockConfiguration"]


def test_adopt_names_a_conflict_and_touches_nothing_of_it(team: TeamBucket) -> None:
    team.account.settings.write_text(SETTINGS)
    cors = {
        **READS,
        "AllowedMethods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
    }  # decides about uploads, which send no preflight
    everyone = {**PARTNER, "Sid": "TlsOnly", "Principal": "*"}
    team.set(cors, {**OLD_LOGS, "ID": "IncompleteUploads"}, everyone)
    key = boto3.client("kms", region_name="eu-north-1").create_key()["KeyMetadata"]["Arn"]
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    team.s3.put_bucket_encryption(Bucket=TEAM, ServerSideEncryptionConfiguration={"Rules": [default]})
    before = team.state()
    run = team.account.tool("adopt", TEAM, "--apply")
    assert (run.status, run.out.splitlines()[-1], team.state()) == (1, "5 faults.", before)
    for words in (
        f'and then deploy: kms_key = "{key}"',
        "The policy of the bucket lets everyone in: look who needs this",
        "has another statement with the Sid TlsOnly",
        "because an earlier rule decides. Look whether a new rule may come before:",
        "other rules have the name IncompleteUploads",
    ):
        assert words in run.out
    with pytest.raises(team.s3.exceptions.ClientError):
        team.s3.get_public_access_block(Bucket=TEAM)


def test_adopt_needs_no_mount_and_no_settings_and_makes_no_bucket(team: TeamBucket) -> None:
    mount = f'       [[mounts]]\n       path = "/"\n       bucket = "{TEAM}"\n       region = "eu-north-1"\n'
    assert mount in team.account.tool("adopt", TEAM).out
    team.account.settings.unlink()
    run = team.account.tool("adopt", TEAM, "--apply")
    assert (run.status, run.out.count("\ndone   "), run.out.splitlines()[-1]) == (1, 4, "1 fault.")
    assert mount in run.out
    assert "signpost.toml: cannot be read" in run.err
    assert team.state()[0][-1]["AllowedOrigins"] == [
        "https://*.execute-api.eu-west-1.amazonaws.com",
        "https://*.lambda-url.eu-west-1.on.aws",
    ]
    own = {**team.state()[0][-1], "AllowedOrigins": ["https://abc.lambda-url.eu-west-1.on.aws"]}
    team.s3.put_bucket_cors(Bucket=TEAM, CORSConfiguration={"CORSRules": [own]})
    assert f"ok     CORS of {TEAM}\n" in team.account.tool("adopt", TEAM).out
    missing = team.account.tool("adopt", "none-such", "--apply")
    assert (missing.status, missing.out.splitlines()[0]) == (1, "fault  bucket none-such: there is no such bucket")
    assert {bucket["Name"] for bucket in team.s3.list_buckets()["Buckets"]} == {TEAM, BUCKET}


def test_adopt_prepares_the_bucket_that_a_stack_will_use(team: TeamBucket) -> None:
    """docs/deploy.md, "A bucket that exists": the shipped settings name the bucket by the variable of the stack."""
    page = (PROJECT / "docs/deploy.md").read_text()
    (command,) = re.findall(r"^SIGNPOST_BUCKET=acme-files \S+ -m chalicelib (adopt .*)$", page, re.MULTILINE)
    for name in ("SIGNPOST_CONFIG", "AWS_REGION"):
        team.account.environment.delenv(name)
    team.account.environment.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    team.account.environment.setenv("SIGNPOST_BUCKET", TEAM)
    run = team.account.tool(*command.replace("acme-files", TEAM).split())
    assert (run.status, run.err) == (0, ""), run.out
    assert team.account.tool(*command.replace("acme-files", TEAM).split()[:-1]).status == 0
