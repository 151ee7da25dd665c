"""What decodes, wholly, opens; what is closed without edits is the same object; what cannot be read is refused."""

import base64
import gzip
import json
import zlib
from urllib.parse import quote

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.document import Kind, List, Map, opened
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.core.opening import Opener, leaves
from gateway.formats import FORMATS

OPENER = Opener(CODINGS, FORMATS, BY_CONTENT_CODING, BY_CHARSET)


def budget(**limits):
    return Budget(Limits(**limits), lambda: 0.0)


def open_body(body, content_type="", encodings=(), **limits):
    return OPENER.open_body(body, content_type, encodings, budget(**limits))


def plain(node):
    """All that can be read, through all layers."""
    node = opened(node)
    if isinstance(node, Map):
        return [(key.value, plain(value)) for key, value in node.items]
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return node.data if node.kind == Kind.BYTES else node.value


def chain(layer):
    names = [layer.name]
    while layer.parent is not None:
        layer = layer.parent[0]
        names.append(layer.name)
    return " ".join(reversed(names))


def find(document, value):
    """The layer and leaf that read as `value`."""
    return next(
        (layer, leaf)
        for layer in document.layers
        for leaf in leaves(layer.root)
        if leaf.value == value and leaf.child is None
    )


def packed(text):
    """As PostHog packs: gzip, one character a byte."""
    return gzip.compress(text.encode(), mtime=0).decode("latin-1")


EVENT = '{"type":3,"data":{"text":"needle"},"n":1e3}'
SNAPSHOT = json.dumps(
    [{"event": "$snapshot", "properties": {"$snapshot_data": [{"data": packed(EVENT)}, {"data": "x"}]}}]
)
REPLAY = b'{"segment_id":0}\n' + zlib.compress(f"[{EVENT}]".encode())
ENVELOPE = (
    b'{"event_id":"0"}\n{"type":"replay_event"}\n{"urls":["a"]}\n'
    b'{"type":"replay_recording","length":%d}\n%s\n' % (len(REPLAY), REPLAY)
)
CONTENT = zlib.compressobj()
FLUSHED = CONTENT.compress(EVENT.encode()) + CONTENT.flush(zlib.Z_SYNC_FLUSH)
MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="segment"; filename="s-1"\r\n\r\n%s\r\n'
    b'--B\r\nContent-Disposition: form-data; name="event"\r\n\r\n{"size":1}\r\n--B--\r\n'
    % zlib.compress(EVENT.encode())
)
BASE64 = base64.b64encode(EVENT.encode()).decode()
BASE64URL = base64.urlsafe_b64encode(EVENT.encode()).decode().rstrip("=")
HIGHLIGHT = base64.b64encode(gzip.compress(EVENT.encode(), mtime=0)).decode()

