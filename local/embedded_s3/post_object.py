"""POST Object, S3's upload by an HTML form: authenticated by a signed policy among the form's fields.

moto stores the file of any form. `PostObject` checks the policy, and stores the file by an equal PUT.
Source of the rules: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from werkzeug.test import run_wsgi_app

from .authentication import check_length, check_policy_signature, sent_headers
from .bodies import receive_body
from .errors import S3Error, access_denied, bad_request
from .post_form import PostForm, missing_field, read_form
from .post_policy import read_policy
from .sigv4 import form_signature
from .target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SIGNATURE_FIELDS = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
# The fields that become headers of the PUT, in addition to the fields that begin with `x-amz-`.
_HEADERS = ("cache-control", "content-type", "content-disposition", "content-encoding", "content-md5", "expires")
# S3 ignores x-amz-tagging, because tags have a field of their own: https://github.com/aws/aws-sdk-js-v3/issues/7154
_NOT_HEADERS = (*_SIGNATURE_FIELDS, "x-amz-security-token", "x-amz-tagging")


class PostObject:
    """Stores the files of forms by a PUT to `app`, and passes all other requests to `signed`.

    Args:
        signed: the S3 for requests that carry a signature in their head.
        app: the S3 without authentication.
        clock: returns seconds since the epoch.
    """

    def __init__(self, signed: WSGIApplication, app: WSGIApplication, clock: Callable[[], float]) -> None:
        self._signed = signed
        self._app = app
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_form(environ):
            return self._signed(environ, start_response)
        try:
            target = S3Target.parse(environ["REQUEST_URI"])
            check_length("PUT", sent_headers(environ))
            form = read_form(environ.get("CONTENT_TYPE", ""), receive_body(environ))
            _authenticate(form, target.bucket, self._clock())
            put = _put_request(form, target.bucket, environ)
        except S3Error as error:
            return error(environ, start_response)
        body, status, headers = run_wsgi_app(self._app, put, buffered=True)
        if status.startswith("200"):
            origin = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
            location = f"{origin}{put['REQUEST_URI'].partition('?')[0]}"
            stored = _StoredObject(location, target.bucket, form.key, headers["ETag"])
            status, body, more = stored.answer(form.fields)
            headers.update(more)
        headers["Content-Length"] = str(sum(map(len, body)))
        start_response(status, headers.to_wsgi_list())
        return body


def _is_form(environ: WSGIEnvironment) -> bool:
    """Whether the request sends a form to a bucket, without a signature in its head."""
    return (
        environ["REQUEST_METHOD"] == "POST"
        and re.fullmatch("/[^/]+/?", environ["PATH_INFO"]) is not None
        and environ.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data")
        and "HTTP_AUTHORIZATION" not in environ
        and "X-Amz-" not in environ["QUERY_STRING"]
    )


def _authenticate(form: PostForm, bucket: str, now: float) -> None:
    """Raise S3Error unless a known key signed the form's policy, and the policy allows the form."""
    fields = form.fields
    if "policy" not in fields:
        raise access_denied("Access Denied")
    for name in _SIGNATURE_FIELDS:
        if name not in fields:
            raise missing_field(name)
    check_policy_signature(fields["policy"], form_signature(fields), bucket, now)
    read_policy(fields["policy"]).check(fields | {"bucket": bucket}, len(form.content), now)


def _put_request(form: PostForm, bucket: str, environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return the PUT with the form's file as its body, and with the fields that are headers."""
    fields = form.fields
    sent = {name: value for name, value in fields.items() if name in _HEADERS or name.startswith("x-amz-")}
    headers = {name: value for name, value in sent.items() if name not in _NOT_HEADERS}
    if "tagging" in fields:
        headers["x-amz-tagging"] = urlencode(_read_tags(fields["tagging"]))
    path = f"/{bucket}/{form.key}"
    # The query has the credential, as in a presigned URL: so moto, and an application in front of moto, learn that the
    # request is not anonymous, and who signed it.
    names = {f"x-amz-{name.lower()}": f"X-Amz-{name}" for name in ("Credential", "Security-Token", "Signature")}
    query = urlencode({name: fields[field] for field, name in names.items() if field in fields})
    kept = {name: value for name, value in environ.items() if not name.startswith("HTTP_") or name == "HTTP_HOST"}
    return {
        **kept,
        **{f"HTTP_{name.upper().replace('-', '_')}": _wsgi_text(value) for name, value in headers.items()},
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": _wsgi_text(path),
        "REQUEST_URI": f"{quote(path)}?{query}",
        "RAW_URI": f"{quote(path)}?{query}",
        "QUERY_STRING": query,
        "CONTENT_TYPE": _wsgi_text(fields.get("content-type", "binary/octet-stream")),
        "CONTENT_LENGTH": str(len(form.content)),
        "wsgi.input": BytesIO(form.content),
    }


def _wsgi_text(text: str) -> str:
    """Return a text as WSGI holds it: the bytes of its UTF-8, read as Latin-1 (PEP 3333)."""
    return text.encode().decode("latin-1")


def _read_tags(document: str) -> dict[str, str]:
    """Read the field `tagging`, which is the XML of PutObjectTagging."""
    try:
        tags = ElementTree.fromstring(document).findall("{*}TagSet/{*}Tag")
    except ElementTree.ParseError:
        raise bad_request("MalformedXML", "The XML you provided was not well-formed.") from None
    return {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in tags}


class _StoredObject(NamedTuple):
    """The object that a form stored."""

    location: str
    bucket: str
    key: str
    etag: str

    def answer(self, fields: Mapping[str, str]) -> tuple[str, list[bytes], dict[str, str]]:
        """Return the answer that the form's fields ask for: status, body and headers."""
        redirect = fields.get("success_action_redirect", "")
        if re.match("https?://", redirect):
            query = urlencode({"bucket": self.bucket, "key": self.key, "etag": self.etag})
            return "303 See Other", [], {"Location": f"{redirect}{'&' if '?' in redirect else '?'}{query}"}
        headers = {"Location": self.location}
        match fields.get("success_action_status"):
            case "200":
                return "200 OK", [], headers
            case "201":
                return "201 Created", [self._document()], {**headers, "Content-Type": "application/xml"}
        return "204 No Content", [], headers

    def _document(self) -> bytes:
        elements = {"Location": self.location, "Bucket": self.bucket, "Key": self.key, "ETag": self.etag}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'.encode()
