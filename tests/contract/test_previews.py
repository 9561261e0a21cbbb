"""The page of a file, `?view`: for a browser whose visitor may read the file, and for nobody else."""

from .sites import Site, Store

BROWSER = ("-H", "Accept: text/html", "-H", "Accept-Language: en")


def test_a_browser_gets_a_page_after_one_head_and_a_program_gets_the_file(site: Site, store: Store) -> None:
    store.client().put_object(Bucket=store.bucket, Key="tenant/public/look ü.txt", Body=b"a text")
    url = f"{site.of('public/look ü.txt')}?view"
    page, program, hidden, gone = (
        site.curl(*options, user=None)
        for options in (
            (*BROWSER, url),
            ("-L", url),
            (*BROWSER, f"{site.of('secret/look.txt')}?view"),
            (*BROWSER, f"{site.of('public/gone.txt')}?view"),
        )
    )
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert "look ü.txt</bdi>" in page.body.decode()
    assert "X-Amz" not in page.body.decode()
    assert program.body == b"a text"
    assert hidden.status == 401
    assert gone.status == 404
    assert "does not exist any more" in gone.body.decode()
    link = site.link("/public/look%20%C3%BC.txt", uses=1)
    for answer in (site.open(f"{link}&view", "-I", *BROWSER), *(site.open(f"{link}&view", *BROWSER) for _ in range(2))):
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert site.open(link).body == b"a text"
    assert site.open(f"{link}&view", *BROWSER).status == 410
