"""A person who follows a page: the commands of the page, in a copy of the project, with only what the page names."""

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from local import embedded_s3

from .aws_account import Account

RULE = r"^# (\[\[rules\]\]\n(?:# .*\n)+)"  # the rule in the shipped settings, which is a comment
FUNCTION = "signpost-dev"  # what `make deploy STAGE=dev` makes
COMMANDS = r"^ *((?:\.venv/bin/python|make) .*)$"  # the commands of ours in a page
MAX_SECONDS = 1800  # of a command; a slow machine needs minutes for the packages of `make setup`


class Newcomer(NamedTuple):
    """A copy of the project, and the environment of a person who follows the page.

    Attributes:
        environ: credentials and a region, and where pip takes packages from.
    """

    folder: Path
    environ: dict[str, str]

    def run(self, command: str) -> str:
        """Run a command of the page, and return the output, errors too."""
        return self._run(command, succeeds=True)

    def refusal(self, command: str) -> str:
        """Run a command that must fail, and return the output. No traceback is printed."""
        printed = self._run(command, succeeds=False)
        assert "Traceback" not in printed
        return printed

    def _run(self, command: str, *, succeeds: bool) -> str:
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MAX_SECONDS,
        )
        assert (done.returncode == 0) == succeeds, (command, done.stdout)
        return done.stdout

    def append_to_settings(self, text: str) -> None:
        """Add text at the end of the settings."""
        with (self.folder / "chalicelib/signpost.toml").open("a") as settings:
            settings.write(text)

    def write_settings(self, new_key: str) -> str:
        """Paste a new key into the shipped settings, with their rule for the key; return the secret.

        Args:
            new_key: the command that makes the key `ci`.
        """
        printed = self.run(f"make setup && {new_key}")
        secret = re.search(r"-u ci:(\S+) URL", printed)
        rule = re.search(RULE, (self.folder / "chalicelib/signpost.toml").read_text(), re.MULTILINE)
        assert secret
        assert rule
        self.append_to_settings(printed[printed.index("[[keys]]") :] + rule[1].replace("# ", ""))
        return secret[1]

    def name_variables(self, variables: dict[str, str]) -> None:
        """Add environment variables to the stages in .chalice/config.json."""
        file = self.folder / ".chalice/config.json"
        config = json.loads(file.read_text())
        for stage in ("dev", "prod"):
            config["stages"][stage]["environment_variables"] |= variables
        file.write_text(json.dumps(config))

    def require(self, requirements: str, pip: dict[str, str]) -> "Newcomer":
        """Write the packages that go into the zip; return the newcomer whose pip finds the packages."""
        (self.folder / "requirements.txt").write_text(requirements)
        (self.folder / ".venv/ready").touch()
        return self._replace(environ=self.environ | pip)


def environ_of(account: Account) -> dict[str, str]:
    """The environment variables that docs/deploy.md names, and the endpoint of the account."""
    return account.environ() | {"AWS_DEFAULT_REGION": embedded_s3.REGION, "AWS_ENDPOINT_URL": account.endpoint}
