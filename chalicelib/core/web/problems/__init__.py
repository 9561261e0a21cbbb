"""The refusals: every answer of Signpost that is an error, as one tree of exceptions.

Problem
├── BadRequest 400: BadPath, BadParameter, BadHeader
├── Unauthorized 401: CredentialsMissing, CredentialsInvalid, UrlKeyInvalid, CookieInvalid
├── Forbidden, CrossSite, LinkInvalid, Prefetched, SizeNotAllowed, SourceNotAllowed 403
├── NotFound 404
├── MethodNotAllowed 405
├── NotRevocable 409
├── LinkGone 410: LinkExpired, LinkUsedUp, LinkRevoked
├── LengthRequired, SizeRequired 411
├── PreconditionFailed 412
├── PayloadTooLarge, PartTooLarge, ImageTooLarge 413
├── KeyTooLong 414
├── UnsupportedMediaType, NotAnImage 415
├── ImageBroken 422
├── PreconditionRequired, ChecksumRequired, HeaderRequired 428
├── Misconfigured, InternalError 500
├── NotOffered 501
├── SourceFailed 502
└── Unavailable 503

Each class has its status and a stable code. The attributes hold the facts, and `detail` tells the client what to do.
No detail repeats a secret, and no detail shows whether a key exists.

`base` has the refusals that any request can meet; `access`, `uploads` and `images` have the refusals of their subject.
"""

from .access import (
    CookieInvalid as CookieInvalid,
)
from .access import (
    CredentialsInvalid as CredentialsInvalid,
)
from .access import (
    CredentialsMissing as CredentialsMissing,
)
from .access import (
    CrossSite as CrossSite,
)
from .access import (
    Forbidden as Forbidden,
)
from .access import (
    LinkExpired as LinkExpired,
)
from .access import (
    LinkGone as LinkGone,
)
from .access import (
    LinkInvalid as LinkInvalid,
)
from .access import (
    LinkRevoked as LinkRevoked,
)
from .access import (
    LinkUsedUp as LinkUsedUp,
)
from .access import (
    NotRevocable as NotRevocable,
)
from .access import (
    Prefetched as Prefetched,
)
from .access import (
    Unauthorized as Unauthorized,
)
from .access import (
    UrlKeyInvalid as UrlKeyInvalid,
)
from .base import (
    BadHeader as BadHeader,
)
from .base import (
    BadParameter as BadParameter,
)
from .base import (
    BadPath as BadPath,
)
from .base import (
    BadRequest as BadRequest,
)
from .base import (
    InternalError as InternalError,
)
from .base import (
    KeyTooLong as KeyTooLong,
)
from .base import (
    MethodNotAllowed as MethodNotAllowed,
)
from .base import (
    Misconfigured as Misconfigured,
)
from .base import (
    NotFound as NotFound,
)
from .base import (
    NotOffered as NotOffered,
)
from .base import (
    PreconditionFailed as PreconditionFailed,
)
from .base import (
    Problem as Problem,
)
from .base import (
    Unavailable as Unavailable,
)
from .images import (
    ImageBroken as ImageBroken,
)
from .images import (
    ImageTooLarge as ImageTooLarge,
)
from .images import (
    NotAnImage as NotAnImage,
)
from .images import (
    SizeNotAllowed as SizeNotAllowed,
)
from .images import (
    SourceFailed as SourceFailed,
)
from .images import (
    SourceNotAllowed as SourceNotAllowed,
)
from .uploads import (
    ChecksumRequired as ChecksumRequired,
)
from .uploads import (
    HeaderRequired as HeaderRequired,
)
from .uploads import (
    LengthRequired as LengthRequired,
)
from .uploads import (
    PartTooLarge as PartTooLarge,
)
from .uploads import (
    PayloadTooLarge as PayloadTooLarge,
)
from .uploads import (
    PreconditionRequired as PreconditionRequired,
)
from .uploads import (
    SizeRequired as SizeRequired,
)
from .uploads import (
    UnsupportedMediaType as UnsupportedMediaType,
)
