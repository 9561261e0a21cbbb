"""A photo for the embedded S3: an evening over hills, made by libvips in a blink."""

import pyvips


def photo() -> bytes:
    """A JPEG of 1,600 by 1,000 pixels."""
    width, height = 1600, 1000
    at = pyvips.Image.xyz(width, height)
    sky = at[1] / 560 * [150, 90, 40] + [60, 50, 110]
    away = ((at[0] - 1100) ** 2 + (at[1] - 430) ** 2) ** 0.5
    glow = (1 - away / 700) * [70, 50, 10]
    lit = (away < 90).ifthenelse([255, 236, 190], sky + (away < 700).ifthenelse(glow, 0))
    for top, wave, colour in ((620, 0.4, [86, 62, 92]), (720, 0.25, [58, 44, 76]), (830, 0.6, [30, 26, 50])):
        lit = (at[1] > (at[0] * wave).sin() * 40 + top).ifthenelse(colour, lit)
    picture = (lit + pyvips.Image.gaussnoise(width, height, mean=0, sigma=4)).cast("uchar").copy(interpretation="srgb")
    body: bytes = picture.jpegsave_buffer(Q=88)
    return body
