"""HTML for people: the templates of `chalicelib/pages`, and the stylesheet and the scripts that they load."""

import hashlib
import os.path
import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chalicelib.core.web.page_views import Asset, DirectoryView, ProblemView, SignInView
from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = os.path.join(os.path.dirname(__file__), os.pardir, "pages")
_STYLESHEET: Final = "page.css"
_SCRIPT: Final = "page.js"
_ASSETS: Final = (
    _STYLESHEET,
    "chosen_file.js",
    "store.js",
    "parts.js",
    _SCRIPT,
)  # a script comes after those that it imports
_MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


class HtmlPages:
    """Renders views; see `ports.Pages`. Nothing is loaded before the first page or asset is asked for."""

    def directory(self, view: DirectoryView) -> bytes:
        """Return the page of a directory."""
        return self._render("directory.html", view)

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a refusal."""
        return self._render("problem.html", view)

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        return self._render("sign_in.html", view)

    def asset(self, name: str) -> Asset | None:
        """Return the stylesheet or a script by the name that this version's pages load it by, else None."""
        return self._assets[1].get(name)

    def _render(self, template: str, view: DirectoryView | ProblemView | SignInView) -> bytes:
        html = self._templates.get_template(template).render(view=view)
        return html.encode("utf-8", "backslashreplace")  # as the log does, with what is no Unicode

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
        """The name that each file is loaded by, with a hash of its content in it; and the files by these names."""
        names: dict[str, str] = {}
        found: dict[str, Asset] = {}
        for file_name in _ASSETS:
            with open(os.path.join(_FOLDER, file_name), "rb") as file:
                body = file.read()
            for plain, name in names.items():
                body = body.replace(f'"./{plain}"'.encode(), f'"./{name}"'.encode())
            stem, extension = file_name.split(".")
            names[file_name] = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{extension}"
            found[names[file_name]] = Asset(_MEDIA_TYPES[extension], body)
        return names, found


def readable_size(size: int) -> str:
    """Return a number of bytes as a person reads it: `1.2 MB`, in thousands, as S3's own price list counts."""
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
