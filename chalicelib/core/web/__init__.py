"""HTTP: requests, replies, refusals, paths, parameters and times. No module here imports access or S3."""
