"""OpenID providers on this machine: `provider/provider.mjs` with the certified oidc-provider, and what it was asked."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.support.certificates import certificate

from . import npm

CLIENT_SECRET: Final = "the-secret-of-the-client-at-the-provider"
_HOST: Final = "127.0.0.1"  # another site than `localhost` for browsers
_PACKAGES: Final = Path(__file__).with_name("provider")


class Asked(NamedTuple):
    """A request to a provider."""

    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]


class OpenId:
    """The running providers `corp` and `other`.

    Args:
        process: of the providers.
        port: where the providers listen.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self.url = f"https://{_HOST}:{port}"

    def set(self, **state: Any) -> None:
        """Set what is wrong with the providers, and forget the requests; see `state` of provider.mjs."""
        self._tell(state)

    def asked(self, end: str) -> list[Asked]:
        """The requests to paths with this end since the last call of a method; nothing is wrong any more."""
        return [asked for asked in self._tell({}) if asked.path.endswith(end)]

    def _tell(self, state: Mapping[str, Any]) -> list[Asked]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(state), file=self._process.stdin, flush=True)
        return [Asked(**asked) for asked in json.loads(self._process.stdout.readline())]


def certify(folder: Path) -> None:
    """Write the certificate of the providers, and `authority.pem`, which the service is to trust."""
    authority = certificate("authority", (), None)
    server = certificate("provider", (_HOST,), authority)
    (folder / "authority.pem").write_bytes(authority.pem())
    (folder / "provider.pem").write_bytes(server.pem() + server.key_pem())


@contextmanager
def open_providers(folder: Path, port: int, site: str, callbacks: Sequence[str]) -> Iterator[OpenId]:
    """Run the providers. If Node.js is missing, fail in CI and skip elsewhere.

    Args:
        folder: that `certify` has filled.
        port: to listen on.
        site: the URL of Signpost.
        callbacks: the paths of Signpost to which the providers may send browsers.
    """
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Node.js is not installed")
    options = {
        "port": port,
        "certificate": str(folder / "provider.pem"),
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [site + path for path in callbacks],
        "post_logout_redirect_uris": [f"{site}/-/login"],
    }
    command = [node, "provider.mjs", json.dumps(options)]
    installed = npm.install(_PACKAGES)
    shutil.copy(_PACKAGES / "provider.mjs", installed)  # the name of the copy tells only the packages
    with subprocess.Popen(
        command, cwd=installed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the providers did not start"
        yield OpenId(process, port)
        process.terminate()
