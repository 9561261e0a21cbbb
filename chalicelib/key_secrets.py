"""Makes secrets of API keys, and the texts that tell an administrator how to use a new secret."""

import secrets
from typing import Final

from chalicelib.core.access.principals import ApiKey, sha256_of

_NEW_KEY: Final = """\
The secret, shown only now:   {secret}
Its use:                      curl -L -u {id}:{secret} URL
In signpost.toml:

[[keys]]
id = "{id}"
sha256 = "{sha256}"\
"""

_NEW_PUBLISHABLE_KEY: Final = """\
The key, shown only now:      {secret}
Its use:                      <img src="https://YOUR-HOST/-/resize?w=320&k={secret}&u=URL">
The key is publishable: every reader of a page with this key has the key. It opens only /-/resize and /-/thumbnail, as
far as the rules that name the key allow. Name the sizes: else strangers choose the sizes, and you pay for them.
In signpost.toml:

[[keys]]
id = "{id}"
sha256 = "{sha256}"
in_urls = true

[[rules]]
path = "/-/resize"
allow = ["read"]
to = ["key:{id}"]
image_sizes = ["320x"]\
"""

_ROTATION: Final = """\
The new secret, shown only now:   {secret}
In signpost.toml, in the table of the key "{id}", in place of its line `sha256`:

sha256 = ["{sha256}", "{old_sha256}"]

1. Deploy. The new secret and the old secret are both good.
2. Give the new secret to every client of the key.
3. Remove the second value, of the old secret: sha256 = "{sha256}"
4. Deploy. The old secret is refused, and the sessions of browsers that signed in with it end.
Links that the key made stay good at every step.\
"""


def new_key(key_id: str, *, in_urls: bool) -> str:
    """Return the text for a new API key with a new secret, the only text that has the secret.

    Args:
        key_id: the id of the key.
        in_urls: whether the key is publishable.
    """
    secret = random_secret()
    text = _NEW_PUBLISHABLE_KEY if in_urls else _NEW_KEY
    return text.format(id=key_id, secret=secret, sha256=sha256_of(secret))


def new_secret(key: ApiKey) -> str:
    """Return the text for a new secret of an API key that has one secret, the only text that has the new secret."""
    secret = random_secret()
    (old_sha256,) = key.sha256
    return _ROTATION.format(id=key.id, secret=secret, sha256=sha256_of(secret), old_sha256=old_sha256)


def random_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)
