"""Names of principals: the texts `key:ID` and `user:ISSUER:ID`, of which people see the id alone."""


def kind_and_id(name: str) -> tuple[str, str]:
    """Return the kind and the id of a principal: of `user:corp:alice`, these are `user` and `alice`.

    The id can have colons. A name without a colon, such as `anyone`, is a kind without an id.
    """
    kind, _, rest = name.partition(":")
    return kind, rest.partition(":")[2] if kind == "user" else rest
