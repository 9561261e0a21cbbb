"""Only the secret of the CDN makes `X-Forwarded-For` count."""

from typing import NoReturn

from chalicelib.core.access.client_address import CDN_HEADER, ClientAddresses
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import request

CONNECTED, ANN, FORGED = "192.0.2.1", "198.51.100.7", "203.0.113.9"


def test_the_address_is_the_address_that_the_cdn_saw_and_otherwise_the_address_that_connected() -> None:
    secrets = [b"old" * 11, b"new" * 11]
    for secret, forwarded, expected in [
        ("old" * 11, f"{FORGED}, {ANN}, {CONNECTED}", ANN),
        ("new" * 11, f"{FORGED},{ANN}\t", ANN),
        ("new" * 11, ANN, ANN),
        ("new" * 11, CONNECTED, CONNECTED),
        ("new" * 11, "", CONNECTED),
        ("new" * 11, None, CONNECTED),
        *((wrong, f"{ANN}, {CONNECTED}", CONNECTED) for wrong in ("", "wrong", "new" * 10, "\ud800", None)),
    ]:
        fields = {CDN_HEADER: secret, "x-forwarded-for": forwarded}
        headers = {name: value for name, value in fields.items() if value is not None}
        asked = request(headers=headers, address=CONNECTED)
        assert ClientAddresses(lambda _: secrets).address_of(asked) == expected, (secret, forwarded)
        assert ClientAddresses(None).address_of(asked) == CONNECTED


def test_the_log_has_no_address_of_a_cdn_while_the_secret_is_out_of_reach() -> None:
    def out_of_reach(deadline: Deadline) -> NoReturn:
        raise Unavailable("x")

    addresses = ClientAddresses(out_of_reach)
    assert addresses.address_for_log(request(headers={CDN_HEADER: "new" * 11}, address=CONNECTED)) is None
    assert addresses.address_for_log(request(address=CONNECTED)) == CONNECTED
