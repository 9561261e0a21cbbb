"""docs/tokens.md: its commands run unchanged and in order, with a token of a running Signpost."""

import json
import sys
from pathlib import Path

from tests.contract.sites import Site, Store
from tests.contract.test_service_tokens import Person

from .test_docs import blocks, run


def test_the_commands_list_upload_and_read_with_the_token(site: Site, store: Store, tmp_path: Path) -> None:
    (tmp_path / "q3.pdf").write_bytes(b"the report")
    made = Person(site).make(path="/reports/", actions=["read", "list", "write"])
    (example,) = blocks("tokens.md", "json")
    assert json.loads(example).keys() == made.keys()
    commands = "\n".join(blocks("tokens.md", "sh")).replace("machine files.example.com", "machine localhost")
    assert made["netrc"] in commands.replace("$TOKEN", made["token"])
    setup = f"export HOME={tmp_path} TOKEN={made['token']}\n"
    printed = run(site, ["bash", "-ec", setup + commands.replace("curl ", "curl --fail -sS ")], tmp_path)
    assert '"path": "/reports/"' in printed
    stored = store.client().get_object(Bucket=store.bucket, Key="tenant/reports/q3.pdf")["Body"].read()
    assert [stored, (tmp_path / "copy.pdf").read_bytes()] == [b"the report"] * 2
    (program,) = blocks("tokens.md", "python")
    home = f"import os; os.environ['HOME'] = {str(tmp_path)!r}\n"
    assert run(site, [sys.executable, "-c", home + program], tmp_path) == "10\n"
