"""Every listed format, unasked: lossless without edits, an edit reads back, and no crash, whatever comes."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.document import Kind, Leaf, List, Map
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.opening import leaves
from gateway.formats import FORMATS

SAMPLES = {
    "json": '{"a": "x", "a": [1e3, true, "y\\u00e9"], "b": {"c": "z"}}',
    "ndjson": '{"a": "x"}\r\n\n{"b": ["y"]}\n',
    "envelope": b'{"event_id":"0"}\n{"type":"event"}\n{"message":"x"}\n{"type":"attachment","length":5}\nab\ncd\n',
    "headed": b'{"segment_id":0}\n[{"type":4}]',
    "form": "a=x+y&b=%C3%A9&&c&d=",
    "target": "/p/q?a=x&b=y%20z",
    "query": "?a=x&b=y%20z&=nameless&flag",
    "multipart": (
        b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n'
        b'--X\r\nContent-Disposition: form-data; name="f"; filename="ann.txt"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--X--\r\n'
    ),
    "cookies": 'a=b; c="d e";nameless ;  f=g=h',
    "html": "<div class=\"a\" id=b hidden>x &amp; y<br><p title='q'>one<p>two</div><!-- note --><script>if (a < b) c()</script>",
    "elements_chain": 'a.btn:attr__href="/x"text="Buy \\"now\\"";div:nth-child="2"',
    "text": "hello",
    "message": 'could not save {"user": {"a": "x"}} (409)',
    "otlp": b"\n1\n\r\n\x0b\n\x04note\x12\x03\n\x01x\x12 \n\x13\n\nrum.rr-web\x12\x054.0.0\x12\t*\x07\n\x05hello",
    "openreplay": (
        b"\x51\x01\x00\x05\x06\x09/checkout\x1b\x08\x00\x00\x04sent\x02{}\x1c\x05\x00\x00\x04jane"
        b"\x14\x02\x00\x00\x01\x02\xff\x03\x02\x00\x00\x01?"
    ),
    "clarity": '{"e": ["0.8.70",1,0,9,"p","u","s",2,0,0,0,"/x"],"a":[],"p":[[5,5,2,"P","id=a","title=b",3,2,"*T","hi"]]}',
    "bel": "bel.7;e,'fp,,;5,'note,'a\\,b;e,0,!,;5,1,2",
}
NAMED = [pytest.param(form, id=form.name) for form in FORMATS]


def budget(**limits):
    return Budget(Limits(**limits), lambda: 0.0)


def contents(node):
    """Keys and values of one layer, in order."""
    if isinstance(node, Map):
        return [(key.value, contents(value)) for key, value in node.items]
    if isinstance(node, List):
        return [contents(item) for item in node.items]
    return node.data if node.kind == Kind.BYTES else node.value


@pytest.mark.parametrize("form", NAMED)
def test_every_format_has_a_sample_that_it_sniffs_and_parses(form):
    assert form.sniff(SAMPLES[form.name])
    assert form.parse(SAMPLES[form.name], budget()) is not None


@pytest.mark.parametrize("form", NAMED)
def test_without_edits_the_source_comes_back_itself(form):
    source = SAMPLES[form.name]
    assert form.parse(source, budget()).close() is source


# what a new value reads back as, where the format has no way to write it as it is
COOKIE_OCTETS = "!#$%&'()*+./:<=>?@[]^`{|}~"
READS_BACK = {
    "cookies": lambda value: quote(value, safe=COOKIE_OCTETS),
    "elements_chain": lambda value: value + " " if value.endswith("\\") else value,
    "envelope": lambda value: value.replace("\n", " "),
    "multipart": lambda value: value.replace('"', "%22").replace("\n", "%0A"),
    "html": lambda value: value,
}
# leaves whose content is a grammar of its own, or a name without quotes: not for arbitrary values
NOT_FREE = {"header", "tagName", "classes", "openreplay message", "clarity row"}
# what tells a format, a session or a number: other values make it another
NOT_FREE |= {"version", "sequence", "sessionId", "pageNum", "page", "first", "time", "tab", "about"}


def free_leaves(node, name=""):
    """The leaves that take any value, in order."""
    if isinstance(node, Leaf):
        return [] if name in NOT_FREE else [node]
    items = node.items if isinstance(node, Map) else [(None, item) for item in node.items]
    return [leaf for key, value in items for leaf in free_leaves(value, key.value if key else name)]


VALUES = ["new", 'a"b', "x&y=z;<w>", "Zürich", "two\nlines", "a\\", "'", "--X", "a > b", "99"]


@pytest.mark.parametrize("form", NAMED)
@pytest.mark.parametrize("value", VALUES)
def test_an_edit_of_any_one_leaf_reads_back_and_changes_nothing_else(form, value):
    source = SAMPLES[form.name]
    count = len(free_leaves(form.parse(source, budget()).root))
    assert count
    for index in range(count):
        layer = form.parse(source, budget())
        leaf = free_leaves(layer.root)[index]
        is_sized = form.name == "headed" or (form.name == "envelope" and leaf.data == b"ab\ncd")
        is_part = form.name == "multipart" and leaf.kind == Kind.BYTES
        expected = value if is_sized or is_part else READS_BACK.get(form.name, str)(value)
        if is_part and value == "--X":
            with pytest.raises(Refused):  # it would end the part
                layer.replace(leaf, value)
            continue
        if form.name == "cookies" and leaf.value == "nameless":
            expected = expected.replace("=", "%3D")
        layer.replace(leaf, value.encode() if leaf.kind == Kind.BYTES else value)
        written = layer.close()
        again = form.parse(written, budget())
        leaf.value, leaf.data = ("", expected.encode()) if leaf.kind == Kind.BYTES else (expected, b"")
        if form.name == "headed":
            assert written == b'{"segment_id":0}\n' + value.encode()
        else:
            assert without_length(contents(again.root)) == without_length(contents(layer.root))


def without_length(content):
    """Contents, but for the length in an envelope's header, which follows the payload."""
    return re.sub(r'"length":\d+', "", repr(content))


@pytest.mark.parametrize("form", NAMED)
@given(data=st.data())
def test_mutated_samples_parse_or_not_but_never_crash(form, data):
    sample = SAMPLES[form.name]
    at = data.draw(st.integers(0, len(sample)))
    until = data.draw(st.integers(at, len(sample)))
    junk = data.draw(st.text(max_size=8))
    mutated = sample[:at] + (junk if isinstance(sample, str) else junk.encode()) + sample[until:]
    form.sniff(mutated)
    layer = form.parse(mutated, budget())
    if layer is not None:
        assert layer.close() is mutated
        for leaf in leaves(layer.root):
            assert 0 <= leaf.start <= leaf.end <= len(mutated)
            assert isinstance(leaf, Leaf)


@pytest.mark.parametrize("form", NAMED)
@given(source=st.one_of(st.binary(max_size=100), st.text(max_size=100)))
def test_any_source_is_read_or_left(form, source):
    form.sniff(source)
    layer = form.parse(source, budget())
    assert layer is None or layer.close() is source


@pytest.mark.parametrize("form", [param for param in NAMED if param.id in {"json", "ndjson"}])
def test_nesting_over_the_limit_is_refused(form):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        deep = opening * 100_000 + "1" + closing * 100_000
        with pytest.raises(Refused) as caught:
            form.parse(deep, budget())
        assert caught.value.reason is Reason.TOO_DEEP
