"""Fakes: the ports of the core as classes, and a service that stands on them."""

import json
from collections.abc import Mapping, Sequence

from chalicelib.core.cors import Cors
from chalicelib.core.credentials import Credentials
from chalicelib.core.exchange import Answer, Exchange
from chalicelib.core.message import Reply
from chalicelib.core.mounts import Mount, Mounts, Target
from chalicelib.core.ports import CredentialSource, Metadata, ObjectStore
from chalicelib.core.principals import ApiKeys, Key, refuse_token
from chalicelib.core.rules import Rule, RuleSet
from chalicelib.core.service import METHODS, Service

from .builders import CREDENTIALS, KEYS, NOW, RULES, mount, request


class Fixed:
    """Credentials that stay as they are."""

    def __init__(self, credentials: Credentials = CREDENTIALS) -> None:
        self.credentials = credentials

    def current(self) -> Credentials:
        return self.credentials


class Failing:
    """A port that fails in whatever way it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def current(self) -> Credentials:
        raise self.error

    def head(self, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> Metadata:
        raise self.error


class Objects:
    """A store in which every object has the same metadata; it remembers what was asked."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.asked: list[tuple[Target, Mapping[str, str], Mapping[str, str]]] = []

    def head(self, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> Metadata:
        self.asked.append((target, query, headers))
        return self.metadata


ROOT = mount()


def service(
    *,
    keys: Sequence[Key] = KEYS,
    rules: Sequence[Rule] = RULES,
    mounts: Sequence[Mount] = (ROOT,),
    cors_origins: Sequence[str] = (),
    credentials: CredentialSource | None = None,
    objects: ObjectStore | None = None,
) -> Service:
    """A service over fakes."""
    return Service(
        authenticators=(refuse_token, ApiKeys(keys)),
        rules=RuleSet(list(rules)),
        mounts=Mounts(mounts),
        cors=Cors(cors_origins, METHODS),
        credentials=credentials or Fixed(),
        objects=objects,
    )


def exchange(
    answer: Answer | None = None,
    *,
    cors_origins: Sequence[str] = (),
    now: float = NOW,
    log: list[Mapping[str, object]] | None = None,
) -> Exchange:
    """The frame around a service; its time stands still, and its log is a list."""
    lines: list[Mapping[str, object]] = [] if log is None else log
    return Exchange(
        answer=answer or service(cors_origins=cors_origins).answer,
        cors=Cors(cors_origins, METHODS),
        realm="Acme files",
        clock=lambda: now,
        log=lines.append,
    )


def ask(
    method: str,
    raw_path: str,
    *,
    by: Service | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    now: float = NOW,
) -> Reply:
    """Ask a service and return its reply."""
    frame = exchange((by or service()).answer, now=now)
    return frame.handle(request(method, raw_path, query=query, headers=headers))


def code(reply: Reply) -> str | None:
    """The code of a refusal, None for any other answer."""
    if reply.headers.get("Content-Type") != "application/problem+json":
        return None
    return str(json.loads(reply.body)["code"]) if reply.body else "a HEAD has no body"
