"""The embedded S3 for development and tests, with moto's DynamoDB, STS and secret stores on the same port.

    with embedded_s3.serve() as endpoint:
        boto3.client("s3", endpoint_url=endpoint, region_name=embedded_s3.REGION, ...)

README.md says which checks are this package's own and which are moto's.
"""

from .authentication import ACCESS_KEY, SECRET_KEY
from .server import REGION, serve

__all__ = ["ACCESS_KEY", "REGION", "SECRET_KEY", "serve"]
