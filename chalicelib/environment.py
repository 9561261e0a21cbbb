"""The environment: the name and the default of every environment variable. No other module names a variable."""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from .backends.secrets import is_arn, secret_source, secrets_in_clear
from .core.access.signing import Secrets
from .core.s3.stores import Credentials
from .settings import checks
from .settings.load import InvalidSettings

CONFIG: Final = "SIGNPOST_CONFIG"
"""The path of the settings file; by default signpost.toml beside this module."""
PUBLISHED_SETTINGS: Final = "/opt/signpost/signpost.toml"
"""The settings that `publish` gave to a function. These settings win over CONFIG. Lambda unpacks layers below /opt."""
SECRET: Final = "SIGNPOST_SECRET"  # noqa: S105 - the name of the variable
"""The signing secrets, or the ARN of the signing secrets; by default the service signs only URLs of S3."""
MARK_KEY: Final = "SIGNPOST_MARK_KEY"
"""The key of the marks in presigned URLs; by default SIGNPOST_SECRET, unless SIGNPOST_SECRET is an ARN."""
TABLE: Final = "SIGNPOST_TABLE"
"""The DynamoDB table that counts the uses of links and the requests of limits; by default nothing is counted."""
BUCKET: Final = "SIGNPOST_BUCKET"
"""The bucket of the stack, which the settings of the stack name."""
REGION: Final = "AWS_REGION"
DEFAULT_REGION: Final = "AWS_DEFAULT_REGION"
ACCESS_KEY: Final = "AWS_ACCESS_KEY_ID"
SECRET_KEY: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of the variable
SESSION_TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 - the name of the variable
EXPIRATION: Final = "AWS_CREDENTIAL_EXPIRATION"
FUNCTION_NAME: Final = "AWS_LAMBDA_FUNCTION_NAME"
SET_BY_LAMBDA: Final = (
    ACCESS_KEY,
    DEFAULT_REGION,
    FUNCTION_NAME,
    REGION,
    SECRET_KEY,
    SESSION_TOKEN,
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TZ",
)
"""The variables of every function (Lambda Developer Guide, "Defined runtime environment variables")."""
CHALICE_CLI: Final = "AWS_CHALICE_CLI_MODE"


class Environment:
    """Reads variables; a variable that is set to an empty text counts as not set.

    Args:
        variables: the environment of the process, or of a stage's functions.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables

    @property
    def settings_file(self) -> str:
        """The path of the settings file."""
        return self.variables.get(CONFIG) or os.path.join(os.path.dirname(__file__), "signpost.toml")

    @property
    def region(self) -> str:
        """The region of the service; empty where no variable names a region."""
        return self.variables.get(REGION) or self.variables.get(DEFAULT_REGION) or ""

    @property
    def table(self) -> str | None:
        """The name of the table that counts uses and requests; None where there is no table."""
        return self.variables.get(TABLE) or None

    def table_of_limits(self) -> str:
        """Return the name of the table, which limits need; raise InvalidSettings where there is no table."""
        if self.table is None:
            mistake = (
                f"limits: the table counts the requests: set the environment variable {TABLE}, or remove [[limits]]"
            )
            raise InvalidSettings([mistake])
        return self.table

    @property
    def function_name(self) -> str:
        """The name of the Lambda function that this process runs; elsewhere `signpost`."""
        return self.variables.get(FUNCTION_NAME) or "signpost"

    @property
    def is_lambda(self) -> bool:
        """Whether Lambda runs this process (Lambda Developer Guide, "Defined runtime environment variables")."""
        return bool(self.variables.get(FUNCTION_NAME))

    @property
    def is_chalice_cli(self) -> bool:
        """Whether a `chalice` command runs this process, and not Lambda (FACTS 2.3)."""
        return self.variables.get(CHALICE_CLI) == "true"

    def signing_secrets(self) -> Secrets | None:
        """Return the source of the signing secrets; None where there are none; raise InvalidSettings."""
        reference = self.variables.get(SECRET)
        if not reference:
            return None
        try:
            return secret_source(reference)
        except ValueError as error:
            raise InvalidSettings([f"the environment variable {SECRET}: {error}"]) from None

    def mark_keys(self) -> tuple[bytes, ...]:
        """Return the keys of marks, the newest last; none where URLs have no marks; raise InvalidSettings.

        No call is ever made for these keys. So the signing secrets count only where the variable holds the secrets.
        """
        name, text = MARK_KEY, self.variables.get(MARK_KEY)
        if not text:
            name, text = SECRET, self.variables.get(SECRET)
            if not text or is_arn(text):
                return ()
        try:
            return secrets_in_clear(text)
        except ValueError as error:
            raise InvalidSettings([f"the environment variable {name}: {error}"]) from None

    def credentials(self) -> Credentials | None:
        """Return the AWS credentials in the environment; None where there are none; raise InvalidSettings."""
        access_key, secret_key = self.variables.get(ACCESS_KEY), self.variables.get(SECRET_KEY)
        if not (access_key and secret_key):
            return None
        for name, check in ((ACCESS_KEY, checks.ACCESS_KEY), (SECRET_KEY, checks.SECRET_KEY)):
            if not check.passes(self.variables[name]):
                raise InvalidSettings([f"the environment variable {name} is not {check.wanted}"])
        token = self.variables.get(SESSION_TOKEN) or None
        return Credentials(access_key, secret_key, token, _expiration(self.variables.get(EXPIRATION)))

    def mistakes(self) -> list[str]:
        """Return the mistakes in the variables. With a mistake, the service answers 500 to every request."""
        mistakes: list[str] = []
        for read in (self.credentials, self.signing_secrets, self.mark_keys):
            try:
                read()
            except InvalidSettings as error:
                mistakes += [mistake for mistake in error.mistakes if mistake not in mistakes]
        return mistakes


def of_process() -> Environment:
    """Return the environment of this process. On Lambda, published settings are its settings."""
    environment = Environment(os.environ)
    if environment.is_lambda and os.path.isfile(PUBLISHED_SETTINGS):
        return Environment({**os.environ, CONFIG: PUBLISHED_SETTINGS})
    return environment


def _expiration(text: str | None) -> float | None:
    """Return the end of the credentials, which `aws configure export-credentials` writes, as a Unix time in seconds."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        mistake = f"the environment variable {EXPIRATION} is not a time: 2026-01-31T12:00:00Z; correct it or unset it"
        raise InvalidSettings([mistake]) from None
