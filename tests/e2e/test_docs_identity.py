"""docs/identity.md: the settings of each provider, pasted from the page, with tokens as that provider makes them.

A local issuer stands for each provider: it serves the provider's configuration and keys by HTTPS at the provider's own
URL. No provider is called.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from chalicelib.environment import Environment
from chalicelib.settings.load import inspect
from local.dev_server import PROJECT
from tests.contract import drivers
from tests.support.fake_internet import ADDRESS, FakeInternet
from tests.support.settings_files import MOUNT
from tests.support.token_issuer import jwk, token

FILES = "https://files.example.com"
TENANT, APPLICATION = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
ENVIRON = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}


class Provider(NamedTuple):
    """A provider: a token of the provider, and requests with this token or with other claims in the token.

    Attributes:
        claims: the claims of the token, without its times.
        header: the members of the header besides `alg` and `kid`.
        requests: the method, the path, the claims that differ, and the status of the answer.
    """

    claims: Mapping[str, Any]
    header: Mapping[str, Any]
    requests: tuple[tuple[str, str, Mapping[str, Any], int], ...]


PROVIDERS = {
    "GitHub Actions": Provider(
        {
            "iss": "https://token.actions.githubusercontent.com",
            "aud": FILES,
            "sub": "repo:acme@12345678/site@87654321:environment:production",
            "jti": "f9b1",
            "ref": "refs/heads/main",
            "sha": "0123456789abcdef0123456789abcdef01234567",
            "repository": "acme/site",
            "repository_id": "87654321",
            "repository_owner": "acme",
            "repository_owner_id": "12345678",
            "repository_visibility": "private",
            "environment": "production",
            "workflow_ref": "acme/site/.github/workflows/ci.yml@refs/heads/main",
            "run_id": "1",
            "event_name": "push",
        },
        {"typ": "JWT", "x5t": "eC50"},
        (
            ("PUT", "/builds/app.zip", {}, 307),
            ("PUT", "/builds/app.zip", {"ref": "refs/tags/v1.2"}, 307),
            ("PUT", "/builds/app.zip", {"ref": "refs/heads/topic"}, 401),
            ("PUT", "/builds/app.zip", {"environment": ...}, 401),
            ("PUT", "/builds/app.zip", {"repository_owner_id": "99"}, 401),
            ("PUT", "/builds/app.zip", {"repository_owner": "acme-evil", "repository": "acme-evil/site"}, 401),
            ("PUT", "/builds/app.zip", {"repository": "acme/other"}, 403),
        ),
    ),
    "GitLab CI": Provider(
        {
            "iss": "https://gitlab.com",
            "aud": FILES,
            "sub": "project_path:acme/team/site:ref_type:branch:ref:main",
            "namespace_id": "72",
            "namespace_path": "acme/team",
            "project_id": "20",
            "project_path": "acme/team/site",
            "user_login": "alice",
            "pipeline_source": "push",
            "ref": "main",
            "ref_type": "branch",
            "ref_protected": "true",
        },
        {"typ": "JWT"},
        (
            ("PUT", "/builds/app.zip", {}, 307),
            ("PUT", "/builds/app.zip", {"ref_protected": "false"}, 401),
            ("PUT", "/builds/app.zip", {"namespace_path": "acme-evil"}, 401),
            ("PUT", "/builds/app.zip", {"namespace_path": "acme", "project_path": "acme/other"}, 403),
        ),
    ),
    "Kubernetes": Provider(
        {
            "iss": "https://kubernetes.default.svc.cluster.local",
            "aud": [FILES],
            "sub": "system:serviceaccount:builds:deployer",
            "kubernetes.io": {
                "namespace": "builds",
                "pod": {"name": "deployer-1", "uid": "900f"},
                "serviceaccount": {"name": "deployer", "uid": "a709"},
            },
        },
        {},
        (
            ("PUT", "/builds/app.zip", {}, 307),
            ("PUT", "/builds/app.zip", {"sub": "system:serviceaccount:builds:default"}, 403),
            ("PUT", "/builds/app.zip", {"kubernetes.io": {"namespace": "builds-evil"}}, 401),
            ("PUT", "/builds/app.zip", {"aud": ["https://kubernetes.default.svc.cluster.local"]}, 401),
        ),
    ),
    "Entra ID": Provider(
        {
            "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "aud": APPLICATION,
            "sub": "pairwise",
            "oid": "77777777-0000-0000-0000-000000000001",
            "tid": TENANT,
            "azp": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "preferred_username": "alice@example.com",
            "roles": ["Files.Read"],
            "scp": "access",
            "ver": "2.0",
        },
        {"typ": "JWT", "x5t": "eC50"},
        (
            ("GET", "/finance/q3.pdf", {}, 307),
            ("GET", "/finance/q3.pdf", {"roles": ...}, 403),
            ("GET", "/finance/q3.pdf", {"_claim_names": {"groups": "src1"}}, 307),  # roles are never left out
            ("GET", "/finance/q3.pdf", {"iss": "https://login.microsoftonline.com/other/v2.0"}, 401),
            ("GET", "/finance/q3.pdf", {"aud": "00000003-0000-0000-c000-000000000000"}, 401),
        ),
    ),
    "Google": Provider(
        {
            "iss": "https://accounts.google.com",
            "aud": FILES,
            "azp": "112233445566778899001",
            "sub": "112233445566778899001",
            "email": "deployer@acme-prod.iam.gserviceaccount.com",
            "email_verified": True,
        },
        {"typ": "JWT"},
        (
            ("PUT", "/builds/app.zip", {}, 307),
            ("PUT", "/builds/app.zip", {"sub": "112233445566778899002"}, 403),
            ("PUT", "/builds/app.zip", {"sub": "1"}, 401),
        ),
    ),
    "Okta": Provider(
        {
            "iss": "https://acme.okta.com/oauth2/default",
            "aud": "api://default",
            "sub": "alice@example.com",
            "uid": "00u1",
            "cid": "0oa1",
            "scp": ["openid"],
            "ver": 1,
            "groups": ["Everyone", "Finance Team"],
        },
        {},
        (
            ("GET", "/people/okta:alice@example.com/a.txt", {}, 307),
            ("GET", "/people/okta:bob@example.com/a.txt", {}, 403),
            ("GET", "/finance/q3.pdf", {}, 307),
            ("GET", "/finance/q3.pdf", {"groups": ["Everyone"]}, 403),
            ("GET", "/finance/q3.pdf", {"aud": "https://acme.okta.com"}, 401),
        ),
    ),
    "Cognito": Provider(
        {
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123",
            "client_id": "1example23456789",
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "token_use": "access",
            "scope": "openid",
            "username": "alice",
            "cognito:groups": ["editors"],
            "event_id": "5c7e",
        },
        {},
        (
            ("GET", "/reports/q3.pdf", {}, 307),
            ("GET", "/reports/q3.pdf", {"cognito:groups": ...}, 403),
            ("GET", "/reports/q3.pdf", {"client_id": "2example"}, 401),
            ("GET", "/reports/q3.pdf", {"token_use": "id", "aud": "1example23456789"}, 401),
            ("GET", "/reports/q3.pdf", {"aud": "1example23456789"}, 401),
        ),
    ),
    "Keycloak": Provider(
        {
            "iss": "https://keycloak.example.com/realms/acme",
            "aud": [FILES, "account"],
            "sub": "f:1:alice",
            "typ": "Bearer",
            "azp": "cli",
            "sid": "5c7e",
            "realm_access": {"roles": ["offline_access", "editor"]},
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "preferred_username": "alice",
        },
        {"typ": "JWT"},
        (
            ("GET", "/reports/q3.pdf", {}, 307),
            ("GET", "/reports/q3.pdf", {"realm_access": {"roles": ["offline_access"]}}, 403),
            ("GET", "/reports/q3.pdf", {"aud": "account"}, 401),
        ),
    ),
}
SECTIONS = (PROJECT / "docs" / "identity.md").read_text("utf-8").split("\n## ")
BLOCKS = {section.partition("\n")[0]: section.partition("```toml\n")[2].partition("```")[0] for section in SECTIONS}


def test_the_page_has_settings_for_each_provider() -> None:
    assert {name for name, block in BLOCKS.items() if block} == PROVIDERS.keys()


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_settings_of_a_provider_accept_its_tokens_and_refuse_all_others(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, file, log = PROVIDERS[name], tmp_path / "signpost.toml", tmp_path / "log"
    file.write_text(MOUNT + BLOCKS[name])
    settings, warnings = inspect(file, {}, Environment(ENVIRON).region)
    assert warnings == ()
    (issuer,) = settings.issuers
    assert issuer.issuer == provider.claims["iss"]
    keys = json.dumps({"keys": [jwk("rsa")]}).encode()
    url = urlsplit(issuer.issuer)
    with FakeInternet((str(url.hostname),)) as internet:
        internet.patch(monkeypatch)
        internet.add(str(url.hostname), ADDRESS)
        configuration = {"issuer": issuer.issuer, "jwks_uri": f"https://{url.hostname}/the/keys"}
        internet.serve(f"{url.path}/.well-known/openid-configuration", json.dumps(configuration).encode())
        internet.serve("/the/keys", keys)
        if issuer.jwks:
            (tmp_path / issuer.jwks).write_bytes(keys)
        service = drivers.application(file, log, {**ENVIRON, "SIGNPOST_CONFIG": str(file)})
        handle = drivers.in_process(service, FILES, is_rest_api=True)
        for method, path, changes, status in provider.requests:
            now = time.time()
            claims = {**provider.claims, "iat": now, "nbf": now, "exp": now + 300, **changes}
            text = token({key: value for key, value in claims.items() if value is not ...}, **provider.header)
            reply = handle(method, path, "", [("authorization", f"Bearer {text}")], b"")
            assert reply.status == status, (method, path, changes, log.read_text())
        assert len(internet.seen) == (0 if issuer.jwks else 2)  # the configuration and the keys, once


def test_the_settings_for_signing_in_are_valid_with_the_variable_that_the_page_sets(tmp_path: Path) -> None:
    text = dedent((PROJECT / "docs" / "sign-in.md").read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    file = tmp_path / "signpost.toml"
    file.write_text(MOUNT + text)
    settings, warnings = inspect(file, {"CORP_SECRET": "the-secret-that-the-provider-shows"}, "eu-west-1")
    assert warnings == ()
    assert [issuer.client_id for issuer in settings.issuers] == ["signpost"]
    assert settings.client_secrets == {"corp": "the-secret-that-the-provider-shows"}
