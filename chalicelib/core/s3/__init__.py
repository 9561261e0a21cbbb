"""S3: where the keys are, and what is signed for S3. Nothing is signed without a Grant."""
