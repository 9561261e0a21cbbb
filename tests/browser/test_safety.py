"""Nothing that a name says is run, and no page of another site acts with someone's cookie."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .sites import SECRET, Site, file

# Each sets `ran`, opens a box, or loads something, if it is ever more than a name.
NASTY = (
    "<img src=x onerror=alert(1)>.txt",
    "<svg onload=alert(1)>",
    "'\"><script>alert(1)<",
    "javascript:alert(1)",
    '" autofocus onfocus=alert(1) x="',
    "&lt;script&gt;alert(1)&lt;script&gt;",
    "{{constructor.constructor('alert(1)')()}}",
    "\u202egpj.exe",
)


def test_names_are_never_run(visit: Visit, site: Site, place: str) -> None:
    """`visit` fails a test in which a box opens, a script fails, or the Content-Security-Policy is violated."""
    for name in NASTY:
        site.put(place + name, b"<script>alert(1)</script>", "text/html")
        site.put(f"{place}{name}/inside")
    page = visit()
    page.goto(site.at(place))
    expect(page.locator("tbody tr")).to_have_count(2 * len(NASTY))
    for name in NASTY[:3]:
        page.get_by_role("button", name=f"Share {name}", exact=True).click()
        expect(page.get_by_role("heading", name=f"Share {name}")).to_be_visible()
        page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Delete {NASTY[0]}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("tbody tr")).to_have_count(2 * len(NASTY) - 1)
    for name in NASTY[1:4]:
        page.goto(site.at(f"{place}{name}/"))
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.goto(f"{site.url}/-/login?next=javascript:alert(1)")
    page.goto(f"{site.url}/-/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.evaluate("document.scripts.length") == 0


def test_uploaded_names_are_never_run(visit: Visit, site: Site, place: str) -> None:
    page = visit()
    page.goto(site.at(place))
    page.locator("#files").set_input_files([file(name, b"<script>alert(1)</script>", "text/html") for name in NASTY])
    expect(page.locator("#queue [data-state=done]")).to_have_count(len(NASTY))
    expect(page.locator("tbody tr")).to_have_count(len(NASTY))


def test_pages_cannot_be_framed_and_load_nothing_foreign(visit: Visit, site: Site, place: str) -> None:
    page = visit()
    found = page.goto(site.at(place))
    assert found is not None
    policy = dict(part.strip().split(" ", 1) for part in found.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {site.store.endpoint}"


class Foreign(http.server.BaseHTTPRequestHandler):
    """Another site, whose page is what the test makes it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def foreign_port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(params=["localhost", "127.0.0.1"], ids=["same site, other port", "other site"])
def foreign(request: pytest.FixtureRequest, foreign_port: int) -> str:
    """The URL of the other site; from a port of the same host a browser sends our cookie whatever its SameSite says."""
    return f"http://{request.param}:{foreign_port}/"


ATTACKS = """
async (urls) => {
    const results = [];
    const attempt = async (url, options) => {
        const answer = await fetch(url, { credentials: "include", ...options }).catch(() => null);
        results.push(answer === null || answer.type === "opaque" ? "hidden" : `${url} ${answer.status}`);
    };
    for (const url of urls) {
        for (const method of ["PUT", "DELETE", "POST", "GET"]) await attempt(url, { method });
        await attempt(url, { method: "POST", mode: "no-cors", body: "{}" });
        await attempt(url, { method: "GET", mode: "no-cors" });
    }
    return results;
}
"""

SUBMIT = """
([action, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action });
    for (const [name, value] of Object.entries(fields)) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(form);
    form.submit();
}
"""


def records(log: Path) -> list[dict[str, object]]:
    """What Signpost logged."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def submit(page: Page, action: str, **fields: str) -> None:
    """Send a form, as a page does when it is opened."""
    with page.expect_navigation():
        page.evaluate(SUBMIT, [action, fields])


def test_another_site_reads_and_writes_nothing_with_a_cookie(
    visit: Visit, site: Site, place: str, foreign: str
) -> None:
    site.put(f"{place}a.txt", b"mine")
    page = visit(watched=False)
    page.goto(foreign)
    urls = [site.at(f"{place}a.txt"), site.at(place), f"{site.at(place)}a.txt?presign", f"{site.at(place)}a.txt?link"]
    assert set(page.evaluate(ATTACKS, urls)) == {"hidden"}
    assert site.keys(place) == {f"{place}a.txt"}
    assert site.get(f"{place}a.txt") == b"mine"
    ours = [record for record in records(site.log) if str(record["path"]).startswith(f"/{place}")]
    assert {record["status"] for record in ours if record["method"] not in ("GET", "OPTIONS")} <= {401, 403, 405}


def test_another_site_submits_nothing_with_a_cookie(visit: Visit, site: Site, place: str, foreign: str) -> None:
    site.put(f"{place}a.txt", b"mine")
    page = visit()
    for action, said in (
        (f"{site.at(place)}a.txt?link", None),
        (f"{site.url}/-/logout", "This request came from another site"),
    ):
        page.goto(foreign)
        submit(page, action)
        if said:
            expect(page.get_by_role("heading", name=said)).to_be_visible()
        assert "token=" not in page.content()
    page.goto(site.at(place))
    expect(page.get_by_text("You are key:ann")).to_be_visible()


def test_another_site_signs_nobody_in(visit: Visit, site: Site, foreign: str) -> None:
    page = visit(signed_in=False)
    page.goto(foreign)
    submit(page, f"{site.url}/-/login", id="ann", secret=SECRET, next="/")
    expect(page.get_by_role("heading", name="This request came from another site")).to_be_visible()
    assert page.context.cookies() == []
