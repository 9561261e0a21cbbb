"""Presigner: signs URLs and forms with the credentials of the mount, else with the credentials of the service."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chalicelib.core.web.times import Deadline

from .mounts import Mount, Target
from .presign import SignedForm, SignedUrl, presign, sign_form
from .stores import Credentials

if TYPE_CHECKING:
    from .post_policy import PostPolicy


class Presigner:
    """Signs, and calls no network where the credentials of the service are fixed.

    Args:
        credentials: returns the current credentials of the service; raises Unavailable where there are none.
    """

    def __init__(self, credentials: Callable[[Deadline], Credentials]) -> None:
        self._credentials = credentials

    def url(
        self,
        method: str,
        target: Target,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        now: float,
        deadline: Deadline,
    ) -> SignedUrl:
        """Return a presigned URL; see `presign.presign`."""
        credentials = self._of(target.mount, deadline)
        return presign(target, method, query=query, headers=headers, credentials=credentials, now=now)

    def form(self, target: Target, policy: "PostPolicy", *, now: float, deadline: Deadline) -> SignedForm:
        """Return a signed form; see `presign.sign_form`."""
        return sign_form(target, policy, credentials=self._of(target.mount, deadline), now=now)

    def _of(self, mount: Mount, deadline: Deadline) -> Credentials:
        return mount.credentials or self._credentials(deadline)
