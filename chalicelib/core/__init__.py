"""The service itself, pure: no I/O, no clock, no environment, nothing but the standard library.

Floors, each importing only those below it: problems, times, views; deadline; signatures, message, paths, trace,
credentials, multipart, images; actions, links, principals; sessions, rules; mounts, uploads; forms, forwarded, cors;
presign; replies, ports; derivatives, listing, own_pages, rendering, sharing, uses; browsing; service, exchange. A test
reads the imports and holds all to that.
"""
