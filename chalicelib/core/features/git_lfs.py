"""git-lfs: batches of objects, of which each gets a presigned URL; and the check after an upload.

The object of a repository at PATH has the path PATH/OID[0:2]/OID[2:4]/OID, like in the folder of git-lfs itself. The
rules decide about this path, as for every other file.

Source: git-lfs, docs/api/batch.md and docs/api/basic-transfers.md.
"""

import binascii
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.authorization import Caller
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.strict_json import read_object
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.s3.presign import Presigner
from chalicelib.core.s3.upload_limits import MAX_PUT_BYTES, required_headers
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import GIT_LFS, Reply, Request
from chalicelib.core.web.numbers import is_whole_number
from chalicelib.core.web.paths import Path, decode
from chalicelib.core.web.problems.access import Forbidden
from chalicelib.core.web.problems.base import BadRequest, NotFound, NotOffered, Problem
from chalicelib.core.web.problems.git_lfs import HashNotOffered, InvalidObject, TooManyObjects
from chalicelib.core.web.problems.uploads import PayloadTooLarge

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore

MAX_OBJECTS: Final = 100  # the size of a batch of git-lfs by default; S3 is asked about each object

_SENT_ANYWAY: Final = "content-length"  # git-lfs sends this header by itself
_BATCH: Final = "/objects/batch"
_VERIFY: Final = "/objects/verify"
_ACTIONS: Final = {"download": "read", "upload": "write"}
_MAX_BODY_BYTES: Final = 64 * 1024  # a batch of git-lfs itself has about 100 bytes for each object
_MAX_SIZE: Final = 2**63 - 1  # bytes: git-lfs holds a size in an int64


class Pointer(NamedTuple):
    """An object as its pointer file in the repository describes it.

    Attributes:
        oid: the SHA-256 of the object, in lower-case hex.
        size: bytes.
    """

    oid: str
    size: int

    def path_in(self, repository: str) -> Path:
        """Return the path of the object; raise KeyTooLong where the path of the repository is too long."""
        return decode(quote(f"{repository}/{self.oid[:2]}/{self.oid[2:4]}/{self.oid}"))


def read_batch(body: bytes) -> tuple[str, tuple[Pointer, ...]]:
    """Return the action of a batch, `read` or `write`, and its objects. Unknown members are for later versions.

    Raises:
        BadRequest: the body is not such JSON, or the client does not offer the transfer `basic`.
        HashNotOffered: the objects are named by another hash.
        TooManyObjects: the batch names more than `MAX_OBJECTS`, or is too long.
        InvalidObject: an object has no valid SHA-256 or size.
    """
    fields = _read(body)
    operation, objects, transfers = fields.get("operation"), fields.get("objects"), fields.get("transfers")
    if not (isinstance(operation, str) and operation in _ACTIONS and isinstance(objects, list)):
        raise BadRequest("The body must name `operation`, download or upload, and `objects`, a list with oid and size.")
    if transfers is not None and not (isinstance(transfers, list) and "basic" in transfers):
        raise BadRequest("The service offers the transfer `basic` alone. Name it in `transfers`, or leave that out.")
    if fields.get("hash_algo") not in (None, "sha256"):
        raise HashNotOffered()
    if len(objects) > MAX_OBJECTS:
        raise TooManyObjects(MAX_OBJECTS)
    return _ACTIONS[operation], tuple(_pointer(value) for value in objects)


def _read(body: bytes) -> dict[str, Any]:
    if len(body) > _MAX_BODY_BYTES:
        raise TooManyObjects(MAX_OBJECTS)
    try:
        return read_object(body)
    except ValueError:
        raise BadRequest("The body must be one JSON object, and each of its names must stand once.") from None


