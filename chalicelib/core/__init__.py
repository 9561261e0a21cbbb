"""The service itself, pure: no I/O, no clock, no environment, nothing but the standard library.

Floors, each importing only those below it: problems; message, paths, trace, credentials; principals; rules; mounts;
presign, forwarded, uploads, cors; replies, ports; service, exchange. A test reads the imports and holds all to that.
"""
