"""The layer of a deployment: published settings, which the functions read in place of the settings in the zip.

Lambda keeps every version of the layer. The description of a version has the digests of its content, and the number of
the version that was live before.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib import __version__
from chalicelib.backends.issuer_snapshot import SNAPSHOT, is_url, read_snapshot, source_of
from chalicelib.core.access.issuer_keys import as_jwks
from chalicelib.core.access.issuers import Issuer
from chalicelib.environment import PUBLISHED_SETTINGS
from chalicelib.settings.load import InvalidSettings

from .aws import read

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_DIGEST_CHARACTERS: Final = 16
_DESCRIPTION: Final = "Signpost {}; settings {}; keys {}; after {}"
_DESCRIBED: Final = re.compile(r"Signpost .*; settings (\w+); keys (\w+); after (\d+)")


def layer_name(deployment: str) -> str:
    """Return the name of the layer of a deployment.

    Args:
        deployment: `signpost-dev` for a stage of `chalice deploy`; the name of the stack for a stack.
    """
    return f"{deployment}-settings"


class SettingsFiles(NamedTuple):
    """The files of a version.

    Attributes:
        settings: the content of the settings file and of the files of keys that it names, by the published name.
        snapshot: the content of the snapshot of the issuers' keys; empty where no issuer has a URL.
        keys: the keys in the snapshot, by their source.
    """

    settings: Mapping[str, bytes]
    snapshot: bytes
    keys: Mapping[str, Any]

    @property
    def settings_digest(self) -> str:
        """The digest of the settings, without the snapshot."""
        return sha256(_zip(self.settings)).hexdigest()[:_DIGEST_CHARACTERS]

    @property
    def keys_digest(self) -> str:
        """The digest of the keys in the snapshot. The times of the fetches do not count."""
        return sha256(json.dumps(self.keys, sort_keys=True).encode()).hexdigest()[:_DIGEST_CHARACTERS]

    def archive(self) -> bytes:
        """Return the zip of the layer: the same bytes for the same files."""
        return _zip({**self.settings, **({SNAPSHOT: self.snapshot} if self.snapshot else {})})


class SettingsVersion(NamedTuple):
    """A version of the layer.

    Attributes:
        number, arn: of the version.
        settings_digest, keys_digest: of its files.
        previous: the number of the version that was live before; 0 for none.
    """

    number: int
    arn: str
    settings_digest: str
    keys_digest: str
    previous: int

    def has(self, files: SettingsFiles) -> bool:
        """Whether the version has the same settings and the same keys as these files."""
        return (self.settings_digest, self.keys_digest) == (files.settings_digest, files.keys_digest)


class SettingsLayer:
    """The versions of a layer.

    Args:
        aws_lambda: the client of Lambda.
        deployment: see `layer_name`.
    """

    def __init__(self, aws_lambda: "LambdaClient", deployment: str) -> None:
        self.name = layer_name(deployment)
        self._lambda = aws_lambda

    def version(self, number: int) -> SettingsVersion | None:
        """Return a version; None where it does not exist."""
        named = {"LayerName": self.name, "VersionNumber": number}
        found = read(self._lambda, "get_layer_version", "ResourceNotFoundException", **named) if number else None
        if found is None:
            return None
        described = _DESCRIBED.fullmatch(found.get("Description", ""))
        digests_and_previous = described.groups() if described else ("", "", "0")
        settings_digest, keys_digest, previous = digests_and_previous
        return SettingsVersion(number, found["LayerVersionArn"], settings_digest, keys_digest, int(previous))

    def version_in(self, configuration: Mapping[str, Any]) -> SettingsVersion | None:
        """Return the version of a function with this configuration; None where the function has none."""
        arns = self.arns_in(configuration)
        return self.version(int(arns[-1].rpartition(":")[2])) if arns else None

    def arns_in(self, configuration: Mapping[str, Any]) -> list[str]:
        """Return the ARNs of this layer's versions that a function with this configuration has."""
        return [arn for arn in _arns(configuration) if self._is_of_layer(arn)]

    def publish(self, files: SettingsFiles, previous: SettingsVersion | None) -> SettingsVersion:
        """Publish a version, which no function has yet.

        Args:
            files: of the version.
            previous: the version that is live; None for none.
        """
        number = previous.number if previous else 0
        description = _DESCRIPTION.format(__version__, files.settings_digest, files.keys_digest, number)
        answer = self._lambda.publish_layer_version(
            LayerName=self.name, Description=description, Content={"ZipFile": files.archive()}
        )
        digests = (files.settings_digest, files.keys_digest)
        return SettingsVersion(answer["Version"], answer["LayerVersionArn"], *digests, number)

    def layers_with(self, version: SettingsVersion | None, configuration: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the argument that gives a function this version, or none, and keeps its other layers."""
        others = [arn for arn in _arns(configuration) if not self._is_of_layer(arn)]
        return {"Layers": [*others, version.arn] if version else others}

    def _is_of_layer(self, arn: str) -> bool:
        return arn.split(":")[6] == self.name  # arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION


def read_settings_files(settings_file: str, issuers: Sequence[Issuer]) -> SettingsFiles:
    """Return the files to publish.

    Args:
        settings_file: the path of the settings.
        issuers: of the settings.

    Raises:
        InvalidSettings: a file cannot be read, or is not below the directory of the settings; or the snapshot lacks the
            keys of an issuer.
    """
    directory = Path(settings_file).parent
    sources = [source_of(issuer) for issuer in issuers]
    urls = {source for source in sources if is_url(source)}
    names = sorted({*sources} - urls)
    outside = [name for name in names if PurePath(name).is_absolute() or ".." in PurePath(name).parts]
    mistakes = [f"{name}: is not below the directory of the settings; move the file there" for name in outside]
    snapshot = read_snapshot(directory) if urls else {}
    lacking = sorted(urls - {*snapshot})
    mistakes += [f"{source}: the keys cannot be fetched, and {SNAPSHOT} does not have them" for source in lacking]
    if mistakes:
        raise InvalidSettings(mistakes)
    try:
        settings = {PurePath(name).as_posix(): (directory / name).read_bytes() for name in names}
        settings[PurePath(PUBLISHED_SETTINGS).name] = Path(settings_file).read_bytes()
        content = (directory / SNAPSHOT).read_bytes() if urls else b""
    except OSError as error:
        raise InvalidSettings([f"{error.filename}: cannot be read: {error.strerror}"]) from None
    return SettingsFiles(settings, content, {source: as_jwks(snapshot[source].keys) for source in sorted(urls)})


def _arns(configuration: Mapping[str, Any]) -> list[str]:
    return [layer["Arn"] for layer in configuration.get("Layers", ())]


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Put files into a zip, as Lambda unpacks it below /opt. Without times and compression, it is the same anywhere."""
    folder = PurePath(PUBLISHED_SETTINGS).parent.name
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as writer:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}")
            entry.external_attr = 0o644 << 16  # Lambda's user is not the owner of the files
            entry.create_system = 3  # Unix, on every machine
            writer.writestr(entry, content)
    return archive.getvalue()
