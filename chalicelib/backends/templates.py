"""HTML pages: the templates in `chalicelib/pages`, and their assets, which are the stylesheet and the scripts."""

import hashlib
import os.path
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chalicelib.core.web.page_views import Asset, DirectoryView, ProblemView, SignInView, TokenView
from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = os.path.join(os.path.dirname(__file__), os.pardir, "pages")
_STYLESHEET: Final = "page.css"
_SCRIPT: Final = "page.js"
# A script comes after the scripts that it imports, because a name holds the hash of the content.
_ASSETS: Final = (
    _STYLESHEET,
    "dom.js",
    "format.js",
    "service.js",
    "store.js",
    "chosen_file.js",
    "unfinished_uploads.js",
    "multipart_upload.js",
    "listing.js",
    "dialogs.js",
    "upload.js",
    "upload_queue.js",
    _SCRIPT,
)
_MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class HtmlPages:
    """Renders views; see `ports.Pages`. Only the first page loads the template engine."""

    def directory(self, view: DirectoryView) -> bytes:
        """Return the page of a directory."""
        return self._render("directory.html", view)

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a problem."""
        return self._render("problem.html", view)

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        return self._render("sign_in.html", view)

    def token(self, view: TokenView) -> bytes:
        """Return the page that makes a service token."""
        return self._render("token.html", view)

    def asset(self, name: str) -> Asset | None:
        """Return the stylesheet or a script by its hashed name; None for any other name."""
        return self._assets[1].get(name)

    def _render(self, template: str, view: DirectoryView | ProblemView | SignInView | TokenView) -> bytes:
        html = self._templates.get_template(template).render(view=view)
        return html.encode("utf-8", "backslashreplace")  # surrogates are not in UTF-8; the log escapes them too

    @cached_property
    def _templates(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {"size": readable_size, "day": _day, "clock": _clock, "rfc3339": rfc3339}
        names, _ = self._assets
        templates.globals |= {"stylesheet": names[_STYLESHEET], "script": names[_SCRIPT]}
        return templates

    @cached_property
    def _assets(self) -> tuple[dict[str, str], dict[str, Asset]]:
        """The hashed name of each file, and the asset of each hashed name."""
        names: dict[str, str] = {}
        assets: dict[str, Asset] = {}
        for file_name in _ASSETS:
            with open(os.path.join(_FOLDER, file_name), "rb") as file:
                body = file.read()
            for imported, hashed_name in names.items():
                body = body.replace(f'"./{imported}"'.encode(), f'"./{hashed_name}"'.encode())
            stem, extension = file_name.split(".")
            names[file_name] = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{extension}"
            assets[names[file_name]] = Asset(_MEDIA_TYPES[extension], body)
        return names, assets


def readable_size(size: int) -> str:
    """Return a number of bytes as a person reads it, `1.2 MB`. A kB has 1,000 bytes, as in the prices of S3."""
    if size < 1_000:
        return f"{size} bytes" if size != 1 else "1 byte"
    units = ["kB", "MB", "GB", "TB"]
    value = size / 1_000
    while value >= 999.5 and len(units) > 1:
        value /= 1_000
        del units[0]
    return f"{value:.1f} {units[0]}" if value < 9.95 else f"{value:.0f} {units[0]}"


def _day(seconds: float) -> str:
    return time.strftime("%d %b %Y", time.gmtime(seconds)).lstrip("0")


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(seconds))
