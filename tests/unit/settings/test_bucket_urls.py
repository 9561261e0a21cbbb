"""`check` refuses each kind of URL that S3 does not offer. The oracle is botocore."""

import re
from itertools import groupby
from pathlib import Path

from tests.support.oracles import BucketPlace, aws_places, botocore_base, store_places
from tests.support.settings_files import loaded, mistakes, table

# Of each partition a region; of AWS's main partition, regions with and without FIPS.
_REGIONS = ("eu-west-1", "ca-central-1", "us-east-2", "cn-north-1", "us-gov-east-1", "us-iso-east-1", "eusc-de-east-1")


def mount_table(number: int, place: BucketPlace) -> str:
    """The table of a mount."""
    flags = {name: "true" for name, wanted in place.variant._asdict().items() if wanted}
    texts = {"path": f"/m{number}", "bucket": place.bucket, "region": place.region}
    if place.endpoint:
        texts |= {"endpoint": place.endpoint, "addressing": place.addressing}
    return table("[[mounts]]", {key: f'"{text}"' for key, text in texts.items()} | flags)


def refused(folder: Path, places: list[BucketPlace]) -> set[BucketPlace]:
    """The places whose mounts have a mistake."""
    found = mistakes(folder, "".join(mount_table(number, place) for number, place in enumerate(places)))
    return {places[int(number) - 1] for number in re.findall(r"mounts\[(\d+)\]\.\w+: ", "\n".join(found))}


def is_offered(place: BucketPlace) -> bool:
    """Whether AWS offers the kind of URL, where botocore knows no limit: AWS's documentation does."""
    is_in_aws = not place.region.startswith(("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"))
    accelerated = not place.variant.accelerate or (is_in_aws and not place.bucket.endswith("-s3alias"))
    return accelerated and (not place.variant.fips or place.region.startswith(("us-", "ca-")))


def test_the_kinds_of_url_on_aws_are_those_that_botocore_and_aws_offer(tmp_path: Path) -> None:
    for _, places_of_region in groupby(aws_places(_REGIONS), lambda place: place.region):
        places = [*places_of_region]
        offered = {place for place in places if botocore_base(place) and is_offered(place)}
        assert offered == {*places} - refused(tmp_path, places)


def test_a_virtual_host_is_refused_where_botocore_falls_back_to_the_path(tmp_path: Path) -> None:
    virtual = [place for place in store_places() if place.addressing == "virtual"]
    fallen = {place for place in virtual if str(botocore_base(place)).endswith(f"/{place.bucket}")}
    addresses = {place for place in virtual if re.search(r"10\.|::1", str(place.endpoint))}
    assert refused(tmp_path, store_places()) == fallen | addresses
    assert len(fallen) < len(virtual)


def test_each_mistake_says_what_to_do(tmp_path: Path) -> None:
    access_point = "arn:aws:s3:eu-west-1:111122223333:accesspoint/acme-ap"
    endpoint = 'endpoint = "https://s3.example.com"\n'
    for bucket, more, words in (
        ("acme", f"{endpoint}dualstack = true", "dualstack: is for the hosts of AWS, .*: remove one of the two"),
        ("acme", 'public_endpoint = "https://s3.example.com"\nfips = true', "fips: .*: remove one of the two"),
        (access_point, endpoint, "bucket: is an access point, .*: name a bucket, or remove the endpoint"),
        ("acme", 'addressing = "virtual"', "addressing: is for a mount with an endpoint. .*: remove addressing"),
        (access_point, "accelerate = true", "accelerate: .*: name the bucket itself, or remove accelerate"),
        (access_point, 'region = "us-east-1"', 'region: is not the region .*: write region = "eu-west-1"'),
        (access_point.replace(":aws:", ":aws-cn:"), "", "bucket: is an ARN whose partition .*: copy the ARN"),
        (
            "arn:aws:s3::111122223333:accesspoint/m0abc.mrap",
            "",
            "bucket: .* the ARN of an access point in one region: ",
        ),
        (
            "acme--use1-az4--x-s3",
            "",
            r"bucket: is a directory bucket \(S3 Express\) .*: name a general purpose bucket",
        ),
    ):
        region = "" if "region" in more or "arn:" in bucket else 'region = "eu-west-1"\n'
        (mistake,) = mistakes(
            tmp_path, f'[[mounts]]\npath = "/"\nbucket = "{bucket}"\n{region}{more}', {"AWS_REGION": "eu-west-1"}
        )
        assert re.match(rf":\d+: mounts\[1\]\.{words}", mistake), mistake


def test_the_page_names_the_host_of_each_setting(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/settings.md").read_text("utf-8")
    example = {"BUCKET": "acme", "REGION": "us-east-1", "ACCOUNT": "111122223333", "NAME": "acme-ap"}
    rows = re.findall(r"^\| `(\w+) = (.+?)` \| `([^`]+amazonaws\.com)` \|", page, re.MULTILINE)
    for key, value, host in rows:
        values = {"path": '"/"', "bucket": '"acme"', "region": '"us-east-1"'} | {key: value}
        text = table("[[mounts]]", values)
        for name, part in example.items():
            text, host = text.replace(name, part), host.replace(name, part)
        assert loaded(tmp_path, text).mounts[0].bucket_url.host == host
    assert len(rows) == 4
