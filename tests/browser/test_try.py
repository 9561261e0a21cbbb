def test_it(visit, site):
    site.put("try/a.txt", b"hello")
    page = visit()
    page.goto(site.at("try/"))
    page.screenshot(path="/tmp/try.png")
    assert page.get_by_role("link", name="a.txt").count()
