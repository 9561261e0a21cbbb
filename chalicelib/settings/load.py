"""Reads signpost.toml into frozen values. A file with any mistake gives no settings, but all its mistakes."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import Mount

from .api_keys import read_api_keys
from .checks import MAX_URL_SECONDS, SIGNING_SECRET, Check, optional, pattern
from .mistakes import Mistakes
from .mounts import read_mounts
from .rules import PrincipalNames, principal_names, read_rules
from .schema import Document
from .urls import IMAGE_HOST, ORIGIN, PUBLIC_URL, without_usual_port

if TYPE_CHECKING:
    from chalicelib.core.access.issuers import Issuer
    from chalicelib.core.access.limits import Limit

_DEFAULT_URL_SECONDS: Final = 300

_REALM: Final = Check(pattern(r"[ !#-\[\]-~]+"), 'printable ASCII without " and \\')
_CREDENTIALS_HEADER: Final = Check(
    optional(r"x-(?!am(?:z|zn)-|forwarded-)[a-z0-9-]+(?<!-cdn-secret)"),
    'a header of your own in lower case: "x-signpost-authorization"',
)


class Settings(NamedTuple):
    """The content of signpost.toml, checked.

    Attributes:
        realm: the name that clients show when they ask for credentials.
        public_url: the URL at which clients call the service; None where each request tells the URL.
        head_inline: whether the service answers HEAD itself, where it can.
        cors_origins: the other sites whose pages may call the service.
        mounts, keys, rules, issuers: the tables of the same name, in the order of the file.
        image_hosts: the hosts from which the service may fetch images.
        authorization_header: the header that the service reads in place of `Authorization`; None for none.
        cdn_secret: the secret of the CDN, or its reference; None without a CDN.
        groups: the groups of each person in `[groups]`; a person is written `user:ISSUER:ID`.
        client_secrets: the secret of this service at each issuer with a `client_id`, or its reference, by the name of
            the issuer.
        revoked: the principals in `[revoked]`, each with the Unix time in seconds before which all is revoked;
            infinity for everything.
        limits: the limits of requests, in the order of the file.
        admit_without_table: whether requests get through without being counted while the table is out of reach.
        aws_credentials: whether SDKs get AWS keys at `/-/credentials`.
        narrow: whether AWS keys leave out what IAM cannot express; without it, such a rule is refused.
        log_address: whether the log has the addresses of clients.
        metrics: whether the lines of the log carry metrics for CloudWatch.
    """

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
    issuers: "tuple[Issuer, ...]" = ()
    groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    client_secrets: Mapping[str, str] = MappingProxyType({})
    revoked: Mapping[str, float] = MappingProxyType({})
    limits: "tuple[Limit, ...]" = ()
    admit_without_table: bool = True
    aws_credentials: bool = False
    narrow: bool = False
    log_address: bool = False
    metrics: bool = False

    def __repr__(self) -> str:
        """Show no value of the environment: such a value can be the CDN's secret."""
        return f"Settings({self.realm!r}, {len(self.mounts)} mounts, {len(self.keys)} keys, {len(self.rules)} rules)"


class InvalidSettings(Exception):
    """The settings cannot be used.

    Attributes:
        mistakes: all mistakes, each with its place and what to do.
        warnings: all warnings, where `inspect` read the file.
    """

    def __init__(self, mistakes: Iterable[str], warnings: Iterable[str] = ()) -> None:
        self.mistakes, self.warnings = tuple(mistakes), tuple(warnings)
        super().__init__("\n".join(self.mistakes))


def load(file: str | PathLike[str], variables: Mapping[str, str], region: str) -> Settings:
    """Return the settings, as the service needs them: allow rules that can never match are not examined.

    Args:
        file: a TOML file.
        variables: the value of each `${NAME}`.
        region: the region of the mounts without `region`; empty for no default.

    Raises:
        InvalidSettings: the file cannot be read, or has a mistake.
    """
    settings, mistakes = _read(file, variables, region)
    _report_unreachable(settings, mistakes, [rule for rule in settings.rules if not rule.allows])
    if texts := mistakes.texts():
        raise InvalidSettings(texts)
    return settings


