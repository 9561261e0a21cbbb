"""Signpost: a private S3 bucket behind clean URLs, with your own access rules."""
