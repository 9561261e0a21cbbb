"""S3: mounts, signatures, and the parameters and headers that are signed. Nothing is signed without a Grant."""
