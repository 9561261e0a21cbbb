"""Rules: an indexed rule set, which decides about every action, and which alone makes a Grant."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from chalicelib.core.web.paths import SERVICE_PATHS, Path
from chalicelib.core.web.problems.access import CredentialsMissing, Forbidden, LinkInvalid, OutsideScope

from .principals import ANYONE, Principal

if TYPE_CHECKING:
    from .authorization import Caller
    from .link_tokens import Link

ACTIONS: Final = ("read", "list", "write", "delete", "share", "versions", "purge")


class Rule(NamedTuple):
    """One `[[rules]]` table of the settings.

    Attributes:
        number: the place of the rule in the file, from 1; of all rules that match, the lowest number decides.
        path: a pattern: literal segments, `*` for one segment, `{user}` for the caller's own id, and at the end `**`
            for the rest.
        allows: True for a rule that allows, False for a rule that denies.
        actions: the actions that the rule allows or denies.
        to: the principals of the rule, as `Principal.tags` names them.
        overwrite: whether an upload may replace a file.
        max_bytes: the largest upload; None for no limit.
        content_types: the media types of uploads, `image/*` or whole types; empty for no limit.
        checksum: whether an upload must send a checksum.
        require_headers: the headers that an upload must send, with their values; names in lower case.
        image_sizes: the sizes of images, written `320x240`, `320x` or `x240`; empty for no limit.
        pass_headers: `x-amz-*` headers that are signed in addition to the usual headers, names in lower case.
        url_seconds: how many seconds a presigned URL is good for; None for the life that the mount gives.
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
    url_seconds: int | None = None


class Grant(NamedTuple):
    """A permission: the rules allow this principal this action at this path. Only a RuleSet makes a Grant.

    Attributes:
        principal: the caller; for a link the maker of the link, whose rights the caller uses.
        action: one of `ACTIONS`.
        path: the path of the request.
        rule: the rule that allows.
        link: the link that the caller uses; None if the caller authenticated itself.
    """

    principal: Principal
    action: str
    path: Path
    rule: Rule
    link: "Link | None" = None

    @property
    def caller_name(self) -> str:
        """The name of the caller in the log; for a link `link:ID`."""
        return f"link:{self.link.id}" if self.link else self.principal.name

    @property
    def ends_at(self) -> int | None:
        """The end of the link, the session or the token of the caller, Unix time in whole seconds; None without one."""
        return self.link.expires_at if self.link else self.principal.ends_at

    def made_by(self, display_name: str) -> "Grant":
        """Return the Grant with the name of its principal as pages show the name."""
        return self._replace(principal=self.principal._replace(display_name=display_name))

    @property
    def may_replace(self) -> bool:
        """Whether an upload may replace a file: the rule allows it, and a link that is used may also read the file."""
        return self.rule.overwrite and (self.link is None or self.link.opens("read", self.path))


class Node:
    """One segment of the patterns, in a tree: its children are the segments that can follow.

    `literal`, `any` and `user` are the children: by name, for `*`, and for `{user}`.

    `here` has the rules whose pattern ends at this node, and `below` has the rules whose pattern goes on with `**`.
    Both find a rule by action and tag, so ten thousand rules on one path cost the same as one rule. Of several rules
    with the same action, tag and path only the first can decide, and only the first is kept.
    """

    __slots__ = ("any", "below", "here", "literal", "user")

    def __init__(self) -> None:
        self.literal: dict[str, Node] = {}
        self.any: Node | None = None
        self.user: Node | None = None
        self.here: dict[tuple[str, str], Rule] = {}
        self.below: dict[tuple[str, str], Rule] = {}

    def add(self, rule: Rule) -> None:
        """Add a rule below this node, the root of the tree. Rules must be added in the order of the file."""
        *segments, last = rule.path[1:].split("/")
        node = self
        for segment in segments:
            node = node.child(segment)
        table = node.below if last == "**" else node.child(last).here
        for action in rule.actions:
            for tag in rule.to:
                table.setdefault((action, tag), rule)

    def child(self, segment: str) -> "Node":
        """Return the node for the next segment of a pattern; a missing node is made."""
        if segment == "*":
            self.any = self.any or Node()
            return self.any
        if segment == "{user}":
            self.user = self.user or Node()
            return self.user
        return self.literal.setdefault(segment, Node())

    def rules(self, action_tags: Sequence[tuple[str, str]]) -> list[Rule]:
        """Return all rules at this node and in its subtree for one of these pairs of action and tag."""
        children = [*self.literal.values(), *filter(None, (self.any, self.user))]
        own = [table[pair] for table in (self.here, self.below) for pair in action_tags if pair in table]
        return own + [rule for child in children for rule in child.rules(action_tags)]

    def follow(self, segment: str, user: str) -> "list[Node]":
        """Return the children that a segment of a path matches. `*` and `{user}` never match an empty segment."""
        children = []
        if segment in self.literal:
            children.append(self.literal[segment])
        if self.any and segment:
            children.append(self.any)
        if self.user and segment and segment == user:
            children.append(self.user)
        return children


