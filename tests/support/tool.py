"""The administrator's tool, run in this process."""

from typing import NamedTuple

import pytest

from chalicelib.__main__ import main


class Run(NamedTuple):
    """The exit status of the tool, and the texts that the tool printed."""

    status: int | str | None
    out: str
    err: str


class Tool:
    """`python -m chalicelib`, with the environment of the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Run:
        """Run one command."""
        status: int | str | None
        self._capsys.readouterr()  # the log of the service is not the tool's
        try:
            status = main(arguments)
        except SystemExit as error:  # argparse leaves by this exception
            status = error.code
        return Run(status, *self._capsys.readouterr())
