"""libvips, loaded by the first image: only five loaders can run, nothing is kept or logged, and work can be stopped."""

import logging
from functools import cache
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyvips

# The media types that are read, with libvips' loader for each.
LOADERS: Final = {
    "image/jpeg": "VipsForeignLoadJpeg",
    "image/png": "VipsForeignLoadPng",
    "image/webp": "VipsForeignLoadWebp",
    "image/avif": "VipsForeignLoadHeif",
    "image/gif": "VipsForeignLoadNsgif",
}


@cache
def load() -> ModuleType:
    """Load libvips, and block every loader except the five loaders of `LOADERS`."""
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # pyvips logs its arguments, and the image is one of them
    import pyvips

    # A warning of libvips may quote the image too. Where the quote is not UTF-8, pyvips' own listener fails.
    pyvips.ffi.def_extern("_log_handler_callback")(lambda *_: None)
    pyvips.cache_set_max(0)  # the cache would keep images of one request for the next request
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in LOADERS.values():
        pyvips.operation_block_set(loader, False)
    module: ModuleType = pyvips
    return module


def field(image: "pyvips.Image", name: str, default: int) -> int:
    """Return a number of the image's metadata, or the default if the image has no such number."""
    return int(image.get(name)) if image.get_typeof(name) else default


def error_text() -> bytes:
    """Return what libvips and its decoders have reported since `clear_errors`."""
    vips = load()
    text: bytes = vips.ffi.string(vips.vips_lib.vips_error_buffer())
    return text


def clear_errors() -> None:
    """Empty the error buffer.

    pyvips decodes the buffer as UTF-8. Bytes that are not UTF-8 would stay there, and every later error would fail too.
    """
    load().vips_lib.vips_error_clear()


def in_memory(image: "pyvips.Image", ends_at: float) -> "pyvips.Image":
    """Return the image with all its pixels computed.

    Args:
        image: not yet computed.
        ends_at: when to give up, in seconds of `time.monotonic`.

    Raises:
        TimeoutError, pyvips.Error: the time is over.
    """
    if monotonic() > ends_at:
        raise TimeoutError
    return stoppable(image, ends_at).copy_memory()


def stoppable(image: "pyvips.Image", ends_at: float) -> "pyvips.Image":
    """Return the image, whose computation libvips will stop at `ends_at`, in seconds of `time.monotonic`."""

    def stop_late_work(progressing: "pyvips.Image", _: Any) -> None:
        if monotonic() > ends_at:
            progressing.set_kill(True)

    image.set_progress(True)
    image.signal_connect("eval", stop_late_work)
    return image
