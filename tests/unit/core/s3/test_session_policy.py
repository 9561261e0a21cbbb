"""AWS keys never open what the rules refuse, whatever the rules are; and they open all of what IAM can express."""

import os
from collections.abc import Sequence
from functools import cache
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from chalicelib.core.access.principals import Principal, Scope
from chalicelib.core.access.rules import Grant, Rule
from chalicelib.core.s3.direct_access import HEADER_FIELDS, PLAIN_FIELDS, UPLOAD_FIELDS, DirectAccess
from chalicelib.core.s3.mounts import DERIVED, Mount, Mounts
from chalicelib.core.s3.session_policy import session_policy
from chalicelib.core.s3.stores import ALIAS_ENDING
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.aws_credentials import PolicyTooLarge, RuleNotExpressible
from chalicelib.core.web.problems.base import Problem
from chalicelib.core.web.times import rfc3339
from tests.support import iam
from tests.support.builders import NOW, allow, deny, mount, numbered, principal
from tests.support.oracles import deciding

ANN = principal("a*n?", "staff")
END = int(NOW) + 60
CONTEXT = {"aws:CurrentTime": rfc3339(NOW)}

# Each permission, and the actions that the rules must allow at the path of the key.
NEEDED = {
    "s3:GetObject": ("read",),
    "s3:GetObjectVersion": ("read", "versions"),
    "s3:PutObject": ("write",),
    "s3:DeleteObject": ("delete",),
    "s3:DeleteObjectVersion": ("delete", "purge"),
}
# Each permission to list, and the actions that the rules must allow at a directory, and at a file in it.
NEEDED_TO_LIST = {
    "s3:ListBucket": (("list",), ("read",)),
    "s3:ListBucketVersions": (("list", "versions"), ("read", "versions")),
}

POINT = "arn:aws:s3:eu-west-1:111122223333:accesspoint/acme"  # of any bucket: no ARN tells which
LAYOUTS: tuple[tuple[Mount, ...], ...] = (
    (mount(),),
    (mount(prefix="t/"), mount("/a", bucket="other")),
    (mount(prefix="t"), mount("/a/b", prefix="a/b/")),
    (mount("/a", prefix="b/"), mount("/b")),
    (mount(prefix="t/"), mount("/b")),
    (mount(prefix="t/"), mount("/a", bucket=POINT), mount("/a/b", bucket=POINT, prefix="a/")),
    (mount("/a", prefix="a/"), mount("/b", bucket="acme-r4nd0m-s3alias", prefix="t/"), mount("/é", bucket="other")),
    (mount("/a", bucket=POINT), mount("/a/b", bucket="other", prefix="a/"), mount("/b", prefix="t/")),
    (mount("/a", endpoint="https://s3.example.com"), mount("/b", prefix="é/", endpoint="https://s3.example.com")),
)
PATTERNS = [
    *("/**", "/a/**", "/a/*", "/a/b/**", "/a/b", "/b/**", "/*/**", "/*/b", "/{user}/**", "/a/{user}", "/a/$/**"),
    *("/é/**", "/a/日", "/*", "/a/", "/a/*/", "/ab/**", "/a/*/b", "/a/*/b/**", "/a//**", "/t/**"),
]
ACTIONS = [("read", "list"), ("read", "list", "write", "delete"), ("read",), ("write",), ("list",), ("versions",)]
ACTIONS += [("read", "versions"), ("read", "list", "versions"), ("list", "versions"), ("delete", "purge"), ("purge",)]
NAMES = ["a", "b", "a*n?", "axnx", "é", "日", "-", "$", "ab", "", "t", "derived", "x"]

_rules = st.lists(
    st.builds(
        lambda path, actions, allows, to, limited: Rule(
            0, path, allows, actions, (to,), max_bytes=9 if limited and allows else None
        ),
        st.sampled_from(PATTERNS),
        st.sampled_from(ACTIONS),
        st.sampled_from([True, True, True, False]),
        st.sampled_from(["anyone", "anyone", "group:staff", "key:other"]),
        st.sampled_from([False] * 5 + [True]),
    ),
    min_size=1,
    max_size=4,
).map(lambda rules: numbered(*rules))
_scopes = st.none() | st.builds(
    Scope, st.sampled_from(["/", "/a/", "/a", "/a/b/"]), st.sampled_from(ACTIONS), st.just(END)
)
_keys = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)


def arn_of(bucket: str) -> str:
    """The ARN to list with (Service Authorization Reference, "Resource types defined by Amazon S3")."""
    return bucket if bucket == POINT else f"arn:aws:s3:::{bucket}"


