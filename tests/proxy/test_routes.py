"""Routes: whole segments, the longest match, and where a backend's redirect may lead."""

import pytest

from gateway.proxy.routes import Plan, Route

ROUTES = (
    Route("root", "https://a.example"),
    Route("t", "https://b.example/base", path="/t/"),
    Route("t/u", "https://c.example", path="/t/u"),
    Route("host", "https://d.example", host="rec.example"),
    Route("host/t", "https://e.example", host="rec.example", path="/t/"),
    Route("port", "https://f.example", host="rec.example:8443", path="/p/"),
)
FOUND = {
    ("shop.example", "/"): ("root", "/"),
    ("shop.example", "/t"): ("t", "/"),
    ("shop.example", "/t?x=1"): ("t", "/?x=1"),
    ("shop.example", "/t/e?x=/y"): ("t", "/e?x=/y"),
    ("shop.example", "/tx"): ("root", "/tx"),
    ("shop.example", "/t/u/v"): ("t/u", "/v"),
    ("shop.example", "/t/uv"): ("t", "/uv"),
    ("shop.example", "/T/e"): ("root", "/T/e"),
    ("shop.example", "/%74/e"): ("root", "/%74/e"),
    ("rec.example", "/t/u/v"): ("host/t", "/u/v"),
    ("rec.example", "/x"): ("host", "/x"),
    ("rec.example:8443", "/p/x"): ("port", "/x"),
    ("rec.example:1", "/p/x"): ("host", "/p/x"),
    ("[::1]:1", "/t/"): ("t", "/"),
}


@pytest.mark.parametrize(("request_", "expected"), FOUND.items(), ids=["".join(key) for key in FOUND])
def test_the_longest_match_wins_and_its_prefix_is_taken_off(request_, expected):
    route, target = Plan(masker=None, routes=ROUTES).find(*request_)
    assert (route.name, target) == expected


def test_what_no_route_matches_leads_nowhere():
    assert Plan(masker=None, routes=ROUTES[1:3]).find("shop.example", "/x") is None
    assert Plan(masker=None, routes=ROUTES[3:]).find("shop.example", "/t/") is None


LOCATED = {
    "https://b.example/base/x?y=1#z": "/t/x?y=1#z",
    "HTTPS://B.EXAMPLE/base": "/t/",
    "/base/x": "/t/x",
    "x": "/t/s/x",
    "../x": "/t/x",
    "/elsewhere": None,
    "/basement/x": None,
    "../../x": None,
    "https://b.example:444/base/x": None,
    "http://b.example/base/x": None,
    "https://b.example@evil.example/base/x": None,
    "//evil.example/base": None,
    "/base//evil.example": None,
    "/base/\\evil.example": None,
    "/base/\tx": None,
    "javascript:alert(1)": None,
}


@pytest.mark.parametrize(("location", "seen"), LOCATED.items(), ids=LOCATED)
def test_a_redirect_is_kept_under_the_prefix_or_not_passed_on(location, seen):
    assert ROUTES[1].locate("/s/e", location) == seen
