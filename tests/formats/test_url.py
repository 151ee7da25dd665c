"""URLs come apart at the right characters, whatever is thrown at the splitter."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.url import Url, find, looks_like_url, split


def parts(text: str, url: Url) -> dict[str, object]:
    """What is there of a URL, as text."""

    def at(span):
        return None if span is None else text[slice(*span)]

    found = {
        "scheme": url.scheme,
        "user_info": at(url.user_info),
        "host": at(url.host),
        "port": at(url.port),
        "path": [at(span) for span in url.path],
        "query": [(at(pair.key), at(pair.value)) for pair in url.query],
        "fragment": at(url.fragment),
        "opaque": at(url.opaque),
        "position": at(url.position),
    }
    return {name: value for name, value in found.items() if value}


SPLITS = {
    "https://u:p@Shop.example:8443/a/b%20c?x=1&y=%2F#top": {
        "scheme": "https",
        "user_info": "u:p",
        "host": "Shop.example",
        "port": "8443",
        "path": ["a", "b%20c"],
        "query": [("x", "1"), ("y", "%2F")],
        "fragment": "top",
    },
    "//cdn.example/x.js": {"host": "cdn.example", "path": ["x.js"]},
    "/a?b=c#d": {"path": ["a"], "query": [("b", "c")], "fragment": "d"},
    "?a=b": {"query": [("a", "b")]},
    "#frag": {"fragment": "frag"},
    "/": {},
    "cart?id=1": {"path": ["cart"], "query": [("id", "1")]},
    "HTTPS://x/": {"scheme": "https", "host": "x"},
    "https:/x/y": {"scheme": "https", "host": "x", "path": ["y"]},
    "https:\\\\x\\y?z=1": {"scheme": "https", "host": "x", "path": ["y"], "query": [("z", "1")]},
    "https:\\/\\/x\\/y": {"scheme": "https", "host": "x", "path": ["y"]},
    "http://[2001:db8::1]:80/x": {"scheme": "http", "host": "[2001:db8::1]", "port": "80", "path": ["x"]},
    "http://[::1]": {"scheme": "http", "host": "[::1]"},
    "https://a@b@c/": {"scheme": "https", "user_info": "a@b", "host": "c"},
    "https://x?token=a:53:31": {"scheme": "https", "host": "x", "query": [("token", "a")], "position": ":53:31"},
    "https://x/y?token=a:53:31": {
        "scheme": "https",
        "host": "x",
        "path": ["y"],
        "query": [("token", "a")],
        "position": ":53:31",
    },
    "https://x/app.js:12": {"scheme": "https", "host": "x", "path": ["app.js"], "position": ":12"},
    "https://x/?at=12:30": {"scheme": "https", "host": "x", "query": [("at", "12:30")]},
    "https://x/a;id=1:30": {"scheme": "https", "host": "x", "path": ["a"], "query": [("id", "1:30")]},
    "https://x:80": {"scheme": "https", "host": "x", "port": "80"},
    "https://x/:1:2": {"scheme": "https", "host": "x", "position": ":1:2"},
    "file:///C:/Users/j/x.js:1:2": {"scheme": "file", "path": ["C:", "Users", "j", "x.js"], "position": ":1:2"},
    "/checkout#frag?token=abc": {"path": ["checkout"], "fragment": "frag?token=abc"},
    "/app#/orders/list?x=1": {"path": ["app", "orders", "list"], "query": [("x", "1")]},
    "/app?q=1#!/orders": {"path": ["app", "orders"], "query": [("q", "1")]},
    "#/orders#token=abc": {"path": ["orders"], "fragment": "token=abc"},
    "#/access_token=abc&expires=1": {"fragment": "/access_token=abc&expires=1"},
    "/cart;jsessionid=AB;x/pay?z": {"path": ["cart", "pay"], "query": [("jsessionid", "AB"), ("x", None), ("z", None)]},
    "/a?b=1;c=2&&d&=e&f=": {"path": ["a"], "query": [("b", "1"), ("c", "2"), ("d", None), ("", "e"), ("f", "")]},
    "/a?b=c?d=e": {"path": ["a"], "query": [("b", "c?d=e")]},
    "/a?b=1&amp;c=2": {"path": ["a"], "query": [("b", "1"), ("amp", None), ("c", "2")]},
    "data:text/html,<a href='?x=1#y'>": {"scheme": "data", "opaque": "text/html,<a href='?x=1#y'>"},
    "blob:https://x/84cc": {"scheme": "blob", "opaque": "https://x/84cc"},
    "about:blank#x": {"scheme": "about", "opaque": "blank", "fragment": "x"},
    "javascript:go('?a=b')": {"scheme": "javascript", "opaque": "go('?a=b')"},
    "mailto:jo@x.example?subject=Hi": {"scheme": "mailto", "opaque": "jo@x.example", "query": [("subject", "Hi")]},
    "tel:+49-151": {"scheme": "tel", "opaque": "+49-151"},
    "webpack:///./src/a.js?1b:2:3": {
        "scheme": "webpack",
        "path": [".", "src", "a.js"],
        "query": [("1b", None)],
        "position": ":2:3",
    },
    "localhost:3000/x?t=1": {"path": ["localhost:3000", "x"], "query": [("t", "1")]},
    "https://x/a b?c=d e": {"scheme": "https", "host": "x", "path": ["a b"], "query": [("c", "d e")]},
    "https://": {"scheme": "https"},
    "https://:@:/": {"scheme": "https", "user_info": ":"},
}


@pytest.mark.parametrize("text", SPLITS)
def test_a_url_comes_apart_at_its_parts(text):
    url = split(text)
    assert url is not None
    assert parts(text, url) == SPLITS[text]


@pytest.mark.parametrize("text", ["", "hello world", "Note: see above", "http: //x"])
def test_words_are_no_url(text):
    assert split(text) is None


def test_spans_are_places_in_the_text_that_was_handed_in():
    text = "see https://x.example/a?b=c now"
    ((start, end),) = find(text)
    url = split(text, start, end)
    assert url is not None
    assert (url.start, url.end) == (4, 27)
    assert parts(text, url) == {"scheme": "https", "host": "x.example", "path": ["a"], "query": [("b", "c")]}


IN_TEXT = {
    "GET https://x.example/a?b=c, then (http://y.example/d).": ["https://x.example/a?b=c", "http://y.example/d"],
    "    at fn (https://x.example/app.js?t=1:53:31)": ["https://x.example/app.js?t=1:53:31"],
    "fn@https://x.example/app.js:1:2": ["https://x.example/app.js:1:2"],
    "a{background:url(https://x.example/a.png),url('https://y.example/b(1).png')}": [
        "https://x.example/a.png",
        "https://y.example/b(1).png",
    ],
    "https://x.example/1.png 1x, https://x.example/2.png 2x": ["https://x.example/1.png", "https://x.example/2.png"],
    "https://x.example/1.png,https://x.example/2.png": ["https://x.example/1.png", "https://x.example/2.png"],
    "https://x.example/?u=https://y.example/,https://z.example/": [
        "https://x.example/?u=https://y.example/,https://z.example/"
    ],
    'href="https://x.example/a" title': ["https://x.example/a"],
    "(see https://x.example/wiki/A_(b))": ["https://x.example/wiki/A_(b)"],
    "(https://x.example/wiki/A_(b))": ["https://x.example/wiki/A_(b)"],
    "https://x.example/?name=O'Brien)&token=abc!": ["https://x.example/?name=O'Brien)&token=abc"],
    "write to mailto:jo@x.example or tel:+49151, or hotel:5": ["mailto:jo@x.example", "tel:+49151"],
    '{"u":"https:\\/\\/x.example\\/a"}': ["https:\\/\\/x.example\\/a"],
    "siehe 「https://x.example/a」。": ["https://x.example/a"],
    "wss://x.example/s and app+v1://open/1": ["wss://x.example/s", "app+v1://open/1"],
    "no://": [],
    "://x": [],
    "a // comment, 1:2, x: y": [],
}


@pytest.mark.parametrize("text", IN_TEXT)
def test_urls_are_found_in_text_without_the_sentence_around_them(text):
    assert [text[start:end] for start, end in find(text)] == IN_TEXT[text]


LOOKS = {
    "https://x": True,
    "app://open": True,
    "mailto:jo@x.example": True,
    "data:,x": True,
    "//x.example/y": True,
    "//u:p@x.example:80?q": True,
    "//[::1]/": True,
    "/path?x=1": True,
    "/path#x": True,
    "/path": True,
    "?k=v": True,
    "#/orders": True,
    "": False,
    "/": False,
    "//": False,
    "?": False,
    "? k=v": False,
    "#main": False,
    "#fff": False,
    "word": False,
    "key:value": False,
    "12:30": False,
    "see https://x": False,
    "/ path": False,
}


@pytest.mark.parametrize("text", LOOKS)
def test_a_whole_value_looks_like_a_url_or_does_not(text):
    assert looks_like_url(text) is LOOKS[text]


def spans(url: Url) -> list[tuple[int, int]]:
    single = [url.user_info, url.host, url.port, url.fragment, url.opaque, url.position]
    pairs = [span for pair in url.query for span in (pair.key, pair.value)]
    return sorted(span for span in [*single, *url.path, *pairs] if span is not None)


@given(st.text(alphabet="ahtps:/\\?#&;=@.[]()'\" %,!1é\n", max_size=60))
def test_no_text_breaks_it_and_no_character_is_in_two_parts(text):
    found = list(find(text))
    for start, end in found:
        assert split(text, start, end) is not None
    assert found == sorted(found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert looks_like_url(text) in {True, False}
    url = split(text)
    if url is None:
        return
    at = 0
    for start, end in spans(url):
        assert at <= start <= end <= len(text)
        at = end


@given(st.text(alphabet="ahtps:/\\?#&;=@.%1", max_size=60).map(lambda rest: "https://x/" + rest))
def test_between_the_parts_stand_only_delimiters(text):
    url = split(text)
    assert url is not None
    left = list(text[len("https:") :])
    for start, end in spans(url):
        for at in range(start, end):
            left[at - len("https:")] = ""
    assert set("".join(left)) <= set("/\\?#&;=:@!")


@pytest.mark.parametrize(
    "piece",
    [
        "(a://)",
        "a://,",
        "(a://b",
        "'a://b'",
        "a://b,",
        "a" * 40 + "://",
        ")",
        "tel:a",
        "[",
        "/;=&",
        "#/",
        "a:\\/\\/",
        "(",
        "?#",
    ],
)
def test_work_grows_with_the_length_of_hostile_text_and_not_faster(piece):
    text = piece * (400_000 // len(piece))
    assert sum(end - start for start, end in find(text)) <= len(text)
    split("https://x/" + text)
    split(text)
    looks_like_url(text)
