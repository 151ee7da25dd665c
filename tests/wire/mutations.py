"""Malformed requests, made from valid ones by a seeded chance: framing, fields, targets, bodies, bytes.

`framings` breaks message framing alone and keeps the target, so that whoever forwards it can be told by it; `malformed` breaks
everything. A request is the bytes that a client sends, and may be several. Written here after what is known to have broken
parsers; nothing is taken from elsewhere.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random

import brotli
import zstandard

from tests.formats.otlp_message import count, part
from tests.judge.recorded import CORPUS, load_run, runs_of

Field = tuple[bytes, bytes]

LENGTHS = (
    b"0", b"1", b"5", b"05", b"+5", b"-5", b"5 ", b" 5", b"\t5", b"5,5", b"5, 6", b"5;a", b"0x5", b"5e0", b"5.0", b"", b"\x0b5",
    b"5\x00", b"\xc2\xb25", b"\xd9\xa5", b"4294967301", b"18446744073709551621", b"99999999999999999999999", b"nan", b'"5"', b"5_0",
    b"5\r", b"5\n", b"6", b"4", b"1000000",
)  # fmt: skip
CODINGS = (
    b"chunked", b"Chunked", b"CHUNKED", b" chunked", b"chunked ", b"\tchunked", b"chunked\t", b"\x0bchunked", b"chunked\x0c", b'"chunked"',
    b"'chunked'", b"chunked,", b",chunked", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked",
    b"identity", b"xchunked", b"chunkedx", b"chunk", b"chunked;q=1", b"chunked\x00", b"\x00chunked", b"chu\x00nked", b"ch\xc3\xbcnked", b"cow",
    b"", b"chunked\r", b"chunked\n", b"\n chunked", b"\r\n chunked", b"chunked\r\n ", b"x\r\n chunked", b"\xa0chunked", b"\xffchunked",
)  # fmt: skip
NAMES = (
    b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer-Encoding\t",
    b"Transfer_Encoding", b"Transfer\x00-Encoding", b"Transfer-Encoding\x00", b"Transfer-Encoding\r", b"\x0bTransfer-Encoding", b"X: y\nTransfer-Encoding",
    b"X: y\rTransfer-Encoding", b"X: y\r\n\r\nTransfer-Encoding", b"Transfer-Encodin\xc4\x9f", b"Transfer Encoding", b"X\x00: y\r\nTransfer-Encoding",
    b"Content-Length", b"content-length", b"Content-Length ", b"Content_Length", b"Content-Length\x00", b"\tContent-Length",
)  # fmt: skip
SIZES = (
    b"5", b"05", b"0000000000000005", b"00000000000000000005", b"+5", b"-5", b"0x5", b"5 ", b" 5", b"5\t", b"5;a", b"5;a=b", b'5;a="b;c"', b"5 ;a",
    b"5;\x00", b"5;a\nb", b"5;a\rb", b"5\n", b"5\r", b"", b"g", b"5g", b"4", b"6", b"FFFFFFFFFFFFFFFF", b"FFFFFFFFFFFFFFFFF", b"10000000000000005", b"5_0",
    b"\xef\xbc\x95", b"5;" + b"a" * 9000, b"5.", b"5,", b'"5"',
)  # fmt: skip
ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"", b"\r\n\r\n", b"\x00\r\n", b"\x85", b" \r\n")
LAST = (b"0\r\n\r\n", b"0\r\n", b"0", b"00\r\n\r\n", b"0;a=b\r\n\r\n", b"0\n\n", b"0\r\nX-A: b\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"-0\r\n\r\n", b"",
        b"0\r\n" + b"X-A: b\r\n" * 150 + b"\r\n", b"0\r\nX A: b\r\n\r\n", b"0\r\n folded: b\r\n\r\n", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", b"0 \r\n\r\n")  # fmt: skip
VERSIONS = (
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.10", b"HTTP/11", b"http/1.1", b"HTTP/1.1 ",
    b"HTTP /1.1", b"HTTP/1,1", b"HTTP/01.1", b"HTTP/1.1\x00", b"ICY/1.1", b"HTTP/-1.1", b"HTTP/1.\xd9\xa1", b"", b"RTSP/1.0",
)  # fmt: skip
METHODS = (
    b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"get", b"P\x00ST", b"POST\t", b"BREW", b"", b"M-SEARCH", b"PRI",
    b"SOURCE", b"G" * 9000, b"\xffET", b"GET\r", b"POST,GET", b"PROPFIND", b"QUERY",
)  # fmt: skip
SPACES = (b" ", b"  ", b"\t", b"\x0b", b"\xa0", b"", b" \t")
HOSTS = (
    b"x", b"x:80", b"x:0", b"x:99999", b"x:", b":80", b"a@x", b"x/y", b"x?y", b"x#y", b"[::1]", b"[::1", b"[::ffff:169.254.169.254]:80", b"x,y", b"x y", b"", b"\x00",
    b"%78", b"x\r", b"169.254.169.254", b"0x7f.1", b"2130706433", b"localhost", b"x" * 300, b"\xc3\xbc.example", b"x..y", b"[v1.a]", b"x\\y", b"http://x",
)  # fmt: skip
FIELDS: tuple[Field, ...] = (
    (b"Connection", b"close, Transfer-Encoding"), (b"Connection", b"Host"), (b"Connection", b"Content-Length"), (b"Connection", b"Cookie, Sec-GPC"), (b"Connection", b"\x00"),
    (b"Connection", b"Upgrade"), (b"Upgrade", b"h2c"), (b"Upgrade", b"websocket"), (b"HTTP2-Settings", b"AAMAAABkAAQCAAAAAAIAAAAA"), (b"Expect", b"100-continue"),
    (b"Expect", b"100-continue, 100-continue"), (b"Expect", b"tea"), (b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"gzip, gzip"), (b"Content-Encoding", b"br"),
    (b"Content-Encoding", b"zstd"), (b"Content-Encoding", b"deflate"), (b"Content-Encoding", b"compress"), (b"Content-Encoding", b", ".join([b"gzip"] * 60)), (b"Content-Encoding", b"\xff"),
    (b"Content-Type", b"application/json; charset=" + b"x" * 256), (b"Content-Type", b"application/json; charset=utf-7"), (b"Content-Type", b"application/json; charset=utf-16"),
    (b"Content-Type", b"multipart/form-data"), (b"Content-Type", b"multipart/form-data; boundary=" + b"b" * 5000), (b"Content-Type", b'multipart/form-data; boundary=""'),
    (b"Content-Type", b"application/x-protobuf"), (b"Content-Type", b"text/plain"), (b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Type", b";;;"),
    (b"Content-Range", b"bytes 0-4/5"), (b"Range", b"bytes=0-,0-,0-"), (b"Max-Forwards", b"0"), (b"Max-Forwards", b"-1"), (b"Max-Forwards", b"9" * 99), (b"Via", b"1.1 gateway-00000000"),
    (b"X-Forwarded-For", b"," * 3000), (b"X-Forwarded-For", b"203.0.113.7, \x00"), (b"Forwarded", b'for="[::1]' * 200), (b"Forwarded", b'"' * 3000), (b"X-Real-IP", b"203.0.113.7\r\nX-B: c"),
    (b"Cookie", b"a=b; " * 2000), (b"Cookie", b"=; ;=;a;=b"), (b"Cookie", b"gateway_opt_out=1"), (b"Cookie", b'"a="b;c'), (b"Cookie", b"a=\x01"), (b"Cookie", b"\xff=\xfe"), (b"Sec-GPC", b"1"),
    (b"Sec-GPC", b'"'), (b"DNT", b"0"), (b"Referer", b"https://a/?" + b"%" * 900), (b"Referer", b"\\\\a"), (b"User-Agent", b"(" * 4000), (b"Origin", b"null"), (b"Origin", b"https://a\x00b"),
    (b"Authorization", b"Basic " + b"=" * 500), (b"Access-Control-Request-Method", b"POST"), (b"Accept", b"*/*" * 1500), (b"Accept-Encoding", b"gzip;q=nan"), (b"", b"no name"),
    (b"X-A", b"b\r\n c"), (b"X-A", b"b\x00c"), (b"X-A", b"b\rc"), (b"X-A", b"b\nc: d"), (b"X A", b"b"), (b"X-A:", b"b"), (b"X(A)", b"b"), (b"X-\xc3\xa9", b"b"), (b"X-A", b"\xe9\xff"), (b"X" * 9000, b"b"),
    (b"X-A", b"b" * 17000), (b"X-A", b"\x7f"), (b":authority", b"x"), (b"Host", b"y"), (b"host", b"x"), (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"), (b"Date", b"x" * 2000), (b"TE", b"trailers"),
    (b"Trailer", b"Content-Length"), (b"Keep-Alive", b"timeout=99999"), (b"Proxy-Connection", b"keep-alive"), (b"Content-MD5", b"x"), (b"Sec-WebSocket-Key", b"x"),
)  # fmt: skip
TARGETS = (
    b"", b"*", b"//", b"/", b"/..", b"/%2e%2e/", b"/a/../..", b"/a%2f..%5c..", b"/%00", b"/\x00", b"/%", b"/%zz", b"/%ff%fe", b"/\xc3\xbc", b"/a b", b"/a\tb", b"/#f", b"/?#", b"/?" + b"a=&" * 2500,
    b"/?a[" + b"[" * 1000, b"/?=%00&==&", b"/;a;b", b"/" + b"a/" * 3900, b"/" + b"a" * 9000, b"?a", b"a", b"http://y/", b"http://x", b"http://x@y/", b"http://[::1", b"ftp://x/", b"\\", b"/\\..\\", b"http:///",
    b"/e/?data=" + b"A" * 3000, b"/e/?data=%7B%22a%22%3A%22", b"/e/?data=eyJhIjoi", b"/x?" + b"%25" * 900, b"/%252e%252e/",
)  # fmt: skip
NAUGHTY = (
    "", "\x00", "\ufeff", "\ufffe", "\U0010ffff", "\u202ea\u202c", "Z\u0334\u0361" * 40, "\u200d" * 200, "ﷺ" * 100, "１２３４", "१२३", "İstanbul", "ß", "ﬃ", "e\u0301" * 99, "👩‍👩‍👧‍👦" * 20, "null",
    "NaN", "-0", "1e999", "1" * 5000, "0x1F", "__proto__", "constructor", "${jndi:ldap://x}", "{{7*7}}", "%s%s%n", "'; DROP--", "<script>", "&#x3c;&lt;&amp;#60;", "\\u003c", "\\\\", '"', "]]>", "<!--", "{", "[" * 300, ",", "a\r\nb",
    "\u2028", "\u2029", "a@b." + "c" * 300, "4111 1111 1111 1111", "4" * 400, "::" * 200, "fe80::1%eth0", "DE" + "8" * 60, "+" * 300, "(" * 300, "data:text/html;base64," + "A" * 401, "blob:https://a/b", "eyJhbGciOiJub25lIn0.e30.", "%" * 400, "=" * 400,
    "%25" * 200, "&amp;" * 300,
)  # fmt: skip
PATHS = (
    b"e/",
    b"s/",
    b"i/v0/e/",
    b"flags/?v=2",
    b"batch/",
    b"api/1/envelope/",
    b"v1/traces",
    b"v1/logs",
    b"v1/metrics",
    b"collect",
    b"2/httpapi",
    b"track/",
    b"engage/",
    b"com.snowplowanalytics.snowplow/tp2",
    b"matomo.php",
    b"x",
)
TYPES = (
    b"application/json",
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"application/x-protobuf",
    b"application/octet-stream",
    b"application/x-ndjson",
    b"multipart/form-data; boundary=b",
    b"",
)


def is_one_of(chance: Random, things: Sequence[bytes]) -> bytes:
    return things[chance.randrange(len(things))]


def chunked(body: bytes, chance: Random, broken: bool) -> bytes:
    """A body in chunks, of which one part is broken, or none."""
    cut = chance.randrange(len(body) + 1)
    where = chance.randrange(4) if broken else -1
    out = b""
    for number, piece in enumerate(one for one in (body[:cut], body[cut:]) if one):
        size = is_one_of(chance, SIZES) if where == number else b"%x" % len(piece)
        end = is_one_of(chance, ENDS) if where == 2 else b"\r\n"
        out += size + b"\r\n" + piece + end
    return out + (is_one_of(chance, LAST) if where == 3 else b"0\r\n\r\n")


def framings(number: int, chance: Random) -> bytes:
    """One or two requests that tell by their target (`/<number>-a`, `-b`) what they are; their framing is broken somehow.

    The body of the first may look like a third one, `/<number>-c`: whoever miscounts it answers that.
    """
    hidden = b"GET /%d-c HTTP/1.1\r\nHost: x\r\n\r\n" % number
    body = chance.choice([b"hello", b"", hidden, b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n" + hidden, b"x=1&y=2"])
    fields: list[Field] = [(b"Host", b"x")]
    method, version, space, end = chance.choice([b"POST", b"POST", b"PUT", b"GET"]), b"HTTP/1.1", b" ", b"\r\n"
    in_chunks = chance.random() < 0.5
    kind = chance.randrange(8)
    if in_chunks:
        fields.append((b"Transfer-Encoding", is_one_of(chance, CODINGS) if kind == 0 else b"chunked"))
        content = chunked(body, chance, broken=kind == 1)
    else:
        fields.append((b"Content-Length", is_one_of(chance, LENGTHS) if kind in {0, 1} else b"%d" % len(body)))
        content = body
    if kind == 2:  # both, in one way or another
        fields.append((is_one_of(chance, NAMES), is_one_of(chance, CODINGS + LENGTHS)))
    elif kind == 3:
        at = chance.randrange(len(fields))
        fields[at] = (is_one_of(chance, NAMES), fields[at][1])
    elif kind == 4:
        version = is_one_of(chance, VERSIONS)
        space = is_one_of(chance, SPACES) if chance.random() < 0.3 else space
    elif kind == 5:
        end = is_one_of(chance, ENDS)
    elif kind == 6:
        name, value = chance.choice(FIELDS)
        fields.insert(chance.randrange(len(fields) + 1), (name, value[:300]))
    chance.shuffle(fields)
    lines = [method + space + b"/%d-a" % number + space + version, *(name + b": " + value for name, value in fields)]
    broken = chance.randrange(len(lines)) if kind == 5 else -1
    head = b"".join(line + (end if at == broken else b"\r\n") for at, line in enumerate(lines)) + b"\r\n"
    raw = head + content
    if kind == 7:
        raw = noise(raw, chance)
    if chance.random() < 0.4:
        raw += b"GET /%d-b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % number
    return raw


def noise(raw: bytes, chance: Random) -> bytes:
    """A few bytes changed, put in, taken out, doubled or cut off."""
    data = bytearray(raw)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] = chance.choice(b'\x00\r\n\t :;,="%\\/\xff\x80019aA{}[]-')
            case 1:
                data[at:at] = chance.choice([b"\r\n", b"\n", b"\r", b" ", b"\x00", b":", b"0", b"\xff\xfe", b'"', b"{"])
            case 2:
                del data[at : at + chance.randrange(1, 9)]
            case 3:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
            case 4 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case _:
                del data[at:]
    return bytes(data)


@cache
def recorded() -> tuple[tuple[bytes, bytes, bytes, bytes], ...]:
    """What trackers really send: target, type, coding and body, of small requests."""
    return tuple(
        (one.target.encode(), one.header("content-type").encode(), one.header("content-encoding").encode(), one.body)
        for run in runs_of(CORPUS)
        for one in load_run(CORPUS, run)
        if one.method == "POST" and 0 < len(one.body) < 20_000 and one.target.isascii()
    )


@cache
def bombs() -> tuple[tuple[bytes, bytes], ...]:
    """Small bodies that are large once they are opened, and the coding that opens them."""
    zeros = bytes(8 * 1024 * 1024)
    nested = gzip.compress(gzip.compress(gzip.compress(zeros)))
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (
        (b"gzip", gzip.compress(zeros)),
        (b"gzip", gzip.compress(bytes(70 * 1024 * 1024))),
        (b"gzip", nested),
        (b"gzip, gzip, gzip", nested),
        (b"gzip", gzip.compress(b"a") * 3000),
        (b"gzip", gzip.compress(b"{}") + b"garbage"),
        (b"gzip", gzip.compress(zeros)[:-9]),
        (b"deflate", zlib.compress(zeros)),
        (b"deflate", raw.compress(zeros) + raw.flush()),
        (b"br", brotli.compress(zeros, quality=5)),
        (b"zstd", zstandard.compress(zeros)),
        (
            b"zstd",
            zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27)).compress(
                zeros
            ),
        ),
    )


def nested_json(chance: Random) -> bytes:
    """Documents that are deep, wide, long, or break a reader's ideas of them."""
    text = chance.choice(NAUGHTY).encode("utf-8", "surrogatepass")
    depth, many = chance.choice([10, 300, 20_000]), chance.choice([10, 2000])
    return chance.choice([
        b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth, b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(many)) + b"}",
        b'{"a":1,"a":2,"a":"' + b"x" * many + b'"}', b'{"a":' + b"9" * many + b"}", b'{"a":1e' + b"9" * 9 + b"}", b'{"a":"\\ud800"}', b'{"a":"\\u12"}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}",
        b'{"a":"' + text + b'"}', b"{'a':1}", b'{"a":1,}', b'{"a":01}', b'{"a":.5}', b'{"a":NaN}', b'{"a":1}{"a":2}', b'{"a":1}\n{"a":', b"\n\n\r\r{}\r", b'"' + text, b"null", b"tru", b"{}" + b" " * many + b"x", b'{"a":"\t"}',
        '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32"), b'{"data":"' + b"A" * 501 + b'"}', b'{"data":"H4sIAAAAAAAA"}', b'{"properties":{"$snapshot_data":[{"type":2,"data":{"node":null}}]}}',
    ])  # fmt: skip


