"""What was found out about a request on its way: the log line in the making."""


class AccessLogEntry:
    """Filled in by the pipeline, logged by the exchange. Never holds a secret."""

    __slots__ = ("action", "bucket", "code", "error", "key", "path", "principal", "rule")

    def __init__(self, path: str) -> None:
        self.path = path
        self.principal: str | None = None
        self.action: str | None = None
        self.rule: int | None = None
        self.bucket: str | None = None
        self.key: str | None = None
        self.code: str | None = None
        self.error: object = None
