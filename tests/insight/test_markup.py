"""Whatever was recorded: what is written is on the list, and an HTML reader finds nothing else in it."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.insight import markup
from tests.recording import page as rrweb

from .rebuilding import seen

TAGS = (markup._HTML | markup._SVG | {"head", "meta", "style", "gateway-masked"}) - {"img"}
ATTRIBUTES = re.compile(
    r"(?:data|aria)-[\w.-]+|style|selected|checked|tabindex|type|value|charset|"
    + "|".join(markup._PLAIN | markup._OF_SVG)
)


class Reader(HTMLParser):
    """Everything that is written, as an HTML reader finds it."""

    CDATA_CONTENT_ELEMENTS = ("style",)

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.texts = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def unlisted(self):
        for tag, attributes in self.found:
            if tag not in TAGS and not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", tag):
                yield tag
            yield from (f"{tag} {name}" for name in attributes if not ATTRIBUTES.fullmatch(name))
            yield from (
                f"{tag} {name}={value}"
                for name, value in attributes.items()
                if value and re.search(r"url\s*\(|expression|\\", value) and name == "style"
            )


def shown(*nodes):
    return seen(rrweb.snapshot(*nodes)).html


def node(tag, *children, **attributes):
    return {
        "type": 2,
        "tagName": tag,
        "attributes": attributes,
        "childNodes": list(children),
        "id": hash((tag, str(attributes))) % 10**6 + 100,
    }


HOSTILE = [
    node("script", rrweb.text(50, "x()")),
    node("script", src="//x.test/a.js"),
    node("img", src="//x.test/a", onerror="x()", srcset="//x.test/b 1x"),
    node("a", href="javascript:x()", onclick="x()", ping="//x.test"),
    node("a", href="data:text/html,<script>x()</script>"),
    node("form", action="//x.test", name="elementFromPoint"),
    node("button", formaction="javascript:x()", popovertarget="a", autofocus=""),
    node("iframe", src="//x.test", srcdoc="<script>x()</script>", onload="x()"),
    node("object", data="//x.test"),
    node("embed", src="//x.test"),
    node("base", href="//x.test"),
    node("link", rel="stylesheet", href="//x.test"),
    node("link", rel="prefetch", href="//x.test"),
    node("meta", **{"http-equiv": "refresh", "content": "0;url=//x.test"}),
    node("svg", node("script", rrweb.text(51, "x()")), node("use", href="//x.test#a"), node("image", href="//x.test")),
    node("svg", node("foreignObject", node("iframe", src="//x.test"))),
    node("svg", node("animate", attributeName="href", values="javascript:x()"), node("set", attributeName="onload", to="x()")),
    node("svg", node("a", href="javascript:x()"), node("style", rrweb.text(52, "*{background:url(//x.test)}"))),
    node("svg", node("path", d="M0 0", fill="url(//x.test#a)", style="fill:url(//x.test)")),
    node("svg", node("rect", fill="url(#a)", filter="url(//x.test)", onbegin="x()")),
    node("math", node("mtext", node("img", src="//x.test"))),
    node("template", node("img", src="//x.test")),
    node("noscript", rrweb.text(53, "<img src=//x.test>")),
    node("style", rrweb.text(54, "@import '//x.test';</style><script>x()</script>")),
    node("style", _cssText="a{background:url(//x.test)}</style><img src=//x.test>"),
    node("div", style="background:url(//x.test);color:red"),
    node("div", style='color:red" onmouseover="x()'),
    node("div", **{'x"><script>x()</script>': "1", "data-gateway-node": "7", "on load": "x()", "onclick ": "x()"}),
    node("div><script>x()</script>", rrweb.text(55, "x")),
    node("script\0", rrweb.text(56, "x()")),
    node("ſcript", rrweb.text(57, "x()")),
    node("annotation-xml", node("img", src="//x.test")),
    node("gateway-masked", rrweb.text(58, "forged")),
    node("textarea", rrweb.text(59, "</textarea><script>x()</script>")),
    node("select", node("option", rrweb.text(60, "</option></select><script>x()</script>"))),
    node("video", src="//x.test", poster="//x.test", autoplay=""),
    node("input", type="image", src="//x.test", value='"><script>x()</script>'),
    node("body", background="//x.test", onload="x()"),
    node("plaintext", rrweb.text(61, "<script>x()</script>")),
    node("xmp", rrweb.text(62, "</xmp><script>x()</script>")),
    rrweb.text(63, "<script>x()</script>\0\ud800\x08<!--"),
    {"type": 5, "textContent": "--><script>x()</script>", "id": 64},
    {"type": 4, "textContent": "]]><script>x()</script>", "id": 65},
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda one: str(one.get("tagName", "text"))[:12])
def test_a_hostile_node_is_written_as_what_it_shows_or_not_at_all(hostile):
    html = shown(hostile, rrweb.element(4, "p", rrweb.text(5, "after"), id="after"))
    reader = Reader(html)
    assert list(reader.unlisted()) == []
    assert "x.test" not in re.sub(r">[^<]*<", "><", html)
    assert "after" in reader.texts
    assert not set(html) & set("\0\x08\ud800")


def test_every_hostile_node_at_once_changes_nothing_of_that():
    reader = Reader(shown(*HOSTILE))
    assert list(reader.unlisted()) == []
    assert "script" not in [tag for tag, _ in reader.found]


names = st.sampled_from(
    "div p svg g a style script table td select option textarea input math template x-y iframe body".split()
) | st.text(max_size=8)
keys = st.sampled_from(
    "id class style href src onclick value title data-x type srcdoc fill d xlink:href".split()
) | st.text(max_size=8)
values = st.sampled_from(
    ["javascript:x()", "url(//x.test)", '"><script>x()</script>', "&#106;avascript:x()", "</style>", "red"]
) | st.text(max_size=12)
trees = st.recursive(
    st.builds(lambda value: ("#text", value), values),
    lambda inner: st.tuples(names, st.dictionaries(keys, values, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(trees, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_tree_makes_it_write_what_is_not_listed(forest):
    count = [100]

    def made(tree):
        count[0] += 1
        if tree[0] == "#text" and len(tree) == 2:
            return rrweb.text(count[0], tree[1])
        return {
            "type": 2,
            "tagName": tree[0],
            "attributes": tree[1],
            "id": count[0],
            "childNodes": [made(one) for one in tree[2]],
        }

    assert list(Reader(shown(*[made(tree) for tree in forest])).unlisted()) == []


def test_a_deep_and_a_wide_tree_are_cut_and_said_to_be():
    adds = [rrweb.add(3 if at == 0 else 999 + at, rrweb.element(1000 + at, "div")) for at in range(230)]
    found = seen(rrweb.snapshot(), rrweb.mutation(adds=[*adds, rrweb.add(1229, rrweb.text(5, "bottom"))]))
    assert found.is_cut
    assert "bottom" in found.html
    assert found.html.count("<div") <= 201
    wide = seen(rrweb.snapshot(*[rrweb.text(100 + at, "x") for at in range(markup.MOST_NODES + 10)]))
    assert wide.is_cut


def test_a_picture_is_a_box_of_its_size_with_what_it_is_called():
    html = shown(rrweb.element(4, "img", src="//x.test/a.png", alt="Our shop", width="30", height="20"))
    assert '<span data-gateway-box="picture"' in html
    assert "width:30px;height:20px" in html
    assert ">Our shop</span>" in html


def test_what_it_is_served_with_holds_by_itself():
    policy = markup.HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-same-origin" in policy
    assert "script" not in policy
