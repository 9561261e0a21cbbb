"""A mount for which the service cannot sign is a mistake, and so is a header with which a client bypasses a rule."""

from pathlib import Path

from chalicelib.settings.load import inspect
from chalicelib.settings.mounts import UNKNOWN_REGION
from tests.support.settings_files import MOUNT, MOUNT_VALUES, loaded, mistakes, table

AWS = '[[mounts]]\npath = "/"\nbucket = "{}"\nregion = "{}"\n'
OTHER_STORE = 'endpoint = "https://s3.example.com"\n'


def test_only_a_general_purpose_bucket_can_be_a_mount(tmp_path: Path) -> None:
    for bucket in ("acme--euw1-az1--x-s3", "acme--euw1-az1--xa-s3", "acme-op--op-s3", "acme--ol-s3", "m0abc.mrap"):
        for more in ("", OTHER_STORE):
            (mistake,) = mistakes(tmp_path, AWS.format(bucket, "eu-west-1") + more)
            assert mistake.startswith(":3: mounts[1].bucket: is a directory bucket (S3 Express) or another ")
            assert mistake.endswith("name a general purpose bucket")
    for bucket in ("acme-x-s3", "acme--x-s3-2", "acme.files", "acme-s3alias", "x-s3a"):
        assert mistakes(tmp_path, AWS.format(bucket, "eu-west-1")) == []


def test_a_store_that_gives_no_aws_keys_is_a_warning_where_sdks_get_keys(tmp_path: Path) -> None:
    own = 'access_key = "AKID"\nsecret_key = "s"\n'
    role = 'role = "arn:aws:iam::111122223333:role/files"\n'
    for bucket, more, warned in (
        ("acme", "", False),
        ("acme", OTHER_STORE, True),
        ("acme", OTHER_STORE + role, False),
        ("acme", own, True),
        ("acme", own + role, False),
        ("acme-s3alias", role, True),
    ):
        for enabled in ("true", "false"):
            text = AWS.format(bucket, "eu-west-1") + more.replace('"AKID"', '"${A}"').replace('"s"', '"${A}"')
            (tmp_path / "settings.toml").write_text(f"{text}[credentials]\nenabled = {enabled}\n")
            _, warnings = inspect(tmp_path / "settings.toml", {"A": "a"}, "")
            assert ["SDKs get no AWS keys" in each for each in warnings] == [True] * (warned and enabled == "true")
    (mistake,) = mistakes(tmp_path, AWS.format("acme", "eu-west-1") + 'role = "files"\n')
    assert "mounts[1].role" in mistake


def test_a_region_that_aws_does_not_have_needs_an_endpoint(tmp_path: Path) -> None:
    for region in ("auto", "default", "us-east-1a", "eu-west", "us", "eu_west-1"):
        (mistake,) = mistakes(tmp_path, AWS.format("acme", region))
        assert mistake.startswith(":4: mounts[1].region: ")
        of_other_store = [] if region != "eu_west-1" else [mistake]
        assert mistakes(tmp_path, AWS.format("acme", region) + OTHER_STORE) == of_other_store
    assert 'endpoint = "https://s3.example.com"' in mistakes(tmp_path, AWS.format("acme", "auto"))[0]
    for region in ("eu-west-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7", "mx-central-1"):
        assert mistakes(tmp_path, AWS.format("acme", region)) == []


def test_one_bucket_in_two_regions_is_a_mistake(tmp_path: Path) -> None:
    def two(first: str, second: str, more: str = "") -> list[str]:
        return mistakes(tmp_path, AWS.format("acme", first) + AWS.format("acme", second).replace('"/"', '"/b"') + more)

    (mistake,) = two("eu-west-1", "us-east-1")
    assert mistake.startswith(":8: mounts[2].region: is not the region of mounts[1], which has the same bucket. ")
    assert two("eu-west-1", "eu-west-1") == []
    assert two("eu-west-1", "cn-north-1") == []  # another partition has another bucket of this name
    assert two("eu-west-1", "auto", OTHER_STORE) == []
    assert two("eu-west-1", UNKNOWN_REGION) == []  # the tool cannot know whether the regions differ


