"""Versions: a caller lists the earlier versions and the deleted files of a directory, and brings files back."""

import json
from typing import Any
from uuid import uuid4

import pytest
from mypy_boto3_s3.literals import BucketVersioningStatusType

from tests.support.entry_points import Answer

from .sites import GUEST, Site, Store
from .test_listing import pages


class Folder:
    """A directory of the bucket with versions, and the history of its files."""

    def __init__(self, site: Site, store: Store, path: str = "/versions/") -> None:
        self.path = f"{path}{uuid4().hex}/"
        self.url = site.at(self.path)
        self._site, self._s3 = site, store.client()
        self._bucket = f"{store.bucket}-versions"
        self._prefix = self.path.removeprefix("/versions/")

    def put(self, name: str, body: bytes, **fields: Any) -> str:
        """Store a version, and return its id."""
        key = self._prefix + name
        return self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, **fields)["VersionId"]

    def delete(self, name: str) -> str:
        """Delete a file, and return the id of the delete marker."""
        return self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + name)["VersionId"]

    def head(self, name: str) -> dict[str, Any]:
        """The metadata of a file."""
        return dict(self._s3.head_object(Bucket=self._bucket, Key=self._prefix + name))

    def entries(self, query: str = "") -> list[dict[str, Any]]:
        """The entries of all parts."""
        parts = pages(self._site, f"{self.url}?versions{query}")
        return [entry for part in parts for entry in part.json()["entries"]]

    def set_versioning(self, status: BucketVersioningStatusType) -> None:
        """Let the bucket keep versions, or keep no versions from now on."""
        self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": status})

    def restore(self, name: str, version: str, *arguments: str, user: str | None = None) -> Answer:
        """Bring a version back."""
        users = {"user": user} if user else {}
        return self._site.curl("-X", "POST", *arguments, f"{self.url}{name}?restore&versionId={version}", **users)


@pytest.fixture
def folder(site: Site, store: Store) -> Folder:
    return Folder(site, store)


def test_the_versions_of_a_directory(site: Site, folder: Folder) -> None:
    """A file without a history has no entry. The parts together have all versions, in order."""
    old, new = folder.put("a b.txt", b"old"), folder.put("a b.txt", b"newer")
    gone = folder.put("gone.txt", b"gone")
    marker = folder.delete("gone.txt")
    folder.put("plain.txt", b"x")
    folder.put("dir/x.txt", b"x")
    entries = folder.entries()
    shown = [(entry["name"], entry.get("version"), entry["size"], entry.get("latest")) for entry in entries]
    assert shown == [
        ("a b.txt", new, 5, True),
        ("a b.txt", old, 3, False),
        ("dir/", None, None, None),
        ("gone.txt", marker, None, True),
        ("gone.txt", gone, 4, False),
    ]
    assert [entry.get("deleted") for entry in entries] == [False, False, None, True, False]
    assert entries[2]["url"] == f"{folder.url}dir/?versions"
    for entry, body in ((entries[1], b"old"), (entries[4], b"gone")):
        assert entry["url"] == f"{folder.url}{entry['name'].replace(' ', '%20')}?versionId={entry['version']}"
        assert site.curl("-L", entry["url"]).body == body
    for limit in (2, 3):
        assert folder.entries(f"&limit={limit}") == entries
    assert [entry["name"] for entry in folder.entries("&q=GONE")] == ["gone.txt", "gone.txt"]


def test_only_a_caller_who_holds_versions_sees_and_restores_versions(site: Site, store: Store, folder: Folder) -> None:
    """A bucket that keeps no versions has no history. A link opens no versions."""
    old = folder.put("a.txt", b"old")
    folder.put("a.txt", b"new")
    for user, status in ((GUEST, 403), (None, 401)):
        assert site.curl(f"{folder.url}?versions", user=user).status == status
    assert folder.restore("a.txt", old, user=GUEST).status == 403
    link = site.link(folder.path, action="read", expires_in=60)
    assert site.open(f"{link}&versions").status == 403
    upload = site.link(folder.path, action="write", expires_in=60).replace("?", "a.txt?")
    assert site.open(f"{upload}&restore&versionId={old}", "-X", "POST").status == 403
    assert folder.head("a.txt")["ContentLength"] == 3
    store.client().put_object(Bucket=store.bucket, Key="tenant/no-versions/a.txt", Body=b"x")
    assert site.curl(f"{site.at('/no-versions/')}?versions").json()["entries"] == []


