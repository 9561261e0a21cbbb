"""The kind of a file, beside Python's own table of media types."""

import mimetypes

from chalicelib.core.web.file_kinds import kind_of


def test_a_kind_agrees_with_the_media_type() -> None:
    for extension, media_type in mimetypes.MimeTypes().types_map[True].items():
        kind, family = kind_of(f"a{extension.upper()}"), media_type.partition("/")[0]
        assert kind == "other" or family in (kind, "application"), extension
    for name, kind in {"a.tar.gz": "archive", "a.PDF": "pdf", "b": "other", ".zip": "other", "a.b/": "other"}.items():
        assert kind_of(name) == kind, name
