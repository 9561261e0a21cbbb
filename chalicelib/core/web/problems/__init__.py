"""The refusals: every answer of Signpost that is an error, as one tree of exceptions below `base.Problem`.

Each class has its status and a stable code. The attributes hold the facts, and `detail` tells the client what to do.
No detail repeats a secret, and no detail shows whether a key exists.

`base` has the refusals that any request can meet; `access`, `uploads` and `images` have the refusals of their subject.
"""
