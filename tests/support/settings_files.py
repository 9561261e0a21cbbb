"""Settings files, written and read."""

from collections.abc import Mapping
from pathlib import Path

from chalicelib.settings.load import InvalidSettings, Settings, inspect, load

MOUNT = '[[mounts]]\npath = "/"\nbucket = "acme"\nregion = "eu-west-1"\n'


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    """Read a file of that text."""
    file = folder / "signpost.toml"
    file.write_text(text, "utf-8")
    return load(file, environ or {})


def mistakes(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said of a file of that text, without its folder and name; nothing where it is right."""
    try:
        loaded(folder, text, environ)
    except InvalidSettings as error:
        return [mistake.removeprefix(f"{folder}/signpost.toml") for mistake in error.mistakes]
    return []


def inspected(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    """The mistakes and the warnings that the tool reports for a file of that text, as in `mistakes`."""
    file = folder / "signpost.toml"
    file.write_text(text, "utf-8")
    try:
        found, warnings = [], inspect(file, environ or {})[1]
    except InvalidSettings as error:
        found, warnings = [*error.mistakes], error.warnings
    found = [mistake.removeprefix(str(file)) for mistake in found]
    assert found == mistakes(folder, text, environ)  # the service finds every mistake that the tool finds
    return found, [warning.removeprefix(str(file)) for warning in warnings]
