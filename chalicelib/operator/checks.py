"""Checks and their faults. Every check runs, whatever the other checks find."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from chalicelib.backends.aws_calls import unavailable
from chalicelib.core.web.problems.base import Unavailable

from .aws import AwsCall, code_of

NO_BUCKET: Final = ("NoSuchBucket", "404")
_SKIPPED: Final = {
    **dict.fromkeys(NO_BUCKET, "there is no bucket"),  # a check of its own reports this fault
    "NotImplemented": "the store cannot tell",
}


class Fault(NamedTuple):
    """What is wrong, and how to repair it.

    Attributes:
        text: what is wrong.
        repair: the call that repairs the fault; otherwise a command, or the line to write into the settings.
    """

    text: str
    repair: AwsCall | str

    @property
    def command(self) -> str:
        """The repair, as a text for a shell."""
        return self.repair if isinstance(self.repair, str) else self.repair.command()


class NotAsked(Exception):
    """A check cannot be made here, and this is no fault."""


class Check(NamedTuple):
    """One check.

    Attributes:
        subject: what the check is about.
        examine: returns the faults; raises NotAsked, or any other exception where AWS cannot be asked.
    """

    subject: str
    examine: Callable[[], Iterable[Fault]]


class Outcome(NamedTuple):
    """The result of a check.

    Attributes:
        subject: of the check.
        faults: what is wrong now.
        skipped: why the check was not made; empty for a check that was made.
        repaired: what was wrong, and is repaired.
    """

    subject: str
    faults: tuple[Fault, ...]
    skipped: str = ""
    repaired: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the outcome for people: a line for each fault, and the command below the line."""
        if self.skipped:
            yield f"skip   {self.subject}: {self.skipped}"
        elif not self.faults and not self.repaired:
            yield f"ok     {self.subject}"
        yield from (f"done   {self.subject}: {text}" for text in self.repaired)
        for fault in self.faults:
            yield f"fault  {self.subject}: {fault.text}"
            yield from (f"       {line}" for line in fault.command.splitlines())


def outcomes(checks: Iterable[Check]) -> Iterator[Outcome]:
    """Make all checks, one after the other, and yield the outcome of each. No exception of a check escapes."""
    for check in checks:
        faults: list[Fault] = []
        skipped = ""
        try:
            for fault in check.examine():
                faults.append(fault)  # not `extend`: the faults before an exception count
        except NotAsked as reason:
            skipped = str(reason)
        except Exception as error:
            skipped = _SKIPPED.get(code_of(error), "")
            if not skipped:
                faults.append(_not_answered(error))
        yield Outcome(check.subject, tuple(faults), skipped)


def _not_answered(error: Exception) -> Fault:
    text = f"cannot be checked: {reason_of(error)}; ask with credentials that may, and look who asks:"
    return Fault(text, "aws sts get-caller-identity")


def reason_of(error: Exception) -> str:
    """Return why AWS did not do what was asked, without the message of the error, because it could hold a secret."""
    reason = error.reason if isinstance(error, Unavailable) else unavailable("", error).reason
    return reason or type(error).__name__
