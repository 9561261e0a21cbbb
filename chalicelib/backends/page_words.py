"""Page words: the texts of the pages in each language, from `pages/words/`, where each language has one file."""

import json
import os.path
from collections.abc import Mapping
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from chalicelib.core.web.visible_text import visible

DEFAULT_LANGUAGE: Final = "en"
"""The language whose words stand in for the words that another language lacks."""


class Words(NamedTuple):
    """The words of one language.

    Attributes:
        language: the tag of the language (RFC 5646), in lower case.
        direction: the direction of writing, `ltr` or `rtl`.
        page: the words of the templates, by their names. `{name}` stands for a value.
        script: the words of the scripts; a word with a number has a text for each plural form of the language.
    """

    language: str
    direction: str
    page: Mapping[str, str]
    script: Mapping[str, str | Mapping[str, str]]

    def say(self, name: str, /, **values: object) -> Markup:
        """Return a text of a page with its values; raise KeyError for a name that no language has."""
        shown = {key: visible(value) if type(value) is str else value for key, value in values.items()}  # not Markup
        return Markup(escape(self.page[name])).format(**shown)  # noqa: S704 the text is escaped, and `format` escapes

    def find(self, name: str) -> Markup | None:
        """Return a text of a page; None for a name that no language has."""
        return self.say(name) if name in self.page else None


def words_in(folder: str) -> dict[str, Words]:
    """Return the words of each language in a folder, by the tag of the language. The default language is first."""
    names = sorted(os.listdir(folder), key=lambda name: (name != f"{DEFAULT_LANGUAGE}.json", name))
    contents = {}
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            contents[name.removesuffix(".json")] = json.load(file)
    default = contents[DEFAULT_LANGUAGE]
    return {
        language: Words(
            language, own["direction"], {**default["page"], **own["page"]}, {**default["script"], **own["script"]}
        )
        for language, own in contents.items()
    }
