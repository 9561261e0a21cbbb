"""Visible text: characters that a person cannot see, or that change the order of other characters, as their codes."""

import re
from typing import Final

# Control characters, the separators of lines, and all of Bidi_Control (Unicode Standard Annex #9 §2.7, PropList.txt).
# With U+202E in it, `annexe\u202egpj.exe` looks like `annexeexe.jpg`. Joiners (U+200C, U+200D) are parts of words.
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def visible(text: str) -> str:
    """Return a text with `[U+202E]` in place of each control character; `words.js` writes names in the same form."""
    return text if text.isprintable() else _UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)
