"""A directory for PYTHONPATH: what is in it makes any Python process live in the internet of `tests.fake_internet`."""
