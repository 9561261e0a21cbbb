"""Each request has one action, and OPTIONS has the action of GET."""

import pytest

from chalicelib.core.access.actions import METHODS, action_of
from chalicelib.core.web.problems.base import MethodNotAllowed
from tests.support.builders import path


def test_a_request_has_its_action() -> None:
    for method, raw, query, action in [
        *((method, "/a", "", "read") for method in ("GET", "HEAD", "OPTIONS")),
        *((method, "/a/", "", "list") for method in ("GET", "HEAD", "OPTIONS")),
        ("PUT", "/a", "", "write"),
        ("DELETE", "/a", "", "delete"),
        ("POST", "/a", "link", "share"),
        ("POST", "/a/", "form", "write"),
        ("POST", "/a", "uploads", "write"),
        *((method, "/a", "uploadId", "write") for method in ("GET", "POST", "DELETE")),
        ("DELETE", "/a", "token", "share"),
        ("DELETE", "/a", "token uploadId", "write"),
        ("GET", "/a", "token", "read"),
        ("POST", "/-/thumbnail", "", "read"),
        *((method, "/-/resize", "", "read") for method in ("GET", "HEAD", "OPTIONS")),
        ("POST", "/-/resize", "link", "share"),
    ]:
        assert action_of(method, path(raw), dict.fromkeys(query.split(), "u")) == action, (method, raw, query)


def test_a_method_without_a_meaning_is_refused_with_the_methods_that_have_one() -> None:
    others = ", ".join(method for method in METHODS if method != "POST")
    for method, raw, query, allowed in [
        ("POST", "/a", {}, others),
        ("POST", "/a", {"form": ""}, others),
        ("POST", "/-/resize", {}, "GET, HEAD, OPTIONS"),
        ("PUT", "/-/resize", {}, "GET, HEAD, POST, OPTIONS"),
        ("GET", "/-/thumbnail", {}, "POST, OPTIONS"),
    ]:
        with pytest.raises(MethodNotAllowed) as refused:
            action_of(method, path(raw), query)
        assert refused.value.headers == {"Allow": allowed}
