"""The commands that give permissions to the role of the functions, and to the operator."""

import shlex
from typing import Final

from chalicelib.core.s3.mounts import Mount
from chalicelib.stages import STACK

from .aws import Aws

_DEPLOY_STACK: Final = r"""make package
aws cloudformation package --template-file build/sam.json --s3-bucket ARTIFACTS \
  --output-template-file build/packaged.yaml
aws cloudformation deploy --template-file build/packaged.yaml --s3-bucket ARTIFACTS --stack-name signpost \
  --capabilities CAPABILITY_IAM"""


class Permissions:
    """The commands of a stage.

    Args:
        stage: the name of the stage; None where the environment of this process counts.
    """

    def __init__(self, stage: str | None) -> None:
        self._stage = stage
        self._option = f" --stage {shlex.quote(stage)}" if stage else ""

    def check(self) -> str:
        """Return the command that shows the mistakes in the settings."""
        return f"python -m chalicelib check{self._option}"

    def deploy(self) -> str:
        """Return the command that deploys the functions, with the policy that the settings need."""
        return _DEPLOY_STACK if self._stage == STACK else f"make deploy STAGE={self._stage or 'STAGE'}"

    def of_role(self, arn: str) -> str:
        """Return the command that gives the policy to the role of a function."""
        return self.deploy() if self._stage else self._put_policy("role", arn)

    def of_operator(self, mount: Mount, aws: Aws) -> str:
        """Return the commands that let the credentials of a probe do what the rules allow."""
        if not mount.on_aws or mount.credentials:
            return f"python -m chalicelib policy{self._option}  # give these permissions to the access_key of the mount"
        show = f"aws s3api get-bucket-policy --bucket {mount.bucket} --query Policy --output text  # a Deny here wins"
        arn = aws.caller.arn
        match arn.split(":")[5].split("/"):
            case ["user", *_]:
                return f"{self._put_policy('user', arn)}\n{show}"
            case ["assumed-role", role, *_]:
                return f"{self._put_policy('role', role)}\n{show}"
        return show  # the account itself may do everything that the policy of the bucket does not deny

    def _put_policy(self, kind: str, arn: str) -> str:
        name = shlex.quote(arn.rpartition("/")[2])
        document = f'"$(python -m chalicelib policy{self._option})"'
        return f"aws iam put-{kind}-policy --{kind}-name {name} --policy-name signpost --policy-document {document}"
