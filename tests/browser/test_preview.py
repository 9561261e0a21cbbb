"""The page of a file shows the file, goes to the files beside it, and never runs anything of a file."""

import io
import re
import struct
import wave
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Response, expect

from tests.support.pictures import opened, quarters, shows_quarters

from .conftest import Visit
from .sites import Directory, Site
from .test_accessibility import check_accessibility
from .visitor import make_link, names

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
HALF = 12_000_000  # bytes
CLIP = Path(__file__).with_name("clip.mp4").read_bytes()  # five red seconds and five green seconds, from libx264


def far_clip() -> bytes:
    """The clip, with its index behind many bytes that no player needs (ISO/IEC 14496-12 §8.1.2, the box `free`)."""
    index = CLIP.index(b"moov") - 4
    return CLIP[:index] + struct.pack(">I4s", HALF, b"free") + bytes(HALF - 8) + CLIP[index:]


def sound() -> bytes:
    """A minute of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((2, 2, 100_000, 0, "NONE", ""))
        writer.writeframes(bytes(2 * HALF))
    return file.getvalue()


def addresses(page: Page) -> list[str]:
    """A list that gets each address of a page from now on."""
    seen: list[str] = []
    page.on("framenavigated", lambda frame: seen.append(frame.url) if frame == page.main_frame else None)
    return seen


def swipe(page: Page, to_left: bool = True) -> None:
    """Move a finger over the middle of the page."""
    touch, (start, end) = page.context.new_cdp_session(page), (300, 80) if to_left else (80, 300)
    for kind, x in (("touchStart", start), ("touchMove", (start + end) // 2), ("touchMove", end), ("touchEnd", None)):
        points = [] if x is None else [{"x": x, "y": 420}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.detach()


def expect_shown(page: Page, name: str) -> None:
    """Wait until the page shows a file."""
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page).to_have_url(re.compile(re.escape(quote(name)) + r"\?.*view"))


def seek(page: Page, tag: str, seconds: float) -> None:
    """Move a player, and wait until it has the content there."""
    page.locator(tag).evaluate("(media, seconds) => { media.currentTime = seconds; }", seconds)
    for name, value in (("seeking", False), ("readyState", 4), ("currentTime", seconds)):
        expect(page.locator(tag)).to_have_js_property(name, value)


def test_twenty_photos_on_a_phone_are_swipes_on_one_page(visit: Visit, directory: Directory) -> None:
    for number in range(21):
        directory.put(f"{number}.png", quarters(), "image/png")
    page = visit(directory.url, **PHONE)
    page.get_by_role("link", name="0.png", exact=True).click()
    expect_shown(page, "0.png")
    page.evaluate("document.isSame = true")
    seen = addresses(page)
    for number in range(1, 21):
        expect(page.get_by_text(f"{number} of 21")).to_be_visible()
        swipe(page)
        expect_shown(page, f"{number}.png")
    swipe(page)  # after the last photo nothing happens
    swipe(page, to_left=False)
    expect_shown(page, "19.png")
    expect(page.locator("#file img")).to_have_js_property("naturalWidth", 640)
    assert shows_quarters(page.locator("#file img").screenshot())
    assert page.evaluate("document.isSame")
    assert all(url.startswith(directory.site.url) for url in seen)
    check_accessibility(page)
    page.go_back()
    expect(page).to_have_url(directory.url)


def test_keys_and_links_go_in_the_order_of_the_listing_and_keep_the_focus(visit: Visit, directory: Directory) -> None:
    for name, size in (("a ü.txt", 3), ("b ü.png", 1), ("c.txt", 9), ("d ü.txt", 2)):
        directory.put(name, b"x" * size)
    page = visit(f"{directory.url}?sort=-size&q=%C3%BC&limit=2")
    expect(names(page)).to_have_text(["a ü.txt", "d ü.txt"])
    page.get_by_role("link", name="Next page").first.click()
    page.get_by_role("link", name="b ü.png", exact=True).click()
    expect(page.get_by_text("3 of 3")).to_be_visible()
    expect(page.get_by_role("link", name="Next")).to_be_hidden()
    part = page.get_by_role("link", name="All files").get_attribute("href")
    assert part
    assert "cursor=" in part
    page.keyboard.press("ArrowLeft")  # to another kind of file, which has a page with another policy
    expect_shown(page, "d ü.txt")
    page.reload()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    previous = page.get_by_role("link", name="Previous")
    previous.focus()
    page.keyboard.press("Enter")
    expect_shown(page, "a ü.txt")
    expect(page.get_by_role("heading", name="a ü.txt")).to_be_focused()  # the link is hidden at the first file
    page.keyboard.press("ArrowRight")
    expect_shown(page, "d ü.txt")
    previous.focus()
    page.keyboard.press("ArrowRight")
    expect_shown(page, "b ü.png")
    page.go_back()
    expect(page).to_have_url(re.compile("cursor="))


def test_a_video_is_sought_by_ranges(visit: Visit, directory: Directory) -> None:
    directory.put("a.mp4", far_clip(), "video/mp4")
    directory.put("b.mp4")
    page = visit(f"{directory.url_of('a.mp4')}?view")
    ranges: list[str] = []
    page.on("request", lambda request: ranges.append(request.headers.get("range", "")))
    page.reload()
    seek(page, "video", 7)
    red, green, _ = opened(page.locator("video").screenshot()).convert("RGB").getpixel((200, 90))  # type: ignore[misc]
    assert green > 3 * red
    assert any(re.match(rf"bytes=(?!0-)\d{{{len(str(HALF))}}}", each) for each in ranges)
    page.locator("video").focus()
    page.keyboard.press("ArrowLeft")  # the player's own key
    expect_shown(page, "a.mp4")
    check_accessibility(page)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("alert")).to_have_text("The file cannot be shown. Download the file to open it.")


def test_a_sound_that_was_paused_goes_on_after_its_url_ended(visit: Visit, directory: Directory) -> None:
    brief = directory.under("s")
    brief.put("a.wav", sound(), "audio/wav")
    page = visit(f"{brief.url_of('a.wav')}?view")
    expect(page.locator("audio")).to_have_js_property("readyState", 4)
    page.wait_for_timeout(3_100)  # the URL lives for three seconds
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seek(page, "audio", 45)
    assert brief.url_of("a.wav") in asked
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_player_gets_a_url_that_lasts_longer_than_the_url_of_a_download(visit: Visit, directory: Directory) -> None:
    film = directory.under("s/m")
    film.put("a.mp4", CLIP, "video/mp4")
    page = visit(film.url)
    with page.expect_response(film.url_of("a.mp4")) as played:
        page.goto(f"{film.url_of('a.mp4')}?view")
    downloaded = page.request.get(film.url_of("a.mp4"), max_redirects=0)
    lives = [re.findall("X-Amz-Expires=([0-9]+)", answer.headers["location"]) for answer in (played.value, downloaded)]
    assert lives == [["60"], ["3"]]


ATTACKS = """
<script>alert(1)</script>
<img src=x onerror=alert(1)>
<svg onload="alert(1)"><script>alert(1)</script></svg>
<iframe src="javascript:alert(1)"></iframe><iframe srcdoc="<script>alert(1)</script>"></iframe>
<meta http-equiv="refresh" content="0;url=https://evil.example/">
<style>* { display: none }</style><base href="https://evil.example/">
<form action="https://evil.example/"><button autofocus onfocus=alert(1)>a</button></form>

