"""A form has a policy that allows no more than the rule, and the policy is signed as AWS defines."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.post_policy import post_policy
from chalicelib.core.s3.presign import sign_form
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems.base import NotOffered, Unavailable
from tests.support.builders import CREDENTIALS, NOW, allow, mount, target

FREE = allow("/**", "write")
INBOX = target("inbox/")


def make(rule: Rule = FREE, **query: str) -> tuple[dict[str, str], list[Any]]:
    form = post_policy(rule, INBOX, query.get("type"))
    return form.fields, form.conditions


def test_a_form_uploads_below_its_directory_and_nowhere_else() -> None:
    fields, conditions = make()
    assert fields == {"key": "inbox/${filename}", "success_action_status": "201"}
    assert {"bucket": "acme-files"} in conditions
    assert ["starts-with", "$key", "inbox/"] in conditions


def test_a_form_has_the_limit_of_the_rule_and_of_s3() -> None:
    for limit, max_bytes in [(None, 5 * 1024**3), (10, 10), (0, 0), (6 * 1024**3, 5 * 1024**3)]:
        assert ["content-length-range", 0, max_bytes] in make(FREE._replace(max_bytes=limit))[1]


def test_a_form_fixes_its_type_and_headers() -> None:
    kept = (("cache-control", "private"), ("x-amz-meta-from", "ci"))
    fields, conditions = make(FREE._replace(content_types=("image/*",), require_headers=kept), type="image/png")
    for name, value in {"Content-Type": "image/png", "Cache-Control": "private", "x-amz-meta-from": "ci"}.items():
        assert fields[name] == value
        assert {name: value} in conditions
    assert make(type="text/html")[0]["Content-Type"] == "text/html"


def test_a_rule_or_a_bucket_with_demands_that_no_form_can_send_has_no_form() -> None:
    tags = (("cache-control", "private"), ("x-amz-tagging", "a=b"))
    for rule in (
        *(FREE._replace(overwrite=False), FREE._replace(checksum=True), FREE._replace(require_headers=tags)),
        FREE._replace(require_headers=(("content-language", "de"),)),
        FREE._replace(require_headers=(("x-amz-object-lock-legal-hold", "ON"),)),
    ):
        with pytest.raises(NotOffered):
            make(rule)
    for at in (mount()._replace(requester_pays=True), mount(bucket="acme-r4nd0m-s3alias")):
        with pytest.raises(NotOffered):
            post_policy(FREE, target("inbox/", at), None)


def test_a_policy_is_signed_as_aws_defines() -> None:
    """Each field except the fields that S3 exempts has a condition, and the signature covers the encoded policy."""
    for token in (None, "session/token=="):
        credentials = Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, token)
        signed = sign_form(INBOX, post_policy(FREE, INBOX, None), credentials=credentials, now=NOW)
        policy = json.loads(base64.b64decode(signed.fields["policy"], validate=True))
        assert (policy["expiration"], signed.expires_at) == ("2023-11-14T22:18:20Z", NOW + 300)
        conditions = [condition for condition in policy["conditions"] if isinstance(condition, dict)]
        fixed = {name: value for condition in conditions for name, value in condition.items()}
        assert signed.fields.keys() - {"policy", "x-amz-signature", "key"} == fixed.keys() - {"bucket"}
        assert all(signed.fields[name] == value for name, value in fixed.items() if name != "bucket")
        assert signed.fields.get("x-amz-security-token") == token
        scope = "20231114/eu-west-1/s3/aws4_request"
        assert signed.fields["x-amz-credential"] == f"{CREDENTIALS.access_key}/{scope}"
        assert signed.fields["x-amz-date"] == "20231114T221320Z"
        assert signed.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
        key = f"AWS4{CREDENTIALS.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, signed.fields["policy"].encode(), hashlib.sha256).hexdigest()
        assert signed.fields["x-amz-signature"] == signature
        assert signed.url == "https://acme-files.s3.eu-west-1.amazonaws.com/"


def test_credentials_that_have_ended_sign_no_form() -> None:
    ended = Credentials("AKID", "secret", "token", NOW - 1)
    with pytest.raises(Unavailable):
        sign_form(INBOX, post_policy(FREE, INBOX, None), credentials=ended, now=NOW)
