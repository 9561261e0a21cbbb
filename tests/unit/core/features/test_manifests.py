"""`?manifest`: the files of a directory as the input of aria2 and curl."""

from tests.support.builders import BASE_URL
from tests.support.fakes import ask, code, signpost
from tests.support.store import MemoryStore

NAMES = ['a "b".txt', "b/c.txt", "b//c.txt", "..\\..\\d", "C:\\d", "/etc/passwd", "ü #1 [2] {3}.txt"]
URLS = [f"{BASE_URL}/public/{raw}" for raw in ("/etc/passwd", "%C3%BC%20%231%20%5B2%5D%20%7B3%7D.txt")]


def manifest(program: str, names: list[str], **query: str) -> tuple[str | None, str]:
    """The code of a refusal, and the body."""
    service = signpost(objects=MemoryStore([f"public/{name}" for name in names]))
    reply = ask("GET", "/public/", service=service, query={"manifest": program, "recursive": "", **query})
    return code(reply), reply.body.decode()


def test_each_file_has_its_url_and_a_place_below_the_directory_of_the_client() -> None:
    refusal, text = manifest("curl", NAMES)
    assert refusal is None
    assert text.splitlines()[:4] == ["location", "fail", "create-dirs", "globoff"]
    assert f'url = "{URLS[0]}"\noutput = "%2Fetc/passwd"\n' in text
    for name in ('a \\"b\\".txt', "b/c.txt", "b/%2Fc.txt", "..%5C..%5Cd", "C%3A%5Cd"):
        assert f'output = "{name}"\n' in text
    assert f'url = "{URLS[1]}"\noutput = "ü #1 [2] {{3}}.txt"\n' in text
    assert f"{URLS[0]}\n  out=%2Fetc/passwd\n" in manifest("aria2", NAMES)[1]
    assert manifest("aria2", ["x/y", "z"], q="z")[1] == f"{BASE_URL}/public/z\n  out=z\n"


def test_no_manifest_is_a_part_of_the_files() -> None:
    for names in (
        [f"{number:05}" for number in range(20_001)],
        ["n" * 900 + f"{number:05}" for number in range(2_000)],
    ):
        assert manifest("curl", names)[0] == "bad-parameter"
    assert len(manifest("curl", [f"{number:05}" for number in range(20_000)])[1].splitlines()) == 40_004
    assert manifest("wget", ["a"])[0] == "bad-parameter"
    assert manifest("curl", ["a"], versions="")[0] == "bad-parameter"
