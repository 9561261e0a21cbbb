"""The probes find the properties of a store: the embedded S3 has all properties of AWS S3."""

from local import embedded_s3

from . import probes
from .drivers import over_http
from .sites import Store


@over_http
def test_the_embedded_store_has_every_property() -> None:
    with embedded_s3.serve() as endpoint:
        store = Store(endpoint, embedded_s3.REGION, embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, "signpost-probed")
        region = {"LocationConstraint": embedded_s3.REGION}
        store.client().create_bucket(Bucket=store.bucket, CreateBucketConfiguration=region)  # type: ignore[arg-type]
        assert probes.verifies_checksums(store)
        assert probes.refuses_unsigned_headers(store)
        assert probes.completes_conditionally(store)
        assert probes.lets_one_racer_win(store)
        assert probes.takes_forms(store)
        assert probes.has_roles(store)
        assert probes.encrypts(store)
        assert probes.has_virtual_hosts(store)
        assert probes.storage_class(store) == "STANDARD_IA"
        assert "Contents" not in store.client().list_objects_v2(Bucket=store.bucket)
