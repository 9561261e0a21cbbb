"""What they may do: an indexed rule set, and the only maker of a Grant."""

from typing import NamedTuple, NoReturn

from chalicelib.core.web.paths import SERVICE_PATHS, Path
from chalicelib.core.web.problems import CredentialsMissing, Forbidden, LinkInvalid

from .link_tokens import Link
from .principals import ANYONE, Principal

ACTIONS = ("read", "list", "write", "delete", "share", "versions", "purge")


class Rule(NamedTuple):
    """One `[[rules]]` table of the settings.

    Attributes:
        number: its place in the file, from 1.
        path: literal segments, `*` for one segment, `{user}` for the caller's own id, `**` for the rest, at the end.
        allows: True allows, False denies.
        actions: those that it speaks of.
        to: the principals that it speaks to, as in `Principal.tags`.
        overwrite: False demands of an upload that it replaces nothing.
        max_bytes: an upload's greatest size; None sets no limit.
        content_types: what an upload may be, `image/*` or whole types; empty sets no limit.
        checksum: whether an upload must say a checksum of itself.
        require_headers: what an upload must say in these headers, names in lower case.
        image_sizes: the sizes that images are read in, as `images.Rendition.size` says them; empty sets no limit.
        pass_headers: the `x-amz-*` headers that are signed besides those that always are, names in lower case.
    """

    number: int
    path: str
    allows: bool
    actions: tuple[str, ...]
    to: tuple[str, ...]
    overwrite: bool = True
    max_bytes: int | None = None
    content_types: tuple[str, ...] = ()
    checksum: bool = False
    require_headers: tuple[tuple[str, str], ...] = ()
    image_sizes: tuple[str, ...] = ()
    pass_headers: tuple[str, ...] = ()


class Grant(NamedTuple):
    """The rules said yes: this principal may do this at this path. Only a RuleSet makes one.

    Attributes:
        principal: who may; of a link its issuer, in whose stead its holder acts.
        link: what its holder came by; None where the principal came in person.
    """

    principal: Principal
    action: str
    path: Path
    rule: Rule
    link: Link | None = None

    @property
    def may_replace(self) -> bool:
        """Whether an upload may replace a file: the rule says so, and no link is used that may not read the file."""
        return self.rule.overwrite and (self.link is None or self.link.opens("read", self.path))


class Node:
    """A place in the tree of patterns: the segments that may follow, and the rules that end here.

    `here` and `below` (for `**`) find a rule by action and principal, so that ten thousand rules on one path cost what
    one costs. Of several rules with the same action, principal and path only the first can decide; only it is kept.
    """

    __slots__ = ("any", "below", "here", "literal", "user")

    def __init__(self) -> None:
        self.literal: dict[str, Node] = {}
        self.any: Node | None = None
        self.user: Node | None = None
        self.here: dict[tuple[str, str], Rule] = {}
        self.below: dict[tuple[str, str], Rule] = {}

    def add(self, rule: Rule) -> None:
        """Add a rule below this node, which is the root of the tree; the rules come in the order of the file."""
        *segments, last = rule.path[1:].split("/")
        node = self
        for segment in segments:
            node = node.child(segment)
        table = node.below if last == "**" else node.child(last).here
        for action in rule.actions:
            for tag in rule.to:
                table.setdefault((action, tag), rule)

    def child(self, segment: str) -> "Node":
        """The node for one more segment of a pattern, made if there is none."""
        if segment == "*":
            self.any = self.any or Node()
            return self.any
        if segment == "{user}":
            self.user = self.user or Node()
            return self.user
        return self.literal.setdefault(segment, Node())

    def rules(self, questions: "list[tuple[str, str]]") -> "list[Rule]":
        """All rules here and below that answer one of the questions."""
        children = [*self.literal.values(), *filter(None, (self.any, self.user))]
        own = [table[question] for table in (self.here, self.below) for question in questions if question in table]
        return own + [rule for child in children for rule in child.rules(questions)]

    def follow(self, segment: str, user: str) -> "list[Node]":
        """The nodes that a segment of a path leads to. `*` and `{user}` stand for one segment that is not empty."""
        found = []
        if segment in self.literal:
            found.append(self.literal[segment])
        if self.any and segment:
            found.append(self.any)
        if self.user and segment and segment == user:
            found.append(self.user)
        return found


