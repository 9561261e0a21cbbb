"""The service itself, pure: no I/O, no clock, no environment, and nothing but the standard library.

The layers, from the lowest: `web`, `access`, `s3`, `replies` and `ports`, `link_uses`, `features`, `service`,
`application`. Each layer imports only lower layers; `make lint` checks the imports.
"""
