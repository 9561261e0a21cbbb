"""Settings files, written and read."""

from collections.abc import Mapping
from pathlib import Path

from chalicelib.environment import Environment
from chalicelib.settings.load import InvalidSettings, Settings, inspect, load


def table(heading: str, values: Mapping[str, str]) -> str:
    """A table as TOML writes it, from its heading and the text of each value."""
    return "\n".join([heading, *(f"{key} = {value}" for key, value in values.items()), ""])


MOUNT_VALUES = {"path": '"/"', "bucket": '"acme"', "region": '"eu-west-1"'}
MOUNT = table("[[mounts]]", MOUNT_VALUES)


def loaded(folder: Path, text: str, variables: Mapping[str, str] | None = None) -> Settings:
    """The settings that a file of this text gives."""
    file = folder / "signpost.toml"
    file.write_text(text, "utf-8")
    return load(file, variables or {}, Environment(variables or {}).region)


def mistakes(folder: Path, text: str, variables: Mapping[str, str] | None = None) -> list[str]:
    """The mistakes in a file of this text, each from its line on, without the name of the file."""
    try:
        loaded(folder, text, variables)
    except InvalidSettings as error:
        return [mistake.removeprefix(f"{folder}/signpost.toml") for mistake in error.mistakes]
    return []


def inspected(folder: Path, text: str, variables: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    """The mistakes and the warnings that the administrator's tool reports for a file of this text, as in `mistakes`."""
    expected = mistakes(folder, text, variables)  # the service finds every mistake that the tool finds
    texts: tuple[str, ...] = ()
    try:
        warnings = inspect(folder / "signpost.toml", variables or {}, Environment(variables or {}).region)[1]
    except InvalidSettings as error:
        warnings, texts = error.warnings, error.mistakes
    reported, warned = ([text.removeprefix(f"{folder}/signpost.toml") for text in some] for some in (texts, warnings))
    assert reported == expected
    return reported, warned
