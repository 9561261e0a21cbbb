"""The app as Lambda runs it: built once from the settings file and the environment. A mistake in these is a 500."""

import json
import re
from pathlib import Path

import pytest

import chalicelib.environment
from chalicelib import bootstrap
from chalicelib.core.access.client_address import CDN_HEADER
from chalicelib.core.access.marks import Marks
from chalicelib.environment import of_process
from chalicelib.stages import environment_of
from tests.support.builders import basic, url_event
from tests.support.entry_points import SETTINGS, Answer, at_both, at_function_url
from tests.support.fakes import SIGNING_SECRET

PLAIN = '[[mounts]]\npath = "/"\nbucket = "acme"\nregion = "eu-west-1"\n'
READ = '[[rules]]\npath = "/**"\nallow = ["read"]\nto = ["anyone"]\n'


def log_of(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The lines of the log since the last call. Nothing else may be printed."""
    out, err = capfd.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def location() -> str:
    return at_function_url(url_event()).headers["location"]


def test_each_request_is_logged_as_one_line_of_json(settings_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    authorization = basic("ann")["authorization"]
    at_both("GET", "/users/ann/%C3%BC", headers=[("Authorization", authorization)])
    lines = log_of(capfd)
    assert len(lines) == 2
    for line in lines:
        assert isinstance(line.pop("ms"), float | int)
        assert line == {
            "id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "principal": "key:ann",
            "method": "GET",
            "action": "read",
            "path": "/users/ann/ü",
            "rule": 2,
            "status": 307,
            "code": None,
            "bucket": "acme-files",
            "key": "users/ann/ü",
            "mark": Marks(SIGNING_SECRET).of("key:ann"),
        }


def test_the_log_has_addresses_and_metrics_where_the_settings_want_them(
    settings_file: Path, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("CDN_SECRET", "c" * 32)
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "files-rest")
    service = '[service]\nlog_address = true\nmetrics = true\ncdn_secret = "${CDN_SECRET}"\n'
    settings_file.write_text(SETTINGS.replace("[service]\n", service))
    by_cdn = [(CDN_HEADER, "c" * 32), ("X-Forwarded-For", "198.51.100.7")]
    at_both(), at_both(headers=by_cdn), at_both(raw_path="/nothing")
    lines = log_of(capfd)
    assert [line["address"] for line in lines] == ["192.0.2.1"] * 2 + ["198.51.100.7"] * 2 + ["192.0.2.1"] * 2
    assert [line.get("Refusals") for line in lines] == [None] * 4 + [1] * 2
    assert {line["function"] for line in lines} == {"files-rest"}


def test_the_key_of_marks_is_in_the_environment_and_never_fetched(
    settings_file: Path, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arn, old, new = "arn:aws:secretsmanager:eu-west-1:1:secret:a", "o" * 32, "n" * 32
    for secret, mark_key, key in [
        *((old, "", old), (f"{old} {new}", "", new), (old, new, new), (arn, new, new)),
        *((arn, "", None), ("", "", None), ("", f"{old},{new}", new)),
    ]:
        environment.setenv("SIGNPOST_SECRET", secret)
        environment.setenv("SIGNPOST_MARK_KEY", mark_key)
        bootstrap.application.cache_clear()
        marks = re.findall("x-signpost=(.*?)&", location())
        assert marks == ([Marks(key.encode()).of("anyone")] if key else []), (secret, mark_key)
    log_of(capfd)
    for mark_key, words in ((arn, "is an ARN"), ("short", "holds a secret of fewer than 32 characters")):
        environment.setenv("SIGNPOST_MARK_KEY", mark_key)
        bootstrap.application.cache_clear()
        assert all(map(closed, at_both()))
        assert f"the environment variable SIGNPOST_MARK_KEY: {words}" in str(log_of(capfd)[0]["error"])


def test_published_settings_win_on_lambda_alone(
    settings_file: Path, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    published = tmp_path / "published.toml"
    published.write_text(f"{PLAIN}{READ}")
    environment.setattr(chalicelib.environment, "PUBLISHED_SETTINGS", str(published))
    of_tool = (of_process(), environment_of("dev", of_process()))
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "signpost-dev")
    assert [own.settings_file for own in (*of_tool, of_process())] == [*[str(settings_file)] * 2, str(published)]
    published.unlink()
    assert of_process().settings_file == str(settings_file)


def test_the_settings_are_read_once(settings_file: Path) -> None:
    assert [answer.status for answer in at_both()] == [307, 307]
    settings_file.write_text("broken")
    assert [answer.status for answer in at_both()] == [307, 307]
    bootstrap.application.cache_clear()
    assert [answer.status for answer in at_both()] == [500, 500]


def closed(answer: Answer) -> bool:
    """Whether an answer says only that the service is misconfigured."""
    return (
        answer.status == 500
        and answer.headers["x-request-id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
        and "location" not in answer.headers
        and (not answer.body or json.loads(answer.body)["code"] == "misconfigured")
    )


MISTAKES = [
    (SETTINGS.replace('bucket = "other-docs"', ""), r":\d+: mounts\[2\]\.bucket: is missing"),
    (SETTINGS.replace("SIGNPOST_BUCKET", "NO_SUCH_NAME"), "environment variable NO_SUCH_NAME is not set"),
    (SETTINGS.replace("127.0.0.1", "[::::]"), r"mounts\[2\]\.endpoint"),
    ("[[mounts", "is not TOML"),
    ("", "mounts: is missing"),
    (None, "cannot be read"),
]
REQUESTS = [("GET", "/public/a"), ("PUT", "/"), ("OPTIONS", "/nothing"), ("POST", "/-/x"), ("PATCH", "/%zz")]


def test_with_a_mistake_in_the_file_every_request_gets_a_500(
    settings_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for text, mistake in MISTAKES:
        settings_file.unlink() if text is None else settings_file.write_text(text)
        bootstrap.application.cache_clear()
        for method, raw_path in REQUESTS:
            for answer in at_both(method, raw_path, "presign", [("Authorization", basic("ann")["authorization"])]):
                assert closed(answer)
                assert "signpost.toml" not in answer.body.decode()
        lines = log_of(capfd)
        assert len(lines) == 2 * len(REQUESTS)
        assert all(re.search(mistake, str(line["error"])) for line in lines)


def test_the_settings_file_of_the_project_gives_nobody_access_until_it_is_edited(
    environment: pytest.MonkeyPatch,
) -> None:
    assert all(map(closed, at_both()))
    environment.setenv("SIGNPOST_BUCKET", "acme-files")
    environment.setenv("AWS_REGION", "eu-west-1")
    bootstrap.application.cache_clear()
    assert [answer.status for answer in at_both()] == [401, 401]


def test_the_credentials_come_from_the_environment(settings_file: Path, environment: pytest.MonkeyPatch) -> None:
    assert "X-Amz-Credential=AKIDEXAMPLE%2F" in location()
    assert "X-Amz-Security-Token" not in location()
    environment.setenv("AWS_SESSION_TOKEN", "a+token/=")
    bootstrap.application.cache_clear()
    assert "&X-Amz-Security-Token=a%2Btoken%2F%3D&" in location()


def test_the_credentials_end_at_the_time_in_the_environment(
    settings_file: Path, environment: pytest.MonkeyPatch
) -> None:
    for expiration, status in (("2999-01-01T00:00:00Z", 307), ("2001-01-01T00:00:00+00:00", 503), ("soon", 500)):
        environment.setenv("AWS_CREDENTIAL_EXPIRATION", expiration)
        bootstrap.application.cache_clear()
        assert [answer.status for answer in at_both()] == [status, status]


def test_without_credentials_allowed_callers_get_a_503(settings_file: Path, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    assert [answer.status for answer in at_both()] == [503, 503]
    assert [answer.status for answer in at_both(raw_path="/nothing")] == [401, 401]


def test_the_credentials_can_come_from_a_profile(
    settings_file: Path, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = PROFILE\naws_secret_access_key = secret\n")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert "X-Amz-Credential=PROFILE%2F" in location()


def test_head_is_answered_inline_where_the_settings_want_it_and_the_length_arrives(settings_file: Path) -> None:
    """No S3 listens at this address, so a HEAD that asks S3 gets a 503. A REST API hides the length (FACTS 1.7)."""
    settings_file.write_text(f'[service]\nhead = "inline"\n{PLAIN}endpoint = "http://127.0.0.1:1"\n{READ}')
    assert [answer.status for answer in at_both("HEAD")] == [307, 503]
    assert [answer.status for answer in at_both("GET")] == [307, 307]


def test_a_method_that_no_route_has_is_refused(settings_file: Path) -> None:
    for method in ("TRACE", "BREW", ""):
        assert [answer.status for answer in at_both(method)] == [405, 405]


def test_a_fault_at_the_start_answers_500_to_every_request(
    settings_file: Path, environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("c4n4ry")

    environment.setattr(bootstrap, "build", fail)
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "signpost")
    bootstrap.start()
    for _ in range(2):
        assert [answer.status for answer in at_both()] == [500, 500]
    lines = log_of(capfd)
    assert {str(line["error"]) for line in lines} == {str(lines[0]["error"])}
    assert str(lines[0]["error"]).startswith("RuntimeError")
    assert "c4n4ry" not in str(lines)
