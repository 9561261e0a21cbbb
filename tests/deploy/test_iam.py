"""The policy of the stages, exercised: every feature works with it, and without any one of its actions one does not.

The service runs here with the credentials of a role that has the policy, redirects are followed, and S3 and the others
ask moto's IAM what the role may do (`tests.deploy.moto_repairs`).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from chalicelib.iam_policy import policy as made_policy
from tests.deploy.deployments import BUCKET, Account
from tests.deploy.features import BEYOND, FEATURES, NEEDED_FOR, OTHER, RULES, TAGS, Site, broken, open_buckets, site
from tests.deploy.policies import Document, actions, policy, without_action, without_statement
from tests.support.builders import mount

POLICY = made_policy([mount(bucket=BUCKET)], RULES)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with open_buckets() as account:
        yield account


Open = Callable[[Document], Site]


@pytest.fixture
def with_policy(account: Account, environment: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """Opens the service with a role that has a policy."""
    return lambda document: site(account, document, environment, tmp_path)


def test_everything_works_with_the_policy(with_policy: Open) -> None:
    assert broken(with_policy(POLICY)) == set()


def test_nothing_works_without_it(with_policy: Open) -> None:
    useless = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}
    assert broken(with_policy(POLICY | {"Statement": [useless]})) == FEATURES.keys()


@pytest.mark.parametrize("sid", [statement["Sid"] for statement in POLICY["Statement"]])
def test_every_statement_is_needed(with_policy: Open, sid: str) -> None:
    less = without_statement(POLICY, sid)
    assert broken(with_policy(less)) == set().union(*(NEEDED_FOR[a] for a in {*actions(POLICY)} - {*actions(less)}))


@pytest.mark.parametrize("action", actions(POLICY))
def test_every_action_is_needed(with_policy: Open, action: str) -> None:
    assert broken(with_policy(without_action(POLICY, action))) == NEEDED_FOR[action]


def test_the_shipped_policies_are_less_what_no_rule_of_the_shipped_settings_needs(with_policy: Open) -> None:
    assert policy("prod") == policy("dev")
    assert {*actions(POLICY)} - {*actions(policy("dev"))} == BEYOND
    assert broken(with_policy(policy("dev"))) == set().union(*(NEEDED_FOR[action] for action in BEYOND))


def test_a_bucket_that_is_not_mounted_is_closed(with_policy: Open) -> None:
    site = with_policy(POLICY)
    s3 = site.account.client("s3", site.environ)
    assert s3.get_object(Bucket=BUCKET, Key="a.txt")["Body"].read() == b"a"
    refused: list[Callable[[], object]] = [
        lambda: s3.get_object(Bucket=OTHER, Key="a.txt"),
        lambda: s3.put_object(Bucket=OTHER, Key="b.txt", Body=b""),
        lambda: s3.delete_object(Bucket=OTHER, Key="a.txt"),
        lambda: s3.get_object(Bucket=OTHER, Key="missing.txt"),
        lambda: s3.delete_bucket(Bucket=BUCKET),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    assert site.status("GET", "/elsewhere/a.txt") == 403


def test_what_is_beside_a_mounts_prefix_is_closed(account: Account) -> None:
    document = made_policy([mount(bucket=BUCKET, prefix="tenant/")])
    s3 = account.client("s3", account.assume(account.make_role(document)))
    s3.put_object(Bucket=BUCKET, Key="tenant/a.txt", Body=b"")
    for key in ("a.txt", "tenant", "tenant-2/a.txt"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"")


def test_tags_are_set(with_policy: Open) -> None:
    """Those that the client asks for, signed like all that it says of its file."""
    site = with_policy(POLICY)
    assert site.status("PUT", "/tagged.txt", "", b"", **TAGS) == 200
    owner = site.account.client("s3")
    assert owner.get_object_tagging(Bucket=BUCKET, Key="tagged.txt")["TagSet"] == [{"Key": "a", "Value": "b"}]


def secrets(site: Site) -> list[str]:
    """What no log may hold."""
    return [*site.environ.values(), "X-Amz-"]


def test_head_in_a_bucket_that_the_role_may_not_touch(with_policy: Open, capsys: pytest.CaptureFixture[str]) -> None:
    site = with_policy(POLICY)
    answer = site.ask("HEAD", "/elsewhere/a.txt", head="inline")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "location" not in answer.headers
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert (record["status"], record["bucket"], record["key"]) == (503, OTHER, "a.txt")
    assert record["id"] == answer.headers["x-request-id"]
    assert not [secret for secret in secrets(site) if secret in line]


def test_no_bucket_in_the_environment(with_policy: Open, capsys: pytest.CaptureFixture[str]) -> None:
    site = with_policy(POLICY)
    site.environment.delenv("SIGNPOST_BUCKET")
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = site.ask(method, "/a.txt")
        assert answer.status == 500
        assert "location" not in answer.headers
        assert b"SIGNPOST_BUCKET" not in answer.body
        (line,) = capsys.readouterr().out.splitlines()
        record = json.loads(line)
        assert record["id"] == answer.headers["x-request-id"]
        assert "SIGNPOST_BUCKET" in str(record["error"])
        assert not [secret for secret in secrets(site) if secret in line]
