"""`make run`: Signpost on this machine, with an embedded S3 and DynamoDB, sample files, an API key and commands."""

import argparse
import hashlib
import secrets
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import boto3
from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef

from local import dev_server, embedded_s3
from local.sample_files import NAME_WITH_SPACES, sample_files

BUCKET = "signpost-local"
TABLE = "signpost-local"
KEY_ID = "demo"

# The same CORS rules as on the stack's bucket: pages may upload and download. S3 still requires a signed URL.
CORS: CORSConfigurationTypeDef = {
    "CORSRules": [
        {
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
        }
    ]
}

SETTINGS = """
[service]
realm = "Signpost on this machine"

[[mounts]]
path = "/"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"

[[keys]]
id = "{key_id}"
sha256 = "{sha256}"

[[rules]]
path = "/public/**"
allow = ["read", "list"]
to = ["anyone"]

[[rules]]
path = "/**"
allow = ["read", "list", "write", "delete", "share"]
to = ["key:{key_id}"]
"""

COMMANDS = """
Signpost serves the bucket {bucket} of the S3 at {endpoint}. The REST API at {url} renames the headers
WWW-Authenticate and Content-Length, as on AWS. The Function URL is {function_url}.

  Read with the API key:
    curl -L -u {user} {url}/hello.txt
    curl -L -u {user} {url}/{name_with_spaces}
    curl -L -u {user} -r 0-4 {url}/hello.txt
    curl -IL -u {user} {url}/reports/2026/q3.csv
  Read without a key:
    curl -L -o picture.png {url}/public/picture.png
  Read an image in another size and format. Then send an image, and receive it smaller:
    curl -L -o evening.webp -u {user} '{url}/photos/evening.jpg?w=320&format=webp'
    curl -o small.png -u {user} --data-binary @picture.png '{url}/-/thumbnail?w=32'
  Write. Then write in two steps, for clients that cannot repeat a body:
    curl -L -u {user} -T README.md {url}/notes/readme.md
    curl -T README.md "$(curl -sS -u {user} -X PUT -d '' -o /dev/null -w '%{{redirect_url}}' {url}/notes/two-steps.md)"
  Delete:
    curl -L -u {user} -X DELETE {url}/notes/readme.md
  List a directory. In a browser, {url}/ is a page; sign in with the key's id {key_id} and its secret:
    curl -u {user} {url}/reports/
  Make a link that opens once, for a person without a key. Then make another link and open it:
    curl -u {user} -X POST '{url}/hello.txt?link'
    curl -L "$(curl -sS -u {user} -X POST '{url}/hello.txt?link' | grep -o 'http[^"]*')"
  See two refusals, without a key and with a wrong key:
    curl {url}/hello.txt
    curl -u {key_id}:wrong {url}/hello.txt

Ctrl-C stops everything.
"""


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--s3-port", type=int, default=9000)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background processes with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        _run(options.port, options.s3_port)
    except dev_server.NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


def _run(port: int, s3_port: int) -> None:
    """Start everything, print the commands, and wait until the server ends."""
    dev_server.check_free(port, "PORT")
    dev_server.check_free(port + 1, "PORT")
    dev_server.check_free(s3_port, "S3_PORT")
    secret = secrets.token_urlsafe(32)
    with ExitStack() as stack:
        endpoint = stack.enter_context(embedded_s3.serve(s3_port))
        _fill(endpoint)
        settings = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "signpost.toml"
        sha256 = hashlib.sha256(secret.encode()).hexdigest()
        settings.write_text(
            SETTINGS.format(bucket=BUCKET, endpoint=endpoint, region=embedded_s3.REGION, key_id=KEY_ID, sha256=sha256)
        )
        environ = {
            "SIGNPOST_CONFIG": str(settings),
            "SIGNPOST_TABLE": TABLE,
            "SIGNPOST_SECRET": secrets.token_urlsafe(32),
            "AWS_ACCESS_KEY_ID": embedded_s3.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": embedded_s3.SECRET_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": embedded_s3.REGION,
            "AWS_DEFAULT_REGION": embedded_s3.REGION,  # boto3 reads this variable; Lambda sets both
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        }
        server = stack.enter_context(dev_server.serve(port, environ))
        stack.enter_context(dev_server.serve(port + 1, environ, entry_point=dev_server.FUNCTION_URL))
        # The host name differs from S3's, so every client drops the API key at the redirect (FACTS 3).
        url, function_url = f"http://localhost:{port}", f"http://localhost:{port + 1}"
        user = f"{KEY_ID}:{secret}"
        names = {"url": url, "function_url": function_url, "bucket": BUCKET, "endpoint": endpoint}
        print(COMMANDS.format(**names, user=user, key_id=KEY_ID, name_with_spaces=quote(NAME_WITH_SPACES)), flush=True)
        server.wait()
        raise dev_server.NotStarted("The REST API has ended. The lines above say why.")


def _fill(endpoint: str) -> None:
    """Create the bucket with its files, and the table."""
    session = boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION)
    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)
    for file in sample_files():
        s3.put_object(Bucket=BUCKET, Key=file.key, Body=file.body, ContentType=file.content_type)
    dynamodb = session.client("dynamodb", endpoint_url=endpoint)
    dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


if __name__ == "__main__":
    sys.exit(main())
