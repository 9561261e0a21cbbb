"""The refusals of uploads: the request does not promise what S3 or the rule demands of an upload.

Problem
├── LengthRequired, SizeRequired 411
├── PayloadTooLarge, PartTooLarge 413
├── UnsupportedMediaType 415
└── PreconditionRequired, ChecksumRequired, HeaderRequired 428
"""

from collections.abc import Sequence

from .base import Problem


class LengthRequired(Problem):
    """An upload has no size, because its body is chunked; S3 refuses a chunked body."""

    status, title, code = 411, "Length Required", "length-required"

    def __init__(self) -> None:
        super().__init__(
            "S3 takes no chunked upload. Send the body with a Content-Length: "
            "`curl -T FILE`, not `curl -T -` or a generator."
        )


class SizeRequired(Problem):
    """The rule limits the size of uploads, and the request has no size."""

    status, title, code = 411, "Length Required", "size-required"

    def __init__(self) -> None:
        super().__init__(
            "Uploads here have a maximum size. Write the size in bytes into the URL: `curl -L -T FILE 'URL?size=N'`."
        )


class PayloadTooLarge(Problem):
    """The upload is larger than the rule allows."""

    status, title, code = 413, "Content Too Large", "too-large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The upload has {size:,} bytes and may have {limit:,}. Send less.")
        self.size, self.limit = size, limit


class PartTooLarge(Problem):
    """A part of an upload is larger than this part may be, or its number is above the number of the last part."""

    status, title, code = 413, "Content Too Large", "part-too-large"

    def __init__(self, size: int, limit: int, part_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"This part has {size:,} bytes and may have {limit:,}. An upload here has {max_bytes:,} bytes at most: "
            f"send it in parts of {min(part_bytes, max_bytes):,} bytes, numbered from 1; the last part may be smaller."
        )
        self.size, self.limit = size, limit


class UnsupportedMediaType(Problem):
    """The type of the upload is not one media type, or the rule does not allow the type.

    Args:
        allowed: the types of the rule; empty where the rule allows every type.
        example: a command that shows where a request has its type, with `{}` for the type.
    """

    status, title, code = 415, "Unsupported Media Type", "type-not-allowed"

    def __init__(self, allowed: Sequence[str], example: str = "curl -L -T FILE -H 'Content-Type: {}' URL") -> None:
        media_type = (allowed or ("text/plain",))[0].replace("*", "…")
        super().__init__(
            f"Uploads here must be of one media type, {' or '.join(allowed) or 'in printable ASCII'}. "
            f"Send the type alone, with its parameters: `{example.format(media_type)}`."
        )
        self.allowed = tuple(allowed)


class PreconditionRequired(Problem):
    """No file may be overwritten here, and the request has no condition that prevents it (RFC 6585 §3)."""

    status, title, code = 428, "Precondition Required", "precondition-required"

    def __init__(self, in_parts: bool = False) -> None:
        sends = "curl -L --data-binary @PARTS.xml" if in_parts else "curl -L -T FILE"
        super().__init__(
            f"No file may be overwritten here. Send the condition: `{sends} -H 'If-None-Match: *' URL`; "
            "S3 then answers 412 if the file exists."
        )


class ChecksumRequired(Problem):
    """The rule wants S3 to verify the body, and the request has no checksum of the body."""

    status, title, code = 428, "Precondition Required", "checksum-required"

    def __init__(self) -> None:
        super().__init__(
            "Uploads here carry a checksum, which S3 verifies: `curl -L -T FILE "
            '-H "x-amz-checksum-sha256: $(openssl dgst -sha256 -binary FILE | base64)" URL`.'
        )


class HeaderRequired(Problem):
    """The rule fixes the value of a header, and the request does not have this value. `name` names the header."""

    status, title, code = 428, "Precondition Required", "header-required"

    def __init__(self, name: str, value: str) -> None:
        super().__init__(f"Uploads here must send this header: `curl -L -T FILE -H '{name}: {value}' URL`.")
        self.name = name
