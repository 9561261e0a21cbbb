"""Issuers and groups of people: the values that are read, the owners that are named, and the principals of rules."""

from pathlib import Path

from chalicelib.core.access.issuers import Issuer
from tests.support.settings_files import MOUNT, inspected, loaded, mistakes, table

CORP = table(
    "[[issuers]]",
    {"name": '"corp"', "issuer": '"https://login.example.com"', "audience": '"https://files.example.com"'},
)
STAR = 'has a * within the name of an owner, and "acme*" would admit "acme-evil" too'
WORLD = "must name an owner, because anyone can get a token of this issuer"
GITHUB = "https://token.actions.githubusercontent.com"
ENTRA = "https://login.microsoftonline.com"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"


def issuer_table(issuer: str, require: str) -> str:
    values = {"name": '"a"', "issuer": f'"{issuer}"', "audience": '["x"]', "require": require}
    return MOUNT + table("[[issuers]]", values)


def test_a_table_gives_an_issuer_and_groups_give_the_groups_of_each_person(tmp_path: Path) -> None:
    text = CORP + 'audience_claim = "client_id"\nalgorithms = ["ES256"]\nsubject = "email"\nemail_trusted = true\n'
    text += 'groups = ["realm_access", "roles"]\njwks = "keys.json"\ninner = true\n'
    text += 'require = { hd = "a", "kubernetes.io" = { namespace = ["b", "c*"] } }\n'
    text += '[[issuers]]\nname = "ci"\nissuer = "https://b/"\naudience = ["c", "d"]\ngroups = "groups"\n'
    text += '[groups]\neditors = ["user:corp:a@b.c", "user:ci:x y"]\nstaff = ["user:corp:a@b.c"]\n'
    settings = loaded(tmp_path, MOUNT + text)
    assert settings.issuers == (
        Issuer(
            name="corp",
            issuer="https://login.example.com",
            audience=("https://files.example.com",),
            audience_claim="client_id",
            algorithms=("ES256",),
            subject="email",
            groups=("realm_access", "roles"),
            require=((("hd",), ("a",)), (("kubernetes.io", "namespace"), ("b", "c*"))),
            email_trusted=True,
            jwks="keys.json",
            inner=True,
        ),
        Issuer("ci", "https://b/", ("c", "d"), groups=("groups",)),
    )
    assert settings.groups == {"user:corp:a@b.c": ("editors", "staff"), "user:ci:x y": ("editors",)}
    assert loaded(tmp_path, MOUNT + CORP).issuers == (
        Issuer("corp", "https://login.example.com", ("https://files.example.com",)),
    )
    (mistake,) = mistakes(tmp_path, MOUNT + CORP * 2)
    assert mistake == ":10: issuers[2].name: is the same as in issuers[1]"


def test_an_issuer_of_the_whole_world_must_name_an_owner(tmp_path: Path) -> None:
    for issuer, require in [
        (GITHUB, '{ sub = "repo:acme/*" }'),
        (GITHUB, '{ repository = ["acme/site", "acme/*"] }'),
        (GITHUB, '{ repository_owner = "acme", ref = "refs/heads/*" }'),
        (GITHUB, '{ repository_owner_id = "123" }'),
        ("https://gitlab.com", '{ namespace_path = ["acme", "acme/*"] }'),
        ("https://gitlab.com", '{ sub = "project_path:acme/*" }'),
        ("https://accounts.google.com", '{ hd = "example.com" }'),
        (f"{ENTRA}/common/v2.0", '{ tid = "1" }'),
        (f"{ENTRA}/11111111-2222-3333-4444-555555555555/v2.0", "{}"),
        *(("https://gitlab.com", f'{{ {claim} = "72" }}') for claim in ("namespace_id", "project_id")),
        ("https://gitlab.example.com", "{}"),
        ("https://login.example.com/common", "{}"),
        ("https://auth.example.com", '{ sub = "auth0|*", ref = "release-*" }'),
        ("https://kubernetes.default.svc", '{ sub = "system:serviceaccount:builds:*" }'),
    ]:
        assert mistakes(tmp_path, issuer_table(issuer, require)) == [], (issuer, require)
    for issuer, require, words in [
        *((GITHUB, f'{{ sub = "{sub}" }}', STAR) for sub in ("repo:acme*", "repo:*", "repo:a*e/site")),
        (GITHUB, '{ repository_owner = "acme*" }', STAR),
        (GITHUB, '{ repository_owner = "acme", repository = ["acme/a", "acme*"] }', STAR),
        ("https://gitlab.example.com", '{ namespace_path = "acme*" }', STAR),
        ("https://kubernetes.default.svc", '{ sub = "system:serviceaccount:build*" }', STAR),
        ("https://accounts.google.com", '{ hd = "*" }', STAR),
        *((GITHUB, f'{{ sub = "{sub}" }}', WORLD) for sub in ("*", "ref:refs/heads/main", "repo:acme")),
        *((GITHUB, require, WORLD) for require in ("{}", '{ ref = "acme/*" }', '{ a = { repository = "acme/b" } }')),
        (GITHUB, '{ job_workflow_ref = "acme/ci/.github/workflows/a.yml@refs/heads/main" }', WORLD),
        ("https://gitlab.com", "{}", WORLD),
        ("https://GitLab.com/", "{}", WORLD),
        ("https://accounts.google.com", '{ email = "*@example.com" }', WORLD),
        *((f"{ENTRA}/{tenant}/v2.0", "{}", WORLD) for tenant in ("common", "organizations", "consumers", PERSONAL)),
        (f"{ENTRA}/common/v2.0", f'{{ tid = "{PERSONAL}" }}', WORLD),
    ]:
        (mistake,) = mistakes(tmp_path, issuer_table(issuer, require))
        assert mistake.startswith(":9: issuers[1].require: "), mistake
        assert words in mistake, (mistake, require)


