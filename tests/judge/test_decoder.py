"""The judge's decoder opens what trackers wrap, and sees every planted value that a run holds."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path

import pytest

from tests.judge.decoder import decode
from tests.judge.recorded import CORPUS, Request, load_run, planted, read_line, runs_of, write_line
from tests.judge.verdicts import readings

NOT_RECORDED = {
    run: set(names.split()) for run, names in json.loads((CORPUS / "not_recorded.json").read_text()).items()
}
ELSEWHERE = [(CORPUS / site, run) for site in ("german", "clinic") for run in runs_of(CORPUS / site)]
SECRET = "Zyxcanaryname"
EVENT = json.dumps({"k": [SECRET]})


def request(body: bytes = b"", target: str = "/x", **headers: str) -> Request:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request("001", "POST", target, fields, body)


@pytest.mark.parametrize("run", runs_of(CORPUS))
def test_every_planted_value_of_a_run_is_seen(run):
    assert unseen(CORPUS, run) == NOT_RECORDED[run]


@pytest.mark.parametrize(("corpus", "run"), ELSEWHERE, ids=[f"{corpus.name}/{run}" for corpus, run in ELSEWHERE])
def test_every_planted_value_of_a_run_of_the_other_pages_is_seen(corpus, run):
    assert unseen(corpus, run) == set(json.loads((corpus / "not_recorded.json").read_text())[run].split())


def unseen(corpus: Path, run: str) -> set[str]:
    """The names of the planted values that are nowhere in a run."""
    texts = {way for one in load_run(corpus, run) for leaf in decode(one).leaves for way in readings(leaf.text)}
    seen = {name for name, value in planted(corpus).items() if any(value.lower() in text for text in texts)}
    return set(planted(corpus)) - seen


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def packed(data: bytes) -> str:
    return zlib.compress(data).decode("latin-1")


MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + zlib.compress(EVENT.encode()) + b"\r\n--b--\r\n"
)
ENVELOPE = (
    b'{"event_id":"1"}\n{"type":"event"}\n{"a":1}\n{"type":"replay_recording","length":%d}\n'
    % (len(zlib.compress(EVENT.encode())) + 17)
    + b'{"segment_id":0}\n'
    + zlib.compress(EVENT.encode())
    + b'\n{"type":"log"}\n{"z":2}'
)
WRAPPED = {
    "plain": request(EVENT.encode()),
    "gzip": request(gzip.compress(EVENT.encode())),
    "gzip in gzip": request(gzip.compress(gzip.compress(EVENT.encode()))),
    "two gzip members": request(gzip.compress(b'{"a":1}') + gzip.compress(EVENT.encode())),
    "gzip without its end": request(gzip.compress(EVENT.encode())[:-8]),
    "zlib": request(zlib.compress(EVENT.encode())),
    "base64": request(base64.b64encode(EVENT.encode())),
    "base64url field": request(json.dumps({"ue_px": unpadded(EVENT.encode())}).encode()),
    "base64 of gzip": request(json.dumps({"d": base64.b64encode(gzip.compress(EVENT.encode())).decode()}).encode()),
    "packed string": request(json.dumps({"events": [packed(EVENT.encode())]}, ensure_ascii=False).encode()),
    "json three deep": request(json.dumps(json.dumps(json.dumps(EVENT))).encode()),
    "lines": request(b'{"a":1}\n' + EVENT.encode()),
    "form": request(f"data={base64.b64encode(EVENT.encode()).decode()}&v=1".encode()),
    "multipart": request(MULTIPART, content_type="multipart/form-data; boundary=b"),
    "multipart without its type": request(MULTIPART),
    "envelope": request(ENVELOPE),
    "percent in a query": request(target=f"/x?d=%7B%22k%22%3A%22{SECRET}%22%7D"),
    "utf-16": request(EVENT.encode("utf-16")),
    "cookie": request(cookie=f"a=1; id={base64.b64encode(EVENT.encode()).decode()}"),
    "authorization": request(authorization="Basic " + base64.b64encode(f"u:{SECRET}".encode()).decode()),
    "protobuf": request(b"\x0a\x11\x12\x0f\x0a\x0d" + SECRET.encode(), content_type="application/x-protobuf"),
    "key": request(json.dumps({SECRET: 1}).encode()),
    "path": request(target=f"/a/{SECRET}/b"),
    "data url": request(
        json.dumps({"src": "data:text/plain;base64," + base64.b64encode(SECRET.encode()).decode()}).encode()
    ),
    "base64 in a url": request(
        json.dumps({"u": f"https://x.example/?d={base64.b64encode(EVENT.encode()).decode()}"}).encode()
    ),
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_a_value_is_a_leaf_of_its_own_whatever_wraps_it(wrapping):
    assert any(leaf.text.endswith(SECRET) for leaf in decode(WRAPPED[wrapping]).leaves)


def test_leaves_keep_their_type_and_numbers_their_numeral():
    leaves = decode(request(b'{"a":"1","b":1.50,"c":1e3,"d":true,"e":null,"b":2}')).values()
    found = [(leaf.place[2], leaf.kind, leaf.text) for leaf in leaves if leaf.place[0] == "body" and leaf.kind != "key"]
    assert found == [
        ("a", "string", "1"),
        ("b", "number", "1.50"),
        ("c", "number", "1e3"),
        ("d", "bool", "true"),
        ("e", "null", "null"),
        ("b#2", "number", "2"),
    ]


HOSTILE = {
    "deep": b"[" * 200_000,
    "deep and closed": b"[" * 50_000 + b"]" * 50_000,
    "not gzip": b"\x1f\x8b" + b"\0" * 40,
    "envelope that lies": b'{"a":1}\n{"type":"x","length":99999999}\nabc',
    "multipart that does not end": b"--b\r\n--b\r\n\r\n",
    "lone surrogate": b'{"a":"\\ud800"}',
    "binary": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_read_and_kept_whole(body):
    wholes = [layer.text for layer in decode(request(body)).layers if layer.place == ("body",)]
    assert wholes[0] == body.decode("latin-1")


@pytest.mark.parametrize("run", ["rrweb-pack", "sentry", "datadog"])
def test_a_corpus_line_gives_back_the_request(run):
    assert all(read_line(write_line(one)) == one for one in load_run(CORPUS, run))