@cache
def paths_of(mounts: Sequence[Mount], bucket: str, key: str) -> Sequence[str]:
    """The paths that lead to a key in a bucket, or through an access point."""
    paths = []
    for each in mounts:
        if each.bucket == bucket and key.startswith(each.prefix):
            try:
                path = decode(quote(f"{each.path}/{key.removeprefix(each.prefix)}"))
                target = Mounts(mounts).resolve(Grant(ANN, "read", path, Rule(0, "/**", True, (), ())))
            except Problem:
                continue
            if (target.mount, target.key) == (each, key) and not path.startswith("/-/"):
                paths.append(path)
    return paths


def may(rules: Sequence[Rule], caller: Principal, actions: Sequence[str], path: str) -> bool:
    """Whether for each action the first rule that matches allows it, without limits for an upload."""
    for action in actions:
        rule = deciding(rules, caller, action, path)
        if rule is None or not rule.allows or (action == "write" and rule.max_bytes):
            return False
    return caller.scope is None or all(caller.scope.covers(action, path) for action in actions)


def shown(
    rules: Sequence[Rule], mounts: Sequence[Mount], caller: Principal, permission: str, bucket: str, name: str
) -> bool:
    """Whether the listing of the service that is like a permission shows a name, in a directory to list."""
    at_directory, at_file = NEEDED_TO_LIST[permission]
    return any(
        may(rules, caller, at_directory, path[: path.removesuffix("/").rfind("/") + 1])
        and may(rules, caller, at_directory if name.endswith("/") else at_file, path)
        for path in paths_of(mounts, bucket, name)
    )


