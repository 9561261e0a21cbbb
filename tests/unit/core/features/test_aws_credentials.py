"""`/-/credentials`: who gets AWS keys, for how long, and what leaves the service."""

import json
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.s3.sts import StsCall
from chalicelib.core.web.times import Deadline, rfc3339
from tests.support import iam
from tests.support.builders import NOW, allow, basic, bearer, mount, numbered
from tests.support.fakes import Fixed, Signpost, ask, code, signpost
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, KIDS, MemoryIssuerKeys, keys, token

KEYS = Credentials("ASIAMADE", "the-secret-that-sts-made", "the-token-that-sts-made", NOW + 90_000)
OWN = Fixed(Credentials("ASIAOWN", "own", "own-token"))
ROLE = "arn:aws:iam:::role/S3Access"
RULES = numbered(allow("/a/**", "read", "key:ann"), allow("/limited/**", "write", "key:ci", max_bytes=9))


class FakeSts:
    """Makes the same keys for each call."""

    def __init__(self, keys: Credentials = KEYS) -> None:
        self.keys = keys
        self.calls: list[StsCall] = []

    def send(self, signed: StsCall, deadline: Deadline) -> Credentials:
        self.calls.append(signed)
        return self.keys


def service(sts: FakeSts, *mounts: Mount, narrow: bool = False, **values: Any) -> Signpost:
    return signpost(
        rules=RULES, mounts=mounts or [mount()], aws_credentials=True, narrow=narrow, sts=sts, credentials=OWN, **values
    )


