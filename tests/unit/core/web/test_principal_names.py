"""Pages and refusals name a person by the id alone."""

from chalicelib.core.web.page_views import visitor_of
from chalicelib.core.web.problems.access import Forbidden
from tests.support.builders import request


def test_people_see_the_id_of_a_principal_and_never_its_name() -> None:
    for name, principal_id, by_key, who in [
        ("key:ci", "ci", True, "The key ci"),
        ("user:corp:alice@example.com", "alice@example.com", False, "The user alice@example.com"),
        ("user:ci:system:serviceaccount:a:b", "system:serviceaccount:a:b", False, "The user system:serviceaccount:a:b"),
        ("authenticated", "", False, "The authenticated"),
    ]:
        assert visitor_of(request(), name, sign_in=True)[:2] == (principal_id, by_key)
        assert Forbidden(name, "read", None).detail.startswith(f"{who} may not read here. ")
