"""The words of HTTP: requests, replies, refusals, paths, parameters and times. Nothing here knows access or S3."""
