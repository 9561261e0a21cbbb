"""signpost.toml to frozen values: every mistake is collected, and a file with any gives no settings at all."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, Final, NamedTuple

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import ACTIONS, Rule
from chalicelib.core.s3.mounts import DERIVED, Mount
from chalicelib.core.s3.stores import Credentials, bucket_url
from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS, is_size
from chalicelib.core.web.paths import CONTROLS, DOT_SEGMENTS, IMAGE_ENDPOINTS

from .checks import (
    ACCESS_KEY,
    AWS_REGION,
    BUCKET,
    KMS_KEY,
    ORIGIN,
    REGION,
    SECRET,
    SECRET_KEY,
    UNKNOWN_REGION,
    is_general_purpose,
    without_usual_port,
)
from .toml_reader import Check, Reader, Table, did_you_mean, optional, pattern

_WEEK: Final = 604_800  # seconds; the longest that SigV4 signs for (FACTS 4.3)
_EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Settings(NamedTuple):
    """What signpost.toml says, checked."""

    realm: str
    public_url: str | None
    head_inline: bool
    cors_origins: tuple[str, ...]
    mounts: tuple[Mount, ...]
    keys: tuple[ApiKey, ...]
    rules: tuple[Rule, ...]
    image_hosts: tuple[str, ...]
    authorization_header: str | None = None
    cdn_secret: str | None = None

    def __repr__(self) -> str:
        """Without what the environment gave: the CDN's secret may be in it."""
        return f"Settings({self.realm!r}, {len(self.mounts)} mounts, {len(self.keys)} keys, {len(self.rules)} rules)"


class InvalidSettings(Exception):
    """The settings cannot be used. `mistakes` are all of them, each with its place and what would be right.

    `warnings` are there where `inspect` read the file.
    """

    def __init__(self, mistakes: Iterable[str], warnings: Iterable[str] = ()) -> None:
        self.mistakes, self.warnings = tuple(mistakes), tuple(warnings)
        super().__init__("\n".join(self.mistakes))


def load(file: str | PathLike[str], environ: Mapping[str, str]) -> Settings:
    """Read the settings, as the service does: a rule that allows too little is not looked for.

    Args:
        file: a TOML file.
        environ: where `${NAME}` and the default region come from.

    Raises:
        InvalidSettings: the file cannot be read, or holds a mistake.
    """
    reader, settings = _read(file, environ)
    _examine(reader, settings, [rule for rule in settings.rules if not rule.allows])
    if reader.mistakes:
        raise InvalidSettings(reader.mistakes)
    return settings


