"""The HTML form of an upload, as S3 reads it: fields in their order, then the file. Fields after the file are ignored.

Pure: no clock, no socket, no state. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from .errors import S3Error, bad_request

MAX_FIELDS_CHARACTERS = 20_000


class PostForm(NamedTuple):
    """A form that was read.

    Args:
        fields: the fields before the file, with names in lower case and `${filename}` replaced.
        content: of the file.
    """

    fields: dict[str, str]
    content: bytes

    @property
    def key(self) -> str:
        """The key under which the file is stored."""
        return self.fields["key"]


def read_form(content_type: str, body: bytes) -> PostForm:
    """Read a form.

    Raises:
        S3Error: 400, the body is not a form, has no file, has no key, repeats a field, or has too long fields.
    """
    fields: dict[str, str] = {}
    for name, filename, content in _parts(content_type, body):
        if name.lower() == "file":
            # "If the browser provides a path, only the text after the last slash or backslash is used."
            short = re.split(r"[/\\]", filename)[-1]
            filled = {name: value.replace("${filename}", short) for name, value in fields.items()}
            if not filled.get("key"):
                raise missing_field("key")
            return PostForm(filled, content)
        if name.lower() in fields:
            raise bad_request("InvalidArgument", f"POST requires exactly one field named {name}.", ArgumentName=name)
        try:
            fields[name.lower()] = content.decode()
        except UnicodeDecodeError:
            raise _not_well_formed() from None
        if sum(map(len, fields.values())) > MAX_FIELDS_CHARACTERS:
            message = "Your POST request fields preceding the upload file were too large."
            raise bad_request("MaxPostPreDataLengthExceeded", message)
    raise bad_request("InvalidArgument", "POST requires exactly one file upload per request.", ArgumentName="file")


def missing_field(name: str) -> S3Error:
    """Return S3's 400 for a field that is absent, or stands after the file."""
    rest = "If it is specified, please check the order of the fields."
    message = f"Bucket POST must contain a field named '{name}'. {rest}"
    return bad_request("InvalidArgument", message, ArgumentName=name)


def _parts(content_type: str, body: bytes) -> Iterable[tuple[str, str, bytes]]:
    """Yield the fields of a form in their order: name, file name and content."""
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    decoder = MultipartDecoder(boundary.encode())
    decoder.receive_data(body)
    decoder.receive_data(None)
    name, filename, content = "", "", b""
    try:
        while not isinstance(event := decoder.next_event(), Epilogue):
            match event:
                case Field() | File():
                    name, filename, content = event.name or "", getattr(event, "filename", ""), b""
                case Data():
                    content += event.data
                    if not event.more_data:
                        yield name, filename, content
    except ValueError:
        raise _not_well_formed() from None


def _not_well_formed() -> S3Error:
    return bad_request("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
