"""The refusals of git-lfs: objects that the service cannot take or find as git-lfs describes them.

Problem
├── HashNotOffered 409
├── TooManyObjects 413
└── InvalidObject 422
"""

from .base import Problem


class HashNotOffered(Problem):
    """The repository names its objects by another hash than SHA-256."""

    status, title, code = 409, "Conflict", "hash-not-offered"

    def __init__(self) -> None:
        super().__init__("The service takes objects by their SHA-256 alone. Send hash_algo sha256, or leave it out.")


class TooManyObjects(Problem):
    """A batch names too many objects. `limit` is the greatest number of objects."""

    status, title, code = 413, "Content Too Large", "too-many-objects"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A batch may name {limit} objects. Ask for fewer at once: `git config lfs.transfer.batchsize {limit}`."
        )
        self.limit = limit


class InvalidObject(Problem):
    """An object has no valid SHA-256 or size, or the bucket holds another size."""

    status, title, code = 422, "Unprocessable Content", "invalid-object"
