"""The service itself, pure: no I/O, no clock, no environment, nothing but the standard library.

Floors, each importing only those below it: problems, signatures, views; message, paths, trace, credentials; links,
principals; sessions, rules; mounts, uploads; presign, forwarded, cors; replies, ports; listing, sharing, own_pages;
browsing; service, exchange. A test reads the imports and holds all to that.
"""