# body, Content-Encoding fields, and the chain of layers down to the value "needle"
BODIES = {
    "json": (EVENT.encode(), (), "utf8 json"),
    "json with mark": (b"\xef\xbb\xbf" + EVENT.encode(), (), "utf8 json"),
    "utf-16": (EVENT.encode("utf-16"), (), "utf16 json"),
    "utf-32": (EVENT.encode("utf-32"), (), "utf16 json"),
    "json in json in json": (json.dumps(json.dumps([EVENT])).encode(), (), "utf8 json json json"),
    "lines": (f'{{"a":1}}\r\n\r\n{EVENT}\r\n'.encode(), (), "utf8 ndjson"),
    "lines with CR only": (f'{{"a":1}}\r{EVENT}'.encode(), (), "utf8 ndjson"),
    "hidden gzip": (gzip.compress(EVENT.encode(), mtime=0), (), "gzip utf8 json"),
    "two members": (gzip.compress(b'["needle",') + gzip.compress(b"2]"), (), "gzip utf8 json"),
    "hidden zlib": (zlib.compress(EVENT.encode()), (), "zlib utf8 json"),
    "flushed, unfinished zlib": (FLUSHED, (), "zlib utf8 json"),
    "hidden zstd": (zstandard.compress(EVENT.encode()), (), "zstd utf8 json"),
    "gzip": (gzip.compress(EVENT.encode()), ("gzip",), "gzip utf8 json"),
    "gzip twice, one field": (gzip.compress(gzip.compress(EVENT.encode())), ("GZIP, x-gzip",), "gzip gzip utf8 json"),
    "several fields": (
        brotli.compress(gzip.compress(zlib.compress(EVENT.encode()))),
        ("deflate", "identity, gzip", "br"),
        "br gzip deflate utf8 json",
    ),
    "bare deflate": (BY_CONTENT_CODING["deflate"].encode(EVENT.encode(), b""), ("deflate",), "deflate utf8 json"),
    "zstd": (zstandard.compress(EVENT.encode()), ("zstd",), "zstd utf8 json"),
    "gzip said, gzip hidden": (gzip.compress(gzip.compress(EVENT.encode())), ("gzip",), "gzip gzip utf8 json"),
    "packed in gzip": (gzip.compress(SNAPSHOT.encode()), (), "gzip utf8 json latin1 gzip utf8 json"),
    "packed zlib": (
        json.dumps([zlib.compress(EVENT.encode()).decode("latin-1")]).encode(),
        (),
        "utf8 json latin1 zlib utf8 json",
    ),
    "envelope": (ENVELOPE, (), "envelope headed zlib utf8 json"),
    "multipart": (MULTIPART, (), "multipart zlib utf8 json"),
    "form of base64": (f"data={quote(BASE64, safe='')}".encode(), (), "utf8 form base64 utf8 json"),
    "base64url in json": (json.dumps({"ue_px": BASE64URL}).encode(), (), "utf8 json base64 utf8 json"),
    "base64 of gzip": (json.dumps({"data": HIGHLIGHT}).encode(), (), "utf8 json base64 gzip utf8 json"),
    "base64 as the body": (BASE64.encode(), (), "utf8 base64 utf8 json"),
    "percent-encoded twice": (json.dumps([quote(quote(EVENT))]).encode(), (), "utf8 json percent percent json"),
    "form in json": (json.dumps(["a=needle&b=2"]).encode(), (), "utf8 json form"),
    "query in json": (json.dumps({"requests": ["?a=needle"]}).encode(), (), "utf8 json form"),
    "lines of forms": (b"en=a&x=1\r\nen=needle&x=2", (), "utf8 form"),
    "markup": (b"<p>needle</p>", (), "utf8 html"),
    "markup in json": (json.dumps({"srcdoc": '<p title="needle">x</p>'}).encode(), (), "utf8 json html"),
    "text": (b"needle", (), "utf8"),
}
NAMED = [pytest.param(*case, id=name) for name, case in BODIES.items()]


@pytest.mark.parametrize(("body", "encodings", "layers"), NAMED)
def test_a_body_opens_down_to_its_values(body, encodings, layers):
    document = open_body(body, "text/plain", encodings)
    layer, _ = find(document, "needle")
    assert chain(layer) == layers
    assert not document.opaque


@pytest.mark.parametrize(("body", "encodings", "layers"), NAMED)
def test_without_edits_the_body_is_the_same_object(body, encodings, layers):
    assert open_body(body, "", encodings).close() is body


@pytest.mark.parametrize("value", ["masked", 'Zürich "x" \\ \u2028 & <b> =;\n', "\x00\x1f", "😀"])
@pytest.mark.parametrize(("body", "encodings", "layers"), NAMED)
def test_an_edited_value_reads_back_through_all_layers_and_all_else_is_equal(body, encodings, layers, value):
    if layers in {"utf8", "utf8 html"}:
        value = value.replace("\x00\x1f", "\t")  # control characters would make such a body opaque
    document = open_body(body, "", encodings)
    layer, leaf = find(document, "needle")
    before = plain(document.root)
    layer.replace(leaf, value)
    again = plain(open_body(document.close(), "", encodings).root)
    told = repr(before).replace("'needle'", repr(value))
    if layers.startswith("envelope"):
        assert repr(value) in repr(again)
    else:
        assert repr(again) == told


def test_unchanged_layers_keep_their_bytes_beside_a_changed_one():
    first, second = packed('["a"]'), packed('["needle"]')
    document = open_body(json.dumps([first, second, 1.50]).encode())
    layer, leaf = find(document, "needle")
    layer.replace(leaf, "masked")
    written = json.loads(document.close())
    assert written[0] == first
    assert gzip.decompress(written[1].encode("latin-1")) == b'["masked"]'


def test_numbers_order_duplicates_spaces_and_lone_surrogates_stay():
    body = b'{ "a" : 1.50, "a":1E+2 ,"z":"\\ud83d","k":"needle", "u":"\\u00e9\\/" }'
    document = open_body(body)
    layer, leaf = find(document, "needle")
    assert plain(document.root)[2] == ("z", "\ud83d")
    layer.replace(leaf, "m")
    assert document.close() == body.replace(b"needle", b"m")


