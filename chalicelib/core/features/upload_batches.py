"""Batches: `POST /-/uploads` presigns the URLs for the uploads of many files in one request."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.core import replies
from chalicelib.core.s3.upload_limits import MAX_PUT_BYTES
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.json_body import json_array
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.numbers import is_whole_number
from chalicelib.core.web.paths import SERVICE_PATHS, Path, decode
from chalicelib.core.web.problems.base import BadPath, BadRequest, KeyTooLong

MAX_UPLOADS: Final = 100
_MAX_BODY_BYTES: Final = 500_000  # a key of 1,024 bytes is at most 3,072 characters of a path

_FIELDS: Final = frozenset({"path", "size", "headers"})
_EXAMPLE: Final = '[{"path": "/a.txt", "size": 5, "headers": {"Content-Type": "text/plain"}}]'

# The headers of the batch that describe its own body or set a condition, and so belong to no file.
_OF_THE_BATCH: Final = ("content-", "if-", "range", "transfer-encoding", "x-amz-")


class UploadBatches:
    """Answers each upload of a batch exactly as the service answers the same PUT alone with `?presign`.

    So the rules check each upload, and each upload counts against the limits, takes a use of a link, and leaves a line
    in the log. The credentials are the credentials of the batch.

    Args:
        answer: answers one request, as `Application.answer` does.
    """

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self._answer = answer

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with an array: for each upload the JSON of its own answer, with its `status`.

        Raises:
            BadRequest: the body is not such an array, or has an upload that is not of one file.
        """
        uploads = json_array(request.body, MAX_UPLOADS, _MAX_BODY_BYTES, _EXAMPLE)
        requests = [_request_of(upload, request) for upload in uploads]  # all are read before the first is answered
        return replies.document(200, [_fields_of(self._answer(each)) for each in requests])


def _request_of(upload: Any, batch: Request) -> Request:
    """Return the request for an upload, with the credentials of the batch."""
    if not isinstance(upload, dict) or not upload.keys() <= _FIELDS:
        raise BadRequest(f"Each upload has the fields path, size and headers alone: {_EXAMPLE}.")
    path = upload.get("path")
    if not isinstance(path, str) or not _is_of_file(path):
        raise BadRequest("The path of each upload is the path in the URL of a file: percent-encoded, without a query.")
    query = {"presign": ""}
    if "size" in upload:
        if not is_whole_number(upload["size"], 0, MAX_PUT_BYTES):
            raise BadRequest(f"The size of an upload is a whole number of bytes, at most {MAX_PUT_BYTES:,}.")
        query["size"] = str(upload["size"])
    if "token" in batch.query:
        query["token"] = batch.query["token"]
    headers = {name: value for name, value in batch.headers.items() if not name.startswith(_OF_THE_BATCH)}
    headers |= {"accept": "application/json", **_headers_of_file(upload.get("headers", {}))}
    return batch._replace(method="PUT", raw_path=path, query=query, headers=headers, body=b"")


def _is_of_file(raw_path: str) -> bool:
    """Whether a percent-encoded path can be of a file. The service itself refuses a path that cannot be decoded."""
    if not (raw_path.startswith("/") and raw_path.isascii() and raw_path.isprintable()) or {*" ?#"} & {*raw_path}:
        return False
    try:
        path = decode(raw_path)
    except (BadPath, KeyTooLong):
        return True
    return not path.endswith("/") and not path.startswith(SERVICE_PATHS)


def _headers_of_file(headers: Any) -> Mapping[str, str]:
    """Return the headers of an upload. No other header gets through, so no upload has credentials of its own."""
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise BadRequest("The headers of an upload are an object of texts.")
    named = {name.lower(): value for name, value in headers.items()}
    for name in named:
        if name not in ("content-type", "if-match", "if-none-match") and not name.startswith("x-amz-"):
            raise BadRequest(
                f"An upload has no header {name!a} here. "
                "It takes Content-Type, If-Match, If-None-Match and the headers that begin with x-amz-."
            )
    return named


def _fields_of(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status, **json.loads(reply.body)}
