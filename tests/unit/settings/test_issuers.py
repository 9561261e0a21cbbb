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
        assert f'where the same person can be "{other}": deny that name too' in warning
        assert inspected(tmp_path, two + rule("deny", to, other)) == ([], [])
        assert inspected(tmp_path, two + rule("allow", to)) == ([], [])
        of_email = two.replace('name = "ci"', 'name = "ci"\nsubject = "email"')
        (warning,) = inspected(tmp_path, of_email + rule("deny", to))[1]
        assert f'where the same person can be "{other.rpartition(":")[0]}:…"' in warning
        assert inspected(tmp_path, of_email + rule("deny", to, f"{other}@example.com")) == ([], [])
        one = two.replace('login.example.com"\naudience', 'b.example.com"\naudience', 1)
        assert inspected(tmp_path, one + rule("deny", to)) == ([], [])


def test_the_secret_of_a_client_is_no_setting_and_is_not_shown(tmp_path: Path) -> None:
    (mistake,) = mistakes(tmp_path, MOUNT + CORP + 'client_secret = "c4n4ry"\n')
    assert "issuers[1].client_secret: is unknown" in mistake
    assert "c4n4ry" not in mistake
