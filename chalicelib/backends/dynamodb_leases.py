"""DynamoDB, where the requests of a window are leased to containers. Each window of a caller has an item in the table.

id              the name of the window, with a hash in place of the caller; the partition key
expires         Unix time in seconds, some time after the window ends; the TTL attribute of the table
used            the number of requests in all leases; the last lease can end above the limit, and is then smaller
"""

from typing import Final

from chalicelib.core.access.limit_ports import Lease
from chalicelib.core.web.times import Deadline

from .aws_calls import call
from .dynamodb_table import KEPT_SECONDS, DynamoTable, key, number

_NOT_COUNTED: Final = "The requests cannot be counted now."


class DynamoLeaseTable(DynamoTable):
    """`ports.LeaseTable` in a table."""

    def lease(self, window_id: str, *, size: int, requests: int, ends_at: int, deadline: Deadline) -> Lease:
        """Lease requests by one conditional write; see `ports.LeaseTable.lease`.

        A condition cannot calculate (FACTS 8.26). So each write adds a whole lease, also the last write, and the answer
        tells how many requests were left before it.
        """

        def work() -> Lease:
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=key(window_id),
                    UpdateExpression="SET expires = :expires ADD used :size",
                    ConditionExpression="attribute_not_exists(used) OR used < :requests",
                    ExpressionAttributeValues={
                        ":expires": number(ends_at + KEPT_SECONDS),
                        ":size": number(size),
                        ":requests": number(requests),
                    },
                    ReturnValues="UPDATED_NEW",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return Lease(0, is_last=True)
            used = int(answer["Attributes"]["used"]["N"])  # a proxy's page has no attributes, which is a failure
            return Lease(min(size, requests - (used - size)), is_last=used >= requests)

        return call(deadline, work, otherwise=_NOT_COUNTED)
