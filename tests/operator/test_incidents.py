"""docs/incidents.md: the command that ends the AWS keys of a role, with IAM of moto."""

import re
import subprocess
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.stages import PROJECT
from tests.support.iam import allows

from .account import REGION, call

# The shell prints the words of the command in place of a call, at noon.
SHELL = """
date() { command date -d 2026-11-29T12:00:00Z "$@"; }
aws() { printf '%s\\0' "$@"; }
"""


@mock_aws
def test_the_command_denies_the_sessions_from_before_and_no_later_session(environment: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.setenv(name, "testing")
    iam = boto3.client("iam", region_name=REGION)
    iam.create_role(RoleName="ROLE", AssumeRolePolicyDocument="{}")
    page = (PROJECT / "docs/incidents.md").read_text()
    (command,) = re.findall(r"^ *(aws iam put-role-policy .*?)^ *```", page, re.DOTALL | re.MULTILINE)
    words = subprocess.run(["bash", "-ec", SHELL + command], capture_output=True, text=True, check=True).stdout
    _, operation, *options = words.split("\0")[:-1]
    assert not re.search(r"\s", options[-1])  # Ceph reads no plus as a space
    call(iam, operation, options)
    (undo,) = re.findall(r"`aws iam (delete-role-policy .*?)`", page)
    name = iam.list_role_policies(RoleName="ROLE")["PolicyNames"][0]
    document: Any = iam.get_role_policy(RoleName="ROLE", PolicyName=name)["PolicyDocument"]
    (deny,) = document["Statement"]
    policy = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, deny]}
    for began, works in (("11:59:59", False), ("12:00:01", True)):
        context = {"aws:TokenIssueTime": f"2026-11-29T{began}Z"}
        assert allows(policy, "s3:GetObject", "arn:aws:s3:::acme-files/a", context) is works
    operation, *options = undo.split()
    call(iam, operation, options)
    assert iam.list_role_policies(RoleName="ROLE")["PolicyNames"] == []
