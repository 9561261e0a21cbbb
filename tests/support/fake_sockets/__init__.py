"""A directory for PYTHONPATH: every Python process with this directory there lives in `tests.support.fake_internet`."""