def rule(verb: str, *to: str) -> str:
    return table("[[rules]]", {"path": '"/x"', verb: '["read"]', "to": str([*to])})


def test_rules_name_people_and_groups_of_issuers_and_listed_people(tmp_path: Path) -> None:
    groups = '[groups]\neditors = ["user:corp:alice"]\n'
    with_groups = MOUNT + CORP + 'groups = "groups"\n' + groups
    for to in ("user:corp:alice", "user:corp:repo:a/b:ref:c", "group:corp:Domain Users", "group:editors"):
        for verb in ("allow", "deny"):
            assert inspected(tmp_path, with_groups + rule(verb, to)) == ([], []), to
    for to, words in [
        ("user:crop:alice", '"user:crop:alice" names no issuer; did you mean "corp"?'),
        ("group:crop:x", '"group:crop:x" names no issuer; did you mean "corp"?'),
        ("group:corp:x", 'is a group, but the table of issuer "corp" has no groups: name the claim'),
        ("group:editor", 'is a group that no key has; did you mean "editors"?'),
    ]:
        (text,), _ = inspected(tmp_path, MOUNT + CORP + groups + rule("deny", to))
        assert "rules[1].to: can never match: " in text
        assert words in text
        texts, (warning,) = inspected(tmp_path, MOUNT + CORP + groups + rule("allow", to))
        assert (texts, words in warning) == ([], True)
    unnamed = MOUNT + CORP.replace('"corp"', '"Corp"') + groups
    (text,), _ = inspected(tmp_path, unnamed + rule("deny", "user:corp:alice"))
    assert ": issuers[1].name: " in text
    (text,), _ = inspected(tmp_path, MOUNT + CORP + rule("deny", "user:corp:a/b").replace('"/x"', '"/{user}/x"'))
    assert "rules[1].to: can never match: an id with a slash has no {user}" in text


def test_a_group_of_people_has_a_name_as_a_group_of_keys(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, MOUNT + CORP + '[groups]\n"a:b" = ["user:corp:alice"]\n')
    assert mistake.endswith(": groups.a:b: is not a name without spaces and colons")


def test_a_denied_name_at_one_of_two_tables_with_the_same_issuer_is_a_warning(tmp_path: Path) -> None:
    two = MOUNT + CORP + CORP.replace('"corp"', '"ci"') + '[groups]\neditors = ["user:corp:alice"]\n'
    for to, other in (("user:ci:bob", "user:corp:bob"), ("group:editors", "user:ci:alice")):
        texts, (warning,) = inspected(tmp_path, two + rule("deny", to))
        assert texts == []
        assert f'so "{other}" can stand for the same people as "' in warning
        assert warning.endswith("deny that name too")
        assert inspected(tmp_path, two + rule("deny", to, other)) == ([], [])
        assert inspected(tmp_path, two + rule("allow", to)) == ([], [])
        of_email = two.replace('name = "ci"', 'name = "ci"\nsubject = "email"')
        (warning,) = inspected(tmp_path, of_email + rule("deny", to))[1]
        assert f'so "{other.rpartition(":")[0]}:…" can stand' in warning
        assert inspected(tmp_path, of_email + rule("deny", to, f"{other}@example.com")) == ([], [])
        one = two.replace('login.example.com"\naudience', 'b.example.com"\naudience', 1)
        assert inspected(tmp_path, one + rule("deny", to)) == ([], [])


def test_a_revoked_name_at_one_of_two_tables_with_the_same_issuer_is_a_warning(tmp_path: Path) -> None:
    two = MOUNT + CORP + CORP.replace('"corp"', '"ci"') + '[revoked]\n"user:ci:bob" = true\n'
    assert inspected(tmp_path, two)[1] == [
        ":14: revoked.user:ci:bob: warning: two tables of issuers have the same issuer, so "
        '"user:corp:bob" can stand for the same people as "user:ci:bob": revoke that name too',
    ]
    assert inspected(tmp_path, two + '"user:corp:bob" = 2026-11-29T12:00:00Z\n') == ([], [])


CLIENT = 'client_id = "web"\nclient_secret = "${SECRET}"\n'


