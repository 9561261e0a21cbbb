"""GIF files, taken apart: libvips decodes one frame at a time, and `renderer` draws the frames as browsers do.

libnsgif guesses the size of the canvas, and clears with a colour where browsers clear to transparent.
Source: GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt, by section.
"""

import struct
from typing import Final, NamedTuple

from chalicelib.core.web.problems import ImageBroken, ImageTooLarge

from .parts import Parts

_MAX_FRAMES: Final = 500
_BLOCK: Final = 200  # bytes: encoders fill each to 255, but the last of a frame

_NETSCAPE: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_CONTROL: Final = 0xF9
_APPLICATION: Final = 0xFF
_INTERLACED: Final = 0x40  # of an image descriptor (§20)
_NO_CONTROL: Final = b"\0\x0a\0\0"  # of a frame that has none: shown for a tenth of a second

_TRAILER: Final = b"\x3b"
# An empty frame on the whole canvas, clear: libnsgif takes the canvas' size, and that it has alpha, from the first.
_CLEAR: Final = b"\x21\xf9\x04\x01\0\0"  # then the clear index, and 0
_EMPTY_DATA: Final = b"\x02\x02\x44\x01\0"  # LZW of one pixel of the clear colour
EMPTY_FRAMES: Final = 1


class Frame(NamedTuple):
    """One frame.

    Attributes:
        left, top, width, height: pixels on the canvas, which it may exceed.
        is_clear: one of its colours is transparent.
        disposal: what becomes of it before the next one is drawn: 2 clears its place, 3 brings back what was there.
        delay: milliseconds that it is shown.
        screen: a GIF up to this frame, without any other: its colours, and an empty frame.
        image: the frame itself.
    """

    left: int
    top: int
    width: int
    height: int
    is_clear: bool
    disposal: int
    delay: int
    screen: bytes
    image: bytes

    def file(self) -> bytes:
        """Return a GIF of an empty frame and this one."""
        return self.screen + self.image + _TRAILER


class Gif(NamedTuple):
    """All of a GIF.

    Attributes:
        width, height: pixels of the canvas.
        loop: how often it is shown, 0 for ever.
        frames: in order.
    """

    width: int
    height: int
    loop: int
    frames: list[Frame]


def parsed(data: bytes) -> Gif:
    """Take a GIF apart.

    Raises:
        ImageTooLarge: it has more frames or blocks than it may have.
        ImageBroken: it breaks off, or shows nothing.
    """
    try:
        return _Reader(data).read()
    except (IndexError, struct.error):
        raise ImageBroken() from None


class _Reader:
    """Reads a file from its start to its trailer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._parts, self._pieces = Parts(), Parts(len(data) // _BLOCK)
        self._width, self._height, flags = struct.unpack_from("<HHB", data, 6)
        self._place = 13
        self._palette = self._colours(flags)
        self._loop = 1
        self._frames: list[Frame] = []
        self._control = _NO_CONTROL  # flags, delay and clear index, for the next frame (§23)

    def read(self) -> Gif:
        """Return what there is; what comes after something that is no block is not read."""
        while self._place < len(self._data):
            match self._data[self._place]:
                case 0x21:
                    self._read_extension()
                case 0x2C:
                    self._read_frame()
                case _:
                    break
            self._parts.count()
        if not (self._frames and self._width and self._height):
            raise ImageBroken()
        return Gif(self._width, self._height, self._loop, self._frames)

    def _read_extension(self) -> None:
        label = self._data[self._place + 1]
        self._place += 2
        start = self._place
        self._skip_blocks()
        body = self._data[start : min(self._place, start + 16)]
        if label == _CONTROL and body[0] >= 4:
            self._control = body[1:5]
        elif label == _APPLICATION and body[1:12] in _NETSCAPE and body[12:14] == b"\x03\x01":
            repeats = int.from_bytes(body[14:], "little")
            self._loop = repeats + 1 if repeats else 0

    def _read_frame(self) -> None:
        left, top, width, height, flags = struct.unpack_from("<4HB", self._data, self._place + 1)
        self._place += 10
        palette = self._colours(flags) or self._palette
        start = self._place
        self._place += 1
        self._skip_blocks()
        if not self._frames:  # browsers let the first frame enlarge the canvas
            self._width, self._height = max(self._width, left + width), max(self._height, top + height)
        if len(self._frames) == _MAX_FRAMES:
            raise ImageTooLarge(f"The image has more than {_MAX_FRAMES:,} frames.")
        control_flags, delay, clear = struct.unpack("<BHB", self._control)
        is_clear = bool(control_flags & 1)
        descriptor = b"\x2c" + struct.pack("<4HB", left, top, width, height, flags & _INTERLACED)
        self._frames.append(
            Frame(
                *(left, top, width, height),
                is_clear=is_clear,
                disposal=control_flags >> 2 & 7,
                delay=10 * delay,
                screen=self._screen(palette) + (_CLEAR + bytes([clear, 0]) if is_clear else b""),
                image=descriptor + self._data[start : self._place],
            )
        )
        self._control = _NO_CONTROL

    def _screen(self, palette: bytes) -> bytes:
        """The start of a file whose first frame says the size of the canvas; colours that are missing are black."""
        screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x87, 0, 0) + palette.ljust(768, b"\0")
        canvas = b"\x2c" + struct.pack("<4HB", 0, 0, self._width, self._height, 0)
        return screen + _CLEAR + bytes(2) + canvas + _EMPTY_DATA

    def _colours(self, flags: int) -> bytes:
        """Read a table of colours, if there is one."""
        start = self._place
        self._place += 6 << (flags & 7) if flags & 0x80 else 0
        return self._data[start : self._place]

    def _skip_blocks(self) -> None:
        while size := self._data[self._place]:
            self._pieces.count()
            self._place += size + 1
        self._place += 1
