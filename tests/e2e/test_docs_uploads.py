"""docs/uploads.md: the site has the rules of the page, and every example runs unchanged."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy_boto3_s3.type_defs import CORSRuleTypeDef
from playwright.sync_api import Browser, Page, Route

from chalicelib.core.web.problems import access, base, uploads
from tests.contract import probes
from tests.contract.sites import SECRET, Site, Store, Table, client_of, open_site
from tests.contract.upload_sites import MIN_PART_BYTES, unfinished_uploads

PAGE = (Path(__file__).parent.parent.parent / "docs/uploads.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PHOTO, DISK = b"\xff\xd8\xff\xe0 a photo", os.urandom(2 * MIN_PART_BYTES + 1000)
STATE = f"disk.img.upload-{MIN_PART_BYTES}"

MOUNT = """
[[mounts]]
path = "/"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"

[[keys]]
id = "ci"
sha256 = "{sha256}"

"""

# A script in place of curl: it logs its arguments. It then fails once at the second part, or always at the store; or at
# the third part it aborts the upload, or kills all processes of the example.
CURL = """#!/bin/sh
echo "$*" >> curl.log
case "$MISHAP $*" in
  fails*partNumber=2*X-Amz-*) [ -e failed ] || { : > failed; exit 56; } ;;
  breaks*X-Amz-*) exit 56 ;;
  forgets*partNumber=3*X-Amz-* | stops*partNumber=3*X-Amz-*)
    until [ -e "$STATE/part-1" ] && [ -e "$STATE/part-2" ]; do sleep 0.1; done
    [ "$MISHAP" = forgets ] || kill -9 0
    %CURL -sSL -u "$KEY" -X DELETE "$URL?uploadId=$ID" ;;
esac
exec %CURL "$@"
"""


@pytest.fixture(scope="module")
def docs_site(store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with the rules of the page."""
    (rules,) = (block for language, block in BLOCKS if language == "toml")
    folder = tmp_path_factory.mktemp("docs")
    settings = MOUNT + rules.replace("{", "{{").replace("}", "}}")
    with open_site(store, table, folder, store.environ(), settings=settings) as site:
        yield site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the examples, with their files and the script; curl fails on request, and sleep is short."""
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    (tmp_path / "disk.img").write_bytes(DISK)
    (tmp_path / "upload.sh").write_text(example("sh", "#!/bin/sh"))
    (tmp_path / "bin").mkdir()
    for name, text in (
        ("curl", CURL.replace("%CURL", str(shutil.which("curl")))),
        ("sleep", f"#!/bin/sh\n{shutil.which('sleep')} 0.1\n"),
    ):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def example(language: str, words: str, site: Site | None = None) -> str:
    """The only block of a language that contains some words, with the URL of a site."""
    (block,) = (text for kind, text in BLOCKS if kind == language and words in text)
    if site is None:
        return str(block)
    filled = re.sub(r"\bID\b(\W+)SECRET\b", rf"ci\1{SECRET}", block)
    return filled.replace("https://files.example.com", site.url)


def run(folder: Path, *command: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run an example as a person runs it, in its own process group."""
    path = f"{folder}/bin:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        start_new_session=True,
    )
    assert not check or done.returncode == 0, done
    return done


