"""No name runs as code, and no page of another site acts with the cookie of a visitor."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.contract.sites import SECRET

from .conftest import Visit
from .sites import Directory, open_other_site
from .visitor import click, delete, file, in_state

# Each name opens a dialog or loads something, if a page treats the name as anything but text.
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


def test_a_name_never_runs(visit: Visit, directory: Directory) -> None:
    """The fixture `visit` fails the test if a dialog opens, a script fails, or a page violates its policy."""
    for name in NASTY:
        directory.put(f"{name}/inside")
    page = visit(directory.url)
    page.locator("#files").set_input_files([file(name, b"<script>alert(1)</script>", "text/html") for name in NASTY])
    expect(in_state(page, "done")).to_have_count(len(NASTY))
    expect(page.locator("tbody tr")).to_have_count(2 * len(NASTY))
    for name in NASTY[:3]:
        click(page, f"Share {name}")
        expect(page.get_by_role("heading", name=f"Share {name}")).to_be_visible()
        page.keyboard.press("Escape")
    delete(page, NASTY[0])
    expect(page.locator("tbody tr")).to_have_count(2 * len(NASTY) - 1)
    for name in NASTY[1:4]:
        page.goto(directory.url_of(f"{name}/"))
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    for target in ("javascript:alert(1)", "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"):
        page.goto(f"{directory.site.url}/-/login?next={target}")
        assert page.evaluate("document.scripts.length") == 0


def test_the_name_of_a_directory_is_never_the_token_of_a_link(visit: Visit, directory: Directory) -> None:
    """The script of a page sends the token with each request, so another person's token must not come from a name."""
    directory.put("-/t/name/a.txt")
    page = visit(directory.url_of("-/t/name/"))
    with page.expect_request(re.compile("/-/uploads")) as request:
        page.locator("#files").set_input_files([file("b.txt")])
    assert "token" not in f"{request.value.url}{request.value.post_data}"
    expect(in_state(page, "done")).to_have_count(1)


@pytest.fixture(scope="module")
def other_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs of a page at another port of the same site, and at another site.

    Ports do not matter for `SameSite`: from another port of its host, a browser sends our cookie.
    """
    folder = tmp_path_factory.mktemp("other")
    (folder / "index.html").write_text("<!doctype html><title>Another site</title>")
    with open_other_site(folder) as port:
        yield f"http://localhost:{port}/", f"http://127.0.0.1:{port}/"


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


def submit(page: Page, url: str, action: str, **fields: str) -> None:
    """Send a form from a page of another site."""
    page.goto(url)
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    page.set_content(f'<form method="post" action="{action}">{inputs}<button>Send</button></form>')
    click(page, "Send")


def test_another_site_reads_and_writes_nothing(
    visit: Visit, directory: Directory, other_sites: tuple[str, str]
) -> None:
    directory.put("a.txt", b"body")
    for other_site in other_sites:
        page = visit(other_site, watched=False)  # the console reports each failure of CORS
        names = ("a.txt", "", "a.txt?presign", "a.txt?link")
        assert set(page.evaluate(ATTACKS, [f"{directory.url}{name}" for name in names])) == {"hidden"}
    assert directory.names() == {"a.txt"}
    assert directory.get("a.txt") == b"body"
    records = [json.loads(line) for line in directory.site.log.read_text().splitlines() if line.startswith("{")]
    writes = [
        record["status"]
        for record in records
        if (record["path"] or "").startswith(f"/{directory.prefix}") and record["method"] not in ("GET", "OPTIONS")
    ]
    assert set(writes) <= {401, 403, 405}


def test_a_form_of_another_site_has_no_effect(visit: Visit, directory: Directory, other_sites: tuple[str, str]) -> None:
    directory.put("a.txt")
    base_url = directory.site.url
    page, anyone = visit(directory.url), visit(directory.url, signed_in=False)
    refusal = "This request came from another site"
    for other_site in other_sites:
        submit(page, other_site, f"{directory.url}a.txt?link")
        assert "token=" not in page.content()
        submit(page, other_site, f"{base_url}/-/logout")
        expect(page.get_by_role("heading", name=refusal)).to_be_visible()
        page.goto(directory.url)
        expect(page.get_by_text("Signed in with key ann")).to_be_visible()
        submit(anyone, other_site, f"{base_url}/-/login", id="ann", secret=SECRET, next="/")
        expect(anyone.get_by_role("heading", name=refusal)).to_be_visible()
        assert anyone.context.cookies() == []