def test_an_envelope_says_the_new_length_also_where_its_header_was_edited():
    document = open_body(ENVELOPE)
    layer, leaf = find(document, "needle")
    layer.replace(leaf, "something longer than before, " * 9)
    layer, leaf = find(document, "replay_recording")
    layer.replace(leaf, "replay_recording_2")
    lines = document.close().split(b"\n", 4)
    header = json.loads(lines[3])
    assert header["type"] == "replay_recording_2"
    assert header["length"] == len(lines[4].removesuffix(b"\n"))
    first, _, rest = lines[4].partition(b"\n")
    assert first == b'{"segment_id":0}'
    assert b"something longer" in zlib.decompress(rest.removesuffix(b"\n"))


def test_the_part_of_a_multipart_body_goes_as_a_whole():
    for index, left in ((1, b'name="event"'), (2, b'name="segment"')):
        document = open_body(MULTIPART)
        document.layers[0].drop(document.layers[0].root, index)
        again = open_body(document.close())
        assert left in document.close()
        assert len([key for key, _ in again.root.items if key.value != "filename"]) == 1


REFUSED = {
    "unknown coding": (b"x", "", ("compress",), Reason.UNKNOWN_CODING),
    "utf-7": (b"{}", "text/plain; charset=utf-7", (), Reason.UNKNOWN_CODING),
    "charset of 256 bytes": (b"{}", "text/plain; charset=" + "x" * 256, (), Reason.UNKNOWN_CODING),
    "utf-16 that is ASCII": (b'{"a":1}', "application/json; charset=utf-16le", (), Reason.BROKEN_CODING),
    "gzip that is none": (b"hello", "", ("gzip",), Reason.BROKEN_CODING),
    "hidden gzip, cut": (gzip.compress(EVENT.encode())[:-3], "", (), Reason.BROKEN_CODING),
    "hidden gzip, continued": (gzip.compress(EVENT.encode()) + b"x", "", (), Reason.BROKEN_CODING),
    "hidden zstd, cut": (zstandard.compress(EVENT.encode())[:-3], "", (), Reason.BROKEN_CODING),
    "JSON, cut": (b'{"a":1', "text/plain", (), Reason.BROKEN_FORMAT),
    "JSON, continued": (b"[1] x", "text/plain", (), Reason.BROKEN_FORMAT),
    "one line of two is broken": (b'{"a":1}\n{"b":', "text/plain", (), Reason.BROKEN_FORMAT),
    "says JSON": (b"a=b", "application/json; charset=utf-8", (), Reason.BROKEN_FORMAT),
    "another boundary": (MULTIPART, "multipart/form-data; boundary=A", (), Reason.BROKEN_FORMAT),
    "multipart, cut": (MULTIPART[:-9], "multipart/form-data; boundary=B", (), Reason.BROKEN_FORMAT),
    "binary": (b"\x51\x01\x00\xff\xfe\x02", "", (), Reason.OPAQUE),
    "control characters": (b"\x08\x01abc", "", (), Reason.OPAQUE),
    "zlib, cut": (zlib.compress(EVENT.encode() * 9)[:-9], "", (), Reason.OPAQUE),
    "binary in gzip": (gzip.compress(b"\xff\x00\xff"), "", (), Reason.OPAQUE),
    "deep JSON": (b"[" * 300 + b"]" * 300, "", (), Reason.TOO_DEEP),
}


@pytest.mark.parametrize(
    ("body", "content_type", "encodings", "reason"), [pytest.param(*case, id=name) for name, case in REFUSED.items()]
)
def test_what_cannot_be_read_is_refused_with_its_reason(body, content_type, encodings, reason):
    with pytest.raises(Refused) as caught:
        open_body(body, content_type, encodings)
    assert caught.value.reason is reason


def nest(body, times):
    for _ in range(times):
        body = gzip.compress(body)
    return body


BOMB = gzip.compress(bytes(4 * 1024 * 1024))
BOMBS = {
    "one": (BOMB, ()),
    "said": (BOMB, ("gzip",)),
    "nested": (nest(BOMB, 3), ()),
    "many members": (gzip.compress(b"") * 5000, ()),
    "in a string": (json.dumps([BOMB.decode("latin-1")]).encode(), ()),
    "in base64": (json.dumps([base64.b64encode(BOMB).decode()]).encode(), ()),
    "many small ones": (json.dumps([packed(" " * 50_000 + "[]")] * 30).encode(), ()),
}


