"""GIF files, split into their frames: `animation` has libvips decode one frame at a time, and draws the frames.

Source: GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt, by section.
"""

import struct
from typing import Final, NamedTuple

from chalicelib.core.web.problems.images import ImageBroken

from .limits import PartCounter, check_frames

_MIN_BLOCK_BYTES: Final = 200  # on average: encoders fill every block to 255 bytes, except the last block of a frame
_PALETTE_BYTES: Final = 768  # 256 colours

_TRAILER: Final = b"\x3b"
_CONTROL: Final = 0xF9
_APPLICATION: Final = 0xFF
_LOOPS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # the applications whose extension holds a loop count
_INTERLACED: Final = 0x40  # a flag of an image descriptor (§20)
_NO_CONTROL: Final = b"\0\x0a\0\0"  # for a frame without a control extension: shown for a tenth of a second

# An empty, transparent frame as large as the canvas: libnsgif takes the size and the alpha of the canvas from
# the first frame.
_TRANSPARENT_CONTROL: Final = b"\x21\xf9\x04\x01\0\0"  # the index of the transparent colour and 0 follow
_EMPTY_DATA: Final = b"\x02\x02\x44\x01\0"  # one pixel of the transparent colour, in LZW
FRAME_PAGE: Final = 1  # in the file of a frame: page 0 is the empty frame


class Frame(NamedTuple):
    """One frame.

    Attributes:
        left, top, width, height: pixels on the canvas. A frame may be larger than the canvas.
        is_clear: one of its colours is transparent.
        disposal: what to do after the frame was shown: 2 clears its place, 3 restores the canvas from before the frame.
        delay: how long to show the frame, in milliseconds.
        head: the start of a GIF that holds this frame only: colours, and an empty frame.
        image: descriptor and pixels of the frame.
    """

    left: int
    top: int
    width: int
    height: int
    is_clear: bool
    disposal: int
    delay: int
    head: bytes
    image: bytes

    def file(self) -> bytes:
        """Return a GIF of an empty frame and this frame."""
        return self.head + self.image + _TRAILER


class Gif(NamedTuple):
    """A whole GIF.

    Attributes:
        width, height: pixels of the canvas.
        loop: how often to show the animation, 0 for ever.
        frames: in order.
    """

    width: int
    height: int
    loop: int
    frames: list[Frame]


def parse(data: bytes) -> Gif:
    """Split a GIF into its frames.

    Raises:
        ImageTooLarge: too many frames or blocks.
        ImageBroken: the file is incomplete, or shows nothing.
    """
    try:
        return _Reader(data).read()
    except (IndexError, struct.error):
        raise ImageBroken() from None


class _Reader:
    """Reads a file from its start to its trailer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts, self._blocks = PartCounter(), PartCounter(len(data) // _MIN_BLOCK_BYTES)
        self._width, self._height, flags = struct.unpack_from("<HHB", data, 6)
        self._position = 13
        self._palette = self._read_palette(flags)
        self._loop = 1
        self._frames: list[Frame] = []
        self._control = _NO_CONTROL  # flags, delay and transparent index, for the next frame (§23)

    def read(self) -> Gif:
        """Return the GIF; bytes after the first unknown block are not read."""
        while self._position < len(self._data):
            match self._data[self._position]:
                case 0x21:  # an extension (§23 to §26)
                    self._read_extension()
                case 0x2C:  # an image descriptor (§20)
                    self._read_frame()
                case _:
                    break
            self._parts.count()
        if not (self._frames and self._width and self._height):
            raise ImageBroken()
        return Gif(self._width, self._height, self._loop, self._frames)

    def _read_extension(self) -> None:
        label = self._data[self._position + 1]
        self._position += 2
        start = self._position
        self._skip_blocks()
        body = self._data[start : min(self._position, start + 16)]
        if label == _CONTROL and body[0] >= 4:
            self._control = body[1:5]
        elif label == _APPLICATION and body[1:12] in _LOOPS and body[12:14] == b"\x03\x01":
            repeats = int.from_bytes(body[14:], "little")
            self._loop = repeats + 1 if repeats else 0

    def _read_frame(self) -> None:
        left, top, width, height, flags = struct.unpack_from("<4HB", self._data, self._position + 1)
        self._position += 10
        palette = self._read_palette(flags) or self._palette
        start = self._position
        self._position += 1
        self._skip_blocks()
        if not self._frames:  # browsers let the first frame enlarge the canvas
            self._width, self._height = max(self._width, left + width), max(self._height, top + height)
        check_frames(len(self._frames) + 1)
        control_flags, delay, transparent_index = struct.unpack("<BHB", self._control)
        is_clear = bool(control_flags & 1)
        descriptor = b"\x2c" + struct.pack("<4HB", left, top, width, height, flags & _INTERLACED)
        self._frames.append(
            Frame(
                *(left, top, width, height),
                is_clear=is_clear,
                disposal=control_flags >> 2 & 7,
                delay=10 * delay,
                head=self._head(palette) + (_TRANSPARENT_CONTROL + bytes([transparent_index, 0]) if is_clear else b""),
                image=descriptor + self._data[start : self._position],
            )
        )
        self._control = _NO_CONTROL

    def _head(self, palette: bytes) -> bytes:
        """The start of a file whose first frame has the size of the canvas; colours that are missing are black."""
        screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x87, 0, 0) + palette.ljust(_PALETTE_BYTES, b"\0")
        canvas = b"\x2c" + struct.pack("<4HB", 0, 0, self._width, self._height, 0)
        return screen + _TRANSPARENT_CONTROL + bytes(2) + canvas + _EMPTY_DATA

    def _read_palette(self, flags: int) -> bytes:
        """Read a table of colours; empty if the flags say that there is none."""
        start = self._position
        self._position += 6 << (flags & 7) if flags & 0x80 else 0
        return self._data[start : self._position]

    def _skip_blocks(self) -> None:
        while size := self._data[self._position]:
            self._blocks.count()
            self._position += size + 1
        self._position += 1
