"""A visitor who is signed in makes a token for curl, and curl works with the lines that the page shows."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.test_docs import blocks

from .conftest import Visit
from .sites import Directory
from .test_accessibility import AXE, NARROW, TOO_WIDE, WIDE
from .visitor import click


def run(line: str, folder: Path) -> bytes:
    """Run a line in a shell, in a folder."""
    done = subprocess.run(["bash", "-ec", line], cwd=folder, capture_output=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("has_scripts", [True, False])
def test_curl_reads_and_uploads_with_the_lines_of_the_page(
    visit: Visit, directory: Directory, tmp_path: Path, has_scripts: bool
) -> None:
    directory.put("a & b.txt", b"a text")
    page = visit(directory.url, java_script_enabled=has_scripts)
    page.get_by_role("link", name="Token for curl").click()
    expect(page.get_by_label("Path of a file")).to_have_value(f"/{directory.prefix}")
    click(page, "Make a token")
    line = page.locator("pre").first
    assert b'"name": "a & b.txt"' in run(line.inner_text(), tmp_path)
    page.get_by_label("Path of a file").fill(f"/{directory.prefix}a & b.txt")
    page.get_by_label("list directories").uncheck()
    click(page, "Make a token")
    assert run(line.inner_text(), tmp_path) == b"a text"
    page.get_by_label("Path of a file").fill(f"/{directory.prefix}")
    page.get_by_label("read files").uncheck()
    page.get_by_label("upload files").check()
    click(page, "Make a token")
    (tmp_path / "FILE").write_bytes(b"from curl")
    run(line.inner_text(), tmp_path)
    assert directory.get("FILE") == b"from curl"


def test_the_script_in_the_docs_makes_a_token(visit: Visit, directory: Directory) -> None:
    (script,) = blocks("tokens.md", "js")
    page = visit(directory.url)
    with page.expect_console_message() as message:
        page.evaluate(f"async () => {{ {script} }}")
    made = message.value.args[0].json_value()
    assert (made["path"], made["actions"], made["token"][:4]) == ("/reports/", ["read", "list"], "spt_")


def test_the_page_of_tokens_fits_each_screen_and_axe_finds_no_violation(visit: Visit, directory: Directory) -> None:
    page = visit(f"{directory.site.url}/-/token?path=/{directory.prefix}")
    click(page, "Make a token")
    expect(page.locator("pre")).to_have_count(2)
    page.get_by_label("Path of a file").fill("/secret/")
    for step in ("made", "refused"):
        for size, is_dark in ((WIDE, False), (NARROW, True)):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme="dark" if is_dark else "light", reduced_motion="reduce")
            assert page.evaluate(TOO_WIDE) == [], (step, size)
            result = AXE.run(page)
            assert result.violations_count == 0, f"{step} {size} dark={is_dark}\n{result.generate_report()}"
        if step == "made":
            click(page, "Make a token")
            expect(page.get_by_role("alert")).to_contain_text("The key ann may not read here.")
