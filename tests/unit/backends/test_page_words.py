"""The words of the pages: each language says everything that the pages use, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from jinja2 import Environment, nodes
from markupsafe import Markup

from chalicelib.backends.page_words import Words, words_in
from chalicelib.core.web.problems import access, base, images

PAGES = Path(__file__).parents[3] / "chalicelib/pages"
LANGUAGES = {file.stem: json.loads(file.read_text()) for file in (PAGES / "words").iterdir()}


def placeholders(word: str | dict[str, str]) -> list[set[str]]:
    texts = [word] if isinstance(word, str) else word.values()
    return [set(re.findall(r"\{(.*?)\}", text)) for text in texts]


def names_in_templates() -> Iterator[str]:
    """The names that templates say, as patterns: a part that the template computes matches any text."""
    for file in PAGES.glob("*.html"):
        for call in Environment().parse(file.read_text()).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("say", "find"):
                yield from patterns(call.args[0])


def patterns(name: nodes.Expr) -> list[str]:
    if isinstance(name, nodes.CondExpr):
        assert name.expr2
        return patterns(name.expr1) + patterns(name.expr2)
    parts = name.nodes if isinstance(name, nodes.Concat) else [name]
    return ["".join(re.escape(part.value) if isinstance(part, nodes.Const) else ".+" for part in parts)]


def names_in_scripts() -> Iterator[str]:
    """The names that scripts say. Each text in a script that looks like a name of two parts is a name."""
    for file in PAGES.glob("*.js"):
        script = file.read_text()
        yield from map(re.escape, re.findall(r'say\(\s*"([^"]+)"', script))
        yield from map(re.escape, re.findall(r'"([a-z]+\.[a-z-]+)"', script))
        yield from (re.sub(r"\$\{.*?\}", ".+", name) for name in re.findall(r"`([a-z]+\.\$\{\w+\})`", script))


def test_each_language_has_the_words_of_english_with_the_same_values() -> None:
    english = LANGUAGES["en"]
    for language, words in LANGUAGES.items():
        assert words["direction"] in ("ltr", "rtl")
        for section in ("page", "script"):
            assert words[section].keys() == english[section].keys(), language
            assert [*words[section]] == sorted(words[section]), language
            for name, word in words[section].items():
                assert set().union(*placeholders(word)) == set().union(*placeholders(english[section][name])), name
                assert word == word.strip() or name == "uploads.or" if isinstance(word, str) else "other" in word, name


def test_each_word_is_said_and_each_said_word_exists() -> None:
    for section, used in (("page", {*names_in_templates()}), ("script", {*names_in_scripts()})):
        known = LANGUAGES["en"][section]
        assert [name for name in known if not any(re.fullmatch(pattern, name) for pattern in used)] == []
        assert [pattern for pattern in used if not any(re.fullmatch(pattern, name) for name in known)] == []


def test_each_problem_that_a_page_can_meet_has_a_title_and_an_advice() -> None:
    """Only scripts send the requests of the problems of uploads, and the requests that make and revoke links."""
    codes = {problem.code for module in (base, access, images) for problem in classes_of(module)}
    said = {tuple(name.split(".")[1:]) for name in LANGUAGES["en"]["page"] if name.startswith("problem.")}
    for code in codes - {"unauthorized", "not-revocable", "too-many-links", "aws-signature"}:
        assert {(code, "title"), (code, "advice")} <= said, code


def classes_of(module: ModuleType) -> list[type[base.Problem]]:
    """The problems of a module that have a code."""
    return [value for value in vars(module).values() if isinstance(value, type) and hasattr(value, "code")]


def test_english_stands_in_for_a_word_that_a_language_lacks(tmp_path: Path) -> None:
    for language, words in (("en", {"a": "A", "b": "B {x}"}), ("ar", {"b": "ب"})):
        (tmp_path / f"{language}.json").write_text(
            json.dumps({"direction": "rtl", "page": words, "script": words}), encoding="utf-8"
        )
    english, arabic = words_in(str(tmp_path)).values()
    assert arabic == Words("ar", "rtl", {"a": "A", "b": "ب"}, {"a": "A", "b": "ب"})
    assert (arabic.say("b"), english.find("c")) == ("ب", None)
    with pytest.raises(KeyError):
        arabic.say("c")


def test_values_and_words_are_texts() -> None:
    words = Words("en", "ltr", {"a": "<i>'{name}' {markup}</i>"}, {})
    said = words.say("a", name="<b>{markup}", markup=Markup("<bdi>"))
    assert said == "&lt;i&gt;&#39;&lt;b&gt;{markup}&#39; <bdi>&lt;/i&gt;"