@pytest.mark.parametrize("mounts", LAYOUTS)
@settings(max_examples=10_000 // len(LAYOUTS) + 1 if os.environ.get("CI") else 20)
@given(_rules, _scopes, st.booleans(), st.lists(_keys, min_size=1, max_size=3))
def test_the_policy_never_allows_what_the_rules_refuse(
    mounts: Sequence[Mount], rules: Sequence[Rule], scope: Scope | None, narrow: bool, names: list[str]
) -> None:
    caller = ANN._replace(scope=scope)
    reached = [each for each in mounts if not each.bucket.endswith(ALIAS_ENDING)]  # no policy names an alias
    try:
        text = session_policy(DirectAccess(rules=rules, mounts=mounts, principal=caller, narrow=narrow), reached, END)
    except (RuleNotExpressible, PolicyTooLarge) as problem:
        event(problem.code)
        return
    event("nothing" if text is None else "policy")
    policy = iam.read(text or '{"Statement": []}')
    prefixes = {f"{prefix}{place}" for prefix in ("", *(each.prefix for each in mounts)) for place in ("", DERIVED)}
    for bucket, prefix in product({each.bucket for each in reached}, prefixes):
        keys = [f"{prefix}{name}" for name in names]
        for key in keys:
            check_object(policy, rules, mounts, caller, bucket, key, exact=not narrow)
            for end in (0, len(key) // 2, key.rfind("/") + 1, len(key)):
                for permission, delimiter in product(NEEDED_TO_LIST, (None, "/", "x")):
                    check_listing(policy, rules, mounts, caller, permission, bucket, key[:end], delimiter, keys)


def check_object(
    policy: iam.Document,
    rules: Sequence[Rule],
    mounts: Sequence[Mount],
    caller: Principal,
    bucket: str,
    key: str,
    *,
    exact: bool,
) -> None:
    """Check that both evaluators allow what the rules allow for a key, or less where something may be left out."""
    arn = f"{arn_of(bucket)}/{'object/' if bucket == POINT else ''}{key}"
    for permission, actions in NEEDED.items():
        paths = paths_of(mounts, bucket, key)
        allowed = any(may(rules, caller, actions, path) for path in paths)
        by_iam = iam.allows(policy, permission, arn, CONTEXT)
        assert by_iam == iam.moto_allows(policy, permission, arn, CONTEXT)
        assert allowed == by_iam or (allowed and not exact), (permission, key, policy)


def check_listing(
    policy: iam.Document,
    rules: Sequence[Rule],
    mounts: Sequence[Mount],
    caller: Principal,
    permission: str,
    bucket: str,
    prefix: str,
    delimiter: str | None,
    names: Sequence[str],
) -> None:
    """Check that a listing of S3 shows only names that the service shows, or the name of a directory of its own."""
    context = CONTEXT | {"s3:prefix": prefix} | ({"s3:delimiter": delimiter} if delimiter else {})
    by_iam = iam.allows(policy, permission, arn_of(bucket), context)
    assert by_iam == iam.moto_allows(policy, permission, arn_of(bucket), context)
    if not by_iam:
        return
    inside = [(each, other) for each in mounts for other in mounts if other.path.startswith(f"{each.path}/")]
    inner = [
        outer.prefix + other.path.removeprefix(f"{outer.path}/") for outer, other in inside if outer.bucket == bucket
    ]
    for name in names:
        slash = name.find("/", len(prefix)) if delimiter == "/" else -1
        listed = name if slash < 0 else name[: slash + 1]
        is_mount = listed.removesuffix("/") in inner
        is_hidden = slash >= 0 and not paths_of(mounts, bucket, f"{listed}x")
        is_listed_itself = prefix == listed and (listed.endswith("/") or any(listed == each.prefix for each in mounts))
        if name.startswith(prefix) and not is_listed_itself and not (delimiter == "/" and (is_mount or is_hidden)):
            seen = shown(rules, mounts, caller, permission, bucket, listed)
            assert seen, (permission, prefix, delimiter, listed, policy)


def made(rules: Sequence[Rule], mounts: Sequence[Mount] = LAYOUTS[0], *, narrow: bool = False) -> iam.Document:
    """The policy for Ann."""
    access = DirectAccess(rules=numbered(*rules), mounts=mounts, principal=ANN, narrow=narrow)
    return iam.read(session_policy(access, mounts, END) or '{"Statement": []}')


def test_a_rule_that_iam_cannot_express_is_named_or_left_out() -> None:
    everything = allow("/**", "read list write")
    for number, rules in [
        (1, [allow("/a/**", "write", max_bytes=9), everything]),
        (1, [allow("/a/**", "write", overwrite=False)]),
        (1, [allow("/a/**", "read")._replace(pass_headers=("x-amz-tagging",))]),
        (2, [allow("/a/b", "read"), deny("/a/**", "read"), everything]),  # the order has no equivalent
        (1, [deny("/a/*", "write"), everything]),  # a denial of IAM crosses slashes
        (1, [deny("/a/**", "read list"), everything]),  # a listing shows the name of /a/
        (1, [allow("/**", "list"), allow("/a/**", "read")]),
        (1, [allow("/a/", "list")]),
        (1, [allow("/a/*/b/**", "read")]),
        (1, [allow("/日/**", "read")]),
    ]:
        with pytest.raises(RuleNotExpressible) as raised:
            made(rules)
        assert raised.value.number == number, rules
        made(rules, narrow=True)  # the property above checks what it allows
    with pytest.raises(RuleNotExpressible, match="rule 1 has a path"):
        made([allow("/a/$x/**", "read")], [mount(endpoint="https://s3.example.com")])


def test_a_field_of_a_rule_that_the_translation_does_not_know_is_refused() -> None:
    """A new field must get its place in `direct_access`."""
    assert {*Rule._fields} == PLAIN_FIELDS | UPLOAD_FIELDS | HEADER_FIELDS


def test_the_policy_refuses_the_headers_that_a_redirect_refuses_and_ends() -> None:
    for on in (mount(), mount(endpoint="https://s3.example.com")):
        policy = made([allow("/**", "read write")], [on])
        arn = "arn:aws:s3:::acme-files/a"
        assert iam.allows(policy, "s3:PutObject", arn, CONTEXT)
        assert not iam.allows(policy, "s3:PutObject", arn, {"aws:CurrentTime": rfc3339(END)})
        names = ["storage-class", "website-redirect-location", "copy-source"]
        names += [f"server-side-encryption-{name}" for name in ("customer-algorithm", "aws-kms-key-id")]
        for name in (*names, *(() if on.on_aws else ("acl", "grant-read"))):
            assert not iam.allows(policy, "s3:PutObject", arn, CONTEXT | {f"s3:x-amz-{name}": "x"}), name


def test_a_listing_without_a_prefix_is_a_listing_of_the_whole_bucket() -> None:
    for rules, allowed in (([allow("/**", "read list")], True), ([allow("/a/**", "read list")], False)):
        policy = made(rules)
        for context, shows in ((CONTEXT, False), (CONTEXT | {"s3:delimiter": "/"}, allowed)):
            assert iam.allows(policy, "s3:ListBucket", "arn:aws:s3:::acme-files", context) == shows


def test_a_policy_that_is_too_large_is_refused() -> None:
    with pytest.raises(PolicyTooLarge):
        made([allow(f"/{'a' * 40}{number}/**", "read") for number in range(30)])
    with pytest.raises(PolicyTooLarge):
        made([allow(f"/{number}/**", "read") for number in range(65)])


def test_a_caller_of_a_bucket_with_a_key_of_kms_may_use_the_key_through_s3() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"
    for actions, uses in (("read", ["kms:Decrypt"]), ("write", ["kms:Decrypt", "kms:GenerateDataKey"]), ("delete", [])):
        policy = made([allow("/**", actions)], [mount()._replace(kms_key=key)])
        context = CONTEXT | {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
        assert [use for use in ("kms:Decrypt", "kms:GenerateDataKey") if iam.allows(policy, use, key, context)] == uses
        assert not iam.allows(policy, "kms:Decrypt", key, CONTEXT | {"kms:ViaService": "ec2.amazonaws.com"})
