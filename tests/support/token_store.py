"""The old name of the counter of link uses, until every test uses `tests.support.link_use_counter`."""

from .link_use_counter import MemoryLinkUseCounter as Tokens

__all__ = ["Tokens"]
