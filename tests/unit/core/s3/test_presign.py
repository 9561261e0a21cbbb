"""Presigned URLs equal the URLs of botocore, byte for byte, and end exactly when promised."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.post_policy import PostPolicy
from chalicelib.core.s3.presign import SignedUrl, presign, sign_form
from chalicelib.core.s3.stores import BucketUrl, Credentials
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import CREDENTIALS, NOW, mount, target
from tests.support.oracles import botocore_url

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
ODD = st.sampled_from([*"+%?# ~ü📁.*a", "%2F", "%25", "//", "日本", "&=", "'()!"])
KEYS = st.lists(ODD | TEXT, min_size=1, max_size=6).map("".join) | st.just("trailing/")
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20)
ENDPOINTS = st.sampled_from(["http://127.0.0.1:9000", "https://s3.example.com", "https://[::1]:8443"])
QUERY_NAMES = st.sampled_from(["versionId", "response-content-disposition", "response-expires", "uploadId", "uploads"])
HEADER_NAMES = st.sampled_from(["x-amz-checksum-sha256", "x-amz-meta-a", "x-amz-meta-a-b", "if-match"]) | st.text(
    "abcxyz0189-_.!~", min_size=1, max_size=8
).map("x-amz-meta-".__add__)
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


@settings(max_examples=min(500, 4 * settings().max_examples))
@given(
    at=MOUNTS,
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "POST"]),
    key=KEYS,
    query=st.dictionaries(QUERY_NAMES, TEXT, max_size=4),
    headers=st.dictionaries(HEADER_NAMES, PRINTABLE, max_size=4),
    credentials=CREDENTIAL_SETS,
    now=st.floats(946_684_800, 4_102_444_800),
    mark=st.none() | st.text("abcxyz234567", min_size=16, max_size=16),
    requester_pays=st.booleans(),
)
def test_a_url_equals_the_url_of_botocore(
    at: Mount,
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    credentials: Credentials,
    now: float,
    mark: str | None,
    requester_pays: bool,
) -> None:
    at = at._replace(requester_pays=requester_pays)
    payer = {"x-amz-request-payer": "requester"} if requester_pays else {}
    signed = presign(target(key, at), method, query=query, headers=headers, credentials=credentials, now=now, mark=mark)
    assert signed.url == botocore_url(
        method,
        at.bucket_url.origin + at.bucket_url.base,
        key,
        query=query | payer | ({} if mark is None else {"x-signpost": mark}),
        headers=headers,
        credentials=credentials,
        region=at.region,
        expires=at.url_seconds,
        signed_at=now,
    )
    assert signed == (method, signed.url, headers, int(now) + at.url_seconds, mark)


def test_a_url_equals_the_url_that_aws_published() -> None:
    """S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example."""
    host = "examplebucket.s3.amazonaws.com"
    at = mount(region="us-east-1", url_seconds=86_400)._replace(bucket_url=BucketUrl(f"https://{host}", host, ""))
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    signed = presign(target("test.txt", at), "GET", query={}, headers={}, credentials=credentials, now=1_369_353_600)
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
    fraction=st.floats(0, 0.999),
)
def test_a_stable_url_is_the_same_throughout_its_window_and_good_for_half_its_seconds(
    window: int, more: int, now: int, fraction: float
) -> None:
    at = mount(stable_seconds=window, url_seconds=2 * window + more)
    start = now - now % window
    signed = sign(at, now=now + fraction)
    assert signed.url == sign(at, now=start).url == sign(at, now=start + window - 0.001).url
    assert signed.url != sign(at, now=start + window).url
    assert signed.url != sign(at, now=start - 0.001).url
    assert signed.expires_at == start + at.url_seconds
    assert signed.expires_at - (now + fraction) >= at.url_seconds / 2


def test_the_signing_time_is_never_in_the_future() -> None:
    for now in (NOW, NOW + 0.5, NOW + 0.999):
        for stable_seconds, date in [(0, "20231114T221320Z"), (100, "20231114T221320Z"), (150, "20231114T221230Z")]:
            assert parameters(sign(mount(stable_seconds=stable_seconds), now=now).url)["X-Amz-Date"] == date


def test_a_url_ends_with_the_credentials() -> None:
    for ends, seconds in [
        *((None, 300), (NOW + 1000, 300), (NOW + 300, 300)),
        *((NOW + 299.9, 299), (NOW + 60, 60), (NOW + 1, 1)),
    ]:
        signed = sign(credentials=CREDENTIALS._replace(expires_at=ends))
        assert parameters(signed.url)["X-Amz-Expires"] == str(seconds)
        assert signed.expires_at == NOW + seconds
    stable = sign(mount(stable_seconds=120), credentials=CREDENTIALS._replace(expires_at=NOW + 30))
    assert stable.expires_at == NOW + 30
    assert parameters(stable.url)["X-Amz-Expires"] == str(30 + int(NOW) % 120)


def test_credentials_that_have_ended_sign_nothing() -> None:
    for ends in (NOW + 0.9, NOW, NOW - 1, 0):
        for stable_seconds in (0, 120):
            with pytest.raises(Unavailable) as refused:
                sign(mount(stable_seconds=stable_seconds), credentials=CREDENTIALS._replace(expires_at=ends))
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})


def test_the_cached_signing_key_is_of_one_day_region_and_set_of_credentials() -> None:
    sets = [CREDENTIALS, *(CREDENTIALS._replace(session_token=token) for token in ("one", "two"))]
    sets += [CREDENTIALS._replace(secret_key="other"), CREDENTIALS._replace(access_key="OTHER")]
    urls = {
        sign(mount(region=region, endpoint="http://127.0.0.1:9000"), now=now, credentials=credentials).url
        for now in (NOW, NOW + 86_400, NOW)
        for region in ("eu-west-1", "us-east-1")
        for credentials in sets * 2
    }
    assert len(urls) == 2 * 2 * len(sets)


def test_headers_are_signed_as_s3_reads_them_and_returned_as_the_client_sends_them() -> None:
    headers = {"x-amz-meta-b": "  two   words ", "if-match": '"e"', "x-amz-meta-a": "1"}
    signed = presign(target(), "PUT", query={}, headers=headers, credentials=CREDENTIALS, now=NOW)
    assert parameters(signed.url)["X-Amz-SignedHeaders"] == "host;if-match;x-amz-meta-a;x-amz-meta-b"
    assert signed.headers == headers
    plain = {**headers, "x-amz-meta-b": "two words"}
    assert signed.url == presign(target(), "PUT", query={}, headers=plain, credentials=CREDENTIALS, now=NOW).url


def test_no_secret_is_printed() -> None:
    credentials = Credentials("AKIDCANARY", "secret-canary", "token-canary", NOW + 60)
    signed = sign(credentials=credentials)
    form = sign_form(target(), PostPolicy({}, []), credentials=credentials, now=NOW)
    printed = f"{credentials!r} {credentials} {signed!r} {signed} {form!r} {form}"
    assert not re.search(r"canary|signature|amazonaws", printed, re.IGNORECASE)
