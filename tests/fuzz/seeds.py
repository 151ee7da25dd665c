"""What fuzzing starts from: small made-up inputs, made from the samples of other tests, and the finds in `seeds/`.

A find is an input that once broke a promise; it stands in `seeds/<target>/` and is run with every `make test`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.core.plugin import Coding, Format
from tests.conformance import test_codings, test_formats
from tests.formats.otlp_message import logs, record
from tests.judge.recorded import CORPUS, load_run, runs_of
from tests.recording import batches, datadog_upload, page
from tests.recording.test_clarity import PAGE as CLARITY_PAGE
from tests.recording.test_datadog_action import CLICKS, click
from tests.recording.test_openreplay import PAGE as OPENREPLAY_PAGE
from tests.recording.test_smartlook import BOUNDARY, DISCOVERY, LATER, TYPED, chunk

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "rules"
SMALL = 6000
"""Bytes: mutations of more are mostly of what is of no interest."""

RULES = """
mask:
  - {name: private, select: ".private, form [data-x]", with: mask}
  - {name: notes, fields: ["**.note"], with: drop}
  - {name: traits, fields: ["**.plan"], with: hash}
  - {name: a header, headers: [x-note], with: redact}
"""

RECORDED = {  # kind of recording → trackers of the route, where its SDK sends to, as what
    "cut": ((), "/v1/logs", "application/x-protobuf"),
    "rrweb": (("rrweb",), "/", "application/json"),
    "datadog": (
        ("datadog",),
        "/api/v2/replay?ddsource=browser",
        f"multipart/form-data; boundary={datadog_upload.BOUNDARY}",
    ),
    "openreplay": (("openreplay",), "/ingest/v1/web/i", "application/octet-stream"),
    "smartlook": (("smartlook",), "/rec/v3/write?rid=r1&sid=s1&vid=v1", f"multipart/form-data; boundary={BOUNDARY}"),
    "clarity": (("clarity",), "/collect", "application/json"),
    "datadog action": (("datadog",), "/api/v2/rum?ddsource=browser", "text/plain"),
}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def marked(source: str | bytes) -> bytes:
    """A source as `targets.source_of` reads it."""
    return b"B" + source if isinstance(source, bytes) else b"T" + source.encode("utf-8", "replace")


def finds(target: str) -> Iterator[bytes]:
    """What once broke a promise of this target."""
    for path in sorted((HERE / "seeds" / target).glob("*")):
        yield path.read_bytes()


def coded(coding: Coding) -> Iterable[bytes]:
    yield marked(test_codings.closed(coding))
    yield marked(coding.encode("", test_codings.ORIGINAL.get(coding.name, b"")))


def formatted(form: Format) -> Iterable[bytes]:
    yield marked(test_formats.SAMPLES[form.name])


def recorded(kind: str) -> Iterable[bytes]:
    """Bodies that hold a recording of this kind."""
    yield from _RECORDINGS[kind]()


def _rrweb() -> Iterator[bytes]:
    nodes = (
        page.element(4, "p", page.text(5, "Secret"), class_="private"),
        page.element(6, "input", type="text", value="Jo", id="name"),
        page.element(7, "textarea", page.text(8, "note")),
        page.element(9, "select", page.element(10, "option", page.text(11, "A"), selected=True)),
        page.element(12, "style", page.text(13, "p{background:url('https://x.example/?q=1')}")),
    )
    whole = page.snapshot(*nodes)
    yield _json(page.batch(whole, page.typed(6, "Jon"), page.texts(5, "new")))
    changes = page.mutation(
        adds=[page.add(4, page.text(20, "more")), page.add(3, page.element(21, "b"), 6)],
        removes=[{"parentId": 3, "id": 7}],
        attributes=[{"id": 6, "attributes": {"value": "x", "class": None, "style": {"color": "red"}}}],
    )
    yield _json(
        page.batch(page.event(4, {"href": "https://shop.example/?q=1", "width": 1, "height": 2}), whole, changes)
    )
    yield _json(page.batch(page.event(5, {"tag": "note", "payload": {"email": "ann@example.org"}}), page.event(6, {
        "plugin": "rrweb/console@1", "payload": {"level": "log", "trace": ["f (https://x.example/a.js:1:2)"], "payload": ['"a"']},
    })))  # fmt: skip
    yield _json(page.batch(page.event(3, {"source": 8, "id": 12, "adds": [{"rule": "p{color:red}", "index": [0, 1]}]})))


def _cut() -> Iterator[bytes]:
    whole = json.dumps(page.snapshot(page.element(4, "p", page.text(5, "Secret"), class_="private")))
    numbered = {"rr-web__total-chunks": 2.0, "rr-web__event": 4.0}
    pieces = [
        record(part, **numbered, **{"rr-web__chunk": float(at), "rr-web__offset": 4.0 + at})
        for at, part in enumerate((whole[:80], whole[80:]), 1)
    ]
    yield logs(*pieces, rum__sessionId="59d8faaef2167683cde2c4974c3bc35d")


def _datadog() -> Iterator[bytes]:
    changes = datadog_upload.change([0, [0, 10, "Later"]], [3, 5, "text"])
    for told in (
        datadog_upload.segment(datadog_upload.snapshot()),
        datadog_upload.segment(datadog_upload.snapshot(), changes),
    ):
        raw = _json(told) + b"\n"
        yield datadog_upload.upload_of(raw, _json({"raw_segment_size": len(raw), **told, "records": 1})).body


def _openreplay() -> Iterator[bytes]:
    said = batches.message(22, batches.string("log"), batches.string('{"email":"ann@example.org"}'))
    yield batches.batch(batches.TAB, OPENREPLAY_PAGE, batches.typed(4, "Jo"), batches.text(20, 3, "private"))
    yield batches.batch(
        batches.TAB, batches.entry(1, "class"), batches.entry(2, "private"), batches.name_value(2, 1, 2), said
    )


def _smartlook() -> Iterator[bytes]:
    yield chunk([DISCOVERY], [*TYPED[:2], LATER], deflated=False)


def _clarity() -> Iterator[bytes]:
    head = ["0.8.70", 1, 0, 9, "proj1", "visitor1", "session1", 1, 0, 0, 0, "https://shop.example/?a=b#c"]
    yield _json({"e": head, "a": [[1, 27, 7, "typed", "hash"]], "p": CLARITY_PAGE})


def _datadog_action() -> Iterator[bytes]:
    for path, source, name, _ in CLICKS[:6]:
        yield _json(click(name, path, source))


_RECORDINGS = {
    "cut": _cut,
    "rrweb": _rrweb,
    "datadog": _datadog,
    "openreplay": _openreplay,
    "smartlook": _smartlook,
    "clarity": _clarity,
    "datadog action": _datadog_action,
}


def requests() -> Iterator[bytes]:
    """Requests: what examples and recorded traffic hold, as far as it is small."""
    fields = (
        b"Host: x\nContent-Type: application/json\nCookie: a=b; gateway_opt_out=0; ph_x=%7B%22a%22%3A1%7D\nX-Note: Jo"
        b'\nForwarded: for="[2001:db8::1]:4711";proto=https, for=_x\nX-Forwarded-For: 203.0.113.9, 10.0.0.1\nDNT: 0'
        b"\nReferer: https://shop.example/?q=Jo#pay\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0"
        b"\nAuthorization: Basic YWJjOg==\nVia: 1.1 other"
    )
    yield b"POST /e/?ip=1&q=%7B%22a%22%3A1%7D\n" + fields + b'\n\n{"event":"x","properties":{"note":"ann@example.org"}}'
    yield b"GET /i?data=" + base64.b64encode(b'{"event":"x","email":"ann@example.org"}') + b"&_=1\nHost: x\n\n"
    yield b"OPTIONS /e\nHost: x\nOrigin: https://shop.example\nAccess-Control-Request-Method: POST\n\n"
    for example in sorted((EXAMPLES / "examples").glob("*/before.*")):
        yield b"POST /" + example.parent.name.encode() + b"\nHost: x\n\n" + example.read_bytes()
    for run in runs_of(CORPUS):
        small = [one for one in load_run(CORPUS, run) if len(one.body) <= SMALL]
        for one in small[:2]:
            head = "\n".join(f"{name}: {value}" for name, value in one.headers)
            yield f"{one.method} {one.target}\n{head}\n\n".encode("latin-1", "replace") + one.body


def rule_files() -> Iterator[bytes]:
    yield RULES.encode()
    yield (
        b"record: {form_inputs: mask, ip_addresses: truncate, device_ids: hash, user_agent: generalise, media: drop}\n"
        b"mask:\n  - {name: c, detect: payment_card, with: {mask: {keep_last: 4}}}\n"
        b"  - {name: p, pattern: '\\bKD-\\d{8}\\b', in: [page_text, urls], with: {replace: '[x]'}}\n"
        b"  - {name: k, keys: [email, '*_name'], with: {truncate: 5}}\n  - {name: q, query: [q], with: encrypt}\n"
        b"  - {name: cc, cookies: [a], with: keep}\n"
        b"allow: [{name: us, text: help@my-shop.example, until: 2027-06-30}]\n"
        b"private: ['.x']\nurls: {keep_query: ['utm_*']}\n"
    )


def tracker_files() -> Iterator[bytes]:
    for path in sorted((EXAMPLES / "trackers").glob("*.yaml")):
        if path.stat().st_size <= SMALL:
            yield path.read_bytes()


def settings_files() -> Iterator[bytes]:
    yield (
        b"listen: 127.0.0.1:8443\ntls: {mode: serve, certificate: a.pem, key: ${HOME}/k.pem, minimum: TLSv1.3}\n"
        b"trusted_proxies: [10.0.0.0/8]\nlimits: {body: 20MiB, decoded: 64MiB, layers: 32, depth: 256, time: 2s}\n"
        b"routes:\n  - {path: /t/, host: rec.example.com, tracker: posthog, upstream: 'https://eu.i.posthog.com'}\n"
        b"rules: [default, mine.yaml]\nvisitors: {opt_out: {cookies: [no], gpc: true, dnt: false}}\nworkers: 1\n"
        b"masking_key: env:KEY\npseudonyms: {rotate: daily, per_site: on}\n"
    )


def patterns() -> Iterator[bytes]:
    yield from (rb"\bKD-\d{8}\b", rb"(?:a|b)+c{2,3}", rb"(?i:x)[^\s-\d]*+y", rb"(?P<n>a)(?=b)(?!c)(?<=d)", rb"(a+)+$")


def selectors() -> Iterator[bytes]:
    yield from (
        b'.private, [data-x="a,b"] > p ~ b',
        b"input[type=password i]:not(.a):nth-child(2n+1)::before",
        b"#\\31 a *|b",
    )


def texts() -> Iterator[bytes]:
    """A text that each detector finds something in."""
    yield from (CORPUS / "harmless.txt").read_bytes().split(b"\n")[:40]
    yield from (
        b"card 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00, ann@example.org, +46 70 174 06 05",
        b"ip 203.0.113.9 2001:db8::1 mac 00:1B:44:11:3A:B7 IMEI 490154203237518 ssn 078-05-1120",
        b"Bearer abcdefghijklmnopqrstuvwxyz012345 password=Tr0ub4dor&3 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        b"born 1990-05-17 at 59.3293, 18.0686 /home/ann/x C:\\Users\\ann\\y AKIAIOSFODNN7EXAMPLE",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "４１１１ １１１１ １１１１ １１１１ &#52;111 %34111 \\u0034111 а@b.example".encode(),
    )


def urls() -> Iterator[bytes]:
    yield from (
        b"https://user:pw@shop.example:8443/a/b;j=1/c?a=1&b=%20x&&=z#/orders/list?x=1",
        b"at f (https://x.example/a.js?v=1:10:20) and blob:https://x.example/1-2, data:text/plain;base64,aGk=",
        b"mailto:ann@example.org?subject=x //cdn.example/x ?q=1 /a/b?c=d http:\\\\x\\y [::1]:80/p",
    )
