"""git-lfs: the URLs of a batch take and give one object alone. `tests/e2e/test_git_lfs.py` runs git-lfs itself."""

import hashlib
import json
from typing import Any

from . import probes
from .sites import REFUSED, Site, Store

JSON = ("-H", "Accept: application/vnd.git-lfs+json", "-H", "Content-Type: application/vnd.git-lfs+json")


def ask(site: Site, path: str, body: object) -> dict[str, Any]:
    answer = site.curl(*JSON, "-d", json.dumps(body), site.at(path))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/vnd.git-lfs+json"), answer
    found: dict[str, Any] = answer.json()
    return found


def test_s3_takes_the_object_of_a_batch_and_no_other_bytes(site: Site, store: Store, name: str) -> None:
    """A body of another size or with another SHA-256 is refused. The object that is there is not uploaded again."""
    content = name.encode()
    oid = hashlib.sha256(content).hexdigest()
    pointer = {"oid": oid, "size": len(content)}
    repository = "/lfs/a b.git/info/lfs"
    place = repository.replace(" ", "%20")
    upload = {"operation": "upload", "objects": [pointer]}
    (item,) = ask(site, f"{place}/objects/batch", upload)["objects"]
    action = item["actions"]["upload"]
    headers = [argument for pair in action["header"].items() for argument in ("-H", ": ".join(pair))]
    bodies = [content + b"x", *([content[::-1]] if probes.verifies_checksums(store) else []), content]
    *refused, last = (site.curl("-T", site.file(body), *headers, action["href"], user=None).status for body in bodies)
    assert {*refused} <= REFUSED
    assert last == 200
    path = item["actions"]["verify"]["href"].removeprefix(site.url)
    assert ask(site, path, pointer) == pointer
    (item,) = ask(site, f"{place}/objects/batch", upload)["objects"]
    assert item == pointer
    (item,) = ask(site, f"{place}/objects/batch", upload | {"operation": "download"})["objects"]
    assert site.curl(item["actions"]["download"]["href"], user=None).body == content
    stored = store.client().head_object(Bucket=store.bucket, Key=f"tenant{repository}/{oid[:2]}/{oid[2:4]}/{oid}")
    assert (stored["ContentLength"], stored["ContentType"]) == (len(content), "application/octet-stream")