def _pointer(value: object) -> Pointer:
    fields = value if isinstance(value, dict) else {}
    oid, size = fields.get("oid"), fields.get("size")
    if not (isinstance(oid, str) and re.fullmatch("[0-9a-f]{64}", oid) and is_whole_number(size, 0, _MAX_SIZE)):
        raise InvalidObject("An object must have its SHA-256 in lower-case hex as `oid`, and its bytes as `size`.")
    return Pointer(oid, size)


class _Object(NamedTuple):
    """An object that the rules open to the caller. `may_read`: whether the caller may know that the object exists."""

    pointer: Pointer
    grant: Grant
    target: Target
    may_read: bool


class GitLfs:
    """Answers git-lfs. S3 is asked once about each object that the caller may read.

    Args:
        rules: decide about each object.
        mounts: the buckets.
        objects: tells the sizes of objects.
        presigner: signs the URLs.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, objects: "ObjectStore", presigner: Presigner) -> None:
        self._rules = rules
        self._mounts = mounts
        self._objects = objects
        self._presigner = presigner

    def serves(self, path: Path) -> bool:
        """Whether the mount of a path answers git-lfs."""
        return self._mounts.answer_git_lfs(path)

    def answer(
        self,
        request: Request,
        caller: Caller,
        path: Path,
        now: float,
        log_entry: AccessLogEntry,
        *,
        count: Callable[[], None],
    ) -> Reply:
        """Answer a batch, or the check after an upload.

        Args:
            request: the request, which is counted against the limits of requests.
            caller: the caller.
            path: the path of the request.
            now: Unix time in seconds.
            log_entry: receives the action, the rule and the bucket.
            count: counts one more request: for each object of a batch after the first.

        Raises:
            TooManyRequests: a limit of requests is used up.
            NotOffered: any other request of git-lfs, which asks for no locks after a 501; or a request with a link.
            CredentialsMissing: the rules refuse anyone an object, so git-lfs asks its user for credentials.
            Forbidden: the rules refuse the caller every object.
            BadRequest, HashNotOffered, TooManyObjects, InvalidObject: as `read_batch`.
            NotFound, BadPath, KeyTooLong: no key has such a path; after an upload, no object is there.
            Unavailable: S3 does not answer, or the service has no valid credentials.
        """
        if caller.link:
            raise NotOffered("A link opens no repository of git-lfs. Use an API key or a token.")
        if request.method == "POST" and path.endswith(_BATCH):
            return self._batch(request, caller, path.removesuffix(_BATCH), now, log_entry, count)
        if request.method == "POST" and path.endswith(_VERIFY):
            return self._verify(request, caller, path.removesuffix(_VERIFY), log_entry)
        raise NotOffered("The service has no locks. For git-lfs it has PATH/objects/batch: end lfs.url in PATH.")

    def _batch(
        self,
        request: Request,
        caller: Caller,
        repository: str,
        now: float,
        log_entry: AccessLogEntry,
        count: Callable[[], None],
    ) -> Reply:
        log_entry.action, pointers = read_batch(request.body)
        for _ in pointers[1:]:
            count()
        found = [self._open(caller, log_entry.action, pointer, repository) for pointer in pointers]
        refused = [item for item in found if isinstance(item, Forbidden)]
        if refused and len(refused) == len(found):
            raise refused[0]
        readable = [item.target for item in found if isinstance(item, _Object) and item.may_read]
        sizes = dict(zip(readable, self._objects.sizes(readable, request.deadline), strict=True))
        objects = []
        for pointer, item in zip(pointers, found, strict=True):
            members = (
                _error(item) if isinstance(item, Forbidden) else self._transfer(request, item, sizes, now, log_entry)
            )
            objects.append({**pointer._asdict(), **members})
        return replies.document(200, {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}, GIT_LFS)

    def _open(self, caller: Caller, action: str, pointer: Pointer, repository: str) -> _Object | Forbidden:
        path = pointer.path_in(repository)
        try:
            grant = self._rules.authorize(caller.principal, action, path)
        except Forbidden as refusal:
            return refusal
        may_read = self._rules.grant_for(caller, "read", path) is not None
        return _Object(pointer, grant, self._mounts.resolve(grant), may_read)

    def _transfer(
        self,
        request: Request,
        item: _Object,
        sizes: Mapping[Target, int | None],
        now: float,
        log_entry: AccessLogEntry,
    ) -> dict[str, object]:
        """Return how git-lfs transfers an object. `sizes` has no object that the caller may not read."""
        grant, target = item.grant, item.target
        log_entry.rule, log_entry.bucket = grant.rule.number, target.mount.bucket
        try:
            headers = _headers_to_sign(request, item, sizes.get(target))
        except Problem as refusal:
            return _error(refusal)
        if headers is None:
            return {}
        method = "GET" if grant.action == "read" else "PUT"
        signed = self._presigner.url(
            method, target, grant=grant, query={}, headers=headers, now=now, deadline=request.deadline
        )
        log_entry.mark = signed.mark
        header = {name: value for name, value in headers.items() if name != _SENT_ANYWAY}
        action = {"href": signed.url, "header": header, "expires_in": max(1, int(signed.expires_at - now))}
        if grant.action == "read":
            return {"authenticated": True, "actions": {"download": action}}
        # An upload is not `authenticated`: git-lfs then adds the credentials of its user to the check, and the answer
        # repeats no secret.
        repository = grant.path.rsplit("/", 3)[0]
        verify = {"href": f"{request.base_url}{quote(repository)}{_VERIFY}"}
        return {"actions": {"upload": action, **({"verify": verify} if item.may_read else {})}}

    def _verify(self, request: Request, caller: Caller, repository: str, log_entry: AccessLogEntry) -> Reply:
        """Answer the check after an upload. Only a caller who may read learns what the bucket has."""
        pointer = _pointer(_read(request.body))
        grant = self._rules.authorize(caller.principal, "read", pointer.path_in(repository))
        target = self._mounts.resolve(grant)
        log_entry.rule, log_entry.bucket, log_entry.key = grant.rule.number, target.mount.bucket, target.key
        _check_size(pointer, *self._objects.sizes([target], request.deadline))
        return replies.document(200, pointer._asdict(), GIT_LFS)


def _error(refusal: Problem) -> dict[str, object]:
    return {"error": {"code": refusal.status, "message": refusal.detail}}


def _check_size(pointer: Pointer, size: int | None) -> None:
    """Raise NotFound or InvalidObject unless the bucket has the object in its size."""
    if size is None:
        raise NotFound("The bucket does not have this object. Push it from a clone that has it: `git lfs push --all`.")
    if size != pointer.size:
        raise InvalidObject(f"The object has {size:,} bytes in the bucket, and {pointer.size:,} bytes by its pointer.")


def _headers_to_sign(request: Request, item: _Object, size: int | None) -> dict[str, str] | None:
    """Return the headers of the transfer of an object; None where the bucket has the object that git-lfs would upload.

    With these headers, S3 takes no other bytes than the object, and the upload obeys the rule.

    Raises:
        NotFound, InvalidObject: the bucket does not have the object that git-lfs would download.
        PayloadTooLarge, UnsupportedMediaType: the rule does not allow the size or the type, or no PUT takes the size.
    """
    pointer, grant = item.pointer, item.grant
    if grant.action == "read":
        _check_size(pointer, size)
        return {}
    if size == pointer.size:
        return None
    if pointer.size > MAX_PUT_BYTES:  # the transfer `basic` sends an object in one PUT
        raise PayloadTooLarge(pointer.size, MAX_PUT_BYTES)
    headers = {
        "content-type": "application/octet-stream",
        "content-length": str(pointer.size),
        "x-amz-checksum-sha256": binascii.b2a_base64(bytes.fromhex(pointer.oid), newline=False).decode(),
        **({} if grant.may_replace else {"if-none-match": "*"}),
    }
    put = request._replace(method="PUT", query={"presign": ""}, headers=headers)
    return {**headers, **required_headers(put, grant, None)}
