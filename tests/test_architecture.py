"""The rules of the architecture, read from the source: imports, makers of values, and the cost of the import."""

import ast
import builtins
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from chalicelib.backends.issuer_snapshot import KeySet, source_of
from chalicelib.core.access.issuers import Issuer
from chalicelib.issuer_snapshots import write_snapshot

from .support.builders import Event, basic, rest_event, url_event
from .support.cdn_key import pem
from .support.token_issuer import AUDIENCE, CLAIMS, ISSUER, keys, token

ROOT = Path(__file__).parent.parent
APP = ROOT / "app.py"
PACKAGE = sorted((ROOT / "chalicelib").rglob("*.py"))
CORE, EVENTS, BACKENDS = "chalicelib.core", "chalicelib.events", "chalicelib.backends"

# To load one of these modules takes longer than a redirect.
HEAVY = {"boto3", "botocore", "jinja2", "jwt", "cryptography", "PIL", "pyvips", "moto"}

# Modules that only a service with issuers needs.
IDENTITY = {
    *(
        f"chalicelib.backends.{name}"
        for name in ("fetched_value", "issuer_keys", "issuer_snapshot", "token_signatures")
    ),
    *(f"chalicelib.core.access.{name}" for name in ("issuer_claims", "issuer_keys", "issuer_ports", "issuer_tokens")),
    *(f"chalicelib.core.access.{name}" for name in ("issuers", "jwt", "revocations", "strict_json")),
    *(f"chalicelib.settings.{name}" for name in ("issuers", "people", "revoked", "world_issuers")),
}

# Modules that no redirect needs, and that would make every cold start longer.
BEYOND = {
    *(
        f"chalicelib.backends.{name}"
        for name in ("s3", "templates", "dynamodb", "dynamodb_table", "images.renderer", "images.web_images")
    ),
    *(f"chalicelib.core.features.{name}" for name in ("assets", "derived_images", "directories", "directory_listing")),
    *(
        f"chalicelib.core.features.{name}"
        for name in (
            "directory_pages",
            "forms",
            "git_lfs",
            "home_pages",
            "image_endpoints",
            "inbox_forms",
            "links",
            "received_page",
            "upload_batches",
        )
    ),
    *(f"chalicelib.core.features.directory_{name}" for name in ("cursors", "navigation", "selection", "walk")),
    *(f"chalicelib.core.features.{name}" for name in ("resize_links", "stored_images")),
    *(f"chalicelib.core.features.{name}" for name in ("links_page", "provider_sign_in", "sign_in", "token_page")),
    *("chalicelib.backends.cursors", "chalicelib.core.access.reach", "chalicelib.core.access.resize_tokens"),
    *("chalicelib.core.features.cdn_cookies", "chalicelib.core.web.json_body"),
    *(f"chalicelib.core.{name}" for name in ("ports", "s3.post_policy", "web.page_views")),
    *(f"chalicelib.core.{name}" for name in ("link_uses", "web.image_parameters", "web.problems.images")),
    *(f"chalicelib.core.access.{name}" for name in ("client_address", "link_tokens", "makers", "sessions")),
    *(f"chalicelib.core.access.{name}" for name in ("revocations", "service_tokens", "sign_in_states", "sign_ins")),
    *(
        f"chalicelib.backends.{name}"
        for name in ("aws_calls", "bounded", "bounded_https", "dynamodb_leases", "dynamodb_links")
    ),
    *(f"chalicelib.core.{name}" for name in ("access.limits", "access.limit_ports", "request_limits")),
    *("chalicelib.core.web.byte_ranges", "chalicelib.core.web.compression", "chalicelib.settings.limits"),
    *(f"chalicelib.backends.{name}" for name in ("issuer_fetch", "issuer_https", "openid_providers")),
}


def name_of(file: Path) -> str:
    """The dotted name of a module."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# The names that core may use: modules that only compute, single names of other modules, and built-in functions.
PURE = {"base64", "binascii", "collections", "functools", "hashlib", "hmac", "ipaddress", "json", "re", "string"}
PURE |= {"types", "typing", "unicodedata", "zlib"}
OF_OTHERS = {"contextlib", "contextlib.suppress", "time", "time.gmtime", "time.strftime", "urllib.parse"}
OF_OTHERS |= {"xml.sax.saxutils", "xml.sax.saxutils.escape"}
OF_OTHERS |= {f"urllib.parse.{name}" for name in ("parse_qs", "quote", "unquote_to_bytes", "urlencode", "urlsplit")}
BUILTINS = """
    Exception BaseException RecursionError UnicodeError ValueError abs all any ascii bool bytes chr dict enumerate
    filter float format frozenset id int isinstance iter len list map max min next ord object property range reversed
    round set sorted str sum super tuple type zip __name__
