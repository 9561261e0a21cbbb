"""The body of a form of a page (HTML Standard, "application/x-www-form-urlencoded")."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from .problems.base import BadRequest

_MAX_FORM_BYTES: Final = 8_192  # a form has a path and a few short fields


def form_fields(body: bytes) -> Mapping[str, list[str]]:
    """Return the values of each field, in the order of the form; raise BadRequest for a form that is too long."""
    if len(body) > _MAX_FORM_BYTES:
        raise BadRequest("The form is too long.")
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
