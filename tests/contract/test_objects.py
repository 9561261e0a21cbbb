"""Every method, on keys of every kind, with curl, judged by a store that verifies signatures."""

from botocore.exceptions import ClientError

from .sites import GUEST, REFUSED, Site, Store

KEYS = (
    "plain.txt",
    "nested/deep/er/path.txt",
    "a+b.txt",
    "100% sure.txt",
    "escaped%2Fslash%20space.txt",
    "a//b.txt",
    "two words.txt",
    "ünï.txt",
    "日本/語.txt",
    "🚀.bin",
    "e\u0301 is not \u00e9",
    "?query#fragment&a=b;c",
    "quotes'\"<>&.txt",
    "~tilde*()!$,:@=[]{}|\\^`",
    "..dots../.hidden/...",
    "x" * 1017,
    "日" * 339,
)  # the last two keys have 1,024 bytes with the mount's prefix of seven bytes


def stored(store: Store, key: str) -> bytes | None:
    """Return the object at a key below the prefix of the mount; None where there is no object."""
    try:
        return store.client().get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read()
    except ClientError:
        return None


def test_put_get_head_delete(site: Site, store: Store) -> None:
    """A PUT stores its body at exactly the key of the path, and every method reaches the object."""
    bodies = {key: f"the body of {key}".encode() for key in KEYS}
    puts = site.curl_all([("-L", "-T", site.file(body), site.of(key)) for key, body in bodies.items()])
    assert [answer.status for answer in puts] == [200] * len(KEYS)
    assert {key: stored(store, key) for key in KEYS} == bodies
    gets = site.curl_all([("-L", site.of(key)) for key in KEYS])
    assert [answer.body for answer in gets] == [*bodies.values()]
    heads = site.curl_all([("-L", "-I", site.of(key)) for key in KEYS])
    assert [(head.status, int(head.headers["content-length"])) for head in heads] == [
        (200, len(body)) for body in bodies.values()
    ]
    deletes = site.curl_all([("-L", *way, site.of(key)) for key in KEYS for way in (("-X", "DELETE"), ())])
    assert [answer.status for answer in deletes] == [204, 404] * len(KEYS)


def test_a_path_is_decoded_once_however_it_is_escaped(site: Site, store: Store) -> None:
    for path, key in (
        ("/spelled/a+b", "spelled/a+b"),
        ("/spelled/a%2Bb", "spelled/a+b"),
        ("/spelled/a%2fb", "spelled/a/b"),
        ("/spelled%2Fa%2Fb", "spelled/a/b"),
        ("/spelled/a%252Fb", "spelled/a%2Fb"),
        ("/spelled/%7Etilde", "spelled/~tilde"),
        ("/spelled/%41", "spelled/A"),
        ("/spelled/trailing/", "spelled/trailing/"),
        ("/spelled/twice//", "spelled/twice//"),
    ):
        upload = ("-X", "PUT", "--data-binary", path)  # -T adds the file's name to a URL that ends in a slash
        assert site.curl("-L", *upload, site.at(path)).status == 200, path
        assert stored(store, key) == path.encode()
        assert site.curl("-L", "-X", "DELETE", site.at(path)).status == 204
        assert stored(store, key) is None


def test_paths_that_cannot_be_keys_are_refused(site: Site) -> None:
    paths = ("/a/%2e%2e/b", "/a/..", "/%2Fetc", "/a%00b", "/%zz", "/%ff", "/" + "x" * 1025)
    statuses = [answer.status for answer in site.curl_all([("-L", site.at(path)) for path in paths])]
    assert statuses == [400] * 6 + [414]


def test_put_at_the_root_is_not_a_bucket_call(site: Site, store: Store) -> None:
    """PUT and DELETE of a mount itself would create or delete the bucket."""
    for path in ("/versions", "/versions/", "/brief/"):
        for method in ("PUT", "DELETE"):
            assert site.curl("-L", "-X", method, site.at(path)).status == 400
    assert store.client().head_bucket(Bucket=f"{store.bucket}-versions")


def test_a_client_sends_its_range_and_the_conditions_of_a_get_to_s3(site: Site) -> None:
    etag = site.put("range.txt", b"0123456789").headers["etag"]
    options = (("-r", "3-5"), ("-H", f"If-None-Match: {etag}"), ("-H", 'If-Match: "other"'))
    part, *conditional = site.curl_all([("-L", *option, site.of("range.txt")) for option in options])
    assert (part.status, part.body, [answer.status for answer in conditional]) == (206, b"345", [304, 412])


def test_conditional_put(site: Site, store: Store) -> None:
    """The URL of a PUT signs its conditions, so S3 refuses a PUT without the conditions."""
    url, body = site.of("once.txt"), site.file(b"first")
    condition = ("-H", "If-None-Match: *")
    assert site.curl("-L", "-T", body, *condition, url).status == 200
    assert site.curl("-L", "-T", site.file(b"second"), *condition, url).status == 412
    location = site.location(url, "-X", "PUT", "-d", "", *condition)
    assert site.curl("-T", site.file(b"third"), location, user=None).status in REFUSED
    assert stored(store, "once.txt") == b"first"


def test_overrides(site: Site) -> None:
    """`response-*` and `?download` change the answer of S3."""
    site.put("report.pdf", b"%PDF")
    url = site.of("report.pdf")
    assert site.curl("-L", f"{url}?response-content-type=text/plain").headers["content-type"] == "text/plain"
    assert site.curl("-L", f"{url}?download").headers["content-disposition"] == 'attachment; filename="report.pdf"'
    named = site.curl("-L", f"{url}?download=%C3%BCn%C3%AF%22.pdf").headers["content-disposition"]
    assert named == "attachment; filename=\"_n__.pdf\"; filename*=UTF-8''%C3%BCn%C3%AF%22.pdf"
    assert site.curl("-L", f"{url}?v=42&unknown=1").body == b"%PDF"


def test_versions(site: Site) -> None:
    """`versionId` reaches one version, for reading and for deleting."""
    first = site.put("versions/file.txt", b"first").headers["x-amz-version-id"]
    site.put("versions/file.txt", b"second")
    url = site.of("versions/file.txt")
    assert site.curl("-L", url).body == b"second"
    old = f"{url}?versionId={first}"
    assert site.curl("-L", url, user=GUEST).body == b"second"
    for arguments in ((), ("-I",), ("-X", "DELETE"), ("-X", "OPTIONS"), ("-X", "PUT", "-d", "")):
        for more in ("", "&presign", "&w=9"):  # a guest may do everything but read old versions
            assert site.curl("-L", *arguments, old + more, user=GUEST).status == 403
    link = site.link("/versions/file.txt", uses=None)
    assert site.open(link).body == b"second"
    assert site.open(f"{link}&versionId={first}").status == 403
    assert site.curl("-L", old).body == b"first"
    assert site.curl("-L", "-X", "DELETE", old).status == 204
    assert site.curl("-L", old).status == 404
    assert site.curl("-L", url).body == b"second"
