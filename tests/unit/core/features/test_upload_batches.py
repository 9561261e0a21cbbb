"""A batch of uploads: each upload is answered, logged and counted as the same PUT alone."""

import itertools
import json
from collections.abc import Mapping, Sequence

from chalicelib.core.access.limits import Limit
from tests.support.builders import BASE_URL, allow, basic, bearer, numbered, secret_of
from tests.support.fakes import Signpost, ask, signpost, token_of_link
from tests.support.link_use_counter import MemoryLinkUseCounter

Uploads = Sequence[tuple[str, int | None, dict[str, str]]]

UPLOADS: Uploads = (
    ("/users/ann/a%20%2B%C3%BC", 5, {"content-type": "text/plain"}),
    ("/users/ann/a", None, {"x-amz-server-side-encryption-customer-key": "k", "if-match": '"e"'}),
    ("/inbox/a", 5, {}),
    ("/inbox/a", 5, {"if-none-match": "*"}),
    ("/builds/%zz", 5, {}),
    ("/builds/a", 5, {"x-amz-acl": "public-read"}),
    ("/public/a", 5, {}),
)


def cookie(service: Signpost) -> dict[str, str]:
    """The session of ann."""
    body = f"id=ann&secret={secret_of('ann')}&next=/".encode()
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": BASE_URL, "sec-fetch-site": "same-origin"}
    reply = ask("POST", "/-/login", service=service, headers=headers, body=body)
    return {"cookie": reply.cookies[0].partition(";")[0]}


def batch(
    service: Signpost, headers: Mapping[str, str], uploads: Uploads = UPLOADS, token: str | None = None
) -> list[dict[str, object]]:
    """The answers to the uploads in one batch, whose own headers say nothing about the uploads."""
    items = [{"path": path, "headers": own} | ({} if size is None else {"size": size}) for path, size, own in uploads]
    of_batch = {"content-type": "application/json", "content-length": "9", "if-match": '"x"', "x-amz-acl": "private"}
    query, body = {} if token is None else {"token": token}, json.dumps(items).encode()
    reply = ask("POST", "/-/uploads", service=service, headers={**of_batch, **headers}, query=query, body=body)
    answers: list[dict[str, object]] = json.loads(reply.body)
    return answers


def alone(service: Signpost, headers: Mapping[str, str]) -> list[dict[str, object]]:
    """The answers to UPLOADS, one by one."""
    answers = []
    for path, size, own in UPLOADS:
        parameters = {"presign": ""} | ({} if size is None else {"size": str(size)})
        reply = ask("PUT", path, service=service, headers={**headers, **own}, query=parameters)
        answers.append({"status": reply.status, **json.loads(reply.body)})
    return answers


def test_each_upload_is_answered_and_logged_as_if_it_came_alone() -> None:
    session = cookie(signpost())
    for headers, renamed in itertools.product(
        (
            *(basic("ann"), bearer("ci"), basic("ann", "wrong"), {}),
            {"authorization": "AWS4-HMAC-SHA256 Credential=x", "accept": "application/json"},
            *(session | {"origin": origin} for origin in (BASE_URL, "https://evil.example.com")),
        ),
        (None, "x-key"),
    ):
        sent = {renamed or name if name == "authorization" else name: value for name, value in headers.items()}
        services = [signpost(authorization_header=renamed) for _ in range(2)]
        assert batch(services[0], sent) == alone(services[1], sent), headers
        logs = [[{**line, "ms": 0} for line in service.log] for service in services]
        assert logs[0][:-1] == logs[1]
        assert (logs[0][-1]["path"], logs[0][-1]["status"]) == ("/-/uploads", 200)


def test_each_upload_takes_a_use_of_a_link_and_a_unit_of_a_limit() -> None:
    rules = numbered(allow("/users/**", "write share", "key:ann"))
    counted = signpost(counter=MemoryLinkUseCounter(), rules=rules)
    token = token_of_link(counted, "/users/ann/", "ann", action="write", uses=1)
    twice: Uploads = [("/users/ann/a", 5, {"if-none-match": "*"})] * 2
    answers = batch(counted, {}, twice, token)
    assert [answer["status"] for answer in answers] == [200, 410]
    limited = signpost(limits=(Limit(("key:ann",), 3, 60),))
    assert [answer["status"] for answer in batch(limited, basic("ann"))][2:] == [
        428,
        429,
        400,
        429,
        429,
    ]  # a bad path is refused first
