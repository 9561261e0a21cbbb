"""Presigned URLs are those that AWS's own library makes, byte for byte, and live exactly as long as promised."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.presign import SignedUrl, presign
from chalicelib.core.s3.stores import BucketUrl, Credentials
from chalicelib.core.web.problems import Unavailable
from tests.support.builders import CREDENTIALS, NOW, mount, target
from tests.support.oracles import botocore_url

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
ODD = st.sampled_from(
    ["+", "%", "%2F", "%25", "//", "?", "#", " ", "~", "ü", "日本", "📁", ".", "&=", "*", "'()!", "a"]
)
KEYS = st.lists(ODD | TEXT, min_size=1, max_size=6).map("".join) | st.just("trailing/")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20)
ENDPOINTS = st.sampled_from(
    ["http://127.0.0.1:9000", "https://s3.example.com", "https://[::1]:8443", "http://minio:8000"]
)
QUERY_NAMES = st.sampled_from(
    ["versionId", "response-content-disposition", "response-content-type", "response-expires", "uploadId", "uploads"]
)
HEADER_NAMES = st.sampled_from(
    [
        "x-amz-acl",
        "x-amz-checksum-sha256",
        "x-amz-meta-a",
        "x-amz-meta-a-b",
        "x-amz-tagging",
        "if-match",
        "if-none-match",
    ]
) | st.text("abcxyz0189-_.!~", min_size=1, max_size=8).map("x-amz-meta-".__add__)
CREDENTIAL_SETS = st.builds(
    Credentials,
    access_key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=20),
    secret_key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40),
    session_token=st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80),
    expires_at=st.none(),
)
MOUNTS = st.builds(
    mount,
    bucket=NAMES | st.tuples(NAMES, NAMES).map(".".join),
    region=st.sampled_from(["eu-west-1", "us-east-1", "cn-north-1", "us-gov-east-1", "auto"]),
    endpoint=st.none() | ENDPOINTS,
    url_seconds=st.integers(1, 604_800),
)


def sign(
    at: Mount | None = None, method: str = "GET", *, now: float = NOW, credentials: Credentials = CREDENTIALS
) -> SignedUrl:
    return presign(target(on=at), method, query={}, headers={}, credentials=credentials, now=now)


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


@settings(max_examples=4 * settings().max_examples)
@given(
    at=MOUNTS,
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST"]),
    key=KEYS,
    query=st.dictionaries(QUERY_NAMES, TEXT, max_size=4),
    headers=st.dictionaries(HEADER_NAMES, PRINTABLE, max_size=4),
    credentials=CREDENTIAL_SETS,
    now=st.floats(946_684_800, 4_102_444_800),
)
def test_a_url_is_the_one_that_botocore_signs(
    at: Mount,
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    credentials: Credentials,
    now: float,
) -> None:
    signed = presign(target(key, at), method, query=query, headers=headers, credentials=credentials, now=now)
    assert signed.url == botocore_url(
        method,
        at.bucket_url.origin + at.bucket_url.base,
        key,
        query=query,
        headers=headers,
        credentials=credentials,
        region=at.region,
        expires=at.url_seconds,
        signed_at=now,
    )
    assert (signed.method, signed.headers, signed.expires_at) == (method, headers, int(now) + at.url_seconds)


def test_a_url_is_the_one_that_aws_published() -> None:
    """S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example."""
    host = "examplebucket.s3.amazonaws.com"
    at = mount(region="us-east-1", url_seconds=86_400)._replace(bucket_url=BucketUrl(f"https://{host}", host, ""))
    signed = presign(
        target("test.txt", at),
        "GET",
        query={},
        headers={},
        credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        now=1_369_353_600,
    )
    assert signed.url == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@given(
    window=st.integers(1, 302_400),
    more=st.integers(0, 1000),
    now=st.integers(946_684_800, 4_102_444_800),
    part=st.floats(0, 0.999),
)
def test_a_stable_url_is_the_same_throughout_its_window_and_lives_half_its_life(
    window: int, more: int, now: int, part: float
) -> None:
    at = mount(stable_seconds=window, url_seconds=2 * window + more)
    start = now - now % window
    signed = sign(at, now=now + part)
    assert signed.url == sign(at, now=start).url == sign(at, now=start + window - 0.001).url
    assert signed.url != sign(at, now=start + window).url
    assert signed.url != sign(at, now=start - 0.001).url
    assert signed.expires_at == start + at.url_seconds
    assert signed.expires_at - (now + part) >= at.url_seconds / 2


@pytest.mark.parametrize("now", [NOW, NOW + 0.5, NOW + 0.999])
def test_the_signing_time_is_never_in_the_future(now: float) -> None:
    assert parameters(sign(now=now).url)["X-Amz-Date"] == "20231114T221320Z"
    assert parameters(sign(mount(stable_seconds=100), now=now).url)["X-Amz-Date"] == "20231114T221320Z"
    assert parameters(sign(mount(stable_seconds=150), now=now).url)["X-Amz-Date"] == "20231114T221230Z"


@pytest.mark.parametrize(
    ("ends", "expires"),
    [(None, 300), (NOW + 1000, 300), (NOW + 300, 300), (NOW + 299.9, 299), (NOW + 60, 60), (NOW + 1, 1)],
)
def test_a_url_ends_with_the_credentials(ends: float | None, expires: int) -> None:
    signed = sign(credentials=CREDENTIALS._replace(expires_at=ends))
    assert parameters(signed.url)["X-Amz-Expires"] == str(expires)
    assert signed.expires_at == NOW + expires


@pytest.mark.parametrize("ends", [NOW + 0.9, NOW, NOW - 1, 0])
@pytest.mark.parametrize("stable_seconds", [0, 120])
def test_nothing_is_signed_with_credentials_that_have_ended(ends: float, stable_seconds: int) -> None:
    at = mount(stable_seconds=stable_seconds)
    with pytest.raises(Unavailable) as refused:
        sign(at, credentials=CREDENTIALS._replace(expires_at=ends))
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})


def test_a_stable_url_ends_with_the_credentials_too() -> None:
    at = mount(stable_seconds=120)
    early = sign(at, credentials=CREDENTIALS._replace(expires_at=NOW + 30))
    assert early.expires_at == NOW + 30
    assert parameters(early.url)["X-Amz-Expires"] == str(30 + int(NOW) % 120)


def test_whatever_decides_who_signs_changes_the_url() -> None:
    sets = [
        CREDENTIALS,
        CREDENTIALS._replace(session_token="one"),
        CREDENTIALS._replace(session_token="two"),
        CREDENTIALS._replace(secret_key="other"),
        CREDENTIALS._replace(access_key="OTHER"),
    ]
    urls = {sign(credentials=each).url for each in sets * 2}
    assert len(urls) == len(sets)


def test_a_signing_key_lasts_for_its_day_and_region_only() -> None:
    day = 86_400
    for now in (NOW, NOW + day, NOW):
        for region in ("eu-west-1", "us-east-1"):
            at = mount(region=region, endpoint="http://127.0.0.1:9000")
            wanted = botocore_url(
                "GET",
                "http://127.0.0.1:9000/acme-files",
                "a.txt",
                query={},
                headers={},
                credentials=CREDENTIALS,
                region=region,
                expires=300,
                signed_at=now,
            )
            assert sign(at, now=now).url == wanted


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_a_url_is_bound_to_its_method(method: str) -> None:
    others = {sign(method=other).url for other in {"GET", "HEAD", "PUT", "DELETE", "POST"} - {method}}
    assert sign(method=method).url not in others


def test_headers_are_signed_as_s3_will_read_them_and_told_as_the_client_must_send_them() -> None:
    headers = {"x-amz-meta-b": "  two   words ", "if-match": '"e"', "x-amz-meta-a": "1"}
    signed = presign(target(), "PUT", query={}, headers=headers, credentials=CREDENTIALS, now=NOW)
    assert parameters(signed.url)["X-Amz-SignedHeaders"] == "host;if-match;x-amz-meta-a;x-amz-meta-b"
    assert signed.headers == headers
    assert signed.url == botocore_url(
        "PUT",
        "https://acme-files.s3.eu-west-1.amazonaws.com",
        "a.txt",
        query={},
        headers=headers | {"x-amz-meta-b": "two words"},
        credentials=CREDENTIALS,
        region="eu-west-1",
        expires=300,
        signed_at=NOW,
    )


def test_nothing_secret_shows_where_a_value_is_printed() -> None:
    credentials = Credentials("AKIDCANARY", "secret-canary", "token-canary", NOW + 60)
    shown = f"{credentials!r} {credentials} {sign(credentials=credentials)!r} {sign(credentials=credentials)}"
    assert not re.search(r"canary|signature|amazonaws", shown, re.IGNORECASE)