def shell(folder: Path, commands: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run an example for the shell; a refusal makes curl fail."""
    return run(folder, "sh", "-euc", commands.replace("curl ", "curl --fail -sS "), check=check, **environ)


def stored(store: Store, key: str) -> bytes:
    """The content of the bucket."""
    return client_of(store).get_object(Bucket=store.bucket, Key=key)["Body"].read()


def test_every_block_is_of_a_kind_that_is_run() -> None:
    kinds = [language for language, _ in BLOCKS]
    assert sorted(kinds) == sorted(["toml", *["sh"] * 8, *["python"] * 4, *["js"] * 2, "html"])


# One request, and two requests


EXAMPLES = (
    ("sh", "notes/photo.jpg", "notes/photo.jpg"),
    ("sh", "photos/one.jpg", "photos/one.jpg"),
    ("sh", "notes/two.jpg", "notes/two.jpg"),
    ("python", "three.jpg", "inbox/three.jpg"),
    ("python", "four.jpg", "inbox/four.jpg"),
    ("python", "six.jpg", "inbox/six.jpg"),
    ("python", "seven.jpg", "inbox/seven.jpg"),
    ("js", "five.jpg", "inbox/five.jpg"),
)


def test_every_example_uploads_a_file_and_an_empty_file(docs_site: Site, store: Store, folder: Path) -> None:
    if shutil.which("node") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    client = client_of(store)
    programs = {
        "python": [sys.executable, "-Werror", "-c"],
        "js": ["node", "--no-warnings", "--input-type=module", "--eval"],
    }
    for body in (b"", PHOTO):
        (folder / "photo.jpg").write_bytes(body)
        for language, words, key in EXAMPLES:
            client.delete_object(Bucket=store.bucket, Key=key)
            text = example(language, words, docs_site)
            shell(folder, text) if language == "sh" else run(folder, *programs[language], text)
            assert stored(store, key) == body, key
            if not key.startswith("notes/"):
                assert client.head_object(Bucket=store.bucket, Key=key)["ContentType"] == "image/jpeg"
    head = client.head_object(Bucket=store.bucket, Key="photos/one.jpg")
    assert head["CacheControl"] == "private, max-age=60"
    assert "412" in shell(folder, example("sh", "photos/one.jpg", docs_site), check=False).stderr


def test_each_line_of_the_command_is_needed(docs_site: Site, folder: Path) -> None:
    command = example("sh", "photos/one.jpg", docs_site).replace("one.jpg", "less.jpg")
    lines = re.findall(r"^  -H .*\\\n", command, re.MULTILINE)
    assert len(lines) == 4
    for less in (*lines, "?size=$(wc -c < photo.jpg | tr -d ' ')"):
        refused = shell(folder, command.replace(less, ""), check=False).stderr
        assert re.search(r"error: (411|415|428)", refused), less


def open_page(chromium: Browser, site: Site, content: str | None = None) -> Page:
    """A page of the site, whose requests to the site carry the key, like the requests of a person who signed in.

    Without content, the page is an answer of the site: Chromium lets a page that no server sent call no local server.
    """
    page, url = chromium.new_page(), site.at("/notes/page?presign")

    def answer(route: Route) -> None:
        if content and route.request.url == url:
            route.fulfill(body=content, content_type="text/html")
        else:
            route.continue_(headers={**route.request.headers, "authorization": f"Bearer {SECRET}"})

    page.route(f"{site.url}/**", answer)
    page.goto(url)
    return page


def test_progress_in_a_page(docs_site: Site, store: Store, chromium: Browser) -> None:
    """The bucket's CORS rule allows the page, and the last progress that the page reports is the whole file."""
    rule: CORSRuleTypeDef = {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    client_of(store).put_bucket_cors(Bucket=store.bucket, CORSConfiguration={"CORSRules": [rule]})
    page = open_page(chromium, docs_site)
    told = page.evaluate(
        "async () => {"
        + example("js", "XMLHttpRequest")
        + """
        const file = new File(["x".repeat(100000)], "page.jpg"), told = [];
        const headers = new Headers({ "Content-Type": "image/jpeg" });
        const asked = await fetch(`/inbox/page.jpg?presign&size=${file.size}`, { method: "PUT", headers });
        await send(await asked.json(), headers, file, (part) => told.push(part));
        return told;
    }"""
    )
    page.close()
    assert told[-1] == 1
    assert stored(store, "inbox/page.jpg") == b"x" * 100_000


# Forms


def test_a_form_for_a_page(docs_site: Site, store: Store, chromium: Browser, folder: Path) -> None:
    probes.need(probes.takes_forms(store), "POST policies")
    page = open_page(chromium, docs_site, example("html", "<form"))
    page.wait_for_selector("input[name=policy]", state="attached")
    page.set_input_files("input[type=file]", folder / "photo.jpg")
    with page.expect_response(
        lambda response: response.request.method == "POST" and store.bucket in response.url
    ) as sent:
        page.click("button")
    assert sent.value.status == 201
    page.close()
    assert stored(store, "inbox/photo.jpg") == PHOTO


def test_a_form_is_answered(docs_site: Site, folder: Path) -> None:
    answer = json.loads(shell(folder, example("sh", "?form", docs_site)).stdout)
    assert answer.keys() == {"url", "fields", "expires_at"}


# Uploads in parts


def test_upload_sh(docs_site: Site, store: Store, folder: Path) -> None:
    """The script runs without options, and with everything that a rule can demand."""
    shell(folder, example("sh", "sh upload.sh disk.img https://files.example.com/images/", docs_site))
    assert stored(store, "images/disk.img") == DISK
    demanding = example("sh", "CHECKSUM=yes", docs_site)
    shell(folder, demanding)
    assert stored(store, "photos/disk.img") == DISK
    head = client_of(store).head_object(Bucket=store.bucket, Key="photos/disk.img")
    assert (head["ContentType"], head["CacheControl"]) == ("image/x-raw", "private, max-age=60")
    assert head["ETag"].endswith('-3"')
    assert not list(folder.glob("disk.img.*"))


def upload(site: Site, folder: Path, key: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run upload.sh with parts of the smallest size."""
    environ = {"KEY": f"ci:{SECRET}", "PART_BYTES": str(MIN_PART_BYTES), "MISHAP": "", **environ}
    return run(folder, "sh", "upload.sh", "disk.img", f"{site.url}/{key}", check=check, **environ)


def sent_parts(folder: Path) -> list[str]:
    """The numbers of the parts that the script sent to the store by curl."""
    return sorted(re.findall(r"partNumber=(\d+)\S*X-Amz-", (folder / "curl.log").read_text()))


def test_a_part_that_fails_is_sent_again(docs_site: Site, store: Store, folder: Path) -> None:
    upload(docs_site, folder, "images/again.img", MISHAP="fails")
    assert sent_parts(folder) == ["1", "2", "2", "3"]
    assert stored(store, "images/again.img") == DISK


def test_a_killed_script_resumes_its_upload(docs_site: Site, store: Store, folder: Path) -> None:
    """The script resumes the same upload, and sends no part again that S3 has."""
    assert upload(docs_site, folder, "images/on.img", check=False, MISHAP="stops").returncode == -9
    assert unfinished_uploads(store)[(folder / STATE / "id").read_text().strip()] == "images/on.img"
    (folder / "curl.log").unlink()
    upload(docs_site, folder, "images/on.img")
    assert sent_parts(folder) == ["3"]
    assert "?uploads" not in (folder / "curl.log").read_text()
    assert stored(store, "images/on.img") == DISK


def test_an_empty_file_goes_in_one_empty_part(docs_site: Site, store: Store, folder: Path) -> None:
    (folder / "disk.img").write_bytes(b"")
    for checksum in ("", "yes"):
        client_of(store).delete_object(Bucket=store.bucket, Key="images/empty.img")
        upload(docs_site, folder, "images/empty.img", CHECKSUM=checksum)
        head = client_of(store).head_object(Bucket=store.bucket, Key="images/empty.img")
        assert (head["ContentLength"], head["ETag"][-3:]) == (0, '-1"')


def test_an_upload_that_another_client_aborted_ends_and_starts_again(
    docs_site: Site, store: Store, folder: Path
) -> None:
    """The script stops, in the same run or the next run, and prints the command that lets a run start again."""
    key = "images/gone.img"
    stopped = upload(docs_site, folder, key, check=False, MISHAP="forgets")
    assert "3" in sent_parts(folder)
    (folder / "curl.log").unlink()
    later = upload(docs_site, folder, key, check=False)
    assert len((folder / "curl.log").read_text().splitlines()) == 1
    for done in (stopped, later):
        assert done.returncode == 1
        assert "S3 does not have this upload any more. To begin anew: rm -r " in done.stderr
        assert "To go on" not in done.stderr
    (advice,) = re.findall("To begin anew: (.*)", later.stderr)
    shell(folder, advice)
    upload(docs_site, folder, key)
    assert stored(store, key) == DISK


def test_a_store_that_refuses_every_part_is_not_asked_for_all_of_them(docs_site: Site, folder: Path) -> None:
    done = upload(docs_site, folder, "images/broken.img", check=False, MISHAP="breaks", PART_BYTES="1000000")
    assert done.returncode == 1
    assert "To go on, run the same command again. To begin anew: rm -r 'disk.img.upl" in done.stderr
    assert set(sent_parts(folder)) == {"1", "2", "3", "4"}


def test_a_changed_file_is_not_mixed_with_parts_of_the_old_file(docs_site: Site, folder: Path) -> None:
    upload(docs_site, folder, "images/mixed.img", check=False, MISHAP="stops")
    (folder / "disk.img").touch()
    assert "has changed" in upload(docs_site, folder, "images/mixed.img", check=False).stderr


def test_an_existing_file_is_not_replaced(docs_site: Site, store: Store, folder: Path) -> None:
    client_of(store).put_object(Bucket=store.bucket, Key="images/there.img", Body=b"first")
    done = upload(docs_site, folder, "images/there.img", check=False, ONCE="yes")
    if probes.completes_conditionally(store):
        assert (done.returncode, "PreconditionFailed" in done.stderr) == (1, True)
        assert stored(store, "images/there.img") == b"first"


def test_a_refusal_is_shown_and_the_script_does_not_retry(docs_site: Site, folder: Path) -> None:
    done = upload(docs_site, folder, "photos/refused.img", check=False)
    assert (done.returncode, "type-not-allowed" in done.stderr) == (1, True)
    done = upload(docs_site, folder, "inbox/refused.img", check=False, PART_BYTES="9000000", TYPE="image/x-raw")
    assert done.returncode != 0
    assert "send it in parts of 5,242,880 bytes" in done.stderr
    asked = re.findall(r"partNumber=1&\S*size=9000000", (folder / "curl.log").read_text())
    assert (len(asked), "1" in sent_parts(folder)) == (1, False)


def test_an_upload_is_listed_and_aborted(docs_site: Site, store: Store, folder: Path) -> None:
    upload(docs_site, folder, "images/disk.img", check=False, MISHAP="stops")
    (folder / STATE).rename(folder / "disk.img.upload-67108864")
    listed = shell(folder, example("sh", "-X DELETE", docs_site), MISHAP="").stdout
    assert re.findall(r"<PartNumber>(\d)</PartNumber>", listed) == ["1", "2"]
    assert "images/disk.img" not in unfinished_uploads(store).values()
    assert not list(folder.glob("disk.img.*"))


# Refusals


def test_the_page_lists_the_refusals_of_the_code() -> None:
    """Each refusal has its status."""
    found = re.findall(r"^\| (\d{3}) \| (`[a-z].*?) \|", PAGE, re.MULTILINE)
    codes = {(int(status), code) for status, names in found for code in re.findall(r"`([a-z-]+)`", names)}
    known = {
        (kind.status, kind.code)
        for module in (access, base, uploads)
        for kind in vars(module).values()
        if hasattr(kind, "code")
    }
    assert len(codes) == 11
    assert codes <= known
