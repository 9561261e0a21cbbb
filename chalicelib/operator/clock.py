"""The clock of this machine, beside the clock of AWS."""

from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Final

from .aws import Aws
from .checks import Fault, NotAsked

_MAX_SECONDS: Final = 60  # S3 refuses a difference of 15 minutes, and a token of an issuer one of 30 seconds


def examine_clock(aws: Aws, clock: Callable[[], float]) -> Iterator[Fault]:
    """Yield a fault where the clocks differ by more than a minute.

    Args:
        aws: its answer to the first call has the time.
        clock: returns the Unix time in seconds.

    Raises:
        NotAsked: the answer of AWS has no time.
    """
    before = clock()
    date = aws.caller.date
    if not date:
        raise NotAsked("the answer of AWS has no time")
    ahead = before - parsedate_to_datetime(date).timestamp()
    if abs(ahead) > _MAX_SECONDS:
        text = (
            f"the clock of this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the clock of AWS"
        )
        yield Fault(text, "sudo timedatectl set-ntp true")