def inspect(file: str | PathLike[str], environ: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read the settings as `load` does, and return the warnings as well: what cannot be intended, and does no harm."""
    reader, settings = _read(file, environ)
    _examine(reader, settings, settings.rules)
    if reader.mistakes:
        raise InvalidSettings(reader.mistakes, reader.warnings())
    return settings, reader.warnings()


def _read(file: str | PathLike[str], environ: Mapping[str, str]) -> tuple[Reader, Settings]:
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        document = tomllib.loads(text)
    except OSError as error:
        raise InvalidSettings([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise InvalidSettings([f"{file}: is not UTF-8; save it as UTF-8"]) from None
    except (ValueError, RecursionError) as error:  # tomllib lets both out: a number or a nest that is far too long
        raise InvalidSettings([f"{file}: is not TOML: {error}"]) from None
    reader = Reader(file, text, environ)
    return reader, _settings(reader, document)


def _examine(reader: Reader, settings: Settings, rules: Sequence[Rule]) -> None:
    """Note which of some rules can never match. A table that has a mistake leads to no second report."""
    if not rules:
        return
    from .rule_analysis import RuleAnalysis

    sound = [rule for rule in settings.rules if ("rules", rule.number - 1) not in reader.flawed]
    mounts_are_flawed = any(name == "mounts" for name, _ in reader.flawed)
    mounts = [""] if mounts_are_flawed else [mount.path for mount in settings.mounts]
    analysis = RuleAnalysis(sound, [key.principal() for key in settings.keys], mounts)
    for rule in rules:
        place = ("rules", rule.number - 1)
        finding = None if place in reader.flawed else analysis.finding(rule)
        if finding is None:
            continue
        words = f"{'can never match' if finding.never else 'denies less than it names'}: {finding.reason}"
        if finding.never and not rule.allows:
            reader.mistake((*place, finding.key), words)
        else:
            reader.warning((*place, finding.key), partial(str, words))


def _settings(reader: Reader, document: dict[str, Any]) -> Settings:
    tables = ("service", "mounts", "keys", "rules", "images")
    for name in [name for name in document if name not in tables]:
        reader.mistake((name, 0, None), f"is unknown{did_you_mean(name, tables)}")
    service = Table(reader, "service", 0, reader.table(document, "service"))
    realm = service.text("realm", "Signpost", _REALM)
    called = service.text("public_url", "", _PUBLIC_URL).rstrip("/")
    public_url = without_usual_port(called) if called else None
    authorization_header = service.text("authorization_header", "", _CREDENTIALS_HEADER) or None
    cdn_secret = service.secret("cdn_secret", SECRET) or None
    url_seconds = service.integer("url_seconds", 300, 1, _WEEK)
    head = service.choice("head", "redirect", ("redirect", "inline"))
    origins = service.texts("cors_origins", (), ORIGIN)
    service.finish()
    mounts = tuple(_mount(table, url_seconds) for table in reader.tables(document, "mounts"))
    if not document.get("mounts"):
        reader.mistake(("mounts", 0, None), 'is missing; add [[mounts]] with path = "/" and bucket = "NAME"')
    reader.unique("mounts", "path", [mount.path or "/" for mount in mounts])
    own = [(mount.bucket, mount.prefix + DERIVED) for mount in mounts]
    for index, mount in enumerate(mounts):
        if any(bucket == mount.bucket and mount.prefix.startswith(start) for bucket, start in own):
            reader.mistake(("mounts", index, "prefix"), f"is below {DERIVED}, where the service keeps what it makes")
    _check_one_region(reader, mounts)
    keys = tuple(_key(table) for table in reader.tables(document, "keys"))
    reader.unique("keys", "id", [key.id for key in keys])
    reader.unique("keys", "sha256", [key.sha256 for key in keys])
    tags = {tag for key in keys for tag in key.principal().tags} | {"anyone", "authenticated"}
    rules = tuple(_rule(table, tags) for table in reader.tables(document, "rules"))
    images = Table(reader, "images", 0, reader.table(document, "images"))
    image_hosts = images.texts("hosts", (), _IMAGE_HOST)
    images.finish()
    return Settings(
        *(realm, public_url, head == "inline", origins, mounts, keys, rules),
        *(image_hosts, authorization_header, cdn_secret),
    )


def _check_one_region(reader: Reader, mounts: Sequence[Mount]) -> None:
    """Note a bucket that has two regions. Names are unique in a partition of AWS, and in another store."""
    first: dict[tuple[str, str], int] = {}
    for index, mount in enumerate(mounts):
        store = mount.store
        other = first.setdefault((store, mount.bucket), index)
        if mount.bucket and len({mount.region, mounts[other].region} - {UNKNOWN_REGION}) > 1:
            reader.mistake(
                ("mounts", index, "region"),
                f"is another region than that of mounts[{other + 1}], which has the same bucket; a bucket is in one "
                "region: give both tables that region",
            )


def _mount(table: Table, service_seconds: int) -> Mount:
    path = table.text("path", None, _MOUNT_PATH).rstrip("/")
    bucket = table.text("bucket", None, BUCKET)
    prefix = table.text("prefix", "", _PREFIX)
    region = table.text("region", table.reader.region, REGION)
    endpoint = table.endpoint("endpoint")
    public_endpoint = table.endpoint("public_endpoint") or endpoint
    url_seconds = table.integer("url_seconds", service_seconds, 1, _WEEK)
    stable_seconds = table.integer("stable_seconds", 0, 0, _WEEK // 2)
    cache_seconds = table.integer("cache_seconds", 0, 0, _WEEK)
    kms_key = table.text("kms_key", "", KMS_KEY) or None
    access_key, secret_key = table.secret("access_key", ACCESS_KEY), table.secret("secret_key", SECRET_KEY)
    if not is_general_purpose(bucket):
        table.mistake(
            "bucket",
            "is a directory bucket or the like, with an endpoint and a signature of its own: name a general purpose "
            "bucket",
        )
    if endpoint is None and REGION.passes(region) and not AWS_REGION.fullmatch(region):
        table.mistake(
            "region",
            'is no region of AWS, such as "eu-west-1": correct it; or, for another store, say where the store is: '
            'endpoint = "https://s3.example.com"',
        )
    if kms_key and endpoint:
        table.mistake("kms_key", "is for a bucket on AWS, and this mount has an endpoint: leave one of both out")
    elif kms_key and KMS_KEY.passes(kms_key) and len({kms_key.split(":")[3], region} - {UNKNOWN_REGION}) > 1:
        table.mistake(
            "kms_key", "is in another region than the bucket, and S3 takes no key from there: name one that is"
        )
    if bool(access_key) != bool(secret_key):
        table.mistake("access_key", "and secret_key go together: give both, or neither")
    if url_seconds < 2 * stable_seconds:
        table.mistake(
            "stable_seconds",
            f"is {stable_seconds}, so url_seconds must be at least {2 * stable_seconds}, and is {url_seconds}",
        )
    table.finish()
    return Mount(
        path=path,
        bucket=bucket,
        prefix=prefix,
        region=region,
        endpoint=endpoint,
        bucket_url=bucket_url(bucket, region, public_endpoint),
        url_seconds=url_seconds,
        stable_seconds=stable_seconds,
        cache_seconds=cache_seconds,
        credentials=Credentials(access_key, secret_key) if access_key and secret_key else None,
        kms_key=kms_key,
    )


def _key(table: Table) -> ApiKey:
    key_id = table.text("id", None, KEY_ID)
    sha256 = table.text("sha256", None, _SHA256).lower()
    groups = table.texts("groups", (), _NAME)
    in_urls = table.flag("in_urls", False)
    table.finish()
    return ApiKey(key_id, sha256, groups, in_urls)


def _rule(table: Table, tags: set[str]) -> Rule:
    path = table.text("path", None, _RULE_PATH)
    allow = table.texts("allow", (), _ACTION)
    deny = table.texts("deny", (), _ACTION)
    if bool(allow) == bool(deny):
        table.mistake(None, 'needs either allow or deny, with actions in it: allow = ["read"]')
    to = table.texts("to", (), _PRINCIPAL)
    if not to:
        table.mistake("to", 'is missing; say whom the rule speaks to: to = ["anyone"], ["authenticated"], ["key:ID"]')
    _check_principals(table, to, tags, allows=bool(allow))
    overwrite = table.flag("overwrite", True)
    max_bytes = table.integer("max_bytes", -1, 0, 5 * 1024**4)
    content_types = table.texts("content_types", (), _CONTENT_TYPE)
    checksum = table.choice("checksum", "none", ("none", "sha256"))
    require_headers = table.pairs("require_headers", _REQUIRED_NAME, _REQUIRED_VALUE)
    image_sizes = table.texts("image_sizes", (), _IMAGE_SIZE)
    pass_headers = table.texts("pass_headers", (), _PASSED_NAME)
    if "pass_headers" in table.values and {"read", "write", "delete"}.isdisjoint(allow):
        table.mistake("pass_headers", 'lets headers through, so it belongs to a rule that allows "read" or "write"')
    if "image_sizes" in table.values and "read" not in allow:
        table.mistake("image_sizes", 'limits what images are read in, so it belongs to a rule that allows "read"')
    for name in ("overwrite", "max_bytes", "content_types", "checksum", "require_headers"):
        if name in table.values and "write" not in allow:
            table.mistake(name, 'limits uploads, so it belongs to a rule that allows "write"')
    table.finish()
    return Rule(
        number=table.index + 1,
        path=path,
        allows=bool(allow),
        actions=allow or deny,
        to=to,
        overwrite=overwrite,
        max_bytes=None if max_bytes < 0 else max_bytes,
        content_types=content_types,
        checksum=checksum == "sha256",
        require_headers=require_headers,
        image_sizes=image_sizes,
        pass_headers=pass_headers,
    )


def _check_principals(table: Table, to: tuple[str, ...], tags: set[str], *, allows: bool) -> None:
    """Note the principals of a rule that nothing makes. A deny rule with no other principal denies nothing."""
    for written, who in zip(table.values["to"] if to else (), to, strict=True):
        if who in tags or not _PRINCIPAL.passes(who):
            continue
        is_key = who.startswith("key:")
        alone = not is_key and tags.isdisjoint(to)
        words = partial(_unknown_principal, written, who, tags, alone=alone)
        if is_key:
            table.mistake("to", words())
        elif any(name == "keys" for name, _ in table.reader.flawed):
            continue
        elif alone and not allows:
            table.mistake("to", words())
        else:
            table.warning("to", words)


def _unknown_principal(written: str, who: str, tags: set[str], *, alone: bool) -> str:
    kind, _, name = who.partition(":")
    hint = did_you_mean(name, sorted(tag.partition(":")[2] for tag in tags if tag.startswith(f"{kind}:")))
    if kind == "key":
        return f'"{written}" names no key{hint}'
    cause = "is a group that no key has" if kind == "group" else "is nobody: no setting makes users; name a key"
    return f'{"can never match: " if alone else ""}"{written}" {cause}{hint}'


def _is_path(text: str) -> bool:
    return (
        text.startswith("/")
        and not text.startswith(("//", "/-/"))
        and text != "/-"
        and CONTROLS.isdisjoint(text)
        and DOT_SEGMENTS.isdisjoint(text.split("/"))
    )


def _is_mount_path(text: str) -> bool:
    return _is_path(text) and not re.search(r"[*{}]|//", text)


def _is_rule_path(text: str) -> bool:
    if text in IMAGE_ENDPOINTS:
        return True
    *segments, last = text[1:].split("/")
    if last != "**":
        segments.append(last)
    plain = all(segment in ("*", "{user}") or not re.search(r"[*{}]", segment) for segment in segments)
    return _is_path(text) and plain


def _is_image_host(text: str) -> bool:
    found = re.fullmatch(r"(?:\*\.)?(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*(?::([1-9][0-9]{0,4}))?", text)
    return found is not None and int(found[1] or 0) < 65_536


def _is_prefix(text: str) -> bool:
    return not text or _is_path(f"/{text}")


_REALM = Check(pattern(r"[ !#-\[\]-~]+"), 'printable ASCII without " and \\')
_PUBLIC_URL = Check(
    optional(r"https?://[a-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~-]+)*/?"),
    'how clients call the service: "https://files.example.com"',
)
_CREDENTIALS_HEADER = Check(
    optional(r"x-(?!am(?:z|zn)-|forwarded-)[a-z0-9-]+(?<!-cdn-secret)"),
    'a header of your own in lower case: "x-signpost-authorization"',
)
_MOUNT_PATH = Check(_is_mount_path, 'a path of literal segments that starts with a slash: "/" or "/archive"')
_PREFIX = Check(_is_prefix, 'the beginning of keys, without a leading slash: "tenants/acme/"')
KEY_ID = Check(pattern(r"[a-z0-9-]+"), "lower-case letters, digits and '-'")
_SHA256 = Check(
    lambda text: re.fullmatch(r"[0-9A-Fa-f]{64}", text) and text.lower() != _EMPTY_SHA256,
    "the SHA-256 of a secret, 64 hex digits, as `python -m chalicelib key new ID` prints it",
    secret=True,
)
_NAME = Check(pattern(r"[^\s:]+"), "a name without spaces and colons")
_RULE_PATH = Check(
    _is_rule_path,
    "a path from its slash, below /-/ only /-/thumbnail and /-/resize: "
    "literal segments, '*' or '{user}' for a whole segment, '**' as the last",
)
_ACTION = Check(ACTIONS.__contains__, f"one of {', '.join(ACTIONS)}", ACTIONS)
_PRINCIPAL = Check(
    pattern(r"anyone|authenticated|(?:group|key|user):\S+"),
    "anyone, authenticated, group:NAME, key:ID or user:ID",
    ("anyone", "authenticated"),
)
# The headers that S3 keeps with an object, besides those that are signed in any case (S3 API Reference, PutObject). A
# header that is not listed cannot be named: of what a copy source, an ACL, a grant or a bypass does, no rule is asked.
_KEPT = (
    r"x-amz-(?:object-lock-(?:legal-hold|mode|retain-until-date)|storage-class|tagging|website-redirect-location"
    r"|server-side-encryption-(?:aws-kms-key-id|bucket-key-enabled|context))"
)
_REQUIRED_NAME = Check(
    pattern(
        r"cache-control|content-(?:disposition|encoding|language)|expires"
        rf"|x-amz-(?:meta-[a-z0-9._-]+|server-side-encryption)|{_KEPT}"
    ),
    'a header that S3 keeps, in lower case: "cache-control", "x-amz-meta-…", "x-amz-server-side-encryption"',
)
_PASSED_NAME = Check(
    pattern(rf"x-amz-(?:request-payer|server-side-encryption-customer-(?:algorithm|key|key-md5))|{_KEPT}"),
    "a header that a rule can let through to S3, in lower case: docs/settings.md has the list",
)
_REQUIRED_VALUE = Check(pattern(r"[!-~]+(?: [!-~]+)*"), "printable ASCII, in words with one space between")
_CONTENT_TYPE = Check(pattern(r"[\w.+-]+/(?:\*|[\w.+-]+)"), 'a media type: "image/png" or "image/*"')
_IMAGE_SIZE = Check(is_size, f'a width, a height or both, up to {MAX_SIDE_PIXELS} pixels: "320x", "x240", "96x96"')
_IMAGE_HOST = Check(
    _is_image_host,
    'a host by its name: "images.example.com", or "*.example.com" for all below it',
)
