"""Only the secret of the CDN makes `X-Forwarded-For` count."""

from chalicelib.core.access.client_address import CDN_HEADER, ClientAddresses
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