@pytest.mark.parametrize(("body", "encodings"), [pytest.param(*case, id=name) for name, case in BOMBS.items()])
def test_bombs_are_too_large(body, encodings):
    with pytest.raises(Refused) as caught:
        open_body(body, "", encodings, decoded=1024 * 1024)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [
        nest(EVENT.encode(), 40),
        json.dumps(["%" + "25" * 40 + "7B%" + "25" * 40 + "7D"]).encode(),
    ],
)
def test_more_layers_than_the_limit_are_too_deep(body):
    with pytest.raises(Refused) as caught:
        open_body(body)
    assert caught.value.reason is Reason.TOO_DEEP


def test_time_that_is_up_is_too_slow():
    ticks = iter(range(1000))
    with pytest.raises(Refused) as caught:
        OPENER.open_body(json.dumps([EVENT] * 50).encode(), "", (), Budget(Limits(time=5), lambda: next(ticks)))
    assert caught.value.reason is Reason.TOO_SLOW


PLAIN = [
    EVENT[:-4],  # cut JSON, as recorders of network traffic send it
    "x^2 + y^2 = z^2",
    "xylophone, hello",
    "01a20c26-a16b-7917-8893-c26dc2ae5e7a",
    "1795500295466179550029546617955002",
    "0123456789abcdef0123456789abcdef",
    "https://shop.example/checkout?token=1&email=a%40b.example",
    "<3 you",
    "a = b & c",
    "width=device-width, initial-scale=1",
    "[Amplitude] Element Clicked",
    '"quoted" and more',
    "{not json}",
    "domContentLoadedEventStart",
    "100%",
    "%7Bcut",
    "",
]


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_strings_stay_as_they_are(text):
    document = open_body(json.dumps({"a": text}).encode())
    assert plain(document.root) == [("a", text if text != "%7Bcut" else "{cut")]


def test_gzip_in_a_string_that_does_not_inflate_is_listed_as_opaque():
    for text in (packed(EVENT * 9)[:-12], base64.b64encode(gzip.compress(EVENT.encode() * 9)).decode()[:40] + "…"):
        document = open_body(json.dumps({"a": "x", "b": text}).encode())
        assert [leaf.value for _, leaf in document.opaque] == [text]


def test_binary_in_a_part_is_listed_as_opaque():
    document = open_body(MULTIPART.replace(b'{"size":1}', b"\x89PNG\r\n\x1a\n\x00\xff"))
    assert [leaf.data[:4] for _, leaf in document.opaque] == [b"\x89PNG"]


def test_text_in_latin1_opens_by_its_label_and_utf8_whatever_the_label_says():
    label = "text/plain; charset=ISO-8859-1"
    assert plain(open_body('{"a":"é"}'.encode("latin-1"), label).root) == [("a", "é")]
    assert plain(open_body('{"a":"４"}'.encode(), label).root) == [("a", "４")]
    assert plain(open_body(b'"\x80"', "text/plain; charset=windows-1252").root) == "€"


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_has_nothing_to_open(body):
    document = open_body(body, "application/json")
    assert document.close() is body
    assert len(document.layers) == bool(body)


def test_queries_cookies_and_texts_open_too():
    query = OPENER.open_query(f"v=2&px={BASE64URL}&attributes=a%3Dneedle2%26b%3D2&flag", budget())
    assert chain(find(query, "needle")[0]) == "query base64 utf8 json"
    assert chain(find(query, "needle2")[0]) == "query form"
    cookies = OPENER.open_cookies(
        f"a=b; ph={quote(EVENT)}; AMP={base64.b64encode(quote(EVENT).encode()).decode()}", budget()
    )
    assert {chain(layer) for layer in cookies.layers} >= {"cookies percent json", "cookies base64 utf8 percent json"}
    layer, leaf = next(
        (layer, leaf)
        for layer in cookies.layers
        if chain(layer) == "cookies percent json"
        for leaf in leaves(layer.root)
        if leaf.value == "needle"
    )
    layer.replace(leaf, "masked; x")
    assert cookies.close().startswith(f"a=b; ph={quote(EVENT.replace('needle', 'masked; x'))}; AMP=")
    assert chain(find(OPENER.open_text(EVENT, budget()), "needle")[0]) == "text json"


