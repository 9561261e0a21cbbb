"""Service: decodes the path, counts and authorises the request, picks the feature, and redeems a use of a link."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from . import replies
from .access.actions import METHODS, action_of
from .access.authorization import Authorization, Caller
from .access.rules import Grant
from .s3.mounts import PLAYLIST_ENDINGS
from .web import paths
from .web.access_log import AccessLogEntry
from .web.cors import Cors
from .web.message import Reply, Request, is_git_lfs, wants_page, wants_preview
from .web.multipart_parameters import step_of
from .web.paths import (
    ASSETS,
    CALLBACK,
    CREDENTIALS,
    IMAGE_ENDPOINTS,
    LINK,
    LINKS,
    LOGIN_WITH,
    RECEIVED,
    RESIZE,
    SERVICE_PATHS,
    TOKEN,
    UPLOADS,
    Path,
)
from .web.problems.access import CredentialsMissing, Forbidden
from .web.problems.base import MethodNotAllowed, NotFound, NotOffered, PreconditionFailed, Problem

if TYPE_CHECKING:
    from .access.link_tokens import Link
    from .features.git_lfs import GitLfs
    from .features.home_pages import HomePages
    from .features.provider_sign_in import ProviderSignIn
    from .link_uses import LinkUses
    from .request_limits import RequestLimits


class Feature(Protocol):
    """Answers the requests of one kind."""

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Return the complete reply; raise a Problem to refuse the request."""
        ...


