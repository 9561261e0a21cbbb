"""The people of issuers that rules can mean, for the analysis of rules that can never match.

An issuer can have every person and every group. For each name in a rule, the person with the fewest groups is hardest
to decide for earlier rules. So where an earlier rule decides for this person, it decides for all people with the name.
"""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.core.access.issuer_claims import person
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Rule

from .unreachable_rules import NEW_ID


def people(issuers: Sequence[Issuer], groups: Mapping[str, Sequence[str]], rules: Iterable[Rule]) -> list[Principal]:
    """Return a person for each person and each group of an issuer in the rules, and for each person in `[groups]`."""
    named = {*groups, *(tag for rule in rules for tag in rule.to)}
    names = {issuer.name for issuer in issuers}
    of_issuers = sorted(tag for tag in named if tag.count(":") > 1 and tag.split(":")[1] in names)
    persons = [person(tag, groups.get(tag, ())) for tag in of_issuers if tag.startswith("user:")]
    members = [Principal(NEW_ID, ("anyone", "authenticated", tag)) for tag in of_issuers if tag.startswith("group:")]
    return persons + members
