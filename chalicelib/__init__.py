"""Signpost: a private S3 bucket behind clean URLs, with your own access rules."""

__version__ = "0.1.0"
"""The version under work; its section is the first of CHANGELOG.md."""
