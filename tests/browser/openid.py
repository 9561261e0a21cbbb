"""OpenID providers on this machine: the certified oidc-provider in `provider/`, and a site that uses it."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Response

from tests.contract import sites
from tests.contract.sites import Store, free_port, open_table
from tests.support.certificates import certificate

from . import npm
from .multipart import wait_for
from .sites import Site

HOST: Final = "127.0.0.1"  # another site than `localhost` for browsers
CLIENT_SECRET: Final = "the-secret-of-the-client-at-the-provider"
_PACKAGES: Final = Path(__file__).with_name("provider")

# People cannot sign in with the last five: nobody fulfils the demand, the secret is wrong, nothing listens, or there is
# no client.
_SETTINGS: Final = """
rules = [
  {{ path = "/team/**", to = ["user:corp:alice@example.com"], allow = ["read", "list"] }},
  {{ path = "/many/**", to = ["group:corp:group-129"], allow = ["read", "list"] }},
  {{ path = "/crowd/**", to = [CROWD], allow = ["read"] }},
  {{ path = "/all/**", to = ["authenticated"], allow = ["read", "list"] }},
]
keys = [{{ id = "ann", sha256 = "{sha256}" }}]
mounts = [{{ path = "/", bucket = "{bucket}", endpoint = "{endpoint}", region = "{region}" }}]
issuers = [
  {{ name = "corp", issuer = "PROVIDER/corp", CLIENT }},
  {{ name = "other", issuer = "PROVIDER/other", CLIENT }},
  {{ name = "strict", issuer = "PROVIDER/corp", CLIENT, require = {{ email = "boss@example.com" }} }},
  {{ name = "wrong", issuer = "PROVIDER/corp", WRONG_CLIENT }},
  {{ name = "down", issuer = "https://127.0.0.1:1/down", CLIENT }},
  {{ name = "ci", issuer = "https://ci.example.com", audience = "files" }},
]
service = {{ realm = "Acme files" }}
revoked = {{ "user:corp:eve@example.com" = true }}
"""
_CLIENT: Final = (
    'audience = "files", inner = true, subject = "email", groups = "groups", '
    'client_id = "signpost", client_secret = "${{CLIENT_SECRET}}"'
)
CROWD: Final = [f"{number}-{'x' * 26}" for number in range(130)]  # too many characters for a cookie
CAN_SIGN_IN: Final = ("corp", "other", "strict", "wrong", "down")

# Python imports a module of this name at its start.
_SHIFTED_CLOCK: Final = """
import pathlib, time
clock, offset = time.time, pathlib.Path(__file__).with_name("offset")
time.time = lambda: clock() + int(offset.read_text())
"""


class Asked(NamedTuple):
    """A request to a provider."""

    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]


class OpenId:
    """The running providers `corp` and `other`, and the clocks of the providers and of Signpost.

    Args:
        process: of the providers.
        port: where the providers listen.
        offset: the file with the seconds by which Signpost's clock is ahead.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int, offset: Path) -> None:
        self._process = process
        self._offset = offset
        self.url = f"https://{HOST}:{port}"

    def set(self, **state: Any) -> None:
        """Set what is wrong with the providers, and forget the requests; see `state` of provider.mjs."""
        self._tell(state)

    def set_clocks(self, seconds: int) -> None:
        """Let all clocks be ahead, and nothing else be wrong."""
        self._offset.write_text(str(seconds))
        self.set(ahead=seconds)

    def asked(self, end: str) -> list[Asked]:
        """The requests to paths with this end since the last call of a method; nothing is wrong any more."""
        return [asked for asked in self._tell({}) if asked.path.endswith(end)]

    def _tell(self, state: Mapping[str, Any]) -> list[Asked]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(state), file=self._process.stdin, flush=True)
        return [Asked(**asked) for asked in json.loads(self._process.stdout.readline())]


@contextmanager
def open_site(store: Store, folder: Path) -> Iterator[tuple[Site, OpenId]]:
    """Run Signpost and its providers. If Node.js is missing, fail in CI and skip elsewhere.

    Args:
        store: an S3.
        folder: for the settings, the log, the certificates and the clock.
    """
    authority = certificate("authority", (), None)
    server = certificate("provider", (HOST,), authority)
    (folder / "authority.pem").write_bytes(authority.pem())
    (folder / "provider.pem").write_bytes(server.pem() + server.key_pem())
    (folder / "sitecustomize.py").write_text(_SHIFTED_CLOCK)
    (folder / "offset").write_text("0")
    port = free_port()
    crowd = ", ".join(f'"group:corp:{group}"' for group in CROWD)
    settings = _SETTINGS.replace("CROWD", crowd).replace(
        "WRONG_CLIENT", _CLIENT.replace("CLIENT_SECRET", "WRONG_SECRET")
    )
    settings = settings.replace(", CLIENT", f", {_CLIENT}").replace("PROVIDER", f"https://{HOST}:{port}")
    environ = {
        **store.environ(),
        "CLIENT_SECRET": CLIENT_SECRET,
        "WRONG_SECRET": "wrong",
        "SSL_CERT_FILE": str(folder / "authority.pem"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))),
    }
    with (
        open_table(f"signpost-provider-{uuid4().hex[:8]}") as table,
        sites.open_site(store, table, folder, environ, settings=settings) as site,
        _run(port, folder / "provider.pem", site.url) as process,
    ):
        yield Site(site.url, store, site.log), OpenId(process, port, folder / "offset")


@contextmanager
def _run(port: int, pem: Path, site: str) -> Iterator["subprocess.Popen[str]"]:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Node.js is not installed")
    options = {
        "port": port,
        "certificate": str(pem),
        "client_secret": CLIENT_SECRET,
        "crowd": CROWD,
        "redirect_uris": [f"{site}/-/callback/{name}" for name in CAN_SIGN_IN],
        "post_logout_redirect_uris": [f"{site}/-/login"],
    }
    folder = npm.install(_PACKAGES)
    shutil.copy(_PACKAGES / "provider.mjs", folder)  # the folder is made anew for other packages only
    with subprocess.Popen(
        [node, "provider.mjs", json.dumps(options)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the providers did not start"
        yield process
        process.terminate()


def choose(page: Page, issuer: str) -> None:
    """Choose an issuer on the sign-in page."""
    with page.expect_navigation():
        page.locator(f"a[href*='/-/login/{issuer}']").click()


def identify(page: Page, id: str) -> None:
    """Fill in the page of the provider, which asks who the person is."""
    page.get_by_label("Account").fill(id)
    with page.expect_navigation():
        page.get_by_role("button", name="Go").click()


def navigations(page: Page) -> list[Response]:
    """The answers to all navigations of a page from now on, with all redirects."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        if answer.request.is_navigation_request():
            answers.append(answer)

    page.on("response", note)
    return answers


def callback_url(page: Page, url: str) -> str:
    """Open a URL that leads to a callback of Signpost; stop the browser there, and return the URL of the callback."""
    paused: list[dict[str, Any]] = []
    browser = page.context.new_cdp_session(page)  # Playwright's own routes see no request after a redirect
    browser.on("Fetch.requestPaused", lambda event: paused.append(event))
    browser.send("Fetch.enable", {"patterns": [{"urlPattern": "*/-/callback/*"}]})
    page.evaluate("url => { location.href = url }", url)
    wait_for(page, lambda: bool(paused))
    browser.send("Fetch.failRequest", {"requestId": paused[0]["requestId"], "errorReason": "Aborted"})
    browser.detach()
    return str(paused[0]["request"]["url"])
