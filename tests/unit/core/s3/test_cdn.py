"""The signed URLs and cookies of a CDN: AWS's SDK makes the same URLs, and the public key verifies the signatures."""

import json
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.cdn_keys import PrivateKeys
from chalicelib.core.s3 import cdn
from chalicelib.core.s3.cdn import CdnSigner, closing_cookies
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Cdn
from tests.support import cdn_key
from tests.support.builders import DEADLINE, NOW, mount, target
from tests.support.cdn_key import decoded

from .test_presign import KEYS, TEXT

KINDS = ("P-256", "rsa2048")
PRIVATE_KEYS = PrivateKeys(map(cdn_key.cdn, KINDS), "")
SIGNER = CdnSigner(PRIVATE_KEYS.sign)


def sign(on: Mount, *, now: float) -> str:
    return SIGNER.url("GET", target(on=on), query={}, now=now, deadline=DEADLINE, mark=None).url


@given(
    kind=st.sampled_from(KINDS),
    key=KEYS,
    query=st.dictionaries(st.sampled_from(["response-content-disposition", "response-expires"]), TEXT, max_size=2),
    mark=st.none() | st.just("abcdefgh"),
    url_seconds=st.integers(1, 604_800),
    now=st.integers(946_684_800, 2_000_000_000),
)
def test_a_url_is_the_url_of_the_sdk_and_verifies(
    kind: str, key: str, query: dict[str, str], mark: str | None, url_seconds: int, now: int
) -> None:
    of_mount = cdn_key.cdn(kind)
    on = mount(url_seconds=url_seconds)._replace(cdn=of_mount)
    signed = SIGNER.url("GET", target(key, on), query=query, now=now + 0.9, deadline=DEADLINE, mark=mark)
    plain = signed.url.partition("Expires=")[0].rstrip("?&")
    texts: list[bytes] = []

    def sign_again(text: bytes) -> bytes:
        texts.append(text)
        return PRIVATE_KEYS.sign(of_mount, text, DEADLINE)

    end = datetime.fromtimestamp(now + url_seconds, UTC)
    of_sdk = CloudFrontSigner(of_mount.key_pair_id, sign_again).generate_presigned_url(plain, date_less_than=end)
    assert signed.url == f"{of_sdk}&Hash-Algorithm=SHA256"
    assert (signed.expires_at, signed.headers, signed.mark) == (now + url_seconds, {}, mark)
    parts = urlsplit(signed.url)
    assert (parts.netloc, unquote(parts.path)) == ("cdn.example.com", f"/{key}")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    cdn_key.verify(of_mount.private_key, decoded(parameters.pop("Signature")), texts[0])
    own = {"Expires": str(now + url_seconds), "Key-Pair-Id": of_mount.key_pair_id, "Hash-Algorithm": "SHA256"}
    assert parameters == {**query, **({"x-signpost": mark} if mark else {}), **own}


def test_the_policy_is_the_policy_that_aws_published() -> None:
    """CloudFront Developer Guide, "Create a signed URL using a canned policy", its example of a policy statement."""
    texts: list[bytes] = []

    def sign(of: Cdn, text: bytes, deadline: object) -> bytes:
        texts.append(text)
        return b"\xfb\xff"

    on = mount(url_seconds=300)._replace(cdn=Cdn("d111111abcdef8.cloudfront.net", "K2JCJMDEHXQW5F", "key"))
    query = {"size": "large", "license": "yes"}
    now = 1_357_034_400 - 300
    of_mount = CdnSigner(sign)
    signed = of_mount.url("GET", target("horizon.jpg", on), query=query, now=now, deadline=DEADLINE, mark=None)
    assert texts == [
        b'{"Statement":[{"Resource":"https://d111111abcdef8.cloudfront.net/horizon.jpg?size=large&license=yes",'
        b'"Condition":{"DateLessThan":{"AWS:EpochTime":1357034400}}}]}'
    ]
    assert signed.url == (
        "https://d111111abcdef8.cloudfront.net/horizon.jpg?size=large&license=yes&Expires=1357034400&Signature=-~8_"
        "&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256"
    )


def test_a_stable_url_is_the_same_throughout_its_window_with_both_kinds_of_keys() -> None:
    for kind in KINDS:
        on = mount(stable_seconds=100)._replace(cdn=cdn_key.cdn(kind))
        assert sign(on, now=NOW) == sign(on, now=NOW + 99.9) != sign(on, now=NOW + 100)


@given(st.lists(st.sampled_from([*"*?%;,+ /ü日", "a"]), max_size=6).map("".join), st.integers(-5, 1_000))
def test_cookies_open_the_prefix_of_the_mount_alone_until_the_session_ends(prefix: str, more: int) -> None:
    on = mount(prefix=f"a{prefix}/", url_seconds=300)._replace(cdn=cdn_key.cdn(cookie_domain="example.com"))
    assert on.cdn
    cookies = SIGNER.cookies(on, now=NOW + 0.9, ends_at=int(NOW) + 5 + more, deadline=DEADLINE)
    end = int(NOW) + min(300, 5 + more)
    jar = SimpleCookie()
    for cookie in cookies:
        jar.load(cookie)
    names = ["CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id", "CloudFront-Hash-Algorithm"]
    assert [*jar] == names
    policy = decoded(jar[names[0]].value)
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Condition"] == {"DateLessThan": {"AWS:EpochTime": end}}
    assert statement["Resource"] == cdn.url_of(target(on.prefix, on)) + "*"
    assert (statement["Resource"].count("*"), statement["Resource"].count("?")) == (1, 0)
    cdn_key.verify(on.cdn.private_key, decoded(jar[names[1]].value), policy)
    assert (jar[names[2]].value, jar[names[3]].value) == (on.cdn.key_pair_id, "SHA256")
    path = urlsplit(cdn.url_of(target(on.prefix, on))).path
    closing = closing_cookies(on)
    for name, cookie, closed in zip(names, cookies, closing, strict=True):
        attributes = f"Domain=example.com; Path={path}; Secure; HttpOnly; SameSite=Lax"
        assert cookie.partition("; ")[2] == f"Max-Age={end - int(NOW)}; {attributes}"
        assert closed == f"{name}=; Max-Age=0; {attributes}"


def test_nothing_is_signed_for_a_mount_without_a_cdn_and_no_key_is_shown() -> None:
    with pytest.raises(ValueError, match="no CDN"):
        cdn.url_of(target())
    assert "PRIVATE" not in f"{mount()._replace(cdn=cdn_key.cdn())!r}"
