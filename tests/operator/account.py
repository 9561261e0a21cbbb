"""An account on moto with a healthy deployment, and a shell that runs the commands that the tool prints."""

import io
import json
import re
import shlex
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import boto3
import pytest
from botocore import xform_name
from moto.iam.access_control import IAMPolicyStatement

from chalicelib.environment import of_process
from chalicelib.operator import reports
from tests.support.cdn_key import pem
from tests.support.tool import Run, Tool

BUCKET, TABLE, FUNCTION, ROLE, REGION = "acme-files", "signpost", "signpost-dev", "signpost-role", "eu-west-1"
ACCOUNT: Final = "123456789012"
ISSUER: Final = "https://login.example.com"
PARAMETER: Final = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/corp"
SETTINGS: Final = """
[service]
public_url = "https://files.example.com"
cors_origins = ["https://app.example.com"]

[[mounts]]
path = "/"
bucket = "acme-files"
prefix = "tenant/"
region = "eu-west-1"
accelerate = true
kms_key = "KMS_KEY"
cdn = {domain = "cdn.example.com", key_pair_id = "K1", private_key = "${CDN_KEY}"}

[[keys]]
id = "ci"
sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

[[rules]]
path = "/**"
allow = ["read", "list", "write", "delete"]
to = ["key:ci"]

[[issuers]]
name = "corp"
issuer = "https://login.example.com"
audience = "files"
client_id = "web"
client_secret = "${CORP_SECRET}"
"""


class Session(boto3.Session):
    """A session that makes each client once: to make a client takes longer than all calls of a check."""

    def client(self, service: str, config: object = None, **options: Any) -> Any:  # type: ignore[override]
        """Return the client."""
        key = (service, *sorted((name, value) for name, value in options.items() if value))
        self._made: dict[object, Any] = getattr(self, "_made", {})
        if key not in self._made:
            self._made[key] = super().client(service, config=config, **options)  # type: ignore[call-overload]
        return self._made[key]


