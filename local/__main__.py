"""`make run`: Signpost on this machine, with an embedded S3 and DynamoDB, some files, a key, and commands to try."""

import argparse
import hashlib
import secrets
import signal
import struct
import sys
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import boto3
from mypy_boto3_s3.type_defs import CORSConfigurationTypeDef

from local import aws, dev_server
from local.photo import photo

BUCKET = "signpost-local"
TABLE = "signpost-local"
KEY_ID = "demo"

# As the bucket of the stack has it, for the page's uploads and downloads: S3 still wants a signed URL.
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
Signpost serves the bucket {bucket} of the S3 at {endpoint}: as a REST API at {url}, which renames the headers
WWW-Authenticate and Content-Length as on AWS, and as a Function URL at {function_url}.

  Read, with the key:
    curl -L -u {user} {url}/hello.txt
    curl -L -u {user} {url}/{odd}
    curl -L -u {user} -r 0-4 {url}/hello.txt
    curl -IL -u {user} {url}/reports/2026/q3.csv
  Read, as anyone:
    curl -L -o picture.png {url}/public/picture.png
  Read an image in another size and format; send one, and get it smaller:
    curl -L -o evening.webp -u {user} '{url}/photos/evening.jpg?w=320&format=webp'
    curl -o small.png -u {user} --data-binary @picture.png '{url}/-/thumbnail?w=32'
  Write, then write in two steps, for clients that cannot repeat a body:
    curl -L -u {user} -T README.md {url}/notes/readme.md
    curl -T README.md "$(curl -sS -u {user} -X PUT -d '' -o /dev/null -w '%{{redirect_url}}' {url}/notes/two-steps.md)"
  Delete:
    curl -L -u {user} -X DELETE {url}/notes/readme.md
  List a directory; a browser gets {url}/ as a page, and signs in with the key's id {key_id} and its secret:
    curl -u {user} {url}/reports/
  Make a link for someone who has no key, which opens once; and open one:
    curl -u {user} -X POST '{url}/hello.txt?link'
    curl -L "$(curl -sS -u {user} -X POST '{url}/hello.txt?link' | grep -o 'http[^"]*')"
  Be refused, without a key and with a wrong one:
    curl {url}/hello.txt
    curl -u {key_id}:wrong {url}/hello.txt

Ctrl-C stops all of it.
"""


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--s3-port", type=int, default=9000)
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets what it starts in the background ignore the first
        signal.signal(number, signal.default_int_handler)
    try:
        run(options.port, options.s3_port)
    except dev_server.NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


def run(port: int, s3_port: int) -> None:
    """Start everything, print the commands, and stay until the server ends."""
    dev_server.check_free(port, "PORT")
    dev_server.check_free(port + 1, "PORT")
    dev_server.check_free(s3_port, "S3_PORT")
    secret = secrets.token_urlsafe(32)
    with ExitStack() as stack:
        endpoint = stack.enter_context(aws.serve(s3_port))
        fill(endpoint)
        settings = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "signpost.toml"
        sha256 = hashlib.sha256(secret.encode()).hexdigest()
        settings.write_text(
            SETTINGS.format(bucket=BUCKET, endpoint=endpoint, region=aws.REGION, key_id=KEY_ID, sha256=sha256)
        )
        environ = {
            "SIGNPOST_CONFIG": str(settings),
            "SIGNPOST_TABLE": TABLE,
            "SIGNPOST_SECRET": secrets.token_urlsafe(32),
            "AWS_ACCESS_KEY_ID": aws.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": aws.SECRET_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": aws.REGION,
            "AWS_DEFAULT_REGION": aws.REGION,  # what boto3 reads; Lambda sets both
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        }
        server = stack.enter_context(dev_server.serve(port, environ))
        stack.enter_context(dev_server.serve(port + 1, environ, entry_point=dev_server.FUNCTION_URL))
        # Another host name than S3's, so that every client drops the key at the redirect (FACTS 3).
        url, function_url = f"http://localhost:{port}", f"http://localhost:{port + 1}"
        user = f"{KEY_ID}:{secret}"
        odd = quote("a name with spaces, ünï and 日本.txt")
        names = {"url": url, "function_url": function_url, "bucket": BUCKET, "endpoint": endpoint}
        print(COMMANDS.format(**names, user=user, key_id=KEY_ID, odd=odd), flush=True)
        server.wait()
        raise dev_server.NotStarted("chalice local has ended.")


def fill(endpoint: str) -> None:
    """Make the bucket with its files, and the table."""
    session = boto3.Session(aws.ACCESS_KEY, aws.SECRET_KEY, region_name=aws.REGION)
    s3 = session.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    for key, body, content_type in (
        ("hello.txt", b"Hello from a private bucket.\n", "text/plain"),
        (
            "a name with spaces, ünï and 日本.txt",
            "Its name survived: ünï, 日本.\n".encode(),
            "text/plain; charset=utf-8",
        ),
        ("reports/2026/q3.csv", b"month,builds\n2026-07,812\n2026-08,907\n2026-09,1044\n", "text/csv"),
        ("public/picture.png", picture(), "image/png"),
        ("photos/evening.jpg", photo(), "image/jpeg"),
    ):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType=content_type)
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)
    dynamodb = session.client("dynamodb", endpoint_url=endpoint)
    dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def picture() -> bytes:
    """A PNG of 64 by 64 pixels, in colours that run into each other (PNG specification, §5 and §11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(value for x in range(64) for value in (x * 4, y * 4, 160)) for y in range(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit(main())