"""


MODULES = {name_of(file) for file in (*PACKAGE, APP)}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imported(file: Path, nodes: Iterator[ast.AST] | None = None) -> set[str]:
    """The full names of the modules that a file imports, at any place in the file."""
    package = name_of(file) if file.name == "__init__.py" else name_of(file).rpartition(".")[0]
    found: set[str] = set()
    for node in nodes or ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= names & MODULES or {base}
    return found


def ours(file: Path) -> set[str]:
    """The modules of the service itself that a file imports."""
    return {name for name in imported(file) if name.startswith(("chalicelib", "app", "local", "tests"))}


def calls(file: Path, name: str) -> list[int]:
    """The lines that call a name, as `Name(…)` or `module.Name(…)`."""
    return [
        node.lineno
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == name)
            or (isinstance(node.func, ast.Attribute) and node.func.attr == name)
        )
    ]


def taken(module: ast.Module) -> set[str]:
    """The names that a module takes from Python: `module`, `module.name`, and `module.*` for a passed module."""
    known: dict[str, str] = {}
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            known |= {alias.asname or alias.name.split(".")[0]: alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {str(node.module), *names.values()}
            known |= names
    modules = {name for name, full in known.items() if full in found}
    inside: set[int] = set()
    for node in ast.walk(module):  # outer nodes first: an attribute comes before its object
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known:
            found.add(f"{known[node.value.id]}.{node.attr}")
            inside.add(id(node.value))
        elif isinstance(node, ast.Name) and node.id in modules and known[node.id] in sys.stdlib_module_names:
            found |= set() if id(node) in inside else {f"{known[node.id]}.*"}
    return found


def more_than_computing(module: ast.Module) -> set[str]:
    """The names that a module takes from Python, and that core must not use."""
    found = {name for name in taken(module) if name.split(".")[0] not in {*PURE, "chalicelib"}} - OF_OTHERS
    found |= {node.id for node in ast.walk(module) if isinstance(node, ast.Name)} & {*dir(builtins)} - {
        *BUILTINS.split()
    }
    least = {"gmtime": 1, "strftime": 2}  # with fewer arguments they read the clock
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return found | {one.func.attr for one in calls if len(one.args) < least.get(one.func.attr, 0)}  # type: ignore[attr-defined]


def in_package(prefix: str) -> list[Path]:
    return [file for file in PACKAGE if name_of(file).startswith(f"{prefix}.")]


@pytest.mark.parametrize("file", in_package(CORE), ids=name_of)
def test_core_takes_from_python_only_what_computes(file: Path) -> None:
    """So no module of core opens a file or a connection, or reads the time, random numbers or the environment."""
    assert more_than_computing(tree(file)) == set()


def test_the_check_of_core_finds_every_form_of_use() -> None:
    forms = """
        import time; time.time()|import time as t; t.time()|from time import time|from time import time as t
        from time import *|import time; clock = time|import time; getattr(time, "time")()|import time; time.gmtime()
        import time; time.strftime("%Y")|from datetime import datetime; datetime.now()|import traceback|import linecache
        open("a")|read = open|import io|from pathlib import Path|import os; os.environ|from os import urandom
        import random|import secrets|import importlib|__import__("time")|eval("1")|def f(): from time import time
        import urllib.request|from urllib.request import urlopen|from urllib import request|import email.utils
    """
    seen = [form for line in forms.strip().splitlines() for form in line.strip().split("|")]
    assert [form for form in seen if not more_than_computing(ast.parse(form))] == []


def test_app_imports_only_chalice_events_and_bootstrap() -> None:
    allowed = {
        "typing",
        "chalice.app",
        "chalicelib.bootstrap",
        "chalicelib.events.rest_api",
        "chalicelib.events.function_url",
        "local.api_gateway",
        "local.api_gateway.rest_api",
    }
    assert imported(APP) <= allowed


@pytest.mark.parametrize("file", [*PACKAGE, APP], ids=name_of)
def test_nothing_heavy_is_imported_with_the_module(file: Path) -> None:
    at_import = (node for node in tree(file).body if isinstance(node, ast.Import | ast.ImportFrom))
    assert not {name.split(".")[0] for name in imported(file, at_import)} & HEAVY


@pytest.mark.parametrize("file", [*PACKAGE, APP], ids=name_of)
def test_only_the_top_reads_the_environment_and_the_clock(file: Path) -> None:
    """All other modules use only parts of `os`, `time` and `datetime` that do not read the environment or the clock."""
    allowed = {"os", "os.path", "os.pardir", "os.listdir", "os.urandom", "os.PathLike", "datetime", "time"}
    allowed |= {f"time.{name}" for name in ("gmtime", "strftime", "monotonic")}
    allowed |= {f"datetime.{name}" for name in ("UTC", "datetime", "datetime.fromisoformat")}
    allowed |= {
        "chalicelib.environment": {"os.environ"},
        "chalicelib.bootstrap": {"time.time"},
        "chalicelib.__main__": {"time.time", "time.sleep"},
    }.get(name_of(file), set())
    assert {name for name in taken(tree(file)) if name.split(".")[0] in ("os", "time", "datetime")} <= allowed


def test_only_environment_names_environment_variables() -> None:
    files = [*PACKAGE, APP]
    texts = {name_of(file): "".join(re.findall(r"\b(?:AWS|SIGNPOST)_[A-Z_]+", file.read_text())) for file in files}
    assert {name for name, text in texts.items() if text} == {"chalicelib.environment"}


@pytest.mark.parametrize(("name", "maker"), [("Grant", "access.rules"), ("Target", "s3.mounts"), ("Path", "web.paths")])
def test_only_one_module_makes_a(name: str, maker: str) -> None:
    """Nothing is signed without a Grant and a Target, and only decoded paths are authorised."""
    files = [*in_package(CORE), *in_package(EVENTS), *in_package(BACKENDS), APP]  # elsewhere Path is pathlib's
    assert {name_of(file) for file in files if calls(file, name)} == {f"{CORE}.{maker}"}


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """The public functions and classes of a module or class, and the public members of these classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            yield from public(node.body) if isinstance(node, ast.ClassDef) else ()


