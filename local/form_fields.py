"""The fields of a form, and the file in it, as S3 reads them: in their order, and none that comes after the file.

Pure, like `local.claims`. https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from local.claims import Refusal, malformed

MOST_BEFORE_THE_FILE = 20_000


class Form(NamedTuple):
    """A form as it came.

    Args:
        fields: those before the file, which alone count; names in lower case, `${filename}` filled in.
        content: of the file.
    """

    fields: dict[str, str]
    content: bytes

    @property
    def key(self) -> str:
        return self.fields["key"]


def read_form(content_type: str, body: bytes) -> Form:
    """Reads a form.

    Raises:
        Refusal: 400, it is none, or has no file, no key or a field twice, or too much before the file.
    """
    fields: dict[str, str] = {}
    for name, filename, content in parts(content_type, body):
        if name.lower() == "file":
            # "If the browser provides a path, only the text after the last slash or backslash is used."
            short = re.split(r"[/\\]", filename)[-1]
            filled = {name: value.replace("${filename}", short) for name, value in fields.items()}
            if not filled.get("key"):
                raise missing("key")
            return Form(filled, content)
        if name.lower() in fields:
            raise malformed("InvalidArgument", f"POST requires exactly one field named {name}.", ArgumentName=name)
        try:
            fields[name.lower()] = content.decode()
        except UnicodeDecodeError:
            raise not_well_formed() from None
        if sum(map(len, fields.values())) > MOST_BEFORE_THE_FILE:
            message = "Your POST request fields preceding the upload file were too large."
            raise malformed("MaxPostPreDataLengthExceeded", message)
    raise malformed("InvalidArgument", "POST requires exactly one file upload per request.", ArgumentName="file")


def missing(name: str) -> Refusal:
    """S3's 400 for a field that is not there, or only after the file."""
    rest = "If it is specified, please check the order of the fields."
    message = f"Bucket POST must contain a field named '{name}'. {rest}"
    return malformed("InvalidArgument", message, ArgumentName=name)


def parts(content_type: str, body: bytes) -> Iterable[tuple[str, str, bytes]]:
    """The fields of a form in their order: name, file name and content."""
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
        raise not_well_formed() from None


def not_well_formed() -> Refusal:
    """S3's 400 for a body that is no form."""
    return malformed("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
