"""`cdn` of a mount: each mistake is found at its place, and cookies that open too much or go astray are refused."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from chalicelib.core.s3.stores import Cdn
from chalicelib.settings.load import InvalidSettings, inspect
from tests.support.cdn_key import pem
from tests.support.settings_files import loaded, mistakes, table

SERVICE = table("[service]", {"public_url": '"https://files.example.com"'})
KEY_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cdn-AbCdEf"
COOKIES = {"cookies": "true", "cookie_domain": '"example.com"'}
SIGNED = {"domain": '"cdn.example.com"', "key_pair_id": '"K2JCJMDEHXQW5F"', "private_key": '"cdn.pem"'}


def mount(path: str = "/", prefix: str = "", bucket: str = "acme", **cdn: str) -> str:
    values = {"path": f'"{path}"', "bucket": f'"{bucket}"', "region": '"eu-west-1"', "prefix": f'"{prefix}"'}
    pairs = ", ".join(f"{key} = {value}" for key, value in (SIGNED | cdn).items() if value)
    return table("[[mounts]]", values | {"cdn": "{" + pairs + "}"})


def test_a_cdn_is_read_and_its_key_is_a_file_or_a_reference(tmp_path: Path) -> None:
    variables = {"CDN_KEY": pem("P-256"), "CDN_ARN": KEY_ARN}
    for written, read in (
        ("cdn.pem", "cdn.pem"),
        (KEY_ARN, KEY_ARN),
        ("${CDN_KEY}", pem("P-256")),
        ("${CDN_ARN}", KEY_ARN),
    ):
        settings = loaded(tmp_path, SERVICE + mount(private_key=f'"{written}"', **COOKIES), variables)
        assert settings.mounts[0].cdn == Cdn("cdn.example.com", "K2JCJMDEHXQW5F", read, "example.com")
        assert "PRIVATE" not in repr(settings.mounts)
    assert loaded(tmp_path, mount()).mounts[0].cdn == Cdn("cdn.example.com", "K2JCJMDEHXQW5F", "cdn.pem")


def test_a_mistake_in_a_cdn_is_found_at_its_place(tmp_path: Path) -> None:
    for changes, place, words in (
        ({"domain": '"https://cdn.example.com"'}, "cdn.domain", "is not the host of the distribution"),
        ({"domain": '"CDN.example.com"'}, "cdn.domain", "is not the host of the distribution"),
        ({"domain": ""}, "cdn.domain", "is missing"),
        ({"key_pair_id": '"k-1"'}, "cdn.key_pair_id", "the id of the public key in CloudFront"),
        ({"private_key": ""}, "cdn.private_key", "is missing; give a private key"),
        ({"private_key": '"arn:aws:kms:eu-west-1:1:key/1"'}, "cdn.private_key", "the text here is not a private key"),
        ({"private_key": repr(pem("P-256"))}, "cdn.private_key", "is a secret, which must not be in this file"),
        ({"key": '"x"'}, "cdn.key", "is unknown"),
        ({"cookies": "true"}, "cdn.cookies", "cookie_domain belong together"),
        ({"cookie_domain": '"example.com"'}, "cdn.cookie_domain", "is for cookies alone"),
    ):
        (mistake,) = mistakes(tmp_path, SERVICE + mount(**changes))
        assert mistake.startswith(f":8: mounts[1].{place}: "), mistake
        assert words in mistake
        assert pem("P-256").splitlines()[1] not in mistake
    (mistake,) = mistakes(tmp_path, mount().replace("cdn = {", "cdn = [{").replace("}", "}]"))
    assert 'mounts[1].cdn: must be a table: cdn = { … = "…" }' in mistake


def test_cookies_need_a_domain_of_the_owner_above_both_hosts(tmp_path: Path) -> None:
    for cookie_domain, public_url, domain, words in (
        ("example.com", "https://files.example.com", "cdn.example.com", None),
        ("a.example.com", "https://a.example.com/prod", "cdn.a.example.com", None),
        ("com", "https://files.example.com", "cdn.example.com", "of two labels or more"),
        (".example.com", "https://files.example.com", "cdn.example.com", "of two labels or more"),
        ("example.com", "https://files.example.com", "d1.cloudfront.net", "is not above the host of domain"),
        ("example.com", "https://a.on.aws", "cdn.example.com", "is not above the host of public_url"),
        ("example.com", "https://files.badexample.com", "cdn.example.com", "is not above the host of public_url"),
        ("example.com", "http://files.example.com", "cdn.example.com", "needs the name of the service"),
        ("example.com", "", "cdn.example.com", "needs the name of the service"),
    ):
        service = table("[service]", {"public_url": f'"{public_url}"'} if public_url else {})
        cdn = COOKIES | {"cookie_domain": f'"{cookie_domain}"', "domain": f'"{domain}"'}
        found = mistakes(tmp_path, service + mount(**cdn))
        assert any(words in mistake for mistake in found) if words else found == [], (cookie_domain, found)


def test_check_refuses_cookies_of_a_domain_where_everyone_can_have_names(tmp_path: Path) -> None:
    cookie_domains = ("co.uk", "github.io", "elasticbeanstalk.com", "cloudfront.net", "eu-west-1.on.aws")
    for cookie_domain in (*cookie_domains, "example.co.uk"):
        host = f"a.lambda-url.{cookie_domain}"
        service = table("[service]", {"public_url": f'"https://{host}"'})
        cdn = COOKIES | {"cookie_domain": f'"{cookie_domain}"', "domain": f'"{host}"'}
        assert loaded(tmp_path, service + mount(**cdn))  # browsers refuse the cookies, so the service need not look
        refused = pytest.raises(InvalidSettings, match=r"mounts\[1\].cdn.cookie_domain: is a domain where everyone")
        with refused if cookie_domain in cookie_domains else nullcontext():
            inspect(tmp_path / "signpost.toml", {}, "")


def test_cookies_open_the_keys_of_one_mount(tmp_path: Path) -> None:
    own = SERVICE + mount("/a", "a/", **COOKIES)
    for other, words in (
        (mount("/b", "b/", **COOKIES), None),
        (mount("/b", "a/b/"), None),
        (mount("/b", "a/b/", domain='"other.example.com"', **COOKIES), "would meet the cookies of mounts[2]"),
        (mount("/b", "b/", bucket="other", domain='"other.example.com"', **COOKIES), None),
        (mount("/b", "a/b/", **COOKIES), "mounts[1].cdn.cookies: would meet the cookies of mounts[2]"),
        (mount("/b", "b/", bucket="other"), "mounts[1].cdn.domain: is the domain of mounts[2] too"),
        (mount("/b", "b", **COOKIES), "mounts[2].prefix: must end in a slash"),
    ):
        found = mistakes(tmp_path, own + other)
        assert len(found) == bool(words), found
        assert not words or words in found[0]