def multipart(chance: Random) -> bytes:
    """Parts without an end, without a head, in numbers."""
    head = chance.choice(
        [
            b'Content-Disposition: form-data; name="a"',
            b"",
            b"Content-Disposition",
            b'Content-Disposition: form-data; name="' + b"a" * 9000 + b'"',
            b"X: y\r\n z",
        ]
    )
    value = chance.choice(NAUGHTY).encode()
    one = b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n"
    return one * chance.choice([0, 1, 2, min(1000, 1_000_000 // len(one))]) + chance.choice(
        [b"--b--\r\n", b"--b--", b"--b", b"", b"--c--\r\n", b"--b--\r\ntail"]
    )


def protobuf(chance: Random) -> bytes:
    """OpenTelemetry's messages and what looks like one."""
    text = chance.choice(NAUGHTY)
    good = part(1, part(2, part(2, part(5, part(1, text)) + count(2, 9))))
    deep = b""
    for _ in range(chance.choice([3, 400])):
        deep = part(1, deep)
    bad = chance.choice(
        [
            deep,
            b"\xff" * 11,
            b"\x0b" * 200,
            b"\x0a\xff\xff\xff\xff\x0f",
            part(1, good)[:-3],
            b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f",
            b"\x07",
            part(1, b"\xff\xfe"),
            count(1, -1),
        ]
    )
    return chance.choice([good, good[: chance.randrange(len(good) + 1)], bad, good + bad])


def body_of(chance: Random) -> tuple[bytes, bytes, bytes, bytes]:
    """Path, type, coding and content of a body that something is wrong with."""
    match chance.randrange(8):
        case 0 | 1:
            path, kind, coding, body = chance.choice(recorded())
            return path.lstrip(b"/"), kind, coding, noise(body, chance)
        case 2 if chance.random() < 0.3:
            coding, body = chance.choice(bombs())
            return is_one_of(chance, PATHS), is_one_of(chance, TYPES), coding, body
        case 3:
            return is_one_of(chance, PATHS), b"multipart/form-data; boundary=b", b"", multipart(chance)
        case 4:
            return chance.choice(PATHS[6:9]), b"application/x-protobuf", b"", protobuf(chance)
        case 5:
            packed = gzip.compress(nested_json(chance))
            return is_one_of(chance, PATHS), is_one_of(chance, TYPES), b"gzip", noise(packed, chance)
        case 6:
            form = (
                b"data="
                + is_one_of(
                    chance, (b"%7B%22a%22%3A", b"%", b"%zz", b"eyJhIjox", b"\xff", b"a=b&&=&" * 300, b"%00", b"H4sIA")
                )
                + chance.choice(NAUGHTY).encode()
            )
            return is_one_of(chance, PATHS), b"application/x-www-form-urlencoded", b"", form
        case _:
            return is_one_of(chance, PATHS), is_one_of(chance, TYPES), b"", nested_json(chance)


def malformed(prefix: bytes, chance: Random) -> tuple[str, bytes]:
    """What is wrong with it, and the bytes. `prefix` is the route's path; most targets begin with it."""
    path, kind, coding, body = body_of(chance)
    method, version, host, target = b"POST", b"HTTP/1.1", b"x", prefix + path
    fields: list[Field] = [(b"Content-Type", kind)] * bool(kind) + [(b"Content-Encoding", coding)] * bool(coding)
    what = chance.choice(["body", "body", "body", "fields", "fields", "target", "line", "framing", "noise", "noise"])
    if what == "fields":
        for _ in range(chance.choice([1, 1, 2, 3, 20, 130])):
            fields.insert(chance.randrange(len(fields) + 1), chance.choice(FIELDS))
    elif what == "target":
        target = chance.choice([b"", prefix.rstrip(b"/")]) + is_one_of(chance, TARGETS)
        host = is_one_of(chance, HOSTS)
    elif what == "line":
        method, version = is_one_of(chance, METHODS), is_one_of(chance, VERSIONS)
    elif what == "framing":
        name, value = is_one_of(chance, NAMES), is_one_of(chance, CODINGS + LENGTHS)
        fields.insert(chance.randrange(len(fields) + 1), (name, value))
    if chance.random() < 0.3:
        fields.append((b"Transfer-Encoding", b"chunked"))
        content = chunked(body, chance, broken=what == "framing")
    else:
        fields.append((b"Content-Length", b"%d" % len(body)))
        content = body
    fields.insert(0, (b"Host", host))
    lines = [method + b" " + target + b" " + version, *(name + b": " + value for name, value in fields)]
    raw = b"\r\n".join(lines) + b"\r\n\r\n" + content
    return what, noise(raw, chance) if what == "noise" else raw


def seeded(count: int, seed: int, make: Callable[[int, Random], bytes]) -> Iterator[tuple[int, bytes]]:
    """As many as asked for; each has a chance of its own, so that one number alone can be made again."""
    for number in range(count):
        yield number, make(number, Random(f"{seed}/{number}"))
