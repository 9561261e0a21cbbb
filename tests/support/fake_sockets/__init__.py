"""A directory for PYTHONPATH: every Python process that has it there lives in `tests.support.fake_internet`."""
