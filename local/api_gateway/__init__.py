"""The entry points of AWS on this machine: API Gateway's REST API and Lambda's Function URL, each for the same app."""