def test_an_earlier_version_comes_back(site: Site, folder: Folder) -> None:
    """The copy has the content, the type and the metadata of the version. No version is lost."""
    fields = {"ContentType": "text/css", "Metadata": {"from": "ci"}}
    old, new = folder.put("a+b é.txt", b"old", **fields), folder.put("a+b é.txt", b"new")
    answer = folder.restore("a+b%20%C3%A9.txt", old)
    assert (answer.status, answer.json()["path"]) == (200, f"{folder.path}a+b é.txt")
    head = folder.head("a+b é.txt")
    assert (head["ContentType"], head["Metadata"]) == ("text/css", {"from": "ci"})
    assert answer.json()["version"] in (head["VersionId"], None)  # Ceph does not tell the id
    assert [entry["version"] for entry in folder.entries()] == [head["VersionId"], new, old]
    line = json.loads(site.log.read_text().splitlines()[-2])
    assert (line["action"], line["path"], line["status"]) == ("write", f"{folder.path}a+b é.txt", 200)


def test_a_deleted_file_comes_back(site: Site, folder: Folder) -> None:
    """By a copy of its last version; or by erasing the delete marker, which needs `purge`."""
    for way in ("copy", "erase"):
        old = folder.put(f"{way}.txt", b"body")
        marker = folder.delete(f"{way}.txt")
        if way == "copy":
            assert folder.restore("copy.txt", old).status == 200
            assert folder.restore("copy.txt", marker).status == 404
        else:
            assert site.curl("-L", "-X", "DELETE", f"{folder.url}erase.txt?versionId={marker}").status == 204
        assert site.curl("-L", f"{folder.url}{way}.txt").body == b"body"


def test_a_version_that_is_not_there_is_not_brought_back(site: Site, store: Store, folder: Folder) -> None:
    version = folder.put("a.txt", b"x")
    assert folder.restore("other.txt", version).status in (400, 404)
    assert folder.restore("a.txt", "").json()["code"] == "bad-parameter"
    assert folder.restore("a.txt", "no-version").status in (400, 404)
    store.client().put_object(Bucket=store.bucket, Key="tenant/no-versions/a.txt", Body=b"x")
    answer = site.curl("-X", "POST", f"{site.at('/no-versions/a.txt')}?restore&versionId=null")
    assert answer.status in (400, 501)


def test_a_bucket_that_keeps_no_versions_any_more_lets_nothing_be_replaced(site: Site, store: Store) -> None:
    """With versioning suspended, a copy would replace the version `null` for good."""
    folder = Folder(site, store)
    old = folder.put("a.txt", b"old")
    folder.put("a.txt", b"newer")
    folder.set_versioning("Suspended")
    try:
        assert folder.restore("a.txt", old).status in (400, 501)  # moto reads no version of such a bucket
    finally:
        folder.set_versioning("Enabled")
    assert folder.head("a.txt")["ContentLength"] == 5


def test_a_form_of_another_site_brings_nothing_back(site: Site, folder: Folder) -> None:
    old = folder.put("a.txt", b"old")
    folder.put("a.txt", b"newer")
    form = ("-H", "Accept: text/html", "-H")
    assert folder.restore("a.txt", old, *form, "Origin: https://evil.example").status == 403
    assert folder.head("a.txt")["ContentLength"] == 5
    answer = folder.restore("a.txt", old, *form, f"Origin: {'/'.join(site.url.split('/')[:3])}")
    assert (answer.status, answer.headers["location"]) == (303, f"{folder.url}?versions")
    assert folder.head("a.txt")["ContentLength"] == 3