def test_people_sign_in_with_an_issuer_that_knows_the_service(tmp_path: Path) -> None:
    two = MOUNT + CORP + CLIENT + CORP.replace('"corp"', '"ci"') + CLIENT + 'scopes = ["openid", "groups"]\n'
    settings = loaded(tmp_path, two, {"SECRET": "c4n4ry"})
    assert [(issuer.client_id, issuer.scopes) for issuer in settings.issuers] == [
        ("web", ("openid", "email", "profile")),
        ("web", ("openid", "groups")),
    ]
    assert settings.client_secrets == {"corp": "c4n4ry", "ci": "c4n4ry"}
    assert "c4n4ry" not in repr(settings)
    access = (
        CORP.replace('"https://files.example.com"', '"web"') + 'audience_claim = "client_id"\nrequire = {a = "b"}\n'
    )
    assert mistakes(tmp_path, MOUNT + access + CLIENT, {"SECRET": "x"}) == []  # such a token has no `aud`


def test_the_settings_of_a_client_that_cannot_be_intended_are_mistakes(tmp_path: Path) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/c4n4ry"
    for text, secret, key, words in [
        (
            'client_secret = "c4n4ry"\nclient_id = "web"\n',
            "x",
            "client_secret",
            "must not be in this file: write ${NAME}",
        ),
        (CLIENT, "", "client_secret", "the text here is not a secret: it is empty"),
        (CLIENT, arn, "client_secret", "the text here is not a secret: it is empty, or the ARN of something else"),
        ('client_id = "web"\n', "x", "client_id", "needs client_secret"),
        ('client_id = "web"\nclient_secret = ""\n', "x", "client_id", "needs client_secret"),
        ('client_secret = "${SECRET}"\n', "x", "client_secret", "needs client_id"),
        ('client_id = " web"\nclient_secret = "${SECRET}"\n', "x", "client_id", "is not the id of this service"),
        (CLIENT + 'scopes = ["email"]\n', "x", "scopes", 'must have "openid"'),
        (CLIENT + 'scopes = ["openid email"]\n', "x", "scopes", "is not a scope"),
        (CLIENT.replace("web", "https://files.example.com"), "x", "audience", "has a client_id of this issuer"),
    ]:
        found = mistakes(tmp_path, MOUNT + CORP + text, {"SECRET": secret})
        assert any(f"issuers[1].{key}: " in mistake and words in mistake for mistake in found), (text, found)
        assert "c4n4ry" not in "".join(found)
    other = CORP.replace('"corp"', '"ci"').replace('"https://files.example.com"', '["x", "web"]')
    (mistake,) = mistakes(tmp_path, MOUNT + CORP + CLIENT + other, {"SECRET": "x"})
    assert "issuers[2].audience: has a client_id of this issuer" in mistake
    elsewhere = other.replace("login.example", "id.example")
    assert mistakes(tmp_path, MOUNT + CORP + CLIENT + elsewhere, {"SECRET": "x"}) == []


KEY = table("[[keys]]", {"id": '"ci"', "sha256": f'"{"a" * 64}"'})


def test_a_revoked_name_has_the_time_before_which_all_is_revoked(tmp_path: Path) -> None:
    text = MOUNT + KEY + CORP + '[revoked]\n"user:corp:a:b" = true\n'
    settings = loaded(tmp_path, text + '"key:ci" = 2026-11-29T12:00:00+02:00\n')
    assert settings.revoked == {"user:corp:a:b": float("inf"), "key:ci": 1795946400}
    for value in ("false", '"2026-11-29T12:00:00Z"', "1795939200", "2026-11-29T12:00:00", "2026-11-29", "12:00:00"):
        (mistake,) = mistakes(tmp_path, f"{text}'key:ci' = {value}\n")
        assert mistake.startswith(":14: revoked.key:ci: must be true")
        assert '"key:ci" = 2026-11-29T12:00:00Z' in mistake


def test_a_revoked_name_is_a_key_or_a_person_of_the_file(tmp_path: Path) -> None:
    for name, words in [
        ("key:cii", 'names no key; did you mean "ci"?'),
        ("user:crop:alice", 'names no issuer; did you mean "corp"?'),
        ("kay:ci", 'is neither a key ("key:ci") nor a person of an issuer: "user:corp:alice"; did you mean "key:ci"?'),
        *((name, "is neither a key") for name in ("alice", "user:corp", "user:corp:", "group:corp:x", "anyone")),
    ]:
        (mistake,) = mistakes(tmp_path, MOUNT + KEY + CORP + f'[revoked]\n"{name}" = true\n')
        assert f": revoked.{name}: {words}" in mistake
    broken = MOUNT + KEY.replace('"ci"', '"C I"') + CORP.replace('"corp"', '"C"')
    found = mistakes(tmp_path, f'{broken}[revoked]\n"key:ci" = true\n"user:corp:alice" = true\n')
    assert not any("revoked" in mistake for mistake in found)