def inspect(file: str | PathLike[str], variables: Mapping[str, str], region: str) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings as `load` does, and the warnings: settings that cannot be intended, but do no harm."""
    settings, mistakes = _read(file, variables, region)
    _report_unreachable(settings, mistakes, settings.rules)
    if settings.issuers:
        from .issuers import warn_of_other_names

        warn_of_other_names(settings.issuers, settings.groups, settings.rules, settings.revoked, mistakes)
    if any(mount.cdn and mount.cdn.cookie_domain for mount in settings.mounts):
        from .cookie_domains import check_cookie_domains

        check_cookie_domains(settings.mounts, mistakes)
    if texts := mistakes.texts():
        raise InvalidSettings(texts, mistakes.warnings())
    return settings, mistakes.warnings()


def _read(file: str | PathLike[str], variables: Mapping[str, str], region: str) -> tuple[Settings, Mistakes]:
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        values = tomllib.loads(text)
    except OSError as error:
        raise InvalidSettings([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise InvalidSettings([f"{file}: is not UTF-8; save it as UTF-8"]) from None
    except (ValueError, RecursionError) as error:  # both: a number with too many digits, brackets that are too deep
        raise InvalidSettings([f"{file}: is not TOML: {error}"]) from None
    mistakes = Mistakes(str(file), text)
    return _settings(Document(values, variables, mistakes), region), mistakes


def _settings(document: Document, region: str) -> Settings:
    service, images = document.table("service"), document.table("images")
    aws_credentials = document.table("credentials")
    public_url = service.text("public_url", PUBLIC_URL, default="").rstrip("/")
    url_seconds = service.whole_number("url_seconds", _DEFAULT_URL_SECONDS, 1, MAX_URL_SECONDS)
    keys = read_api_keys(document)
    issuers, client_secrets, groups = _read_identity(document)
    revoked = _read_revoked(document, keys, issuers)
    names = principal_names(keys, issuers, groups)
    settings = Settings(
        realm=service.text("realm", _REALM, default="Signpost"),
        public_url=without_usual_port(public_url) if public_url else None,
        head_inline=service.choice("head", ("redirect", "inline")) == "inline",
        cors_origins=service.texts("cors_origins", ORIGIN),
        mounts=read_mounts(document, region, url_seconds, public_url),
        keys=keys,
        rules=read_rules(document, names),
        image_hosts=images.texts("hosts", IMAGE_HOST),
        authorization_header=service.optional_text("authorization_header", _CREDENTIALS_HEADER) or None,
        cdn_secret=service.secret("cdn_secret", SIGNING_SECRET) or None,
        issuers=issuers,
        groups=groups,
        client_secrets=client_secrets,
        revoked=revoked,
        limits=_read_limits(document, names, keys),
        admit_without_table=service.choice("limits_without_table", ("admit", "refuse")) == "admit",
        aws_credentials=aws_credentials.flag("enabled", default=False),
        narrow=aws_credentials.flag("narrow", default=False),
        log_address=service.flag("log_address", default=False),
        metrics=service.flag("metrics", default=False),
    )
    if any(rule.url_seconds for rule in settings.rules):
        from .url_lives import check_lives_of_rules  # few files have such a rule

        check_lives_of_rules(settings.rules, settings.mounts, document.mistakes)
    if settings.aws_credentials:
        _warn_of_stores_without_keys(settings.mounts, document.mistakes)
    for table in (service, images, aws_credentials, document):
        table.finish()
    return settings


def _warn_of_stores_without_keys(mounts: Iterable[Mount], mistakes: Mistakes) -> None:
    text = "is missing, so SDKs get no AWS keys for this mount: name a role from which STS makes the keys"
    for index, mount in enumerate(mounts):
        if not mount.gives_aws_keys:
            mistakes.warn(("mounts", index, "role"), partial(str, text))


def _read_identity(
    document: Document,
) -> "tuple[tuple[Issuer, ...], Mapping[str, str], Mapping[str, tuple[str, ...]]]":
    """Return the issuers, the secrets there, and the groups of people. Without these tables, nothing is loaded."""
    tables, groups = document.tables("issuers"), document.table("groups")
    if not tables and not groups.values:
        return (), {}, {}
    from .issuers import read_groups, read_issuers

    issuers, client_secrets = read_issuers(document, tables)
    return issuers, client_secrets, read_groups(groups, issuers)


def _read_revoked(document: Document, keys: tuple[ApiKey, ...], issuers: "tuple[Issuer, ...]") -> Mapping[str, float]:
    """Return the revoked principals. Without the table, its reader is not loaded."""
    table = document.table("revoked")
    if not table.values:
        return {}
    from .revoked import read_revoked

    return read_revoked(table, keys, issuers)


def _read_limits(document: Document, names: PrincipalNames, keys: tuple[ApiKey, ...]) -> "tuple[Limit, ...]":
    """Return the limits. Without a table, their reader is not loaded."""
    tables = document.tables("limits")
    if not tables:
        return ()
    from .limits import read_limits

    return read_limits(tables, names, keys)


def _report_unreachable(settings: Settings, mistakes: Mistakes, rules: Iterable[Rule]) -> None:
    """Report the rules that can never match, of the given rules. Without a given rule, the analysis is not loaded."""
    if rules:
        from .unreachable_rules import report_unreachable

        principals = [key.principal() for key in settings.keys]
        if settings.issuers:
            from .people import people

            principals += people(settings.issuers, settings.groups, settings.rules)
        report_unreachable(settings.rules, principals, settings.mounts, mistakes, examined=rules)