class RuleSet:
    """The rules in file order; the first that matches path, action and principal decides."""

    def __init__(self, rules: "tuple[Rule, ...] | list[Rule]") -> None:
        self._root = Node()
        for rule in (*rules, _renderers(len(rules) + 1)):
            self._root.add(rule)
        self._own = self._root.literal[SERVICE_PATHS.strip("/")]

    def find(self, principal: Principal, action: str, path: Path) -> Rule | None:
        """Return the rule that decides, None where none matches. The cost does not grow with the number of rules.

        To what is the service's own no pattern leads, but only a rule that names it: `/**` is about the files.
        """
        questions = [(action, tag) for tag in principal.tags]
        matching: list[Rule] = []
        nodes, segments = [self._root], path[1:].split("/")
        if path.startswith(SERVICE_PATHS):
            nodes, segments = [self._own], segments[1:]
        for segment in segments:
            following: list[Node] = []
            for node in nodes:
                if node.below:
                    matching += [node.below[question] for question in questions if question in node.below]
                following += node.follow(segment, principal.id)
            nodes = following
        for node in nodes:
            matching += [node.here[question] for question in questions if question in node.here]
        return min(matching, default=None)  # a Rule's first field is its place in the file

    def authorize(self, principal: Principal, action: str, path: Path) -> Grant:
        """Return the Grant that everything after this needs.

        Raises:
            CredentialsMissing: refused, and no one is asking: signing in may help.
            Forbidden: refused to someone.
        """
        rule = self.find(principal, action, path)
        if rule is None or not rule.allows:
            _refuse(principal, action, rule)
        return Grant(principal, action, path, rule)

    def authorize_link(self, link: Link, issuer: Principal, action: str, path: Path) -> Grant:
        """Return the Grant of a link's holder, as if its issuer asked at this moment, for this very path.

        Raises:
            LinkInvalid: the link is for something else; or its issuer may no longer do that at the path, or share the
                path or the link's own.
        """
        rule = self._allowing(issuer, link, action, path)
        if rule is None or not self._allows(issuer, "share", link.path):
            raise LinkInvalid()
        return Grant(issuer, action, path, rule, link)

    def grant_for(self, grant: Grant, action: str, path: Path) -> Grant | None:
        """Grant the same caller another action, or another path; None where the rules refuse it."""
        rule = self._allowing(grant.principal, grant.link, action, path)
        return None if rule is None else Grant(grant.principal, action, path, rule, grant.link)

    def _allowing(self, principal: Principal, link: Link | None, action: str, path: Path) -> Rule | None:
        """The rule that allows an action; by a link only what the link is for, where its issuer may share the path."""
        rule = self.find(principal, action, path)
        if rule is None or not rule.allows:
            return None
        opened = link is None or (link.opens(action, path) and self._allows(principal, "share", path))
        return rule if opened else None

    def _allows(self, principal: Principal, action: str, path: Path) -> bool:
        rule = self.find(principal, action, path)
        return rule is not None and rule.allows

    def require(self, grant: Grant, action: str, path: Path) -> Grant:
        """Return the Grant of something else to whoever has this one; raise where they may not.

        Raises:
            CredentialsMissing, Forbidden: as `authorize` does.
            LinkInvalid: they came by a link, which is not for that.
        """
        if grant.link:
            return self.authorize_link(grant.link, grant.principal, action, path)
        return self.authorize(grant.principal, action, path)

    def covers(self, grant: Grant) -> bool:
        """Whether one rule decides, for whoever has a Grant to a directory, about everything that can be below it."""
        questions = [(grant.action, tag) for tag in grant.principal.tags]
        nodes, above = [self._root], []
        for segment in grant.path.split("/")[1:-1]:
            above += [node.below[question] for node in nodes for question in questions if question in node.below]
            nodes = [child for node in nodes for child in node.follow(segment, grant.principal.id)]
        inside = [rule for node in nodes for rule in node.rules(questions)]
        return min([*above, *inside], default=None) == grant.rule and grant.rule.path.endswith("/**")

    def open_to_anyone(self, grant: Grant) -> bool:
        """Whether anyone may do what was granted, so that a shared cache may keep the answer."""
        return self._allows(ANYONE, grant.action, grant.path)


def _renderers(number: int) -> Rule:
    """The rule after all others: who says who they are may have images rendered, where no rule said otherwise."""
    return Rule(number=number, path=f"{SERVICE_PATHS}*", allows=True, actions=("read",), to=("authenticated",))


def _refuse(principal: Principal, action: str, rule: Rule | None) -> NoReturn:
    if principal is ANYONE:
        raise CredentialsMissing()
    raise Forbidden(principal.name, action, rule.number if rule else None)
