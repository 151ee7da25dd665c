"""Google Analytics 4, to its description: the query, and a body that holds a query a line."""

from tests.subject import program, request, sent

QUERY = (
    "v=2&tid=G-ABC123DEF4&gtm=45je&_p=1700000000000&cid=1234567890.1700000000&sid=1700000000&sct=1&en=page_view&ul=en-us"
    "&dl=https%3A%2F%2Fshop.example%2Fpay%3Fticket%3DZorblax1&dr=https%3A%2F%2Fo.example%2F%3Fq%3DZorblax1&dt=Checkout"
    "&uid=customer-991&up.nick=Zorblax&_uip=203.0.113.9&ep.title=Hello"
)
LINES = (
    b"en=scroll&dl=https%3A%2F%2Fshop.example%2Fpay%3Ft%3DZorblax1&ep.note=free%20delivery&up.nick=Zorblax&epn.v=10\r\n"
    b"en=form_submit&em=tv.1~em.e3b0c44298fc1c149afbf4c8996fb924&ep.email=jane.roe%40example.org&uid=customer-991"
)


def test_the_visitor_goes_and_the_events_stay():
    headers = [("Content-Type", "text/plain;charset=UTF-8")]
    out = sent(program(), request(LINES, path=f"/g/collect?{QUERY}", headers=headers))
    told = out.target + out.body.decode()
    for secret in ("Zorblax", "1234567890.1700000000", "customer-991", "203.0.113.9", "e3b0c442", "jane.roe"):
        assert secret not in told
    for kept in (
        "tid=G-ABC123DEF4",
        "sid=1700000000",
        "en=page_view",
        "dt=Checkout",
        "%2Fpay%3Fticket%3D",
        "ep.title=Hello",
    ):
        assert kept in out.target
    assert [line.split(b"&")[0] for line in out.body.split(b"\r\n")] == [b"en=scroll", b"en=form_submit"]
    assert b"ep.note=free%20delivery" in out.body
    assert b"epn.v=10" in out.body
