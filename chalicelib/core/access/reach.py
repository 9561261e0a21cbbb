"""Reach: the directories and files that a caller may open, as the rules tell them. Nothing here asks a store."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from chalicelib.core.web.paths import SERVICE_PATHS, Path, decode, directories_above
from chalicelib.core.web.problems.base import Problem

from .rules import Grant, Rule, RuleSet

if TYPE_CHECKING:
    from .authorization import Caller

_OPENING: Final = frozenset(("read", "list", "write"))
_EXAMPLE: Final = "name"


class Reach:
    """Finds what a caller may open in a browser: a directory to list or to upload into, and a file to read.

    A name comes only from a rule that allows the caller something, from a mount, or from the scope of the caller's
    service token. The rules then decide about each path as they decide about a request for the path. So nobody learns a
    name from a rule for others, or from a rule that denies.

    Args:
        rules: decide about each path.
        named: the rules in which the names are, in any order.
        mounts: the paths of the mounts, as `Mount.path`.
    """

    def __init__(self, *, rules: RuleSet, named: Sequence[Rule], mounts: Iterable[str]) -> None:
        self._rules = rules
        self._named = named
        self._mounts = [f"{path}/" for path in mounts]

    def has_page(self, caller: "Caller | Grant", directory: Path) -> bool:
        """Whether a browser of the caller gets a page at a directory.

        The page is the listing, the upload page, or the page of the parts below. A link opens no page of parts.
        """
        if self._rules.grant_for(caller, "list", directory):
            return True
        if caller.link:
            return self._rules.grant_for(caller, "write", directory) is not None
        return self.upload(caller, directory) is not None or any(self._parts(caller, directory))

    def upload(self, caller: "Caller | Grant", directory: Path) -> Grant | None:
        """Grant the upload of a file into a directory: the rule for an example name decides. None where it refuses."""
        example = _decoded(f"{directory}{_EXAMPLE}")
        return None if example is None else self._rules.grant_for(caller, "write", example)

    def parts(self, caller: "Caller | Grant", directory: Path) -> list[Path]:
        """Return the paths below a directory that the caller may open, in order.

        A path that the listing of a directory above shows is left out: the listing leads there.
        """
        return sorted(self._parts(caller, directory))

    def _parts(self, caller: "Caller | Grant", directory: Path) -> Iterator[Path]:
        seen = {directory}
        for name in self._names(caller, directory):
            named = _decoded(name)
            for path in (named, *directories_above(named)) if named else ():
                if path.startswith(directory) and path not in seen:
                    seen.add(path)
                    if self._is_part(caller, path):
                        yield path

    def _is_part(self, caller: "Caller | Grant", path: Path) -> bool:
        is_directory = path.endswith("/")
        in_mount = any(path.startswith(mount) or (is_directory and mount.startswith(path)) for mount in self._mounts)
        if not in_mount or path.startswith(SERVICE_PATHS):
            return False
        if self._rules.grant_for(caller, "list" if is_directory else "read", path) is None:
            return is_directory and self.upload(caller, path) is not None
        return self._rules.grant_for(caller, "list", next(directories_above(path))) is None

    def _names(self, caller: "Caller | Grant", directory: str) -> Iterator[str]:
        """Yield the paths that a part can have. Not all of them are below the directory, and not all are allowed."""
        yield from self._mounts
        if caller.principal.scope is not None:
            yield caller.principal.scope.path
        for tag in caller.principal.tags:
            for segments in self._patterns.get(tag, ()):
                yield _literal(segments, directory, caller.principal.id)

    @cached_property
    def _patterns(self) -> dict[str, list[list[str]]]:
        """The patterns of the rules that allow to open something, as segments, for each tag."""
        patterns: dict[str, list[list[str]]] = {}
        for rule in self._named:
            if rule.allows and not _OPENING.isdisjoint(rule.actions) and not rule.path.startswith(SERVICE_PATHS):
                for tag in rule.to:
                    patterns.setdefault(tag, []).append(rule.path.split("/"))
        return patterns


def _literal(segments: Sequence[str], directory: str, user: str) -> str:
    """Return the longest path in a directory that is the same for every path of a pattern in the directory.

    The path ends in a slash where the pattern goes on. The directory itself stands for a pattern that does not match
    there.
    """
    *names, _ = directory.split("/")
    for segment, name in zip(segments, names, strict=False):
        if segment == "**":
            return directory
        if segment != name and not (name and (segment == "*" or (segment == "{user}" and name == user))):
            return directory
    path = directory
    for number, segment in enumerate(segments[len(names) :], len(names) + 1):
        if segment in ("*", "**") or (segment == "{user}" and not user):
            break
        name = user if segment == "{user}" else segment
        path += name if number == len(segments) else f"{name}/"
    return path


def _decoded(text: str) -> Path | None:
    """Return a path that a request can have; None for another text."""
    try:
        return decode(quote(text, errors="surrogatepass"))
    except Problem:
        return None
