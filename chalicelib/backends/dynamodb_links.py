"""DynamoDB, where revocable links live. The table has an item for each such link, and a list for each maker.

The item of a link:

id              the id of the link; the partition key
expires         Unix time in seconds, some time after the link ends; the TTL attribute of the table
maker           the name of the maker, as a page shows the name; a link without this attribute does not work
revoked         true after the maker revoked the link

The list of a maker:

id              `links:` and a hash of the name of the maker
expires         some time after the last link of the list ends
link ID         the path, the action and the end (Unix time in seconds) of the link with this id
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from chalicelib.core.access.link_tokens import MAX_REVOCABLE_LINKS, Link, ListedLink
from chalicelib.core.access.signing import encode
from chalicelib.core.web.problems.access import LinkRevoked, TooManyLinks
from chalicelib.core.web.times import Deadline

from .aws_calls import call
from .dynamodb_table import KEPT_SECONDS, DynamoTable, key, number

_MAX_PRUNED: Final = 100  # by one write: an expression has at most 300 operators (DynamoDB, "Service quotas")
_OUT_OF_REACH: Final = "The links that can be revoked are out of reach now."
_LINK: Final = "link "


class DynamoRevocableLinks(DynamoTable):
    """`ports.RevocableLinks` in a table.

    An answer without the expected attributes, such as a proxy's page, is a failure of the call.
    """

    def add(self, maker: str, link: Link, shown_name: str, *, now: float, deadline: Deadline) -> None:
        """List a link by a conditional write, and then let the link be used; see `ports.RevocableLinks.add`."""

        def work() -> None:
            self._list(_list_id(maker), link, now)
            values = {":maker": {"S": shown_name}, ":expires": number(link.expires_at + KEPT_SECONDS)}
            answer = self._update(link.id, "SET maker = :maker, expires = :expires", values)
            _ = answer["Attributes"]["maker"]

        call(deadline, work, otherwise=_OUT_OF_REACH)

    def check(self, link: Link, deadline: Deadline) -> str:
        """Read the item of a link; see `ports.RevocableLinks.check`."""

        def work() -> str:
            item = self._read(link.id, _OUT_OF_REACH)
            if "revoked" in item or "maker" not in item:
                raise LinkRevoked()
            return str(item["maker"]["S"])

        return call(deadline, work, otherwise=_OUT_OF_REACH)

    def links_of(self, maker: str, *, now: float, deadline: Deadline) -> Sequence[ListedLink]:
        """Read the list of a maker; see `ports.RevocableLinks.links_of`."""

        def work() -> list[ListedLink]:
            links = _links(self._read(_list_id(maker), _OUT_OF_REACH))
            return sorted((link for link in links if link.expires_at > now), key=lambda link: (link.path, link.id))

        return call(deadline, work, otherwise=_OUT_OF_REACH)

    def revoke(self, maker: str, link_id: str, expires_at: int, deadline: Deadline) -> None:
        """Mark the item of a link, and then shorten the list; see `ports.RevocableLinks.revoke`."""

        def work() -> None:
            values = {":true": {"BOOL": True}, ":expires": number(expires_at + KEPT_SECONDS)}
            answer = self._update(link_id, "SET revoked = :true, expires = :expires", values)
            _ = answer["Attributes"]["revoked"]
            names = {"#link": _LINK + link_id}
            try:  # the condition also keeps the write from making an empty list
                self._update(_list_id(maker), "REMOVE #link", names=names, condition="attribute_exists(#link)")
            except self._client.exceptions.ConditionalCheckFailedException:
                return

        call(deadline, work, otherwise=_OUT_OF_REACH)

    def _list(self, list_id: str, link: Link, now: float) -> None:
        """Write a link into a list, without the links that have ended.

        Each link has an attribute of its own, so two writes at once lose no link. The condition keeps `expires` at the
        latest end, also where another write was faster.
        """
        entry = {"path": {"S": link.path}, "action": {"S": link.action}, "ends_at": number(link.expires_at)}
        item = self._read(list_id, _OUT_OF_REACH)
        while True:
            links = _links(item)
            ended = [each.id for each in links if each.expires_at <= now]
            if len(links) - len(ended) >= MAX_REVOCABLE_LINKS:
                raise TooManyLinks(MAX_REVOCABLE_LINKS)
            names = {"#link": _LINK + link.id, **{f"#e{n}": _LINK + each for n, each in enumerate(ended[:_MAX_PRUNED])}}
            pruned = ", ".join(name for name in names if name != "#link")
            expires = max(link.expires_at + KEPT_SECONDS, int(item["expires"]["N"]) if item else 0)
            try:
                answer = self._update(
                    list_id,
                    "SET #link = :link, expires = :expires" + (f" REMOVE {pruned}" if pruned else ""),
                    {":link": {"M": entry}, ":expires": number(expires)},
                    names=names,
                    condition="attribute_not_exists(expires) OR expires <= :expires",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                response: Any = error.response  # boto3-stubs do not know `Item`
                item = response["Item"]
                continue
            _ = answer["Attributes"][_LINK + link.id]
            return

    def _update(
        self,
        item_id: str,
        update: str,
        values: dict[str, Any] | None = None,
        *,
        names: dict[str, str] | None = None,
        condition: str | None = None,
    ) -> Any:
        """Write to an item; DynamoDB refuses empty maps, and a condition that is not a text."""
        options: Any = {"ExpressionAttributeValues": values, "ExpressionAttributeNames": names}
        options |= {"ConditionExpression": condition}
        return self._client.update_item(
            TableName=self._table,
            Key=key(item_id),
            UpdateExpression=update,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **{name: option for name, option in options.items() if option},
        )


def _list_id(maker: str) -> str:
    """Return the id of a maker's list. The signing secret is not in the hash, because a new secret ends no list."""
    return f"links:{encode(hashlib.sha256(maker.encode()).digest())}"


def _links(item: Mapping[str, Any]) -> list[ListedLink]:
    """Return the links of a list, also the links that have ended."""
    entries = [(name.removeprefix(_LINK), value["M"]) for name, value in item.items() if name.startswith(_LINK)]
    return [
        ListedLink(link_id, entry["path"]["S"], entry["action"]["S"], int(entry["ends_at"]["N"]))
        for link_id, entry in entries
    ]
