"""`doctor`, on moto: each fault is made, is the only finding, and is repaired by the lines that the tool prints."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

from chalicelib.operator.aws import Aws, Caller
from chalicelib.operator.permissions import Permissions
from local import embedded_s3
from local.__main__ import CORS
from tests.support.builders import mount
from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.tool import Tool
from tests.unit.core.access.test_issuer_keys import jwks, rsa

from .account import BUCKET, FUNCTION, ISSUER, REGION, ROLE, TABLE, Account

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
DISCOVERY = "/.well-known/openid-configuration"
CONFIGURATION = json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}).encode()


class World(NamedTuple):
    """The account, and the internet with the issuer."""

    account: Account
    internet: FakeInternet


class Made(NamedTuple):
    """A fault.

    Attributes:
        make: makes the fault.
        subject, words: what the report must say.
        command: a part of the repair.
        undo: ends the fault where the repair is not for a program; None where the printed lines do.
    """

    make: Callable[[World], object]
    subject: str
    words: str
    command: str
    undo: Callable[[World], object] | None = None


@pytest.fixture
def world(environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with mock_aws(), FakeInternet() as internet:
        internet.add("login.example.com", ADDRESS)
        internet.serve(DISCOVERY, CONFIGURATION)
        internet.serve("/keys", jwks(rsa(kid="a")))
        internet.patch(environment)
        yield World(Account(tmp_path, environment, capsys), internet)


def _set(name: str, value: object) -> Callable[[World], object]:
    return lambda world: setattr(world.account, name, value)


def _variable(name: str, value: str) -> Callable[[World], object]:
    return lambda world: world.account.environment.setenv(name, value)


def _moved(world: World) -> None:
    world.account.encrypt(None)  # the key must be in the region of the settings
    world.account.write_settings(region="us-east-1", kms_key="")


def _not_moved(world: World) -> None:
    world.account.encrypt(world.account.kms_key)
    world.account.write_settings()


def _deny(action: str, resource: str = OBJECTS) -> Callable[[World], object]:
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}
    return lambda world: world.account.set_policy(statement)


def _no_policy(world: World) -> object:
    return world.account("s3").delete_bucket_policy(Bucket=BUCKET)


def _call(service: str, operation: str, **parameters: Any) -> Callable[[World], object]:
    return lambda world: getattr(world.account(service), operation)(**parameters)


def _weaken(action: str) -> Callable[[World], object]:
    """Take an action from the policy of the role."""

    def make(world: World) -> None:
        document = json.loads(world.account.tool("policy").out)
        for statement in document["Statement"]:
            statement["Action"] = [each for each in statement["Action"] if each != action] or ["none:None"]
        policy = {"RoleName": ROLE, "PolicyName": "signpost", "PolicyDocument": json.dumps(document)}
        world.account("iam").put_role_policy(**policy)

    return make


def _other_key(world: World) -> None:
    world.account.encrypt(world.account("kms").create_key()["KeyMetadata"]["Arn"])


def _wrong_table(world: World) -> None:
    keys = {"AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}]}
    schema = [{"AttributeName": "key", "KeyType": "HASH"}]
    world.account("dynamodb").create_table(TableName="wrong", BillingMode="PAY_PER_REQUEST", KeySchema=schema, **keys)
    ttl = {"AttributeName": "expires", "Enabled": True}
    world.account("dynamodb").update_time_to_live(TableName="wrong", TimeToLiveSpecification=ttl)
    _use_table("wrong")(world)


def _use_table(name: str) -> Callable[[World], object]:
    def use(world: World) -> None:
        world.account.environment.setenv("SIGNPOST_TABLE", name)
        world.account.deploy()

    return use


def _on_key(operation: str, **other: Any) -> Callable[[World], object]:
    return lambda world: getattr(world.account("kms"), operation)(
        KeyId=world.account.kms_key.rpartition("/")[2], **other
    )


def _on_secret(operation: str, **other: Any) -> Callable[[World], object]:
    return lambda world: getattr(world.account("secretsmanager"), operation)(SecretId=world.account.secret, **other)


def _no_table(world: World) -> None:
    world.account("dynamodb").delete_table(TableName=TABLE)


def _open(world: World) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
    world.account.set_policy(statement)
    world.account.close(RestrictPublicBuckets=False)


def _closed(world: World) -> None:
    _no_policy(world)
    world.account.close()


OTHER_SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:none-AbCdEf"
ORIGINS = ("https://files.example.com", "https://app.example.com", "null")


def _cors(*origins: str, **other: list[str]) -> Callable[[World], object]:
    return lambda world: world.account.allow(*origins, **other)


def _settings(world: World) -> None:
    world.account.write_settings(public_url="files")


def _own_secret(world: World) -> None:
    world.account.environment.setenv("SIGNPOST_SECRET", world.account.secret)


NO_UPLOADS = ("HEAD", "PUT", "POST", "DELETE")
BY_HAND = ("sudo", "curl", "aws s3api list-buckets", "aws s3api get-bucket-policy", "aws iam put-user-policy")
KEYS = 'access_key = "${STORE_KEY}"\nsecret_key = "${AWS_SECRET_ACCESS_KEY}"\n'
KEYS += f'[[keys]]\nid = "ci"\nsha256 = "{"a" * 64}"\n'
RULE = '[[rules]]\npath = "/**"\nallow = ["read", "list", "write"]\nto = ["key:ci"]\n'
# moto knows no owners and no simulation, so `Account` answers these two calls.
FAULTS = (
    Made(
        _settings, "settings", "public_url", "python -m chalicelib check", lambda world: world.account.write_settings()
    ),
    Made(
        lambda world: world.account.accelerate("Suspended"),
        "acceleration of",
        "has no accelerate endpoint",
        "aws s3api put-bucket-accelerate-configuration",
    ),
    Made(
        _set("owner", "999999999999"),
        "owner of",
        "another account than 123456789012",
        "list-buckets",
        _set("owner", "123456789012"),
    ),
    Made(_moved, "region of", f"is in {REGION}", f'region = "{REGION}"', _not_moved),
    Made(
        lambda world: world.account.close(BlockPublicAcls=False),
        "public access",
        "lacks BlockPublicAcls",
        "put-public-access-block",
    ),
    Made(_open, "public access", "lets everyone in", "put-public-access-block", _closed),
    Made(
        _call("s3", "delete_public_access_block", Bucket=BUCKET),
        "public access",
        "RestrictPublic",
        "put-public-access-block",
    ),
    Made(
        _call("s3", "delete_bucket_cors", Bucket=BUCKET),
        "CORS",
        "https://app.example.com may not GET",
        "put-bucket-cors",
    ),
    Made(_cors("https://files.example.com"), "CORS", "a page at null may not GET", "put-bucket-cors"),
    Made(
        _cors(*ORIGINS, ExposeHeaders=["x-amz-id-2"]),
        "CORS",
        "may not read ETag, because an earlier rule",
        "put-bucket-cors",
    ),
    Made(_cors(*ORIGINS, AllowedMethods=["GET"]), "CORS", f"may not {', '.join(NO_UPLOADS)}", "put-bucket-cors"),
    Made(_deny("s3:GetObject"), "probe", "get_object was answered with 403", "put-user-policy", _no_policy),
    Made(_deny("s3:PutObject"), "probe", "put_object was answered with 403", "put-user-policy", _no_policy),
    Made(_deny("s3:DeleteObject"), "probe", "delete_object was answered", "s3api delete-object", _no_policy),
    Made(
        _weaken("s3:DeleteObject"),
        "role",
        "may not s3:DeleteObject on arn:aws:s3:::acme-files/tenant/*",
        "put-role-policy",
    ),
    Made(_weaken("dynamodb:UpdateItem"), "role", "may not dynamodb:UpdateItem", "put-role-policy"),
    Made(_weaken("kms:Decrypt"), "role", "may not kms:Decrypt on arn:aws:kms", "put-role-policy"),
    Made(_weaken("secretsmanager:GetSecretValue"), "role", "may not secretsmanager:Get", "put-role-policy"),
    Made(_on_key("disable_key"), "KMS key", "is Disabled", "kms enable-key"),
    Made(_on_key("schedule_key_deletion", PendingWindowInDays=7), "KMS key", "will be deleted", "cancel-key-deletion"),
    Made(
        lambda world: world.account.encrypt(None),
        "encryption",
        "are not encrypted with the `kms_key`",
        "put-bucket-encryption",
    ),
    Made(
        _other_key,
        "encryption",
        "and the settings name arn:aws:kms",
        "in signpost.toml",
    ),
    Made(
        _call(
            "dynamodb",
            "update_time_to_live",
            TableName=TABLE,
            TimeToLiveSpecification={"AttributeName": "expires", "Enabled": False},
        ),
        "TTL",
        "expired items stay",
        "update-time-to-live",
    ),
    Made(
        lambda world: world.account.set_ttl(expires=False, other=True), "TTL", "TTL is on other", "update-time-to-live"
    ),
    Made(_wrong_table, "table wrong", "another key than the text `id`", "--table-name wrong-links", _use_table(TABLE)),
    Made(
        _on_secret("put_secret_value", SecretString="c4n4ry"),
        "signing secret",
        "fewer than 32 characters",
        "put-secret-value",
    ),
    Made(_on_secret("delete_secret"), "signing secret", "will be deleted", "restore-secret"),
    Made(
        _call("ssm", "delete_parameter", Name="/corp"),
        "client secret of corp",
        "does not exist",
        "ssm put-parameter --name /corp",
    ),
    Made(
        _call("ssm", "put_parameter", Name="/cdn", Value="c4n4ry", Overwrite=True),
        "private key of cdn.example.com",
        "is not a private key in PEM",
        "ssm put-parameter --name /cdn --type SecureString --overwrite --value file://cdn.pem",
    ),
    Made(
        _set("function", "signpost-none"),
        "role",
        "no function signpost-none",
        "make deploy",
        _set("function", FUNCTION),
    ),
    Made(
        _set("ahead_seconds", 120.0), "clock", "s ahead of the clock of AWS", "timedatectl", _set("ahead_seconds", 0.0)
    ),
    Made(
        lambda world: world.internet.serve("/keys", b"{}"),
        "issuer corp",
        f"{ISSUER}/keys: ",
        f"curl -sS -i {ISSUER}/",
        lambda world: world.internet.serve("/keys", jwks(rsa(kid="a"))),
    ),
    Made(
        _variable("SIGNPOST_SECRET", "c4n4ry"),
        "environment",
        "fewer than 32 characters",
        "openssl rand -hex 32",
        _own_secret,
    ),
    Made(_no_table, "table signpost", "there is no such table", "dynamodb create-table"),
    Made(lambda world: world.account.set_ttl(expires=False), "TTL", "expired items stay", "update-time-to-live"),
    Made(
        lambda world: world.account("s3").delete_bucket(Bucket=BUCKET),
        "bucket acme-files",
        "no such bucket",
        "create-bucket",
    ),
)


# These faults cannot stand beside the others: with settings that cannot be used, nothing is known of the bucket.
ALONE = ("settings", "region of", "table signpost", "table wrong", "environment", "bucket acme-files")
BY_TEXT = ("in signpost.toml", "aws s3api delete-object")


def repair(world: World, report: str, *faults: Made) -> None:
    """Run the lines that a report prints, and undo the faults that no program can repair."""
    commands = [line[7:] for line in report.splitlines() if line.startswith("       ")]
    for fault in faults:
        assert any(fault.command in command for command in commands), (fault, report)
        if fault.undo:
            fault.undo(world)
    for command in commands:
        if command.startswith(BY_TEXT) or not ((len(faults) == 1 and faults[0].undo) or command.startswith(BY_HAND)):
            world.account.run(command)


def test_doctor_finds_each_fault_and_its_command_repairs_it(world: World) -> None:
    account = world.account
    assert account.doctor().status == 0, account.doctor().out
    together = {fault.subject: fault for fault in reversed(FAULTS) if fault.subject not in ALONE}.values()
    for faults in (tuple(together), *((fault,) for fault in FAULTS)):
        for fault in faults:
            fault.make(world)
        run = account.doctor()
        found = [line for line in run.out.splitlines() if line.startswith("fault")]
        assert (run.status, len(found)) == (1, len(faults)), (faults, run.out)
        for fault in faults:
            assert any(line.startswith(f"fault  {fault.subject}") and fault.words in line for line in found), run.out
        assert "c4n4ry" not in run.out
        repair(world, run.out, *faults)
    figure = f"doctor found {len(FAULTS)} faults of {len(FAULTS)} one by one, and {len(together)} in one run."
    print(figure)  # noqa: T201


def test_a_check_that_cannot_be_made_ends_no_other_check(world: World) -> None:
    account = world.account
    account.may_simulate = False
    run = account.doctor()
    assert (run.status, run.out[-10:]) == (0, "0 faults.\n")
    assert "skip   role of signpost-dev: these credentials lack iam:SimulatePrincipalPolicy\n" in run.out
    account.environment.delenv("SIGNPOST_TABLE")
    for names in (("--function", "signpost-none"), ()):
        assert account.tool("doctor", *names).status == len(names) // 2
    account.environment.setenv("AWS_ACCESS_KEY_ID", "")  # moto deletes the variable at its end
    account.environment.setattr(boto3, "DEFAULT_SESSION", None)
    run = account.doctor()
    assert run.out.count("cannot be checked: ") == run.out.count("aws sts get-caller-identity") > 10
    assert run.out.startswith("ok     settings\nok     environment\nfault  clock: cannot be checked: NoCredentials")
    assert "ok     issuer corp\n" in run.out
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        account.environment.delenv(name)
    assert account.doctor().err == "Name the region of the functions: export AWS_DEFAULT_REGION=eu-west-1\n"


def test_an_access_point_tells_little_about_its_bucket(world: World) -> None:
    access_point = f"arn:aws:s3:{REGION}:123456789012:accesspoint/acme-ap"
    text = world.account.settings.read_text().replace("accelerate = true\n", "")
    world.account.settings.write_text(text.replace(f'"{BUCKET}"', f'"{access_point}"'))
    report = world.account.doctor().out
    assert f"skip   bucket of {access_point}: an access point tells little about its bucket: " in report
    assert f"probe {access_point}/tenant/-/derived/" in report
    assert "CORS of" not in report


SHOW_POLICY = f"aws s3api get-bucket-policy --bucket {BUCKET} --query Policy --output text  # a Deny here wins"


def test_the_command_that_gives_permissions_fits_the_stage_and_the_caller() -> None:
    aws = Aws(REGION)
    document = '--policy-name signpost --policy-document "$(python -m chalicelib policy --stage dev)"'
    for name, command in {
        "iam::1:user/ops/ann": f"aws iam put-user-policy --user-name ann {document}",
        "sts::1:assumed-role/admin/ann": f"aws iam put-role-policy --role-name admin {document}",
        "iam::1:root": SHOW_POLICY,
    }.items():
        aws.caller = Caller("1", f"arn:aws:{name}", "")
        assert Permissions("dev").of_operator(mount(), aws).splitlines()[0] == command
    assert Permissions("dev").of_role("arn:aws:iam::1:role/r") == "make deploy STAGE=dev"
    assert Permissions("stack").of_role("arn:aws:iam::1:role/r").startswith("make package\naws cloudformation package ")


def test_a_bucket_of_another_store_is_checked_as_far_as_the_store_can_answer(
    environment: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "signpost.toml"
    for name, value in {
        "SIGNPOST_CONFIG": str(file),
        "AWS_REGION": REGION,
        "STORE_KEY": embedded_s3.ACCESS_KEY,
    }.items():
        environment.setenv(name, value)
    for name, value in {"AWS_ACCESS_KEY_ID": "ACCESS_KEY", "AWS_SECRET_ACCESS_KEY": "SECRET_KEY"}.items():
        environment.setenv(name, getattr(embedded_s3, value))
    with embedded_s3.serve() as endpoint:
        environment.setenv("AWS_ENDPOINT_URL_STS", endpoint)
        file.write_text(f'[[mounts]]\npath = "/"\nbucket = "{BUCKET}"\nendpoint = "{endpoint}"\n{KEYS}{RULE}')
        tool = Tool(capsys)
        lacks = tool("doctor").out
        assert f"fault  bucket {BUCKET}: there is no such bucket\n" in lacks
        assert (
            f"       aws s3api create-bucket --bucket {BUCKET} --region {REGION} --endpoint-url {endpoint}\n" in lacks
        )
        s3: Any = boto3.client("s3", endpoint_url=endpoint, region_name=REGION)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)
        run = tool("doctor")
        assert run.status == 0, run.out
        assert f"ok     CORS of {BUCKET}\nok     probe {BUCKET}/-/derived/\n" in run.out
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        environment.setenv("STORE_KEY", "AKIAOTHER")
        refused = tool("doctor").out
        assert "put_object was answered with InvalidAccessKeyId" in refused
        assert "# give these permissions to the access_key of the mount" in refused