class Account:
    """The account, as moto simulates it; and in addition the owner of a bucket, and IAM's simulation of a policy.

    Attributes:
        owner: of the bucket.
        may_simulate: whether the operator may ask IAM.
        function: the name of the function that `doctor` gets.
        ahead_seconds: by which the clock of this machine is ahead.
    """

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.environment, self._capsys = environment, capsys
        self.owner, self.may_simulate, self.ahead_seconds, self.function = ACCOUNT, True, 0.0, FUNCTION
        self.settings = folder / "signpost.toml"
        self.tool = Tool(capsys)
        for name, value in {
            "SIGNPOST_CONFIG": str(self.settings),
            "SIGNPOST_TABLE": TABLE,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "CORP_SECRET": PARAMETER,
            "CDN_KEY": PARAMETER.replace("/corp", "/cdn"),
        }.items():
            environment.setenv(name, value)
        session = Session()
        environment.setattr(boto3, "DEFAULT_SESSION", session)
        events: Any = session.events  # the stubs know no handler that answers in place of AWS
        events.register("before-call.s3.HeadBucket", self._check_owner)
        events.register("before-call.iam.SimulatePrincipalPolicy", self._simulate)
        self.kms_key = str(self("kms").create_key()["KeyMetadata"]["Arn"])
        self.secret = str(self("secretsmanager").create_secret(Name="signing", SecretString="s" * 32)["ARN"])
        environment.setenv("SIGNPOST_SECRET", self.secret)
        self._make()

    def __call__(self, service: str) -> Any:
        """Return the client of a service."""
        return boto3.client(service)  # type: ignore[call-overload]

    def _make(self) -> None:
        """Make everything that a healthy deployment has."""
        self.write_settings()
        place = {"LocationConstraint": REGION}
        self("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        self.encrypt(self.kms_key)
        self.close()
        self.accelerate("Enabled")
        self.allow("https://files.example.com", "https://app.example.com", "null")
        self("ssm").put_parameter(Name="/corp", Type="SecureString", Value="short")
        self("ssm").put_parameter(Name="/cdn", Type="SecureString", Value=pem("P-256"))
        self.run(
            f"aws dynamodb create-table --table-name {TABLE} --billing-mode PAY_PER_REQUEST "
            """--attribute-definitions '[{"AttributeName": "id", "AttributeType": "S"}]' """
            """--key-schema '[{"AttributeName": "id", "KeyType": "HASH"}]'"""
        )
        self.set_ttl(expires=True)
        self.role = str(self("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")["Role"]["Arn"])
        self.deploy()
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "")
        function = {"FunctionName": FUNCTION, "Runtime": "python3.13", "Handler": "app.app", "Role": self.role}
        self("lambda").create_function(**function, Code={"ZipFile": code.getvalue()})

    def deploy(self) -> None:
        """Give the policy of the settings to the role, as `make deploy` does."""
        self.run(f'aws iam put-role-policy --role-name {ROLE} --policy-name signpost --policy-document "{_POLICY}"')

    def write_settings(self, **other: str) -> None:
        """Write the settings, with other values of some keys."""
        text = SETTINGS.replace("KMS_KEY", self.kms_key)
        for name, value in other.items():
            text = re.sub(rf'^{name} = ".*"$', f'{name} = "{value}"', text, flags=re.MULTILINE)
        self.settings.write_text(text)

    def encrypt(self, kms_key: str | None) -> None:
        """Encrypt the bucket with a key; None for S3's own keys."""
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": kms_key} if kms_key else {"SSEAlgorithm": "AES256"}
        rules = [{"ApplyServerSideEncryptionByDefault": default}]
        self("s3").put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": rules})

    def accelerate(self, status: str) -> None:
        """Set whether the bucket has an accelerate endpoint."""
        self("s3").put_bucket_accelerate_configuration(
            Bucket=BUCKET,
            AccelerateConfiguration={"Status": status},
        )

    def close(self, **other: bool) -> None:
        """Set the public access block."""
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        block = {**dict.fromkeys(names, True), **other}
        self("s3").put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)

    def allow(self, *origins: str, **other: list[str]) -> None:
        """Replace the CORS rules by one rule."""
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        rule = {"AllowedMethods": methods, "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"]}
        rules = [{**rule, "AllowedOrigins": list(origins), **other}]
        self("s3").put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": rules})

    def set_policy(self, *statements: Mapping[str, Any]) -> None:
        """Replace the policy of the bucket."""
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        self("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(document))

    def set_ttl(self, **attributes: bool) -> None:
        """Turn TTL on or off for attributes of the table."""
        for name, enabled in attributes.items():
            specification = {"AttributeName": name, "Enabled": enabled}
            self("dynamodb").update_time_to_live(TableName=TABLE, TimeToLiveSpecification=specification)

    def doctor(self) -> Run:
        """Run `doctor`."""
        self._capsys.readouterr()
        status = reports.doctor(of_process(), None, self.function, lambda: time.time() + self.ahead_seconds)
        return Run(status, *self._capsys.readouterr())

    def run(self, line: str) -> None:
        """Run a line as an operator would: a command, or the instruction to write a line into the settings."""
        line = line.replace(_RANDOM, "r" * 64).replace("file://cdn.pem", shlex.quote(pem("P-256"))).partition("  #")[0]
        if _POLICY in line:
            line = line.replace(f'"{_POLICY}"', shlex.quote(self.tool("policy").out))
        if line.startswith("in signpost.toml"):
            name, _, value = line.partition("deploy: ")[2].partition(" = ")
            text = re.sub(rf"^{name} = .*\n", "", self.settings.read_text(), flags=re.MULTILINE)
            self.settings.write_text(text.replace(f'bucket = "{BUCKET}"', f'bucket = "{BUCKET}"\n{name} = {value}'))
            line = "make deploy"
        if line.startswith("make deploy"):
            self.deploy()
            return
        program, service, operation, *options = shlex.split(line)
        assert program == "aws", line
        if operation != "wait":
            call(self(service.replace("s3api", "s3")), operation, options)

    def _check_owner(self, params: Any, **_: object) -> object:
        """Refuse, as S3 does, where the bucket has another owner than the request expects."""
        expected = params["headers"].get("x-amz-expected-bucket-owner", self.owner)
        refusal = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}}}
        return None if expected == self.owner else (SimpleNamespace(status_code=403), refusal)

    def _simulate(self, params: Any, **_: object) -> object:
        """Answer as IAM does, from the policy of the role."""
        if not self.may_simulate:
            return SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {}}
        body = params["body"]
        name = body["PolicySourceArn"].rpartition("/")[2]
        document = self("iam").get_role_policy(RoleName=name, PolicyName="signpost")["PolicyDocument"]
        results = [
            {"EvalActionName": action, "EvalDecision": _decision(document, action, body["ResourceArns.member.1"])}
            for key, action in body.items()
            if key.startswith("ActionNames.")
        ]
        return SimpleNamespace(status_code=200), {"EvaluationResults": results}


def call(client: Any, operation: str, options: list[str]) -> None:
    """Make the call of a command of the aws-cli: of an operation, with its options."""
    if client.meta.service_model.service_name == "kms":
        options = [option.rpartition(":key/")[2] for option in options]  # moto enables a key by its id alone
    method = operation.replace("-", "_")
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
    parameters: dict[str, Any] = {}
    while options:
        option = options.pop(0).removeprefix("--")
        if option in members and members[option][1].type_name == "boolean":
            parameters[members[option][0]] = True
            continue
        value = options.pop(0)
        if option in members:
            name, shape = members[option]
            parameters[name] = json.loads(value) if shape.type_name in ("structure", "list", "long") else value
        else:
            assert option in ("region", "query", "output"), option
    getattr(client, method)(**parameters)


_RANDOM: Final = "$(openssl rand -hex 32)"
_POLICY: Final = "$(python -m chalicelib policy)"


def _decision(document: dict[str, Any], action: str, resource: str) -> str:
    for statement in document["Statement"]:
        without_conditions = {name: value for name, value in statement.items() if name != "Condition"}
        if IAMPolicyStatement(without_conditions).is_action_permitted(action, resource).name == "PERMITTED":
            return "allowed"
    return "implicitDeny"