def test_a_format_on_demand_opens_where_it_is_asked_for():
    value = 'a.btn:attr__href="/x"text="needle";body:nth-child="2"'
    document = open_body(json.dumps({"$elements_chain": value}).encode())
    layer, leaf = find(document, value)
    assert OPENER.open_leaf(document, layer, leaf, "elements_chain", budget())
    inner, text = find(document, "needle")
    inner.replace(text, 'm"')
    assert json.loads(document.close()) == {"$elements_chain": value.replace("needle", 'm\\"')}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def wrap(text, how):
    if how == "json":
        return json.dumps([text])
    if how == "latin1":
        return json.dumps([packed(text)])
    if how == "base64":
        return json.dumps([base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"))).decode()])
    return json.dumps({"k": text}, ensure_ascii=False, indent=1)


@given(value=JSON_VALUES, hows=st.lists(st.sampled_from(["json", "latin1", "base64", "pretty"]), max_size=5))
def test_whatever_is_nested_closes_to_itself_and_keeps_an_edit(value, hows):
    text = json.dumps([value, "needle-7"])
    for how in hows:
        text = wrap(text, how)
    body = text.encode()
    document = open_body(body)
    assert document.close() is body
    layer, leaf = next(
        (layer, leaf) for layer in document.layers for leaf in leaves(layer.root) if leaf.value == "needle-7"
    )
    before = plain(document.root)
    layer.replace(leaf, "masked")
    assert repr(plain(open_body(document.close()).root)).count("'masked'") >= 1
    assert plain(open_body(body).root) == before


@given(
    body=st.binary(max_size=300), content_type=st.sampled_from(["", "application/json", "text/plain; charset=utf-16"])
)
def test_any_body_opens_or_is_refused(body, content_type):
    try:
        document = open_body(body, content_type)
    except Refused:
        return
    assert document.close() is body


def reason(body, content_type="", encodings=(), **limits):
    with pytest.raises(Refused) as caught:
        open_body(body, content_type, encodings, **limits)
    return caught.value.reason


def test_more_content_codings_than_layers_are_too_deep():
    assert reason(gzip.compress(gzip.compress(b"x")), encodings=["gzip, gzip"], layers=1) is Reason.TOO_DEEP


def test_compressed_nothing_is_nothing_more():
    assert [layer.name for layer in open_body(gzip.compress(b""), encodings=["gzip"]).layers] == ["gzip"]


ONE_PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n--x--\r\n'
OF_PARTS = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    "data", [gzip.compress(b"x" * 99, mtime=0)[:-9], b"bel.7;broken", b"\x00\x01\x02", b"\x1f\x8b\x08\x00 not"]
)
def test_a_part_that_a_body_could_not_be_is_opaque(data):
    document = open_body(ONE_PART % data, OF_PARTS)
    assert [leaf.data for _, leaf in document.opaque] == [data]


def test_a_part_over_the_limit_is_refused_and_one_that_only_begins_like_json_is_text():
    assert reason(ONE_PART % gzip.compress(bytes(100_000)), OF_PARTS, decoded=10_000) is Reason.TOO_LARGE
    document = open_body(ONE_PART % b"{not json", OF_PARTS)
    assert document.opaque == []
    assert find(document, "{not json")


def test_what_is_packed_in_a_string_counts_against_the_limit_too():
    packed = base64.b64encode(gzip.compress(bytes(100_000))).decode()
    for told in (packed, gzip.compress(bytes(100_000)).decode("latin-1")):
        assert reason(json.dumps({"a": told}).encode(), decoded=30_000) is Reason.TOO_LARGE
    assert reason(json.dumps({"a": "%7B" + "%20" * 9000}).encode(), decoded=10_000) is Reason.TOO_LARGE


@pytest.mark.parametrize("text", ["%7B%FF%22", base64.b64encode(b"two\x07 bells and \x01 more").decode(), "%7B&x"])
def test_a_string_that_decodes_to_no_text_stays_what_it_is(text):
    assert find(open_body(json.dumps({"a": text}).encode()), text)


def test_a_string_that_is_percent_encoded_in_part_may_still_be_a_form():
    text = "%7Ba=1&b=%FF"
    assert plain(open_body(json.dumps([text]).encode()).root) == [[("{a", "1"), ("b", "ÿ")]]


def test_cookies_that_are_none_have_no_layers():
    assert OPENER.open_cookies("", budget()).root is None or plain(OPENER.open_cookies("", budget()).root) == []
