"""File kinds: what a file is for a person, and how the page of a file shows it, by the extension of its name."""

from typing import Final

_SHOWN: Final = {
    "image": "avif bmp gif ico jpeg jpg png svg webp",
    "video": "m4v mkv mov mp4 ogv webm",
    "audio": "aac flac m4a mp3 oga ogg opus wav",
    "text": "c cfg conf cpp css csv diff go h htm html ini java js json log patch py rb rs rst sh sql toml tsv txt "
    "xml yaml yml",
    "markdown": "markdown md",
    "pdf": "pdf",
}
"""The extensions of the files that browsers show."""

_HIDDEN: Final = {
    "image": "heic heif tif tiff",
    "video": "avi mpeg mpg wmv",
    "audio": "aif aiff wma",
    "text": "doc docx odt rtf",
    "archive": "7z bz2 gz jar rar tar tgz xz zip zst",
}
"""The extensions of all other files that have an icon."""


def _by_extension(extensions: dict[str, str]) -> dict[str, str]:
    return {extension: kind for kind, names in extensions.items() for extension in names.split()}


_KINDS: Final = _by_extension(_HIDDEN) | _by_extension(_SHOWN) | {"markdown": "text", "md": "text"}
_PREVIEWS: Final = _by_extension(_SHOWN)
_MEDIA_TYPES: Final = {"application/pdf": "pdf", "text/markdown": "markdown"}


def kind_of(name: str) -> str:
    """Return `image`, `video`, `audio`, `text`, `pdf` or `archive`; `other` for any other name of a file.

    A listing does not tell the media type of an object, and the icon is only a hint.
    """
    return _KINDS.get(_extension(name), "other")


def preview_of(name: str, media_type: str = "") -> str:
    """Return how a page shows a file: as `image`, `video`, `audio`, `text`, `markdown` or `pdf`; empty for not at all.

    Args:
        name: the name of the file, whose extension decides.
        media_type: the media type of the file, which decides about a name with no extension that has a kind.
    """
    if _extension(name) in _KINDS:
        return _PREVIEWS.get(_extension(name), "")
    media_type = media_type.partition(";")[0].strip().lower()
    main_type = media_type.partition("/")[0]
    return _MEDIA_TYPES.get(media_type, main_type if main_type in _SHOWN else "")


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension.lower() if stem else ""