class RuleSet:
    """The rules of a service; of the rules that match path, action and principal, the first in the file decides."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = (*rules,)
        self._root = Node()
        for rule in (*rules, _default_image_rule(len(rules) + 1)):
            self._root.add(rule)
        self._service_paths = self._root.literal[SERVICE_PATHS.strip("/")]

    def find(self, principal: Principal, action: str, path: Path) -> Rule | None:
        """Return the rule that decides, None where no rule matches. The cost does not grow with the number of rules.

        Patterns never match a path of the service itself, so `/**` is about files: a rule must name `/-/`. No rule
        matches outside the scope of a service token.
        """
        if principal.scope is not None and not principal.scope.covers(action, path):
            return None
        action_tags = [(action, tag) for tag in principal.tags]
        matching: list[Rule] = []
        nodes, segments = [self._root], path[1:].split("/")
        if path.startswith(SERVICE_PATHS):
            nodes, segments = [self._service_paths], segments[1:]
        for segment in segments:
            following: list[Node] = []
            for node in nodes:
                if node.below:
                    matching += [node.below[pair] for pair in action_tags if pair in node.below]
                following += node.follow(segment, principal.id)
            nodes = following
        for node in nodes:
            matching += [node.here[pair] for pair in action_tags if pair in node.here]
        return _first(matching)

    def authorize(self, principal: Principal, action: str, path: Path) -> Grant:
        """Return the Grant, without which nothing is resolved or signed.

        Raises:
            CredentialsMissing: the rules refuse anyone, and signing in may help.
            Forbidden: the rules refuse this principal. (OutsideScope: the service token of the request refuses it.)
        """
        rule = self.find(principal, action, path)
        if rule is None or not rule.allows:
            _refuse(principal, action, path, rule)
        return Grant(principal, action, path, rule)

    def authorize_link(self, link: "Link", maker: Principal, action: str, path: Path) -> Grant:
        """Return the Grant of a caller with a link; the rules decide as if the maker asked now, for this very path.

        Raises:
            LinkInvalid: the link is for another action or path; or its maker may not do the action at the path any
                more, or may not share this path or the path of the link.
        """
        rule = self._allowing(maker, link, action, path)
        if rule is None or not self._allows(maker, "share", link.path):
            raise LinkInvalid()
        return Grant(maker, action, path, rule, link)

    def grant_for(self, caller: "Caller | Grant", action: str, path: Path) -> Grant | None:
        """Grant a caller, or the caller of a Grant, an action at a path; None where the rules refuse it."""
        rule = self._allowing(caller.principal, caller.link, action, path)
        return None if rule is None else Grant(caller.principal, action, path, rule, caller.link)

    def _allowing(self, principal: Principal, link: "Link | None", action: str, path: Path) -> Rule | None:
        """Return the rule that allows an action. A link allows its own action alone, while its maker may share."""
        rule = self.find(principal, action, path)
        if rule is None or not rule.allows:
            return None
        opened = link is None or (link.opens(action, path) and self._allows(principal, "share", path))
        return rule if opened else None

    def _allows(self, principal: Principal, action: str, path: Path) -> bool:
        rule = self.find(principal, action, path)
        return rule is not None and rule.allows

    def require(self, grant: Grant, action: str, path: Path) -> Grant:
        """Grant the same caller another action, or another path; raise where the rules refuse it.

        Raises:
            CredentialsMissing, Forbidden: for the same reasons as in `authorize`.
            LinkInvalid: the caller uses a link, and the link is for another action or path.
        """
        if grant.link:
            return self.authorize_link(grant.link, grant.principal, action, path)
        return self.authorize(grant.principal, action, path)

    def covers(self, grant: Grant) -> bool:
        """Whether the rule of a Grant to a directory decides about everything below the directory.

        A link opens what its maker may share, so for a link one rule must also decide about sharing.
        """
        actions = (grant.action, "share") if grant.link else (grant.action,)
        return all(self._one_rule_decides_below(grant.principal, action, grant.path) for action in actions)

    def _one_rule_decides_below(self, principal: Principal, action: str, directory: Path) -> bool:
        action_tags = [(action, tag) for tag in principal.tags]
        nodes, above = [self._root], []
        for segment in directory.split("/")[1:-1]:
            above += [node.below[pair] for node in nodes for pair in action_tags if pair in node.below]
            nodes = [child for node in nodes for child in node.follow(segment, principal.id)]
        inside = [rule for node in nodes for rule in node.rules(action_tags)]
        rule = self.find(principal, action, directory)
        return rule is not None and rule.path.endswith("/**") and _first([*above, *inside]) == rule

    def open_to_anyone(self, grant: Grant) -> bool:
        """Whether anyone may do the action of a Grant, so that a shared cache may keep the answer."""
        return self._allows(ANYONE, grant.action, grant.path)


def _first(rules: list[Rule]) -> Rule | None:
    """Return the first rule in the order of the file. (A loop: `min` with a key takes longer.)"""
    first = None
    for rule in rules:
        if first is None or rule.number < first.number:
            first = rule
    return first


def _default_image_rule(number: int) -> Rule:
    """Return the last rule: every authenticated principal may use the image endpoints, unless a rule denies it."""
    return Rule(number=number, path=f"{SERVICE_PATHS}*", allows=True, actions=("read",), to=("authenticated",))


def _refuse(principal: Principal, action: str, path: Path, rule: Rule | None) -> NoReturn:
    if principal is ANYONE:
        raise CredentialsMissing()
    if principal.scope is not None and not principal.scope.covers(action, path):
        raise OutsideScope(principal.name, action, principal.scope.path, principal.scope.actions)
    raise Forbidden(principal.name, action, rule.number if rule else None)
