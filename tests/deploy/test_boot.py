"""The zip boots alone where Lambda's Python is, and a store that verifies signatures accepts its redirects.

tests/unit/events has the forms of events; these tests show that nothing of the service is missing in the zip.
"""

import json
import re
import subprocess

import pytest
from botocore.exceptions import ClientError

from chalicelib.backends.templates import HtmlPages
from tests.contract.sites import SECRET, Store, client_of
from tests.support.builders import Fields, basic, url_event

from .conftest import FUNCTION_URL, REST_API, SIGNING_SECRET, Container, EntryPoint, Machine
from .http import send
from .runtime_api import Failed

AS_CI: Fields = tuple(basic("ci", SECRET).items())
BROWSER: Fields = (("Accept", "text/html,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))

Both = tuple[Container, Container]

FOREIGN = ["moto", "requests", "pytest", "yaml", "pip", "local", "tests"]
IN_THE_ZIP = ["chalice", "cryptography", "jinja2", "pyvips", "_libvips", "_cffi_backend"]
# In API mode `_libvips` is compiled against libvips; in ABI mode all calls are slower, and unchecked.
IMPORTS = f"""
import importlib, importlib.util
for name in {FOREIGN}:
    assert importlib.util.find_spec(name) is None, name
for name in {IN_THE_ZIP}:
    assert importlib.import_module(name).__file__.startswith("%s/"), name
import pyvips
assert pyvips.API_mode
for suffix in (".jpg", ".png", ".webp", ".avif"):
    file = pyvips.Image.black(60, 40, bands=3).linear(1, [255, 128, 0]).cast("uchar").write_to_buffer(suffix)
    small = pyvips.Image.thumbnail_buffer(file, 30)
    colour = [round(band / 16) * 16 for band in small.getpoint(1, 1)]
    assert (small.width, small.height, colour) == (30, 20, [256, 128, 0]), suffix
"""


def test_the_libraries_come_from_the_zip_and_libvips_renders(machine: Machine) -> None:
    """The machine has no other package, or the other tests would prove less."""
    command = [str(machine.python), "-c", IMPORTS % machine.code]
    done = subprocess.run(command, cwd=machine.code, env={}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_errors_reach_the_runtime_api(machine: Machine) -> None:
    """Without this test, the absence of errors in the other tests would mean nothing."""
    with machine.run(EntryPoint("app.nothing", dict)) as container, pytest.raises(Failed, match="HandlerNotFound"):
        container.answer({})
    with machine.run(FUNCTION_URL, "") as container, pytest.raises(Failed, match="AttributeError"):
        container.answer(url_event() | {"headers": "none"})


def test_every_method_reaches_the_key(containers: Both, store: Store) -> None:
    """The body is binary, so it arrives as base64."""
    for container in containers:
        for raw_path, key in {
            "/a%20b+%2B%2Fc%252F//%C3%BC%F0%9F%9A%80%3F%23.txt": "a b++/c%2F//ü🚀?#.txt",
            "/directory//": "directory//",
        }.items():
            body, place = b"\x89PNG\r\n\x00\xff" + key.encode(), {"Bucket": store.bucket, "Key": f"tenant/{key}"}
            assert container.fetch("PUT", raw_path, headers=AS_CI, body=body).status == 200
            assert client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read() == body
            if not key.endswith("/"):  # GET and HEAD of such a path are for a directory
                assert container.fetch("GET", raw_path, headers=AS_CI).body == body
                assert container.fetch("HEAD", raw_path, headers=AS_CI).headers["content-length"] == str(len(body))
            assert container.fetch("DELETE", raw_path, headers=AS_CI).status == 204
            with pytest.raises(ClientError):
                client_of(store).head_object(**place)  # type: ignore[arg-type]


def test_head_is_answered_inline_with_the_boto3_of_the_runtime(machine: Machine, settings: str, store: Store) -> None:
    client_of(store).put_object(Bucket=store.bucket, Key="tenant/inline.txt", Body=b"12345")
    with machine.run(FUNCTION_URL, settings.replace('head = "redirect"', 'head = "inline"')) as container:
        answer = container.ask("HEAD", "/inline.txt", headers=AS_CI)
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        assert container.ask("HEAD", "/none.txt", headers=AS_CI).status == 404


def test_settings_with_a_mistake_are_a_500_and_the_log_has_the_mistake(machine: Machine) -> None:
    """The client learns the id of the request, and the log line with this id names the mistake."""
    for entry_point, settings, mistake in (
        (REST_API, None, "SIGNPOST_BUCKET"),  # the settings in the zip, without the bucket
        (FUNCTION_URL, "[[mounts]]\npath = 1\n", "mounts[1].path"),
    ):
        with machine.run(entry_point, settings) as container:
            answer = container.ask("GET", "/public/a.txt")
            assert {container.ask(method, "/a.txt").status for method in ("HEAD", "PUT", "DELETE")} == {500}
        problem, line = json.loads(answer.body), container.log_lines()[0]
        assert (answer.status, problem["code"]) == (500, "misconfigured")
        assert "location" not in answer.headers
        assert answer.headers["x-request-id"] == problem["request_id"] == line["id"]
        assert mistake in str(line["error"])
        assert mistake not in str(problem)


# Links and pages


def make_link(container: Container) -> str:
    """Return the query of a new link to a file, for one use."""
    answer = container.ask("POST", "/linked/a.txt", "link", AS_CI, b'{"uses": 1}')
    assert answer.status == 201, answer
    return f"token={json.loads(answer.body)['token']}"


def test_a_link_opens_once_whichever_container_is_asked(containers: Both, store: Store) -> None:
    store.client().put_object(Bucket=store.bucket, Key="tenant/linked/a.txt", Body=b"a")
    for first, second in (containers, reversed(containers)):
        link = make_link(first)
        opened = first.ask("GET", "/linked/a.txt", link)
        assert send("GET", opened.headers["location"]).body == b"a"
        assert [container.ask("GET", "/linked/a.txt", link).status for container in (first, second)] == [410, 410]
        assert {line["status"] for line in first.log_lines()[-3:]} == {201, 307, 410}  # all lines are JSON
        for secret in (link.removeprefix("token="), SIGNING_SECRET, SECRET, AS_CI[0][1][6:], "X-Amz-"):
            assert secret not in first.function.output()


def test_a_link_opens_nothing_without_the_secret(machine: Machine, settings: str) -> None:
    """The function starts without the secret, and requests that need no secret work."""
    with machine.run(FUNCTION_URL, settings, AWS_ENDPOINT_URL_SECRETS_MANAGER="http://127.0.0.1:1") as container:
        assert container.ask("POST", "/linked/a.txt", "link", AS_CI, b"{}").status == 503
        assert container.ask("GET", "/linked/a.txt", headers=AS_CI).status == 307


def test_directories_and_refusals_are_pages_to_a_browser(machine: Machine, containers: Both, store: Store) -> None:
    """Jinja2 renders the templates in the zip, and the assets of the page are served."""
    store.client().put_object(Bucket=store.bucket, Key="tenant/linked/a.txt", Body=b"a")
    for container in containers:
        page = container.ask("GET", "/linked/", headers=[*AS_CI, *BROWSER])
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"a.txt" in page.body
        paths = {*re.findall(r'"[^"]*(/-/assets/[^"]+)"', page.body.decode())}
        assets = [container.ask("GET", path) for path in paths]
        assert {(asset.status, asset.headers["content-type"].partition(";")[0]) for asset in assets} == {
            (200, "text/css"),
            (200, "text/javascript"),
        }
        expected = [HtmlPages().asset(path.removeprefix("/-/assets/")) for path in paths]
        assert [asset.body for asset in assets] == [each and each.body for each in expected]
        refusal = container.ask("GET", "/secret/a.txt", headers=[*AS_CI, *BROWSER])
        assert (refusal.status, refusal.headers["content-type"]) == (403, "text/html; charset=utf-8")