@pytest.mark.parametrize("file", [*PACKAGE, APP], ids=name_of)
def test_everything_public_has_a_docstring(file: Path) -> None:
    assert ast.get_docstring(tree(file))
    assert [node.name for node in public(tree(file).body) if not ast.get_docstring(node)] == []


def sources() -> Iterator[Path]:
    """All text files of the project, without files of others."""
    made = {".git", *(file.name for file in ROOT.glob(".venv*")), ".hypothesis", ".local", "deployments", "deployed"}
    for top in ROOT.iterdir():
        for file in top.rglob("*") if top.is_dir() and top.name not in made else [top]:
            kept = file.is_file() and not made & set(file.parts) and "cache" not in str(file.relative_to(ROOT))
            if kept and file.suffix in {"", ".py", ".toml", ".txt", ".md", ".json", ".yml", ".sh"}:
                yield file


def test_no_file_names_the_machine_of_its_author() -> None:
    places = "|".join(("work", "root", "home", "Users"))
    machine = re.compile(rf"(?<![\w.*:/}}-])/(?:{places})/\w")
    assert [file.name for file in sources() if machine.search(file.read_text("utf-8"))] == []


def fresh(code: str, **environment: str) -> dict[str, object]:
    """Run code in a new interpreter with only this environment, and return its output as JSON."""
    environment |= {"PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


BUILT = """
import app, json
from chalicelib import bootstrap
built = bootstrap.application.cache_info().currsize
print(json.dumps({"built": built, "status": app.app(EVENT, None)["statusCode"]}))
"""


def test_the_import_builds_the_application_on_lambda_alone_and_mistakes_in_settings_do_not_stop_it() -> None:
    """`chalice deploy` imports the app on machines that have no settings."""
    code = BUILT.replace("EVENT", repr(rest_event()))
    assert fresh(code) == {"built": 0, "status": 500}
    assert fresh(code, AWS_LAMBDA_FUNCTION_NAME="signpost") == {"built": 1, "status": 500}


ANSWER = """
import json, sys
connected = []
names = ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen")
sys.addaudithook(lambda event, details: connected.append(event) if event in names else None)
import app
imported = set(sys.modules)
status = [
    app.app(EVENTS[0], None)["statusCode"],
    app.function_url(EVENTS[1], None)["statusCode"],
]
late = sorted(set(sys.modules) - imported)
print(json.dumps({"status": status, "connected": connected, "loaded": sorted(sys.modules), "late": late}))
"""


# The deny rule makes the service look for rules that can never match.
SETTINGS = """
[[mounts]]
path = "/"
bucket = "acme"
[[rules]]
path = "/closed/**"
deny = ["read"]
to = ["anyone"]
[[rules]]
path = "/**"
allow = ["read"]
to = ["{to}"]
"""


def redirect(file: Path, *fields: tuple[str, str], before: str = "") -> dict[str, set[str]]:
    """Redirect at both entry points in a fresh process; return the modules that it loaded, and its connections."""
    return answer(file, [rest_event(headers=fields), url_event(headers=fields)], 307, before)


def answer(file: Path, events: list[Event], status: int, before: str = "") -> dict[str, set[str]]:
    """Answer two events in a fresh process; return the modules that it loaded, and its connections."""
    found = fresh(
        before + ANSWER.replace("EVENTS", repr(events)),
        SIGNPOST_CONFIG=str(file),
        AWS_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="AKID",
        AWS_SECRET_ACCESS_KEY="secret",
        AWS_SESSION_TOKEN="token",
        AWS_LAMBDA_FUNCTION_NAME="signpost",
    )
    assert found.pop("status") == [status, status]
    return {name: set(values) for name, values in found.items() if isinstance(values, list)}


def test_a_redirect_opens_no_connection_and_loads_nothing_heavy(tmp_path: Path) -> None:
    file = tmp_path / "signpost.toml"
    file.write_text(SETTINGS.format(to="anyone"))
    published = f"from chalicelib import environment\nenvironment.PUBLISHED_SETTINGS = {str(file)!r}\n"
    for found in (redirect(file), redirect(tmp_path / "none.toml", before=published)):
        assert found["late"] == found["connected"] == set()
        assert not {name.split(".")[0] for name in found["loaded"]} & HEAVY
        assert not found["loaded"] & (BEYOND | IDENTITY)
        assert not [name for name in found["loaded"] if name.startswith("chalicelib.operator")]


def test_a_token_of_an_issuer_opens_no_connection_and_the_start_loads_all_that_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "signpost.toml"
    issuer = Issuer("corp", ISSUER, (AUDIENCE,))
    table = f'[[issuers]]\nname = "corp"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    file.write_text(SETTINGS.format(to="user:corp:alice") + table)
    write_snapshot(str(tmp_path), {source_of(issuer): KeySet(keys("rsa"), time.time())})
    text = token({**CLAIMS, "exp": time.time() + 60})
    found = redirect(file, ("Authorization", f"Bearer {text}"))
    assert found["late"] == found["connected"] == set()
    heavy = {name.split(".")[0] for name in found["loaded"]} & HEAVY
    assert heavy == {"cryptography"}
    assert not found["loaded"] & (BEYOND - IDENTITY)


def test_a_url_of_a_cdn_opens_no_connection_and_the_start_loads_the_key(tmp_path: Path) -> None:
    file = tmp_path / "signpost.toml"
    cdn = 'cdn = {domain = "cdn.example.com", key_pair_id = "K1", private_key = "cdn.pem"}\n'
    file.write_text(SETTINGS.format(to="anyone").replace('bucket = "acme"\n', f'bucket = "acme"\n{cdn}'))
    (tmp_path / "cdn.pem").write_text(pem("P-256"))
    found = redirect(file)
    assert found["late"] == found["connected"] == set()
    assert {name.split(".")[0] for name in found["loaded"]} & HEAVY == {"cryptography"}
    assert not found["loaded"] & (BEYOND | IDENTITY)


def test_aws_keys_load_nothing_heavy_and_nothing_after_the_start(tmp_path: Path) -> None:
    """SDKs wait two seconds for keys, also after a cold start (FACTS 8.15). STS is out of reach here."""
    file = tmp_path / "signpost.toml"
    store = 'bucket = "acme"\nendpoint = "http://127.0.0.1:1"\nrole = "arn:aws:iam:::role/a"\n'
    key = f'[credentials]\nenabled = true\n[[keys]]\nid = "ci"\nsha256 = "{sha256(b"secret").hexdigest()}"\n'
    file.write_text(SETTINGS.format(to="key:ci").replace('bucket = "acme"\n', f"{store}{key}"))
    asked = ("GET", "/-/credentials", "", [*basic("ci", "secret").items()])
    found = answer(file, [rest_event(*asked), url_event(*asked)], 503)
    assert found["connected"] == {"socket.connect", "socket.getaddrinfo"}
    assert not {name.split(".")[0] for name in found["loaded"]} & HEAVY
    own = [name for name in found["late"] if name.startswith("chalicelib")]
    assert own == ["chalicelib.core.web.compression"]  # of every answer with a body


def test_the_map_has_every_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    modules = [
        file for file in PACKAGE if file.name != "__init__.py" and file.parent.name not in ("images", "problems")
    ]
    assert [file.name for file in modules if f"`{file.name}`" not in text] == []
