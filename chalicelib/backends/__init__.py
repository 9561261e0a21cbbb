"""The ports of the core, made real. boto3 and its like are imported where they are used."""
