"""How long the service waits for AWS before it answers that something is out of reach."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.config import Config


def patience() -> "Config":
    """Return boto3's settings for what a request waits for.

    Three attempts that are never answered end after nine seconds at the most, waits between them included, and Lambda
    gives a request ten.
    """
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
