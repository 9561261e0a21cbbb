"""The IAM policy has what the mounts and the rules need, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.s3.stores import Cdn
from chalicelib.environment import Environment
from chalicelib.iam_policy import policy, policy_of, stack_policy, stack_policy_of
from tests.support.settings_files import MOUNT_VALUES, loaded, table
from tests.support.tool import Tool

PROJECT = Path(__file__).parents[2]
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"
CHINESE_KEY = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-5"
# A secret of each service of AWS that keeps secrets.
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:signpost-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/cdn"


def mount(**values: str) -> str:
    return table("[[mounts]]", MOUNT_VALUES | {key: f'"{value}"' for key, value in values.items()})


MOUNTS = "".join(
    [
        mount(prefix="acme/", kms_key=KEY),
        mount(path="/two", bucket="two", kms_key=KEY),
        mount(path="/cn", bucket="chinese", region="cn-north-1", kms_key=CHINESE_KEY),
        mount(path="/cn/old", bucket="chinese", region="cn-north-1"),
        mount(path="/elsewhere", bucket="other", region="any", endpoint="https://s3.example.com"),
    ]
)


def statements(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in document["Statement"] if "Sid" in statement}


def test_each_mount_on_aws_has_its_statements(tmp_path: Path) -> None:
    found = statements(policy(loaded(tmp_path, MOUNTS).mounts))
    assert {sid: statement["Resource"] for sid, statement in found.items()} == {
        "Objects1": "arn:aws:s3:::acme/acme/*",
        "Objects2": "arn:aws:s3:::two/*",
        "Objects3": "arn:aws-cn:s3:::chinese/*",
        "List1": "arn:aws:s3:::acme",
        "List2": "arn:aws:s3:::two",
        "List3": "arn:aws-cn:s3:::chinese",
        "Key1": KEY,
        "Key2": CHINESE_KEY,
        "Logs": "arn:aws:logs:*:*:log-group:/aws/lambda/signpost-*:*",
    }
    assert all(statement["Effect"] == "Allow" for statement in found.values())
    assert found["List1"]["Action"] == ["s3:ListBucket"]
    assert "s3:PutObject" in found["Objects1"]["Action"]
    # Only S3 may use the keys, and the upload of a part needs both actions.
    assert found["Key1"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    via = [found[sid]["Condition"]["StringEquals"]["kms:ViaService"] for sid in ("Key1", "Key2")]
    assert via == [["s3.eu-west-1.amazonaws.com"], ["s3.cn-north-1.amazonaws.com.cn", "s3.cn-north-1.amazonaws.com"]]


def test_an_access_point_has_arns_of_its_own(tmp_path: Path) -> None:
    arn = "arn:aws:s3:eu-west-1:111122223333:accesspoint/acme-ap"
    for bucket, resource in {arn: arn, "acme-ap-r4nd0m-s3alias": "arn:aws:s3:eu-west-1:*:accesspoint/acme-ap*"}.items():
        found = statements(policy(loaded(tmp_path, mount(bucket=bucket, prefix="a/")).mounts))
        assert found["Objects1"]["Resource"] == f"{resource}/object/a/*"
        assert found["List1"]["Resource"] == resource


def test_all_arns_are_in_the_partition_of_the_bucket(tmp_path: Path) -> None:
    for region, start in {"us-gov-west-1": "arn:aws-us-gov:", "us-iso-east-1": "arn:aws-iso:"}.items():
        found = statements(policy(loaded(tmp_path, mount(region=region)).mounts, table="links"))
        assert all(statement["Resource"].startswith(start) for statement in found.values())


def test_a_rule_that_allows_more_needs_more_actions(tmp_path: Path) -> None:
    lock = '{ x-amz-object-lock-mode = "GOVERNANCE", x-amz-object-lock-legal-hold = "ON" }'
    start = f'{mount()}[[rules]]\npath = "/a"\nto = ["anyone"]\n'
    usual = {*statements(policy(loaded(tmp_path, mount()).mounts))["Objects1"]["Action"]}
    for text, expected in {
        'deny = ["versions", "purge"]': set(),
        'allow = ["versions"]': {"s3:GetObjectVersion"},
        'allow = ["purge"]': {"s3:DeleteObjectVersion"},
        'allow = ["write"]\npass_headers = ["x-amz-tagging"]': {"s3:PutObjectTagging"},
        f'allow = ["write"]\nrequire_headers = {lock}': {"s3:PutObjectRetention", "s3:PutObjectLegalHold"},
    }.items():
        settings = loaded(tmp_path, start + text)
        assert {*statements(policy(settings.mounts, settings.rules))["Objects1"]["Action"]} - usual == expected


def test_only_a_rule_that_allows_versions_lists_versions_below_the_prefixes_of_the_mounts(tmp_path: Path) -> None:
    more = mount(path="/more", prefix="more/")
    for actions, expected in (("read", []), ("versions", [["acme/*", "more/*"], ["*"], ["*"]])):
        rule = f'[[rules]]\npath = "/a"\nto = ["anyone"]\nallow = ["{actions}"]\n'
        settings = loaded(tmp_path, MOUNTS + more + rule)
        found = statements(policy(settings.mounts, settings.rules))
        lists = [found[sid] for sid in found if sid.startswith("Versions")]
        assert [each["Condition"]["StringLike"]["s3:prefix"] for each in lists] == expected
        assert {action for each in lists for action in each["Action"]} <= {"s3:ListBucketVersions"}
        assert [each["Resource"] for each in lists] == [found[s]["Resource"] for s in found if "Versioning" in s]


def test_the_table_and_the_secrets_on_aws_have_statements(tmp_path: Path) -> None:
    mounts = loaded(tmp_path, mount()).mounts
    clients = ("in-clear", ARN, f"{ARN}\n", PARAMETER)  # two tables have one secret
    found = statements(policy(mounts, table="links", secret=f" {ARN} ", cdn_secret=PARAMETER, client_secrets=clients))
    assert found["Table"]["Resource"] == "arn:aws:dynamodb:*:*:table/links"
    assert found["Table"]["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert (found["Secret"]["Resource"], found["Secret"]["Action"]) == (ARN, ["secretsmanager:GetSecretValue"])
    assert (found["CdnSecret"]["Resource"], found["CdnSecret"]["Action"]) == (PARAMETER, ["ssm:GetParameter"])
    assert found["ClientSecret1"] == found["Secret"] | {"Sid": "ClientSecret1"}
    assert found["ClientSecret2"] == found["CdnSecret"] | {"Sid": "ClientSecret2"}
    assert "ClientSecret3" not in found
    keys = [mounts[0]._replace(cdn=Cdn("cdn.example.com", "K1", key)) for key in (ARN, "cdn.pem", ARN)]
    assert statements(policy(keys))["CdnKey1"] == found["Secret"] | {"Sid": "CdnKey1"}
    assert "CdnKey2" not in statements(policy(keys))
    assert statements(policy(mounts, secret="s" * 32)).keys() == {"Objects1", "List1", "Logs"}


def test_the_calls_to_sts_have_statements_where_the_settings_give_aws_keys(tmp_path: Path) -> None:
    role = "arn:aws:iam::111122223333:role/files"
    for more, expected in (
        ("", {}),
        ("[credentials]\nenabled = true\n", {"sts:GetScopedCredentials": "*", "sts:AssumeRole": role}),
    ):
        settings = loaded(tmp_path, MOUNTS + mount(path="/role", bucket="roles", role=role) + more)
        for document in (
            policy_of(settings, Environment({})),
            stack_policy_of({"Statement": []}, settings, "acme"),
        ):
            calls = {each["Action"][0]: each["Resource"] for each in document["Statement"]}
            assert {action: calls[action] for action in calls if action.startswith("sts:")} == expected


def test_the_policy_of_the_stack_has_the_mounts_and_the_statements_of_the_template(tmp_path: Path) -> None:
    """The bucket and the key of the stack are parameters."""
    template = json.loads((PROJECT / ".chalice/policy-stack.json").read_text())
    more = mount(path="/more", prefix="${x", kms_key=KEY)
    settings = loaded(tmp_path, MOUNTS + more + '[[rules]]\npath = "/a"\nallow = ["purge"]\nto = ["anyone"]\n')
    document = stack_policy(template, settings.mounts, settings.rules, "acme", PARAMETER, [ARN])
    assert [each for each in document["Statement"] if each in template["Statement"]] == template["Statement"]
    found = statements({"Statement": [each for each in document["Statement"] if each not in template["Statement"]]})
    plain = statements(policy(settings.mounts, settings.rules, None, None, PARAMETER, [ARN]))
    assert [sid for sid in found if found[sid] != plain[sid]] == ["Objects1", "Objects4", "List1"]
    for sid, end in (("Objects1", "/acme/*"), ("Objects4", "/${!x*"), ("List1", "")):
        existing = {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::${{ExistingBucket}}{end}"}
        assert found[sid]["Resource"] == {"Fn::If": ["MakesBucket", {"Fn::Sub": f"${{Bucket.Arn}}{end}"}, existing]}
        assert found[sid]["Action"] == plain[sid]["Action"]
    assert plain.keys() - found.keys() == {"Logs"}
    assert statements(stack_policy({"Statement": []}, settings.mounts[:1], (), "acme")).keys() == {"Objects1", "List1"}


def test_the_committed_policies_equal_the_policies_that_the_tool_prints(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((PROJECT / ".chalice/config.json").read_text())
    environment.setenv("AWS_REGION", "eu-west-1")
    for stage in ("dev", "prod"):
        environment.setenv("SIGNPOST_BUCKET", config["stages"][stage]["environment_variables"]["SIGNPOST_BUCKET"])
        assert json.loads(Tool(capsys)("policy").out) == json.loads(
            (PROJECT / f".chalice/policy-{stage}.json").read_text()
        )