def test_a_kms_key_must_be_a_key_in_the_buckets_region_on_aws(tmp_path: Path) -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/1a2b3c"
    for more, words in {
        f'kms_key = "{key.replace("eu-west-1", "us-east-1")}"\n': "is in another region than the bucket",
        f'{OTHER_STORE}kms_key = "{key}"\n': "is for a bucket on AWS, but this mount has an endpoint",
        f'kms_key = "{key.replace("key/1a2b3c", "alias/mine")}"\n': "the ARN of a KMS key, not of an alias",
        'kms_key = "1a2b3c"\n': "the ARN of a KMS key, not of an alias",
    }.items():
        (mistake,) = mistakes(tmp_path, MOUNT + more)
        assert "mounts[1].kms_key: " in mistake
        assert words in mistake


def test_no_mount_holds_the_derivatives_of_a_mount(tmp_path: Path) -> None:
    for prefixes, wrong in [
        (("a/", "a/-/derived/"), [2]),
        (("a/", "a/-/derived/sub/"), [2]),
        (("a/-/derived/", "", "a/"), [1]),
        (("v2", "v2-/derived/x/", "a/"), [2]),
        (("a/", "a/-/", "derived/", "a/-/derived", "a/-/derived-x/", "b/-/derived/"), []),
    ]:
        mounts = [
            table("[[mounts]]", MOUNT_VALUES | {"path": f'"/m{index}"', "prefix": f'"{prefix}"'})
            for index, prefix in enumerate(prefixes)
        ]
        assert mistakes(tmp_path, "".join(mounts)) == [
            f":{5 * number}: mounts[{number}].prefix: is below -/derived/, where the service stores resized images: "
            "name another prefix"
            for number in wrong
        ]
        through_access_points = [
            mount.replace('"acme"', f'"acme-{index}-s3alias"') for index, mount in enumerate(mounts)
        ]
        assert len(mistakes(tmp_path, "".join(through_access_points))) == len(wrong)
        other_buckets = [mount.replace("acme", f"acme-{index}") for index, mount in enumerate(mounts)]
        assert mistakes(tmp_path, "".join(other_buckets)) == []


def test_a_rule_names_headers_but_none_that_would_bypass_the_rules(tmp_path: Path) -> None:
    stored = ["x-amz-tagging", "x-amz-storage-class", "x-amz-object-lock-mode", "x-amz-website-redirect-location"]
    stored += [f"x-amz-server-side-encryption-{name}" for name in ("aws-kms-key-id", "bucket-key-enabled", "context")]
    passed = [*stored, "x-amz-server-side-encryption-customer-key"]
    required = [*stored, "cache-control", "content-language", "x-amz-meta-from", "x-amz-server-side-encryption"]
    values = {"path": '"/a"', "allow": '["write"]', "to": '["anyone"]'}
    required_toml = "{" + ", ".join(f'{name} = "x"' for name in required) + "}"
    text = table("[[rules]]", values | {"pass_headers": str(passed), "require_headers": required_toml})
    (rule,) = loaded(tmp_path, MOUNT + text).rules
    assert rule.pass_headers == tuple(passed)
    assert [name for name, _ in rule.require_headers] == required
    bypasses = ["copy-source", "copy-source-range", "rename-source", "acl", "grant-read", "bypass-governance-retention"]
    unknown = [
        "request-payer",
        "grant-of-tomorrow",
        "of-tomorrow",
        "write-offset-bytes",
        "security-token",
        "*",
        "",
        "tagging ",
        "TAG",
    ]
    for name in (
        *(f"x-amz-{name}" for name in [*bypasses, *unknown]),
        *("x-amz-tagging,x-amz-acl", "X-Amz-Acl", "authorization", "host"),
    ):
        for key, value in {"pass_headers": f'["{name}"]', "require_headers": f'{{ "{name}" = "x" }}'}.items():
            (mistake,) = mistakes(tmp_path, MOUNT + table("[[rules]]", values | {key: value}))
            assert mistake.startswith(f':9: rules[1].{key}: "{name}" is not a header that ')
