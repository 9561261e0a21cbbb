"""The refusals of images: the size, the source, or the image itself.

Problem
├── SizeNotAllowed, SourceNotAllowed 403
├── ImageTooLarge 413
├── NotAnImage 415
├── ImageBroken 422
└── SourceFailed 502
"""

from collections.abc import Sequence

from .base import Problem


class SizeNotAllowed(Problem):
    """The rule lists the sizes of images, and the request asks for another size."""

    status, title, code = 403, "Forbidden", "size-not-allowed"

    def __init__(self, sizes: Sequence[str]) -> None:
        super().__init__(
            f"Images here have only the sizes {', '.join(sizes)}, in the usual quality. "
            "Ask for one of these sizes, without ?q."
        )
        self.sizes = tuple(sizes)


class SourceNotAllowed(Problem):
    """The service does not fetch images from this URL."""

    status, title, code = 403, "Forbidden", "source-not-allowed"

    def __init__(self) -> None:
        super().__init__(
            "Images are fetched by HTTPS, and from hosts that the administrator has listed. "
            "Use such a URL, or ask for the host to be added."
        )


class ImageTooLarge(Problem):
    """An image has too many bytes, pixels or frames, or takes too long to render; `cause` names the limit."""

    status, title, code = 413, "Content Too Large", "image-too-large"

    def __init__(self, cause: str) -> None:
        super().__init__(f"{cause} Use a smaller image, or ask for a smaller size.")
        self.cause = cause


class NotAnImage(Problem):
    """The bytes are not an image that the service reads, whatever the name of the file is; `cause` names the reason."""

    status, title, code = 415, "Unsupported Media Type", "not-an-image"

    def __init__(self, cause: str = "This is not a JPEG, PNG, WebP, AVIF or GIF image. Send such an image") -> None:
        super().__init__(f"{cause}, or read the file without ?w and ?h.")


class ImageBroken(Problem):
    """An image of a kind that the service reads ends too early, or contradicts itself."""

    status, title, code = 422, "Unprocessable Content", "image-broken"

    def __init__(self) -> None:
        super().__init__("The image is damaged and cannot be shown. Send the original file again.")


class SourceFailed(Problem):
    """The site of the image does not send the image; `cause` describes the answer of the site."""

    status, title, code = 502, "Bad Gateway", "source-failed"

    def __init__(self, cause: str) -> None:
        super().__init__(f"{cause} Open the URL yourself to see the answer of the site.")
        self.cause = cause
