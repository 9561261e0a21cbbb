"""HTML pages: the templates in `chalicelib/pages`, filled with views, in the language of the reader."""

import os.path
import time
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chalicelib.core.web.file_kinds import kind_of
from chalicelib.core.web.languages import preferred
from chalicelib.core.web.page_views import (
    Asset,
    DirectoryView,
    LinksView,
    PreviewView,
    ProblemView,
    ReceivedView,
    SignInView,
    TokenView,
    VersionsView,
)
from chalicelib.core.web.times import rfc3339
from chalicelib.core.web.visible_text import visible

from .page_assets import PageAssets, assets_in
from .page_words import Words, words_in

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER: Final = os.path.join(os.path.dirname(__file__), os.pardir, "pages")
_WORDS: Final = os.path.join(_FOLDER, "words")


_View = DirectoryView | LinksView | PreviewView | ProblemView | ReceivedView | SignInView | TokenView | VersionsView


class HtmlPages:
    """Renders views; see `ports.Pages`. Only the first page loads the template engine.

    Args:
        words: the folder with one file for each language.
    """

    def __init__(self, words: str = _WORDS) -> None:
        self._words_folder = words

    def directory(self, view: DirectoryView) -> bytes:
        """Return the page of a directory."""
        return self._render("directory.html", view)

    def preview(self, view: PreviewView) -> bytes:
        """Return the page of a file."""
        return self._render("preview.html", view)

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a problem."""
        return self._render("problem.html", view)

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        return self._render("sign_in.html", view)

    def token(self, view: TokenView) -> bytes:
        """Return the page that makes a service token."""
        return self._render("token.html", view)

    def links(self, view: LinksView) -> bytes:
        """Return the page that lists the links of a person."""
        return self._render("links.html", view)

    def received(self, view: ReceivedView) -> bytes:
        """Return the page after the upload by a form."""
        return self._render("received.html", view)

    def versions(self, view: VersionsView) -> bytes:
        """Return the page of the versions and the deleted files of a directory."""
        return self._render("versions.html", view)

    def asset(self, name: str) -> Asset | None:
        """Return the stylesheet or a script by its hashed name; None for any other name."""
        return self._assets.files.get(name)

    def _render(self, template: str, view: _View) -> bytes:
        words = self._words[preferred(view.visitor.accept_language, [*self._words])]
        html = self._templates.get_template(template).render(view=view, words=words, say=words.say, find=words.find)
        return html.encode("utf-8", "backslashreplace")  # surrogates are not in UTF-8; the log escapes them too

    @cached_property
    def _templates(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {
            "size": readable_size,
            "day": _day,
            "clock": _clock,
            "rfc3339": rfc3339,
            "kind": kind_of,
            "relative_to": relative_to,
            "http_time": _http_time,
        }
        templates.globals |= {"assets": self._assets.names, "preloaded": self._assets.first}
        return templates

    @cached_property
    def _assets(self) -> PageAssets:
        return assets_in(_FOLDER, self._words.values())

    @cached_property
    def _words(self) -> dict[str, Words]:
        return words_in(self._words_folder)


def _shown(value: object) -> object:
    """Show the control characters of a text. Markup stays as it is, so `| e` keeps the exact value of a field."""
    return visible(value) if type(value) is str else value


def relative_to(url: str, directory_url: str) -> str:
    """Return a URL below a directory relative to the page of the directory: lftp lists no others.

    A name that begins with a slash, and the directory itself, begin with `./` (RFC 3986 §4.2).
    """
    rest = url.removeprefix(directory_url)
    return rest if rest and not rest.startswith("/") else f"./{rest}"


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


def _http_time(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(seconds))
