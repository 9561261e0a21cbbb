"""Playlists are answered with their bytes, where the mount says so; an index file stands for its directory."""

from email.utils import formatdate

from .sites import GUEST, Site, Store

HLS, DASH = "application/vnd.apple.mpegurl", "application/dash+xml"
BODY = b"#EXTM3U\nseg0.ts\n"


def put(store: Store, key: str, body: bytes = BODY, media_type: str = "text/html") -> str:
    """Store an object, and return its ETag."""
    answer = store.client().put_object(Bucket=store.bucket, Key=key, Body=body, ContentType=media_type)
    return answer["ETag"]


def test_a_playlist_is_its_bytes_and_its_own_type_whatever_the_store_says(site: Site, store: Store) -> None:
    """`response-*` is ignored, also where the redirect answers. Nothing else is served from the service's origin."""
    for name, media_type in (("a b.m3u8", HLS), ("a.mpd", DASH)):
        etag = put(store, f"shows/{name}")
        answer = site.curl(f"{site.of(f'shows/{name}')}?response-content-type=text/html")
        assert (answer.status, answer.body, answer.headers["etag"]) == (200, BODY, etag)
        assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (media_type, "nosniff")
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["cache-control"] == "no-store"
    redirected = ("shows/a.html", "shows/a.svg", "shows/a.xml", "shows/a.m3u8.xml", "shows/A.M3U8", "public/a.m3u8")
    queries = [site.of("shows/a.mpd") + query for query in ("?download", "?download=b.mpd&versionId=null")]
    answers = site.curl_all([(url,) for url in (*map(site.of, redirected), *queries)])
    assert [answer.status for answer in answers] == [307] * 8
    assert site.curl("-L", queries[0]).headers["content-disposition"] == 'attachment; filename="a.mpd"'


def test_conditions_ranges_and_head_of_a_playlist_are_as_in_s3(site: Site, session_site: Site, store: Store) -> None:
    etag, old = put(store, "shows/a.m3u8"), '"old"'
    modified = store.client().head_object(Bucket=store.bucket, Key="shows/a.m3u8")["LastModified"].timestamp()
    expected: dict[tuple[str, ...], tuple[int, bytes | None]] = {
        ("-H", f"If-None-Match: {etag}"): (304, b""),
        ("-H", f"If-None-Match: {old}"): (200, BODY),
        ("-H", f"If-Match: {old}"): (412, None),
        ("-H", f"If-Modified-Since: {formatdate(modified, usegmt=True)}"): (304, b""),
        ("-r", "1-3"): (206, BODY[1:4]),
        ("-r", "1-3", "-H", f"If-Range: {old}"): (200, BODY),
        ("-H", "x-amz-tagging: a=b"): (400, None),
    }
    for each in (site, session_site):
        for (options, (status, body)), answer in zip(
            expected.items(), each.curl_all([(*options, each.of("shows/a.m3u8")) for options in expected]), strict=True
        ):
            assert answer.status == status, options
            assert body is None or answer.body == body, options
            assert answer.headers.get("content-range") == (f"bytes 1-3/{len(BODY)}" if status == 206 else None)
        assert each.curl(each.of("shows/none.m3u8")).status == 404
        head = each.curl("-L", "-I", each.of("shows/a.m3u8"))
        assert (head.status, head.headers["etag"], head.headers["content-type"]) == (200, etag, HLS)
        assert head.headers["content-length"] == str(len(BODY))
    assert session_site.curl("-I", session_site.of("shows/a.m3u8")).status == 200
    assert site.curl("-I", site.of("shows/a.m3u8")).status == 307  # a REST API would show a length of 0


def test_a_playlist_over_one_megabyte_is_redirected(site: Site, store: Store) -> None:
    for size, status in ((1_000_000, 200), (1_000_001, 307)):
        put(store, "shows/long.m3u8", b"#" * size)
        url = site.of("shows/long.m3u8")
        whole, part, followed = site.curl(url), site.curl("-r", "0-0", url), site.curl("-L", url)
        assert (whole.status, part.status) == (status, 206 if status == 200 else 307)
        assert (followed.headers["content-type"], len(followed.body)) == (HLS, size)


def test_a_playlist_needs_the_rights_of_its_redirect(site: Site, store: Store) -> None:
    put(store, "shows/a.m3u8")
    link, url = site.link("/shows/a.m3u8", uses=1), site.of("shows/a.m3u8")
    assert site.curl(f"{url}?versionId=null").body == BODY
    assert site.open(f"{link}&versionId=null").status == 403
    assert [site.curl(url, user=user).status for user in (None, GUEST)] == [401, 403]
    assert [site.open(link).status for _ in range(2)] == [200, 410]


def test_the_index_file_stands_for_its_directory_for_a_caller_who_may_read_it(site: Site, store: Store) -> None:
    put(store, "shows/open/index.html", b"<title>Shows</title>")
    url = site.of("shows/open/")
    assert site.curl("-L", url, user=GUEST).body == b"<title>Shows</title>"  # who may not list
    assert site.curl("-L", "-I", f"{url}?v=42", user=GUEST).headers["content-type"] == "text/html"
    assert site.curl("-X", "OPTIONS", url, user=GUEST).status == 204
    assert "/shows/open/index.html?" in site.location(url)
    assert site.curl(url, user=None).status == 401
    assert site.curl(f"{url}?list", user=GUEST).status == 403
    for query in ("?list", "?recursive", "?limit=1"):
        assert [entry["name"] for entry in site.curl(url + query).json()["entries"]] == ["index.html"]
    (entry,) = site.curl(f"{site.of('shows/')}?list&limit=1&sort=-name").json()["entries"]
    assert entry["url"].endswith("/shows/open/?list=")
    line = site.log.read_text().splitlines()[-3]
    assert '"path": "/shows/open/"' in line.replace('":"', '": "')
    assert site.open(site.link("/shows/open/", uses=None), "-L").body == b"<title>Shows</title>"
