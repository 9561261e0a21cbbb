"""The zip boots alone where Lambda's Python is, and an S3 that verifies signatures takes its redirects."""

import json
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.sites import SECRET, Store, client_of
from tests.support.builders import Fields, basic, url_event

from .conftest import REST_API, Door, Lambda, Running, follow
from .runtime_api import Failed

AS_CI: Fields = tuple(basic("ci", SECRET).items())


# Where it runs


ABSENT = ["chalice", "moto", "jinja2", "pyvips", "_libvips", "_cffi_backend", "requests", "pytest", "yaml", "pip"]


@pytest.mark.parametrize("module", [*ABSENT, "local", "tests"])
def test_lambda_has_no(python: Path, tmp_path: Path, module: str) -> None:
    """Else what follows would prove less than it says."""
    done = subprocess.run([python, "-c", f"import {module}"], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert f"No module named '{module}'" in done.stderr


def test_chalice_comes_from_the_zip(machine: Lambda) -> None:
    command = [str(machine.python), "-c", "import chalice.app; print(chalice.app.__file__)"]
    done = subprocess.run(command, cwd=machine.code, env={}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(machine.code / "chalice/app.py")


RENDER = """
import _libvips, pyvips
assert pyvips.API_mode
print(pyvips.__file__, _libvips.__file__, sep="\\n")
for suffix in (".jpg", ".png", ".webp", ".avif"):
    file = pyvips.Image.black(60, 40, bands=3).linear(1, [255, 128, 0]).cast("uchar").write_to_buffer(suffix)
    small = pyvips.Image.thumbnail_buffer(file, 30)
    print(suffix, small.width, small.height, [round(band / 16) * 16 for band in small.getpoint(1, 1)])
"""


def test_libvips_comes_from_the_zip_and_renders(python: Path, code: Path) -> None:
    """In API mode, where `_libvips` is compiled against libvips; in ABI mode all calls are slower, and go unchecked."""
    done = subprocess.run([python, "-c", RENDER], cwd=code, env={}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    package, compiled, *rendered = done.stdout.splitlines()
    assert (package, compiled) == (f"{code}/pyvips/__init__.py", f"{code}/_libvips.abi3.so")
    assert rendered == [f"{suffix} 30 20 [256, 128, 0]" for suffix in (".jpg", ".png", ".webp", ".avif")]


def test_a_handler_that_is_not_there_does_not_boot(machine: Lambda) -> None:
    """The client runs what it is told to, and the runtime API hears of it."""
    with machine.run(Door("app.nothing", dict)) as running, pytest.raises(Failed, match="HandlerNotFound"):
        running.answer({})


def test_an_exception_reaches_the_runtime_api(machine: Lambda) -> None:
    """So its absence below means something."""
    with machine.run(Door("app.function_url", dict)) as running, pytest.raises(Failed, match="AttributeError"):
        running.answer(url_event() | {"headers": "none"})


# What it answers

PATHS = (
    ("/plain.txt", "plain.txt"),
    ("/two%20words.txt", "two words.txt"),
    ("/a+b.txt", "a+b.txt"),
    ("/a%2Bb.txt", "a+b.txt"),
    ("/a%2Fb%2fc.txt", "a/b/c.txt"),
    ("/a%252Fb%2525.txt", "a%2Fb%25.txt"),
    ("/a//b.txt", "a//b.txt"),
    ("/%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC%F0%9F%9A%80.txt", "ünï/日本🚀.txt"),
    ("/e%CC%81.txt", "e\u0301.txt"),
    ("/what%3F%23%26=;.txt", "what?#&=;.txt"),
    ("/directory/", "directory/"),
    ("/directory//", "directory//"),
    ("/directory%2F", "directory/"),
)


def stored(store: Store, key: str) -> bytes | None:
    """What the bucket holds at a key below the mount's prefix."""
    try:
        return client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read()
    except ClientError:
        return None


def test_every_method_reaches_the_key(running: Running, store: Store) -> None:
    """The first request starts the container cold; the body is binary, so it comes as base64."""
    for raw_path, key in PATHS:
        body = b"\x89PNG\r\n\x00\xff" + key.encode()
        assert running.fetch("PUT", raw_path, headers=AS_CI, body=body).status == 200
        assert stored(store, key) == body
        if not key.endswith("/"):  # a directory, for reading
            assert running.fetch("GET", raw_path, headers=AS_CI).body == body
            assert running.fetch("HEAD", raw_path, headers=AS_CI).headers["content-length"] == str(len(body))
        assert running.fetch("DELETE", raw_path, headers=AS_CI).status == 204
        assert stored(store, key) is None


def test_headers_and_parameters_that_come_more_than_once(running: Running, store: Store) -> None:
    sent: Fields = [*AS_CI, ("X-Amz-Meta-A", "1"), ("x-amz-meta-b", "2"), ("Cookie", "a=b; c=d"), ("Cookie", "e=f")]
    assert running.fetch("PUT", "/many.txt", headers=sent, body=b"x").status == 200
    assert running.fetch("HEAD", "/many.txt", headers=AS_CI).headers["x-amz-meta-b"] == "2"
    query = "response-content-type=a%2Fb&v=1&response-content-type=text%2Fx+y&v=2&download=%C3%BC.txt"
    found = running.fetch("GET", "/many.txt", query, AS_CI).headers
    assert found["content-type"].startswith("text/x y")
    assert found["content-disposition"].endswith("filename*=UTF-8''%C3%BC.txt")
    twice = [*AS_CI, ("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]
    location = running.ask("PUT", "/many.txt", headers=twice).headers["location"]
    assert [follow(location, "PUT", {"x-amz-meta-a": value}, b"").status for value in ("2", "1,2")] == [403, 200]


def test_stage_and_base_path_are_no_part_of_the_key(machine: Lambda, toml: str, store: Store) -> None:
    with machine.run(REST_API, toml) as running:
        for base_path, stage in (("", "api"), ("", "here"), ("/files", "api"), ("/here", "here")):
            where = {"base_path": base_path, "stage": stage}
            body = str(where).encode()
            assert running.fetch("PUT", "/here/there/", headers=AS_CI, body=body, **where).status == 200
            assert stored(store, "here/there/") == body


def test_maps_that_are_null(running: Running, store: Store) -> None:
    """A REST API sends null where there is nothing; a Function URL leaves it out, and might not."""
    client_of(store).put_object(Bucket=store.bucket, Key="tenant/public/a.txt", Body=b"a")
    nothing = dict.fromkeys(NULLABLE)
    for event in (running.event(), running.event() | nothing):
        answer = running.answer(event | {"pathParameters": {"proxy": "public/a.txt"}})
        assert follow(answer.headers["location"], "GET", {}, b"").body == b"a"
    assert running.answer(running.event("GET", "/") | nothing | {"pathParameters": None}).status == 401


def test_a_head_that_is_answered_inline(machine: Lambda, door: Door, toml: str, store: Store) -> None:
    """The one feature that takes boto3 from the runtime, with the role's credentials."""
    client_of(store).put_object(Bucket=store.bucket, Key="tenant/inline.txt", Body=b"12345")
    with machine.run(door, toml.replace('head = "redirect"', 'head = "inline"')) as running:
        if door == REST_API:  # which hides the length: a HEAD with length 0 would make the file look empty
            assert running.fetch("HEAD", "/inline.txt", headers=AS_CI).headers["content-length"] == "5"
            return
        answer = running.ask("HEAD", "/inline.txt", headers=AS_CI)
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        assert running.ask("HEAD", "/none.txt", headers=AS_CI).status == 404


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (401, "/a.txt", []),
        (401, "/a.txt", basic("ci", "wrong").items()),
        (401, "/a.txt", basic("nobody", SECRET).items()),
        (403, "/secret/a.txt", AS_CI),
        (400, "/a/%2e%2e/b", AS_CI),
    ],
)
def test_refusals(running: Running, status: int, path: str, headers: Fields) -> None:
    answer = running.ask("GET", path, headers=tuple(headers))
    assert answer.status == status
    assert "location" not in answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("toml", "mistake"),
    [(None, "SIGNPOST_BUCKET"), ("[[mounts]]\npath = 1\n", "mounts[1].path"), ("[", "signpost.toml")],
)
def test_invalid_settings(machine: Lambda, door: Door, toml: str | None, mistake: str) -> None:
    """The client learns the request's id, and the log says under that id what is wrong."""
    with machine.run(door, toml) as running:
        answer = running.ask("GET", "/public/a.txt")
    problem, (line,) = json.loads(answer.body), records(running)
    assert (answer.status, problem["code"]) == (500, "misconfigured")
    assert "location" not in answer.headers
    assert answer.headers["x-request-id"] == problem["request_id"] == line["id"]
    assert mistake in str(line["error"])
    assert mistake not in str(problem)


def test_the_settings_in_the_zip_let_no_one_in(machine: Lambda, door: Door) -> None:
    with machine.run(door, SIGNPOST_BUCKET="signpost-example-bucket") as running:
        assert running.ask("GET", "/public/a.txt").status == 401


def test_settings_are_read_at_a_cold_start_only(machine: Lambda, door: Door, toml: str) -> None:
    with machine.run(door, toml) as warm:
        assert warm.ask("GET", "/public/a.txt").status == 307
        with machine.run(door, toml.replace("/public/", "/other/")) as cold:
            assert cold.ask("GET", "/public/a.txt").status == 401
            assert warm.ask("GET", "/public/a.txt").status == 307


def records(running: Running) -> list[dict[str, object]]:
    """What was logged; fails on anything that is no JSON."""
    return [json.loads(line) for line in running.function.output().splitlines()]


def test_one_line_a_request_and_no_secret_in_it(machine: Lambda, running: Running) -> None:
    requests: list[tuple[int, str, str, Fields]] = [
        (307, "PUT", "", AS_CI),
        (307, "GET", "versionId=1", AS_CI),
        (200, "GET", "presign", AS_CI),
        (403, "GET", "token=a-token", AS_CI),
        (401, "GET", "", [("Authorization", f"Bearer {SECRET}x"), ("Cookie", "session=a-cookie")]),
    ]
    for status, method, query, headers in requests:
        assert running.ask(method, "/a.txt", query, headers).status == status
    assert [line["status"] for line in records(running)] == [status for status, *_ in requests]
    keys = [machine.environ["AWS_SECRET_ACCESS_KEY"], machine.environ["AWS_SESSION_TOKEN"]]
    for secret in (SECRET, AS_CI[0][1][6:], "a-token", "a-cookie", "X-Amz-", *keys):
        assert secret not in running.function.output()


NULLABLE = ["headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"]
NULLABLE += ["stageVariables", "body", "cookies", "rawQueryString"]
WORDS = st.text(max_size=8)
SEGMENTS = st.sampled_from(["public", "secret", "..", "%2e", "%", "%FF", "%2F", "+", "", "-", "ü", "a" * 1025]) | WORDS
HEADERS = st.lists(
    st.tuples(st.sampled_from(["authorization", "cookie", "accept", "origin", "x-amz-meta-a", "if-match"]), WORDS)
    | st.sampled_from(AS_CI),
    max_size=3,
)


@settings(max_examples=100)
@given(
    st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "OPTIONS", "POST", "PATCH"]),
    st.lists(SEGMENTS, max_size=3).map("/".join),
    st.sampled_from(["", "presign", "token=x", "versionId=%FF", "download=%2F"]) | WORDS,
    HEADERS,
    st.binary(max_size=9),
    st.lists(st.sampled_from(NULLABLE), unique=True).map(dict.fromkeys),
)
def test_no_event_is_an_error_of_the_function(
    running: Running, method: str, path: str, query: str, headers: Fields, body: bytes, nothing: dict[str, None]
) -> None:
    """An error reported to the runtime API would be a 502 to the client, in words that are not ours."""
    answer = running.answer(running.event(method, f"/{path}", query, headers, body) | nothing)
    assert answer.status < 500 or answer.status == 501
    assert answer.headers["x-request-id"]
