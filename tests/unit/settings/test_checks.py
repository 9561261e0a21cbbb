"""Settings that cannot work are refused, each with the remedy."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.settings.checks import is_origin, origin_like
from tests.support.settings_files import MOUNT, loaded, mistakes

RIGHT = [
    "https://app.example.com",
    "http://localhost:3000",
    "https://app.example.com:8443",
    "http://127.0.0.1:443",
    "https://[::1]",
    "http://[2001:db8::1]:8080",
    "https://xn--bcher-kva.example",
]
# Each with the form that a browser sends; empty where there is none.
WRONG = {
    "https://a.example:443": "https://a.example",
    "http://a.example:80": "http://a.example",
    "https://A.Example": "https://a.example",
    "HTTPS://a.example": "https://a.example",
    "https://a.example/": "https://a.example",
    "https://a.example/app": "https://a.example",
    "https://a.example?x": "https://a.example",
    "https://ann@a.example": "https://a.example",
    " https://a.example": "https://a.example",
    "https://a.example:08": "https://a.example:8",
    "http://127.1": "",
    "http://0x7f000001": "",
    "http://127.0.0.01": "",
    "https://[0::1]": "",
    "https://bücher.example": "",
    "https://a.example:65536": "",
    "https://a.example:0x1": "",
    "https://*.example.com": "",
    "ftp://a.example": "",
    "a.example": "",
    "null": "",
    "*": "",
}


def test_an_origin_that_no_browser_sends_is_refused_and_the_right_one_named(tmp_path: Path) -> None:
    assert loaded(tmp_path, f"[service]\ncors_origins = {json.dumps(RIGHT)}\n{MOUNT}").cors_origins == tuple(RIGHT)
    for wrong, right in WRONG.items():
        (told,) = mistakes(tmp_path, f'[service]\ncors_origins = ["{wrong}"]\n{MOUNT}')
        assert told.startswith(f':2: service.cors_origins: "{wrong}" is not an origin as browsers send it: ')
        assert told.endswith(f'; write "{right}"' if right else "80 for http")
    (told,) = mistakes(tmp_path, '[service]\ncors_origins = ["https://${A}/"]\n' + MOUNT, {"A": "c4n4ry"})
    assert "c4n4ry" not in told


@pytest.mark.slow
@settings(max_examples=20)  # each starts Node
@given(st.lists(st.from_regex(r"(?i)https?://(\[[0-9a-f:]{2,9}\]|[a-z0-9x.-]{1,9})(:\d{1,5})?/?", fullmatch=True)))
def test_what_is_taken_is_an_origin_to_node_too(texts: list[str]) -> None:
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    taken = [*RIGHT, *filter(is_origin, texts), *filter(None, map(origin_like, texts))]
    # A browser refuses some names that only a registry or punycode rules out; those match nothing, and harm nothing.
    script = (
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(u => URL.canParse(u) ? new URL(u).origin : u)))"
    )
    done = subprocess.run(["node", "-e", script, json.dumps(taken)], capture_output=True, check=True, timeout=30)
    assert json.loads(done.stdout) == taken


AWS = '[[mounts]]\npath = "/"\nbucket = "{}"\nregion = "{}"\n'
ELSEWHERE = 'endpoint = "https://s3.example.com"\n'


def test_a_bucket_that_the_service_cannot_sign_for_is_refused(tmp_path: Path) -> None:
    for bucket in ("acme--euw1-az1--x-s3", "acme--euw1-az1--xa-s3", "acme-op--op-s3", "m0abc.mrap"):
        for more in ("", ELSEWHERE):
            (told,) = mistakes(tmp_path, AWS.format(bucket, "eu-west-1") + more)
            assert told.startswith(":3: mounts[1].bucket: is a directory bucket or the like")
            assert told.endswith("name a general purpose bucket")
    for bucket in ("acme-x-s3", "acme--x-s3-2", "acme.files", "acme-s3alias", "--x-s3a"[2:]):
        assert mistakes(tmp_path, AWS.format(bucket, "eu-west-1")) == []


def test_a_region_that_aws_has_not_needs_an_endpoint(tmp_path: Path) -> None:
    for region in ("auto", "default", "us-east-1a", "eu-west", "us", "eu_west-1"):
        told = mistakes(tmp_path, AWS.format("acme", region))
        assert [mistake.startswith(":4: mounts[1].region: ") for mistake in told] == [True]
        assert mistakes(tmp_path, AWS.format("acme", region) + ELSEWHERE) == ([] if region != "eu_west-1" else told)
    assert 'endpoint = "https://s3.example.com"' in mistakes(tmp_path, AWS.format("acme", "auto"))[0]
    for region in ("eu-west-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7", "mx-central-1"):
        assert mistakes(tmp_path, AWS.format("acme", region)) == []


def test_one_bucket_in_two_regions_is_refused(tmp_path: Path) -> None:
    def two(first: str, second: str, more: str = "") -> list[str]:
        return mistakes(tmp_path, AWS.format("acme", first) + AWS.format("acme", second).replace('"/"', '"/b"') + more)

    (told,) = two("eu-west-1", "us-east-1")
    assert told.startswith(":8: mounts[2].region: is another region than that of mounts[1], which has the same bucket")
    assert two("eu-west-1", "eu-west-1") == []
    assert two("eu-west-1", "cn-north-1") == []  # a partition of its own has a bucket of its own
    assert two("eu-west-1", "auto", ELSEWHERE) == []


OWN = 'access_key = "${ID}"\nsecret_key = "${SECRET}"\n'


def test_keys_with_blanks_or_quotation_marks_are_refused_and_not_repeated(tmp_path: Path) -> None:
    for before, after in ((" ", ""), ("", " "), ('"', '"'), ("'", "'"), ("", "\n"), ("\ufeff", ""), ("", "\xa0")):
        wrapped = f"{before}c4n4ry{after}"
        for name in ("ID", "SECRET"):
            (told,) = mistakes(tmp_path, MOUNT + OWN, {"ID": "AKID", "SECRET": "s/+="} | {name: wrapped})
            assert f"{'access' if name == 'ID' else 'secret'}_key: the text here is not a key: " in told
            assert "remove these" in told
            assert "c4n4ry" not in told
    assert loaded(tmp_path, MOUNT + OWN, {"ID": "tenant$ann:x", "SECRET": "a b'c"}).mounts[0].credentials


def test_how_clients_call_the_service_has_no_usual_port(tmp_path: Path) -> None:
    """A browser leaves the port out of `Origin`, which is compared with this."""
    for url, read in {
        "https://a.example:443": "https://a.example",
        "https://a.example:443/api/": "https://a.example/api",
        "http://[::1]:80/x": "http://[::1]/x",
        "https://a.example:4430": "https://a.example:4430",
        "http://a.example:443": "http://a.example:443",
    }.items():
        assert loaded(tmp_path, f'[service]\npublic_url = "{url}"\n{MOUNT}').public_url == read
