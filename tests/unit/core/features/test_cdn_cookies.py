"""Reads go to the CDN of a mount: by a signed URL, or by cookies for a session to which one rule gives all files."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Cdn
from chalicelib.core.web.message import Reply
from tests.support.builders import BASE_URL, NOW, allow, basic, deny, mount, numbered, secret_of
from tests.support.fakes import CdnKeys, ask, signpost, token_of_link
from tests.support.store import MemoryStore

CDN = Cdn("cdn.example.com", "K2JCJMDEHXQW5F", "key")
WITH_COOKIES = CDN._replace(cookie_domain="example.com")
NAVIGATION = {"sec-fetch-mode": "navigate"}
EVERYTHING = allow("/**", "read list write delete share versions purge", "authenticated")
FORM = urlencode({"id": "ann", "secret": secret_of("ann")}).encode()


class World:
    """A service with a CDN before the bucket, and the session of a browser."""

    def __init__(self, *rules: Rule, mounts: Sequence[Mount] = (mount()._replace(cdn=WITH_COOKIES),)) -> None:
        self.keys = CdnKeys()
        rules = numbered(*(rules or (EVERYTHING, allow("/public/**", "read"))))
        store = MemoryStore()
        store.put("a/x.txt", b"text")
        self.service = signpost(rules=rules, mounts=mounts, objects=store, cdn_keys=self.keys, public_url=BASE_URL)
        self.session = {"cookie": self.post("/-/login", FORM).cookies[0].partition(";")[0]}

    def post(self, path: str, body: bytes = b"") -> Reply:
        return ask("POST", path, service=self.service, headers={"origin": BASE_URL}, body=body)

    def get(
        self,
        path: str = "/a b+%25/x.html",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] = NAVIGATION,
        method: str = "GET",
        now: float = NOW,
    ) -> Reply:
        raw_path = path.replace(" ", "%20").replace("+", "%2B")
        return ask(method, raw_path, service=self.service, query=query, headers={**self.session, **headers}, now=now)


def is_signed(reply: Reply) -> bool:
    """Whether a reply redirects to a signed URL of the CDN, and not to a plain URL with cookies."""
    location = urlsplit(reply.headers["Location"])
    assert (reply.status, location.netloc) == (307, "cdn.example.com")
    assert ("Signature" in location.query) == (reply.cookies == ())
    return reply.cookies == ()


def test_a_read_goes_to_the_cdn_and_everything_else_to_s3() -> None:
    world = World(mounts=[mount(prefix="p/", cache_seconds=60)._replace(cdn=CDN)])
    for method, query, headers, is_read in (
        ("GET", {}, {}, True),
        ("HEAD", {}, {}, True),
        ("GET", {"download": "", "response-expires": "0"}, {}, True),
        ("GET", {"versionId": "v1"}, {}, False),
        ("GET", {}, {"x-amz-expected-bucket-owner": "1"}, False),
        ("PUT", {}, {"origin": BASE_URL}, False),
        ("DELETE", {}, {"origin": BASE_URL}, False),
    ):
        reply = world.get("/a b+%25/x.html", query, headers, method)
        host = "cdn.example.com" if is_read else "acme-files.s3.eu-west-1.amazonaws.com"
        assert reply.headers["Location"].startswith(f"https://{host}/p/a%20b%2B%25/x.html?"), (method, query)
        kept = "private, max-age=60" if method == "GET" and not headers else "no-store"
        assert reply.headers["Cache-Control"] == kept
    assert "response-content-disposition=" in world.keys.signed[2]
    assert set(world.service.log[-1]) >= {"bucket", "key"}


def test_a_session_gets_cookies_for_the_whole_mount_and_the_log_has_the_file() -> None:
    world = World(mounts=[mount(prefix="p/", cache_seconds=60)._replace(cdn=WITH_COOKIES)])
    for mode in ("navigate", "no-cors"):
        reply = world.get(headers={"sec-fetch-mode": mode})
        assert not is_signed(reply)
        assert reply.headers["Location"] == "https://cdn.example.com/p/a%20b%2B%25/x.html"
        assert reply.headers["Cache-Control"] == "no-store"
    assert (
        f'"Resource":"https://cdn.example.com/p/*","Condition":{{"DateLessThan":{{"AWS:EpochTime":{int(NOW) + 300}'
        in (world.keys.signed[-1])
    )
    assert (world.service.log[-1]["bucket"], world.service.log[-1]["key"]) == ("acme-files", "p/a b+%/x.html")
    player = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "video"}
    lasting = World(mounts=[mount()._replace(cdn=WITH_COOKIES, media_seconds=7_200)]).get(headers=player)
    assert is_signed(lasting)  # a player goes on for longer than the cookies live
    assert f"Expires={int(NOW) + 7_200}&" in lasting.headers["Location"]
    ends_at = NOW + 12 * 3_600
    reply = world.get(now=ends_at - 10)
    assert {cookie.partition("; ")[2].partition(";")[0] for cookie in reply.cookies} == {"Max-Age=10"}


def test_whoever_has_no_session_or_not_every_file_gets_a_signed_url_for_each_file() -> None:
    world = World()
    token = token_of_link(world.service, "/x.html", "ann", action="read", expires_in=60, uses=None)
    assert is_signed(world.get("/x.html", {"token": token}))
    for query, headers in (
        ({}, {"cookie": ""}),
        ({}, basic("ann") | NAVIGATION),
        ({}, basic("ann") | NAVIGATION | {"cookie": "__Host-signpost=forged"}),
        ({}, {}),
        ({}, {"sec-fetch-mode": "cors"}),
        ({"download": ""}, NAVIGATION),
        ({"response-expires": "0"}, NAVIGATION),
    ):
        assert is_signed(world.get("/public/x.html", query, headers)), (query, headers)
    assert is_signed(world.get(method="HEAD"))
    assert (
        ".amazonaws.com/" in world.get(headers={**NAVIGATION, "x-amz-expected-bucket-owner": "1"}).headers["Location"]
    )
    assert b"Signature=" in world.get(query={"presign": ""}).body
    for rules in (
        (allow("/a/**", "read", "authenticated"), allow("/**", "read", "authenticated")),
        (deny("/a/secret/*", "read", "key:ann"), EVERYTHING),
        (EVERYTHING, deny("/a/secret", "read", "anyone")),
        (allow("/*/x.html", "read", "authenticated"), allow("/a/**", "read", "authenticated")),
    ):
        expected = rules[0] is not EVERYTHING  # a later rule decides nothing
        assert is_signed(World(*rules).get("/a/x.html")) is expected, rules
    inner = mount("/a/inner", bucket="other")
    assert is_signed(World(mounts=[mount()._replace(cdn=WITH_COOKIES), inner]).get("/a/x.html"))
    assert not is_signed(World(mounts=[mount("/a")._replace(cdn=WITH_COOKIES), mount()]).get("/a/x.html"))


def test_signing_out_deletes_the_cookies_of_each_cdn() -> None:
    mounts = [mount("/a", prefix="a/")._replace(cdn=WITH_COOKIES), mount("/b", prefix="b/")._replace(cdn=WITH_COOKIES)]
    closed = World(mounts=[*mounts, mount()._replace(cdn=CDN)]).post("/-/logout").cookies
    assert closed[0].startswith("__Host-signpost=; Max-Age=0;")
    names = [f"CloudFront-{name}" for name in ("Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")]
    assert [cookie.partition(";")[0] for cookie in closed[1:]] == [f"{name}=" for name in names * 2]
    assert [cookie.count("Max-Age=0; Domain=example.com; Path=/a/") for cookie in closed[1:]] == [1] * 4 + [0] * 4


def test_pages_may_load_files_from_the_cdn() -> None:
    world = World()
    for path, query in (("/a/", {}), ("/a/x.txt", {"view": ""})):
        policy = world.get(path, query, {"accept": "text/html"}).headers["Content-Security-Policy"]
        assert "https://cdn.example.com" in policy
        assert "https://acme-files.s3.eu-west-1.amazonaws.com" in policy
