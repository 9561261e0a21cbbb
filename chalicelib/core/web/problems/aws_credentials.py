"""The refusals of `/-/credentials`.

Problem
└── RuleNotExpressible, PolicyTooLarge, NothingInS3 403
"""

from .base import Problem

_OTHER_WAY = "Use the URLs of this service, which redirect to S3"


class RuleNotExpressible(Problem):
    """A policy of IAM cannot hold the caller to a rule, and the settings do not narrow the access.

    Args:
        number: the number of the rule.
        reason: why, in words that continue "Rule 3".
    """

    status, title, code = 403, "Forbidden", "rule-not-expressible"

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(
            f"AWS keys cannot hold you to the rules here: rule {number} {reason}. {_OTHER_WAY}, or ask for a narrower "
            "service token, or ask the administrator to set narrow = true in [credentials], which leaves such "
            "access out."
        )
        self.number = number


class PolicyTooLarge(Problem):
    """The policy that holds the caller to the rules is larger than STS takes."""

    status, title, code = 403, "Forbidden", "policy-too-large"

    def __init__(self) -> None:
        super().__init__(
            "The rules that decide about you do not fit into the policy of AWS keys, which has at most 2,048 "
            f"characters and a limit on its packed size. {_OTHER_WAY}, or make a service token for one directory."
        )


class NothingInS3(Problem):
    """The rules give the caller nothing that AWS keys can open."""

    status, title, code = 403, "Forbidden", "nothing-in-s3"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The rules give you nothing that AWS keys could open in the store of {path}. Use other credentials, or "
            "name another mount: ?mount=/PATH."
        )