[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,<script>alert(1)</script>) [d](/-/logout)
[e](vbscript:alert(1)) <javascript:alert(1)> [f]( javascript&colon;alert(1)) ![g](javascript:alert(1))
[h](https://x.example/"onmouseover="alert(1)) ![i](https://x.example/i.png "t\\" onerror=alert(1)")
[j][k]

[k]: javascript:alert(1)
|a|
|:-:|
|<img src=x onerror=alert(1)>|

```html" onclick="alert(1)
</code><script>alert(1)</script>
```
"""


def test_nothing_of_a_text_or_of_markdown_runs(visit: Visit, directory: Directory) -> None:
    """The fixture `visit` fails the test if a dialog opens, or the page violates its policy."""
    for name in ("a.md", "b.txt", "c.html", "d.svg"):
        directory.put(name, ATTACKS.encode(), "text/html")
    page = visit(f"{directory.url_of('a.md')}?view")
    shown = page.locator(".markdown")
    expect(shown).to_contain_text("<script>alert(1)</script>")
    links = shown.locator("a[href]").evaluate_all("links => links.map(({ href, rel }) => [new URL(href).origin, rel])")
    assert {*map(tuple, links)} == {(f"https://{host}.example", "noopener noreferrer") for host in ("x", "evil")}
    allowed = {"P", "A", "BR", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD", "PRE", "CODE"}
    assert {*shown.locator("*").evaluate_all("elements => elements.map(({ tagName }) => tagName)")} <= allowed
    for name in ("b.txt", "c.html"):
        page.goto(f"{directory.url_of(name)}?view")
        expect(page.locator("pre")).to_have_text(ATTACKS, use_inner_text=False)
        assert page.locator("pre *").count() == 0
    page.goto(f"{directory.url_of('d.svg')}?view")
    expect(page.get_by_role("alert")).to_be_visible()


def test_markdown_and_a_text_look_like_documents(visit: Visit, directory: Directory) -> None:
    directory.put(
        "a.md", b"# Plan\n\n1. one\n2. *two*\n\nSee https://x.example/ \xe2\x80\x94 ok.\n\n|a|b|\n|-|-:|\n|1|2|\n"
    )
    directory.put("b.txt", "grün".encode("latin-1"))
    directory.put("c.txt")
    page = visit(f"{directory.url_of('a.md')}?view")
    expect(page.get_by_role("heading", name="Plan", level=2)).to_be_visible()
    expect(page.get_by_role("link", name="https://x.example/")).to_be_visible()
    assert page.locator(".markdown li").all_inner_texts() == ["one", "two"]
    check_accessibility(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator("pre")).to_have_text("grün")
    page.keyboard.press("ArrowRight")
    expect_shown(page, "c.txt")
    expect(page.locator("pre")).to_have_text("")
    expect(page.get_by_role("alert")).to_be_hidden()


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
PDF += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def has_type(store: str, answer: Response) -> bool:
    """Whether an answer of the store names its type. An answer from a cache can lack the type."""
    return answer.url.startswith(store) and "content-type" in answer.headers


def test_a_frame_shows_a_pdf_and_never_html_of_that_name(visit: Visit, directory: Directory) -> None:
    directory.put("a.pdf", PDF, "application/octet-stream")
    directory.put("b.pdf", b"<!doctype html><script>parent.location = 'https://evil.example/'</script>", "text/html")
    page = visit(f"{directory.url_of('a.pdf')}?view")
    seen = addresses(page)
    for name in ("a.pdf", "b.pdf"):
        with page.expect_response(lambda answer: has_type(directory.site.store.endpoint, answer)) as response:
            page.goto(f"{directory.url_of(name)}?view")
        assert response.value.headers["content-type"] == "application/pdf"
        page.wait_for_timeout(300)
        expect_shown(page, name)
    assert all(url.startswith(directory.site.url) for url in seen)
    check_accessibility(page)


def test_a_file_that_is_gone_leads_back_to_the_directory(visit: Visit, directory: Directory) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        directory.put(name)
    page = visit(f"{directory.url_of('a.txt')}?view&sort=-name")
    expect(page.get_by_text("3 of 3")).to_be_visible()
    directory.delete("b.txt")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("This file does not exist any more.")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("link", name="All files").click()
    expect(page).to_have_url(f"{directory.url}?sort=-name")
    expect(names(page)).to_have_text(["c.txt", "a.txt"])


@pytest.mark.parametrize("has_scripts", [True, False])
def test_the_holder_of_a_link_looks_at_the_files(visit: Visit, directory: Directory, has_scripts: bool) -> None:
    for name in ("a.png", "b.png"):
        directory.put(name, quarters(), "image/png")
    owner = visit(directory.url)
    link = make_link(owner)
    owner.reload()
    once = make_link(owner, "a.png", Number_of_uses="once")
    page = visit(link, signed_in=False, java_script_enabled=has_scripts)
    page.get_by_role("link", name="a.png", exact=True).click()
    image = page.locator("#file img")
    expect(image).to_be_visible()
    assert "token=" in page.url
    if has_scripts:
        expect(page.get_by_text("1 of 2")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect_shown(page, "b.png")
        expect(image).to_have_js_property("naturalWidth", 640)
    page.get_by_role("link", name="All files").click()
    expect(names(page)).to_have_text(["a.png", "b.png"])
    for _ in range(2):
        page.goto(once)
        expect(page.get_by_text("does not load the file by itself")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download, takes one use").click()
    assert started.value.path().read_bytes() == quarters()
    page.goto(once)
    expect(page.get_by_role("heading", name="This link has been used up")).to_be_visible()


def test_the_page_of_a_link_with_its_token_in_the_path_goes_to_the_files_beside_it(
    visit: Visit, directory: Directory
) -> None:
    for name in ("a.txt", "b: ü?#.png", "c.png"):
        directory.put(name, quarters(), "image/png")
    token = make_link(visit(directory.url)).rpartition("=")[2]
    start = f"{directory.site.url}/-/t/{token}/{directory.prefix}"
    page = visit(f"{start}?sort=-name", signed_in=False)
    page.get_by_role("link", name="c.png", exact=True).click()
    expect(page.get_by_text("1 of 3")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect_shown(page, "b: ü?#.png")
    expect(page.locator("#file img")).to_have_js_property("naturalWidth", 640)
    page.get_by_role("link", name="All files").click()
    expect(page).to_have_url(f"{start}?sort=-name")
    page.goto(f"{start}{quote('b: ü?#.png')}?view")
    page.keyboard.press("ArrowLeft")  # to another kind of file: the browser loads another page
    expect_shown(page, "a.txt")
    expect(page.get_by_text("1 of 3")).to_be_visible()
    assert page.url == f"{start}a.txt?view"
    page.get_by_role("link", name="All files").click()
    expect(names(page)).to_have_text(["a.txt", "b: ü?#.png", "c.png"])


def test_a_large_file_that_is_no_image_says_so(visit: Visit, directory: Directory, site: Site) -> None:
    """The page first tries the image for screens, which the service cannot make, and then the file."""
    directory.put("a.jpg", bytes(2_000_001), "image/jpeg")
    page = visit(directory.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{directory.url_of('a.jpg')}?view")
    expect(page.get_by_role("alert")).to_be_visible()
    assert [url for url in asked if "/a.jpg" in url and url.startswith(site.url)] == [
        f"{directory.url_of('a.jpg')}{query}" for query in ("?view", "?w=2048&h=2048", "")
    ]
