"""How clients call us: what stands at the beginning of every URL that we hand out, at both doors."""

import pytest

from chalicelib.events import function_url, rest_api
from tests.support.builders import DEADLINE, rest_event, url_event


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "files.example.com"}, "https://files.example.com"),
        ({"Host": "Files.Example.com:443"}, "https://files.example.com"),
        ({"Host": "files.example.com:8443"}, "https://files.example.com:8443"),
        ({"Host": "[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443"),
        ({"Host": "localhost:8000", "X-Forwarded-Proto": "http"}, "http://localhost:8000"),
        ({"Host": "localhost:80", "X-Forwarded-Proto": "http"}, "http://localhost"),
        ({"Host": "a", "X-Forwarded-Proto": "https"}, "https://a"),
        ({"Host": "a", "X-Forwarded-Proto": "javascript"}, "https://a"),
        ({"Host": "a/b"}, "https://localhost"),
        ({"Host": "user@a"}, "https://localhost"),
        ({"Host": "a b"}, "https://localhost"),
        ({"Host": "ü"}, "https://localhost"),
        ({"Host": "a\nb"}, "https://localhost"),
        ({"Host": "a\n"}, "https://localhost"),
        ({"Host": ""}, "https://localhost"),
        ({}, "https://localhost"),
    ],
)
def test_it_is_the_scheme_and_host_that_the_client_used(headers: dict[str, str], expected: str) -> None:
    fields = list(headers.items())
    assert function_url.to_request(url_event(headers=fields), DEADLINE).base_url == expected
    assert rest_api.to_request(rest_event(headers=fields, stage=""), DEADLINE).base_url.rstrip("/") == expected


@pytest.mark.parametrize(
    ("context_path", "raw_path", "prefix"),
    [
        ("/api/a%20b/", "/a%20b/", "/api"),
        ("/api/", "/", "/api"),
        ("/api", "/", "/api"),
        ("/base/v1", "/", "/base/v1"),
        ("/api/a", "/a/", "/api"),
        ("/api/a/", "/a", "/api"),
        ("/v1/a", "/a", "/v1"),
        ("/a", "/a", ""),
        ("/", "/", ""),
        ("/other", "/a", ""),
        ("", "/a", ""),
        (None, "/a", ""),
        ("/a\n/b", "/b", ""),
    ],
)
def test_behind_a_rest_api_the_stage_or_base_path_follows(context_path: str, raw_path: str, prefix: str) -> None:
    event = rest_event(raw_path=raw_path, headers=[("Host", "files.example.com")])
    event["requestContext"]["path"] = context_path
    assert rest_api.to_request(event, DEADLINE).base_url == f"https://files.example.com{prefix}"


def test_the_address_is_the_one_that_the_platform_saw() -> None:
    forged = [("X-Forwarded-For", "203.0.113.9")]
    assert rest_api.to_request(rest_event(headers=forged), DEADLINE).client_address == "192.0.2.1"
    assert function_url.to_request(url_event(headers=forged), DEADLINE).client_address == "192.0.2.1"
