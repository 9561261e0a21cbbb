"""Uploads by an HTML form: the part of the gate for a POST that carries a signed policy in place of a signature.

moto stores any form. Here its policy is verified, with botocore's signer as in `local.gate`, and the file goes on to S3
as the PUT that it stands for. The rules are AWS's: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hmac import compare_digest
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSRequest
from werkzeug.test import run_wsgi_app

from local.bodies import take_body
from local.claims import (
    ALGORITHM,
    QUERY_ERROR,
    Claim,
    Refusal,
    Target,
    denied,
    malformed,
    read_credential,
    read_timestamp,
)
from local.form_fields import Form, missing, read_form
from local.form_policy import read_policy
from local.gate import HeaderSignature, credentials_of, refuse_unsized, refuse_wrong_region, sent_headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

AUTH_FIELDS = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
# The fields that are headers of the PUT, besides those of `x-amz-`.
HEADERS = ("cache-control", "content-type", "content-disposition", "content-encoding", "content-md5", "expires")
# S3 passes over x-amz-tagging, since tags have a field of their own: https://github.com/aws/aws-sdk-js-v3/issues/7154
NOT_HEADERS = (*AUTH_FIELDS, "x-amz-security-token", "x-amz-tagging")


class Forms:
    """Takes the forms that AWS would take as PUTs to `app`, and passes all other requests to `gate`.

    Args:
        gate: for requests that are signed themselves.
        app: the S3 behind it.
        clock: seconds since the epoch.
    """

    def __init__(self, gate: WSGIApplication, app: WSGIApplication, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._app = app
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not is_form(environ):
            return self._gate(environ, start_response)
        try:
            target = Target.parse(environ["REQUEST_URI"])
            refuse_unsized("PUT", sent_headers(environ))
            form = read_form(environ.get("CONTENT_TYPE", ""), take_body(environ))
            admit(form, target, self._clock())
            put = put_of(form, target, environ)
        except Refusal as refusal:
            return refusal(environ, start_response)
        body, status, headers = run_wsgi_app(self._app, put, buffered=True)
        if status.startswith("200"):
            origin = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
            stored = Stored(f"{origin}{put['REQUEST_URI'].partition('?')[0]}", target.bucket, form.key, headers["ETag"])
            status, body, more = stored.answer(form.fields)
            headers.update(more)
        headers["Content-Length"] = str(sum(map(len, body)))
        start_response(status, headers.to_wsgi_list())
        return body


def is_form(environ: WSGIEnvironment) -> bool:
    """Whether it is a form that is sent to a bucket, and says nothing of itself in its head."""
    return (
        environ["REQUEST_METHOD"] == "POST"
        and re.fullmatch("/[^/]+/?", environ["PATH_INFO"]) is not None
        and environ.get("CONTENT_TYPE", "").lower().startswith("multipart/form-data")
        and "HTTP_AUTHORIZATION" not in environ
        and "X-Amz-" not in environ["QUERY_STRING"]
    )


def admit(form: Form, target: Target, now: float) -> None:
    """Decides on a form: its policy is signed by a known key, and allows what it has.

    Args:
        now: seconds since the epoch.

    Raises:
        Refusal: AWS would refuse it.
    """
    fields = form.fields
    if "policy" not in fields:
        raise denied("Access Denied")
    for name in AUTH_FIELDS:
        if name not in fields:
            raise missing(name)
    claim = form_claim(fields)
    refuse_wrong_region(claim, target)
    signer = HeaderSignature(credentials_of(claim, now), "s3", claim.region)
    request = AWSRequest()
    request.context["timestamp"] = claim.timestamp
    expected = signer.signature(fields["policy"], request)
    if not compare_digest(expected.encode(), claim.signature.encode()):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise Refusal("403 Forbidden", "SignatureDoesNotMatch", message, StringToSign=fields["policy"])
    read_policy(fields["policy"]).check(fields | {"bucket": target.bucket}, len(form.content), now)


def form_claim(fields: Mapping[str, str]) -> Claim:
    """Reads what a form says of who made its policy."""
    algorithm, credential, date, signature = (fields[name] for name in AUTH_FIELDS)
    if algorithm != ALGORITHM:
        raise malformed(QUERY_ERROR, f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    access_key, region = read_credential(credential, date, QUERY_ERROR)
    read_timestamp(date, QUERY_ERROR)
    return Claim(True, access_key, region, date, [], signature, fields.get("x-amz-security-token"))


def put_of(form: Form, target: Target, environ: WSGIEnvironment) -> WSGIEnvironment:
    """The PUT that a form stands for: its file, and the fields that are headers."""
    fields = form.fields
    sent = {name: value for name, value in fields.items() if name in HEADERS or name.startswith("x-amz-")}
    headers = {name: value for name, value in sent.items() if name not in NOT_HEADERS}
    if "tagging" in fields:
        headers["x-amz-tagging"] = urlencode(read_tags(fields["tagging"]))
    path = f"/{target.bucket}/{form.key}"
    # Whose it is, as a presigned URL says it: what is behind us reads it there, moto that it is not anyone's.
    names = {f"x-amz-{name.lower()}": f"X-Amz-{name}" for name in ("Credential", "Security-Token", "Signature")}
    query = urlencode({name: fields[field] for field, name in names.items() if field in fields})
    kept = {name: value for name, value in environ.items() if not name.startswith("HTTP_") or name == "HTTP_HOST"}
    return {
        **kept,
        **{f"HTTP_{name.upper().replace('-', '_')}": wsgi(value) for name, value in headers.items()},
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": wsgi(path),
        "REQUEST_URI": f"{quote(path)}?{query}",
        "RAW_URI": f"{quote(path)}?{query}",
        "QUERY_STRING": query,
        "CONTENT_TYPE": wsgi(fields.get("content-type", "binary/octet-stream")),
        "CONTENT_LENGTH": str(len(form.content)),
        "wsgi.input": BytesIO(form.content),
    }


def wsgi(text: str) -> str:
    """A text as WSGI holds it: its UTF-8 as if it were Latin-1 (PEP 3333)."""
    return text.encode().decode("latin-1")


def read_tags(document: str) -> dict[str, str]:
    """Reads the tags of a form, which are XML as in PutObjectTagging."""
    try:
        tags = ElementTree.fromstring(document).findall("{*}TagSet/{*}Tag")
    except ElementTree.ParseError:
        raise malformed("MalformedXML", "The XML you provided was not well-formed.") from None
    return {tag.findtext("{*}Key", ""): tag.findtext("{*}Value", "") for tag in tags}


class Stored(NamedTuple):
    """An object that a form has made."""

    location: str
    bucket: str
    key: str
    etag: str

    def answer(self, fields: Mapping[str, str]) -> tuple[str, list[bytes], dict[str, str]]:
        """What its sender is told, as the form asks: the status, the body, and headers."""
        redirect = fields.get("success_action_redirect", "")
        if re.match("https?://", redirect):
            told = urlencode({"bucket": self.bucket, "key": self.key, "etag": self.etag})
            return "303 See Other", [], {"Location": f"{redirect}{'&' if '?' in redirect else '?'}{told}"}
        headers = {"Location": self.location}
        match fields.get("success_action_status"):
            case "200":
                return "200 OK", [], headers
            case "201":
                return "201 Created", [self.document()], {**headers, "Content-Type": "application/xml"}
        return "204 No Content", [], headers

    def document(self) -> bytes:
        """The answer in XML."""
        elements = {"Location": self.location, "Bucket": self.bucket, "Key": self.key, "ETag": self.etag}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'.encode()
