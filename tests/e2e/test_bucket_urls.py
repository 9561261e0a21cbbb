"""The other kinds of URL of a bucket, as a store reads them: hosts of buckets, and requesters who pay."""

import os
from collections.abc import Iterator

import pytest

from tests.contract import probes
from tests.contract.sites import READERS_KEY, REFUSED, Site, Store, Table, client_of, open_site, virtual_endpoint

SETTINGS = """
[[mounts]]
path = "/"
bucket = "{bucket}"
endpoint = "VIRTUAL"
addressing = "virtual"
region = "{region}"

[[mounts]]
path = "/paid"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
access_key = "${{OWN_ACCESS_KEY}}"
secret_key = "${{OWN_SECRET_KEY}}"
requester_pays = true

[[mounts]]
path = "/unpaid"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
access_key = "${{OWN_ACCESS_KEY}}"
secret_key = "${{OWN_SECRET_KEY}}"

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[rules]]
path = "/**"
allow = ["read", "write", "delete"]
to = ["key:ci"]
"""

ODD_NAME = "hosts/a b+c%25 ü日.txt"


@pytest.fixture(scope="module")
def urls_site(store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with hosts of buckets, and with the keys of a reader, where the store has one, for the paid mounts."""
    environ = store.environ()
    if probes.has_reader(store):
        environ |= dict(zip(("OWN_ACCESS_KEY", "OWN_SECRET_KEY"), READERS_KEY, strict=True))
    settings = SETTINGS.replace("VIRTUAL", virtual_endpoint(store))
    with open_site(store, table, tmp_path_factory.mktemp("urls"), environ, settings=settings) as site:
        yield site


def test_a_store_reads_the_bucket_of_a_virtual_host(urls_site: Site, store: Store) -> None:
    url = urls_site.of(ODD_NAME)
    scheme, _, host = virtual_endpoint(store).partition("://")
    assert urls_site.location(url).startswith(f"{scheme}://{store.bucket}.{host}/hosts/a%20b%2Bc%2525%20")
    probes.need(probes.has_virtual_hosts(store), "hosts of buckets")
    assert urls_site.put(ODD_NAME, b"virtual").status == 200
    assert client_of(store).get_object(Bucket=store.bucket, Key=ODD_NAME)["Body"].read() == b"virtual"
    assert urls_site.curl("-L", url).body == b"virtual"
    other = urls_site.location(url).replace(f"://{store.bucket}.", f"://{store.bucket}-versions.")
    assert urls_site.open(other).status in REFUSED
    assert urls_site.curl("-L", "-X", "DELETE", url).status == 204
    assert urls_site.curl("-L", url).status == 404


def test_a_signed_url_says_that_the_requester_pays(urls_site: Site, store: Store) -> None:
    """At Ceph, where the bucket bills its requester, no other URL opens the file."""
    s3, bills = client_of(store), probes.has_reader(store)
    probes.need(bills or "S3_ENDPOINT" not in os.environ, "reader whom a bucket could bill")
    s3.put_object(Bucket=store.bucket, Key="bill.txt", Body=b"paid", ACL="authenticated-read")
    if bills:
        s3.put_bucket_request_payment(Bucket=store.bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    paid = urls_site.location(urls_site.of("paid/bill.txt"))
    assert urls_site.open(paid).body == b"paid"
    assert urls_site.curl("-L", urls_site.of("unpaid/bill.txt")).status == (403 if bills else 200)
    unsigned = paid.replace("x-amz-request-payer=requester&", "")
    assert unsigned != paid
    assert urls_site.open(unsigned).status in REFUSED
