"""Markup in the shape of a recorder's nodes; nothing is out of sight, however broken it is."""

import pytest

from gateway.core.document import Kind, List, Map
from gateway.core.limits import Budget, Limits
from gateway.core.opening import leaves
from gateway.formats.html import HTML


def parse(source):
    return HTML.parse(source, Budget(Limits(), lambda: 0.0))


def tree(node):
    if isinstance(node, List):
        return [tree(item) for item in node.items]
    if isinstance(node, Map):
        names = [key.value for key, _ in node.items]
        if names == ["textContent"]:
            return node.items[0][1].value
        if names == ["tagName", "attributes", "childNodes"]:
            tag, attributes, children = (value for _, value in node.items)
            return (tag.value, {key.value: value.value for key, value in attributes.items}, tree(children))
    return None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>a</p>", [("p", {}, ["a"])]),
        ("<DIV ID=x Class='a b' data-q=\"&quot;\" hidden><br/>t</div>", [
            ("div", {"id": "x", "class": "a b", "data-q": '"', "hidden": ""}, [("br", {}, []), "t"]),
        ]),
        ("<p>one<p>two", [("p", {}, ["one"]), ("p", {}, ["two"])]),
        ("<ul><li>a<li>b</ul>c", [("ul", {}, [("li", {}, ["a"]), ("li", {}, ["b"])]), "c"]),
        ("<!doctype html><b>x</i></b>", ["doctype html", ("b", {}, ["x"])]),
        ("<script>a<b && '</p>'</script>z", [("script", {}, ["a<b && '</p>'"]), "z"]),
        ("<textarea>a &amp; <b></textarea>", [("textarea", {}, ["a & <b>"])]),
        ("<p>x<!-- note", [("p", {}, ["x", " note"])]),
        ('<p>x <q r="never closed', [("p", {}, ['x <q r="never closed'])]),
        ("<p>1 < 2 &#99999999999; &bogus", [("p", {}, ["1 < 2 \ufffd &bogus"])]),
        ("<p>&#" + "9" * 5000 + ";</p>", [("p", {}, ["&#" + "9" * 5000 + ";"])]),
        ("<p>x</", [("p", {}, ["x</"])]),
    ],
)  # fmt: skip
def test_markup_is_read_as_browsers_would(source, expected):
    assert tree(parse(source).root) == expected


@pytest.mark.parametrize("source", ["<3 you", "< p>", "</p>", "<!-- only -->", "<", "<a", "plain"])
def test_without_an_element_it_is_no_markup(source):
    assert parse(source) is None


@pytest.mark.parametrize(
    ("source", "old", "written"),
    [
        ('<a title="x">t</a>', "x", '<a title="a&quot;b&#39;&lt;&amp;">t</a>'),
        ("<a title='x'>t</a>", "x", "<a title='a&quot;b&#39;&lt;&amp;'>t</a>"),
        ("<a title=x>t</a>", "x", '<a title="a&quot;b&#39;&lt;&amp;">t</a>'),
        ("<a title>t</a>", "", '<a title="a&quot;b&#39;&lt;&amp;">t</a>'),
        ('<a title="">t</a>', "", '<a title="a&quot;b&#39;&lt;&amp;">t</a>'),
        ("<a>x</a>", "x", "<a>a\"b'&lt;&amp;</a>"),
        ("<style>x</style>", "x", "<style>a\"b'<&</style>"),
    ],
)
def test_a_value_is_escaped_for_its_place(source, old, written):
    layer = parse(source)
    leaf = next(leaf for leaf in leaves(layer.root) if leaf.value == old)
    layer.replace(leaf, "a\"b'<&")
    assert layer.close() == written


def test_a_text_cannot_end_the_element_it_stands_in():
    layer = parse("<script>x</script><!--y-->")
    for leaf in list(leaves(layer.root)):
        if leaf.kind == Kind.TEXT and leaf.value in {"x", "y"}:
            layer.replace(leaf, "</script><b>-->")
    assert layer.close() == "<script><\\/script><b>--></script><!--</script><b>--&gt;-->"


def test_deep_markup_is_flattened():
    assert parse("<div>" * 5000 + "x").root is not None


def test_an_element_can_go_as_a_whole():
    layer = parse("<p>a</p><p>b</p>")
    layer.drop(layer.root, 0)
    assert layer.close() == "<p>b</p>"
