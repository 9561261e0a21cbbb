"""The table that counts the uses of links: whether it is there, takes items, and lets old items expire."""

from collections.abc import Iterator
from typing import Final

from .aws import Aws, AwsCall, read
from .checks import Fault, NotAsked

# As `backends.dynamodb` reads and writes the table.
_KEY: Final = {"AttributeName": "id", "KeyType": "HASH"}
_ATTRIBUTE: Final = {"AttributeName": "id", "AttributeType": "S"}
_EXPIRES: Final = "expires"


def examine_table(aws: Aws, table: str | None) -> Iterator[Fault]:
    """Yield a fault unless the table has the right key and is active.

    Raises:
        NotAsked: the environment names no table.
    """
    if table is None:
        raise NotAsked("no table is named, so no link with a number of uses can be made")
    answer = read(aws.client("dynamodb"), "describe_table", "ResourceNotFoundException", TableName=table)
    if answer is None:
        yield Fault("there is no such table", _create(aws, table))
        return
    description = answer["Table"]
    if description["KeySchema"] != [_KEY] or _ATTRIBUTE not in description["AttributeDefinitions"]:
        text = f"has another key than the text `id`; make a table {table}-links, and name it in the environment"
        yield Fault(text, _create(aws, f"{table}-links").command())
    if description["TableStatus"] not in ("ACTIVE", "UPDATING"):
        text = f"is {description['TableStatus']}; wait until the table takes items"
        yield Fault(text, f"aws dynamodb wait table-exists --table-name {table} --region {aws.region}")


def examine_ttl(aws: Aws, table: str | None) -> Iterator[Fault]:
    """Yield a fault unless DynamoDB deletes the items that have expired.

    Raises:
        NotAsked: there is no table.
    """
    if table is None:
        raise NotAsked("no table is named")
    dynamodb = aws.client("dynamodb")
    if read(dynamodb, "describe_table", "ResourceNotFoundException", TableName=table) is None:
        raise NotAsked("there is no table")  # a check of its own reports this fault
    now = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    attribute, is_on = now.get("AttributeName"), now["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    turn_on = _set_ttl(aws, table, _EXPIRES, True)
    if not is_on:
        yield Fault("expired items stay, and cost money, for ever", turn_on)
    elif attribute != _EXPIRES:
        commands = _set_ttl(aws, table, str(attribute), False).command(), turn_on.command()
        yield Fault(f"TTL is on {attribute}, not {_EXPIRES}; AWS lets you change it once an hour", "\n".join(commands))


def _create(aws: Aws, table: str) -> AwsCall:
    parameters = {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [_ATTRIBUTE],
        "KeySchema": [_KEY],
    }
    return AwsCall("dynamodb", "create_table", parameters, aws.region)


def _set_ttl(aws: Aws, table: str, attribute: str, enabled: bool) -> AwsCall:
    specification = {"AttributeName": attribute, "Enabled": enabled}
    parameters = {"TableName": table, "TimeToLiveSpecification": specification}
    return AwsCall("dynamodb", "update_time_to_live", parameters, aws.region)