def test_an_api_key_gets_the_members_that_sdks_read_and_the_log_has_no_secret() -> None:
    sts = FakeSts()
    site = service(sts)
    reply = ask("GET", "/-/credentials", service=site, headers=bearer("ann"))
    assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
    assert json.loads(reply.body) == {
        "Version": 1,
        "AccessKeyId": KEYS.access_key,
        "SecretAccessKey": KEYS.secret_key,
        "Token": KEYS.session_token,
        "SessionToken": KEYS.session_token,
        "Expiration": rfc3339(NOW + 3600),
    }
    assert site.log[-1]["principal"] == "key:ann"
    assert not any(str(secret) in str(site.log) for secret in KEYS[:3])
    policy = json.loads(parse_qs(sts.calls[0].body.decode())["Policy"][0])
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::acme-files/a/*"]
    early = FakeSts(KEYS._replace(expires_at=NOW + 5))
    reply = ask("GET", "/-/credentials", service=service(early), headers=bearer("ann"))
    assert json.loads(reply.body)["Expiration"] == rfc3339(NOW + 5)


def test_only_the_authorization_header_counts_and_only_get() -> None:
    sts = FakeSts()
    site = service(sts)
    cookie = ask("POST", "/-/login", service=site, body=b"id=ann&secret=the+secret+of+ann", headers=FORM)
    signed_in = {"cookie": cookie.cookies[0].partition(";")[0]}
    assert code(ask("GET", "/-/credentials", service=site, headers=signed_in)) == "credentials-missing"
    assert code(ask("GET", "/-/credentials", service=site, query={"token": "x"})) == "link-invalid"
    assert ask("HEAD", "/-/credentials", service=site, headers=basic("ann")).status == 405
    assert ask("OPTIONS", "/-/credentials", service=site).headers["Allow"] == "GET, OPTIONS"
    assert code(ask("GET", "/-/credentials", headers=basic("ann"))) == "not-offered"
    assert not sts.calls


FORM = {"content-type": "application/x-www-form-urlencoded", "origin": "https://files.example.com"}


def test_a_rule_that_iam_cannot_express_is_named_unless_the_settings_narrow() -> None:
    sts = FakeSts()
    reply = ask("GET", "/-/credentials", service=service(sts), headers=basic("ci"))
    assert (code(reply), "rule 2 has max_bytes" in reply.body.decode()) == ("rule-not-expressible", True)
    assert code(ask("GET", "/-/credentials", service=service(sts, narrow=True), headers=basic("ci"))) == "nothing-in-s3"
    assert not sts.calls


def test_each_store_has_its_own_keys() -> None:
    ceph = mount("/a/ceph", bucket="ceph", endpoint="https://s3.example.com")._replace(role=ROLE)
    own = ceph._replace(path="/a/own", credentials=Credentials("AKIDCEPH", "secret"))
    closed = ceph._replace(path="/a/closed", role=None)
    sts = FakeSts()
    site = service(sts, mount(), mount("/a/two", bucket="two"), ceph, own, closed)
    for path, operation, buckets in (
        (None, "GetScopedCredentials", {"acme-files", "two"}),
        ("/a/ceph", "AssumeRole", {"ceph"}),
        ("/a/own/", "AssumeRole", {"ceph"}),
    ):
        query = {} if path is None else {"mount": path}
        assert ask("GET", "/-/credentials", service=site, headers=basic("ann"), query=query).status == 200
        made = sts.calls[-1]
        policy = json.loads(parse_qs(made.body.decode())["Policy"][0])
        allowed = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
        assert {arn.split(":")[5].split("/")[0] for each in allowed for arn in each["Resource"]} == buckets
        assert (made.operation, "AKIDCEPH" in made.headers["authorization"]) == (operation, path == "/a/own/")
    for path, refusal in (("/a/closed", "not-offered"), ("/nowhere", "bad-parameter")):
        reply = ask("GET", "/-/credentials", service=site, headers=basic("ann"), query={"mount": path})
        assert code(reply) == refusal
    lasting = signpost(rules=RULES, aws_credentials=True, sts=sts)
    assert code(ask("GET", "/-/credentials", service=lasting, headers=basic("ann"))) == "not-offered"


def test_the_images_of_an_access_point_stay_closed_in_a_bucket_that_it_may_open() -> None:
    point = mount("/point", bucket="arn:aws:s3:eu-west-1:111122223333:accesspoint/files", prefix="a/")
    sts = FakeSts()
    assert ask("GET", "/-/credentials", service=service(sts, mount(), point), headers=basic("ann")).status == 200
    policy = json.loads(parse_qs(sts.calls[-1].body.decode())["Policy"][0])
    denied = {arn for each in policy["Statement"] if each["Effect"] == "Deny" for arn in each.get("Resource", ())}
    assert "arn:aws:s3:::acme-files/a/-/derived/*" in denied


def test_an_sdk_that_takes_the_service_for_s3_learns_what_to_do() -> None:
    for scheme in ("AWS4-HMAC-SHA256 Credential=a/b", "AWS4-ECDSA-P256-SHA256 Credential=a", "AWS a:b"):
        reply = ask("GET", "/public/a", headers={"authorization": scheme})
        error = ElementTree.fromstring(reply.body)
        assert (reply.status, error.tag, error.findtext("Code")) == (401, "Error", "aws-signature")
        assert "/-/credentials of this service" in str(error.findtext("Message"))
    for name in ("X-Amz-Signature", "AWSAccessKeyId"):
        assert (
            code(ask("GET", "/public/a", query={name: "x"}, headers={"accept": "application/json"})) == "aws-signature"
        )


def test_no_character_of_an_id_becomes_a_wildcard_that_opens_the_directory_of_another_person() -> None:
    sts = FakeSts()
    site = signpost(
        rules=numbered(allow("/users/{user}/**", "read list write delete", "authenticated")),
        issuers=[Issuer("corp", ISSUER, (AUDIENCE,))],
        issuer_keys=MemoryIssuerKeys(keys(*KIDS)),
        aws_credentials=True,
        sts=sts,
        credentials=OWN,
    )
    for subject in ("\1", "al\1", "\0" * 5, "\x7f", "*", "?????", "${aws:username}", ".."):
        text = token(dict(CLAIMS, sub=subject))
        headers = {"authorization": f"Bearer {text}"}
        assert ask("GET", "/users/corp:alice/a.txt", service=site, headers=headers).status in (401, 403)
        ask("GET", "/-/credentials", service=site, headers=headers)
    assert sts.calls
    for call in sts.calls:
        policy = iam.read(parse_qs(call.body.decode())["Policy"][0])
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            arn = "arn:aws:s3:::acme-files/users/corp:alice/a.txt"
            assert not iam.allows(policy, action, arn, {"aws:CurrentTime": rfc3339(NOW)})
