"""The backends implement the ports of the core. boto3 and other large packages are imported where they are used."""
