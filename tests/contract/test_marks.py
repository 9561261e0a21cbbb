"""Every presigned URL has the mark of its caller. The log has the mark too, and nobody can remove or change it."""

import json
from urllib.parse import parse_qs, urlsplit

from chalicelib.core.access.marks import Marks
from tests.support.pictures import quarters

from .drivers import over_http
from .sites import GUEST, REFUSED, SECRET, SIGNING_SECRET, Site, Store

MARKS = Marks(SIGNING_SECRET.encode())
CI = f"ci:{SECRET}"


def test_every_presigned_url_and_its_log_line_have_the_mark_of_the_caller(site: Site) -> None:
    site.put("public/marks.png", quarters("png"))
    url, link = site.of("public/marks.png"), site.link("/public/marks.png")
    parts = f"{url}?partNumber=1&uploadId=x"
    calls: list[tuple[tuple[str, ...], str | None, str]] = [
        ((url,), CI, "key:ci"),
        ((site.of("team/a"),), GUEST, "key:guest"),
        ((url,), None, "anyone"),
        ((link,), None, "link:"),
        (("-I", url), CI, "key:ci"),
        (("-X", "PUT", "-d", "", url), CI, "key:ci"),
        (("-X", "DELETE", url), CI, "key:ci"),
        (("-X", "POST", f"{url}?uploads"), CI, "key:ci"),
        (("-X", "PUT", "-d", "", parts), CI, "key:ci"),
        (("-X", "DELETE", f"{url}?uploadId=x"), CI, "key:ci"),
        ((f"{url}?w=8",), CI, "key:ci"),
        ((f"{url}?presign",), CI, "key:ci"),
    ]
    for arguments, user, caller in calls:
        answer = site.curl(*arguments, user=user)
        signed = answer.headers.get("location") or answer.json()["url"]
        line = json.loads(site.log.read_text().splitlines()[-1])
        assert str(line["principal"]).startswith(caller)
        mark = MARKS.of(line["principal"])
        assert ([mark], mark) == (parse_qs(urlsplit(signed).query)["x-signpost"], line["mark"]), arguments


@over_http
def test_a_store_refuses_a_url_whose_mark_is_removed_or_changed(site: Site, store: Store) -> None:
    site.put("public/marked.txt", b"marked")
    signed, mark = site.location(site.of("public/marked.txt")), MARKS.of("key:ci")
    urls = (signed, signed.replace(f"x-signpost={mark}&", ""), signed.replace(mark, MARKS.of("anyone")))
    answer, *others = site.curl_all([(url,) for url in urls], user=None)
    assert (answer.status, answer.body) == (200, b"marked")
    assert len(set(urls)) == 3
    assert REFUSED.issuperset(other.status for other in others)
