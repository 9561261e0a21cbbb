"""The parts that an image file is made of, counted: each costs time, however small it is."""

from typing import Final

from chalicelib.core.web.problems import ImageTooLarge

_MAX_PARTS: Final = 20_000  # chunks, segments, boxes or units: many times what any encoder writes


class Parts:
    """Counts the parts of one file.

    Args:
        more: how many it may have besides, because of its size.
    """

    def __init__(self, more: int = 0) -> None:
        self._left = _MAX_PARTS + more

    def count(self) -> None:
        """Count one more; raise ImageTooLarge where it is one too many."""
        self._left -= 1
        if self._left < 0:
            raise ImageTooLarge("The image has more parts than any encoder makes of its size.")
