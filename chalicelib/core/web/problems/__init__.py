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