class ServicePage(Protocol):
    """Answers requests for the paths below `/-/` that no rule decides."""

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Return the complete reply; raise a Problem to refuse the request."""
        ...


class Service:
    """Answers requests, and holds no state of its own.

    Args:
        authorization: checks every request to a file, a directory or an image endpoint.
        cors: the origins whose pages may call the service.
        features: factory of each feature, by the name that `feature_of` returns. The first request that needs a feature
            builds the feature.
        pages: factory of each page that answers below `/-/`, by the name that `page_of` returns.
        limits: the limits of requests; None for no limits.
        link_uses: factory of the counter of the uses of links.
        sign_in_again: factory of the feature that signs people in again whose session has ended; None where nobody
            signs in with an issuer.
        home_pages: factory of the feature that leads a person from a directory that the person may not list.
        git_lfs: factory of the feature that answers git-lfs; None where no mount answers git-lfs.
    """

    def __init__(
        self,
        *,
        authorization: Authorization,
        cors: Cors,
        features: Mapping[str, Callable[[], Feature]],
        pages: Mapping[str, Callable[[], ServicePage]],
        limits: "RequestLimits | None",
        link_uses: "Callable[[], LinkUses]",
        sign_in_again: "Callable[[], ProviderSignIn] | None",
        home_pages: "Callable[[], HomePages]",
        git_lfs: "Callable[[], GitLfs] | None",
    ) -> None:
        self._authorization = authorization
        self._cors = cors
        self._features = features
        self._pages = pages
        self._limits = limits
        self._link_uses = link_uses
        self._sign_in_again = sign_in_again
        self._home_pages = home_pages
        self._git_lfs = git_lfs

    def answer(self, request: Request, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer one request.

        Args:
            request: the request.
            now: Unix time in seconds.
            log_entry: receives the facts of the request for the log.

        Raises:
            Problem: the request is refused.
        """
        try:
            asked = self._preflight(request) or self._identify(request, now, log_entry)
        except Problem:
            self._count(request, None, None, now, log_entry)
            raise
        if isinstance(asked, Reply):
            self._count(request, None, None, now, log_entry)
            return asked
        path, caller = asked
        self._count(request, caller, path, now, log_entry)
        try:
            return self._answer_asked(request, path, caller, now, log_entry)
        except (CredentialsMissing, Forbidden) as refusal:
            reply = self._answer_refused(refusal, request, path, caller, now, log_entry)
            if reply is None:
                raise
            return reply

    def _answer_refused(
        self,
        refusal: Problem,
        request: Request,
        path: Path,
        caller: Caller | None,
        now: float,
        log_entry: AccessLogEntry,
    ) -> Reply | None:
        """Return the answer that a browser gets in place of a refusal; None where the refusal stands."""
        if self._sign_in_again and isinstance(refusal, CredentialsMissing) and "cookie" in request.headers:
            reply = self._sign_in_again().again(request, now, log_entry)
            if reply is not None:
                return reply
        if caller is None or caller.action != "list" or request.method == "OPTIONS" or not wants_page(request):
            return None
        return self._home_pages().answer(request, caller, path, now, log_entry)

    def _preflight(self, request: Request) -> Reply | None:
        """Return the answer to a preflight; None for another request that can be answered."""
        if request.unsupported:
            raise NotOffered(request.unsupported)
        if request.method not in METHODS:
            raise MethodNotAllowed(request.method, METHODS)
        return self._cors.preflight(request)

    def _identify(self, request: Request, now: float, log_entry: AccessLogEntry) -> "tuple[Path, Caller | None]":
        """Return the path and the caller. A page below `/-/` reads the credentials itself, so it has no caller here."""
        path = log_entry.path = paths.decode(request.raw_path)
        if path.startswith(SERVICE_PATHS) and path not in IMAGE_ENDPOINTS:
            return path, None
        # A batch of git-lfs tells its action in its body.
        action = "read" if self._git_lfs_at(path, request) else action_of(request.method, path, request.query)
        return path, self._authorization.identify(request, path, action, now, log_entry)

    def _git_lfs_at(self, path: Path, request: Request) -> "GitLfs | None":
        """Return the feature that answers git-lfs; None for another client, and in a mount without `lfs`."""
        if self._git_lfs is None or not is_git_lfs(request):
            return None
        feature = self._git_lfs()
        return feature if feature.serves(path) else None

    def _count(
        self, request: Request, caller: Caller | None, path: Path | None, now: float, log_entry: AccessLogEntry
    ) -> None:
        """Count a request against its limits: before the rules answer, so that a refused request counts too."""
        if self._limits is not None:
            self._limits.admit(request, caller, path, now, log_entry)

    def _answer_asked(
        self, request: Request, path: Path, caller: Caller | None, now: float, log_entry: AccessLogEntry
    ) -> Reply:
        if caller is None:
            return self._answer_page(request, path, now, log_entry)
        git_lfs = self._git_lfs_at(path, request)
        if git_lfs is not None:
            return git_lfs.answer(
                request, caller, path, now, log_entry, count=lambda: self._count(request, caller, path, now, log_entry)
            )
        grant = self._authorization.authorize(request, caller, path, log_entry)
        if grant.link and grant.link.uses:
            return self._answer_counted(request, grant, grant.link, now, log_entry)
        if grant.link and grant.link.revocable:
            grant = grant.made_by(self._link_uses().name_of_maker(grant.link, request.deadline))
        return self._answer(request, grant, now, log_entry)

    def _answer_counted(
        self, request: Request, grant: Grant, link: "Link", now: float, log_entry: AccessLogEntry
    ) -> Reply:
        try:
            reply = self._answer(request, grant, now, log_entry)
        except (NotFound, PreconditionFailed):
            self._link_uses().check(link, request.deadline)  # a used-up link never tells whether the key exists
            raise
        # The last step: a request that fails takes no use, and the signed URL leaves only after the use is counted.
        if feature_of(request, grant) == "previews":
            self._link_uses().check(link, request.deadline)  # the page loads nothing of the file
        else:
            self._link_uses().redeem(request, grant, link, now)
        log_entry.counted = True
        return reply

    def _answer_page(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer a request for a path below `/-/` that no rule decides."""
        methods = paths.methods_of_service_page(path)
        if request.method == "OPTIONS":
            return replies.options(methods)
        if request.method not in methods:
            raise MethodNotAllowed(request.method, methods)
        return self._pages[page_of(path)]().answer(request, path, now, log_entry)

    def _answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        if request.method == "OPTIONS":
            return replies.options(IMAGE_ENDPOINTS.get(grant.path, METHODS))
        return self._features[feature_of(request, grant)]().answer(request, grant, now, log_entry)


def page_of(path: Path) -> str:
    """Return the name of the page that answers at a path below `/-/`."""
    if path.startswith(ASSETS):
        return "assets"
    if path == TOKEN:
        return "token_page"
    if path == UPLOADS:
        return "upload_batches"
    if path == CREDENTIALS:
        return "aws_credentials"
    if path == RECEIVED:
        return "received_page"
    if path == LINKS or path.startswith(LINK):
        return "links_page"
    return "provider_sign_in" if path.startswith((LOGIN_WITH, CALLBACK)) else "sign_in"


def feature_of(request: Request, grant: Grant) -> str:
    """Return the name of the feature that answers a request. The first condition that is true decides."""
    if grant.action == "share":
        return "resize_links" if grant.path == RESIZE else "links"
    if grant.path in IMAGE_ENDPOINTS:
        return "image_endpoints"
    if grant.action in ("list", "versions"):
        return "directories"
    if grant.action == "read":
        if request.query and wants_preview(request):
            return "previews"
        if request.query and _asks_for_image(request.query):
            return "stored_images"
        return "playlists" if grant.path.endswith(PLAYLIST_ENDINGS) else "redirects"
    if grant.action == "delete":
        return "redirects"
    if request.method == "PUT" or step_of(request.method, request.query):
        return "uploads"
    if request.method == "POST":
        return "forms" if grant.path.endswith("/") else "restores"
    return "directory_pages"


def _asks_for_image(query: Mapping[str, str]) -> bool:
    from .web import image_parameters  # most redirects have no query

    return image_parameters.are_in(query)
