"""What is fuzzed: one target a coding, format and recording, unasked, and one for each other thing that reads input.

A target takes bytes and raises where a promise is broken. Promises, whatever comes: no exception but a refusal (or, for
files that people write, a UserError); no output larger than its input allows; a source without edits closes to itself;
what a coding decodes, it encodes so that it decodes again; what the pipeline sends, it can read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from gateway import config
from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.document import Kind, List, Map, Node
from gateway.core.errors import Reason, Refused, UserError
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import mask
from gateway.core.plugin import Coding, Context, Format
from gateway.core.reading import read
from gateway.core.yaml import parse, read_model
from gateway.detectors import DETECTORS, find, scan
from gateway.formats import FORMATS, url
from gateway.formats.target import TARGET
from gateway.insight.page import Sent, rebuild
from gateway.policy.answers import is_preflight, opted_out_answer, preflight_answer, with_cors
from gateway.policy.decision import decide
from gateway.policy.signals import OptOut
from gateway.proxy.framing import Head, Received, examine
from gateway.proxy.hop import answer_fields, known_gateways, request_fields
from gateway.proxy.routes import Route
from gateway.proxy.trust import Trust
from gateway.recording import RECORDINGS
from gateway.recording.dom import Selectors
from gateway.recording.sessions import Sessions
from gateway.ruleset.keys import Keys
from gateway.ruleset.pattern import compile_pattern
from gateway.ruleset.program import Program
from gateway.ruleset.schema import RuleFile, _css
from gateway.ruleset.secrets import Memories
from gateway.trackers.schema import TrackerFile
from tests.conformance.test_formats import free_leaves
from tests.fuzz import seeds
from tests.subject import KEY, TODAY, default_rules, program, trackers

DECODED = 1024 * 1024
GROWTH, ROOM = 32, 16 * 1024
"""How many bytes may leave for one that came, and what a small body may gain: a value of one character becomes three."""
SECONDS = 2.0

KEYS = Keys(KEY, ("k1", KEY))

RUNS = re.compile(
    r"<(?:script|iframe|img|link|object|embed|base|template|meta(?! charset))\b|<[^>]*\s(?:on\w+|src|href|srcdoc)=",
    re.IGNORECASE,
)

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed, and what from."""

    name: str
    run: Run
    seeds: Callable[[], Iterable[bytes]]


def budget(seconds: float = SECONDS) -> Budget:
    return Budget(Limits(decoded=DECODED, time=seconds), time.thread_time)


def source_of(data: bytes) -> str | bytes:
    """What plug-ins are given: bytes behind a `B`, else text, in which a lone surrogate may stand as JSON can bring it."""
    if data[:1] == b"B":
        return data[1:]
    return data[1:].decode("utf-8", "replace").replace("\U0010ffff", "\ud800")


# codings


def fuzz_coding(coding: Coding) -> Run:
    def run(data: bytes) -> None:
        source = source_of(data)
        sniffed = coding.sniff(source)
        left = budget()
        try:
            content = coding.decode(source, left)
        except Refused as refused:
            assert refused.reason in {Reason.BROKEN_CODING, Reason.TOO_LARGE, Reason.TOO_SLOW}  # noqa: PT017
            return
        assert sniffed or is_told(coding), "a source that decodes was not sniffed"
        assert len(content) <= max(DECODED, len(source)), "more came out than the budget holds"
        again = coding.decode(coding.encode(content, source), budget())
        assert again == content, "what was decoded does not encode to what decodes to it"

    return run


def is_told(coding: Coding) -> bool:
    """Whether a label names it, so that there is nothing to sniff: a charset, or no coding at all."""
    return coding in BY_CHARSET.values() or coding.name == "identity"


def all_codings() -> list[Coding]:
    return list({one.name: one for one in (*CODINGS, *BY_CONTENT_CODING.values(), *BY_CHARSET.values())}.values())


# formats


def fuzz_format(form: Format) -> Run:
    def run(data: bytes) -> None:
        source = source_of(data)
        sniffed = form.sniff(source)
        try:
            layer = form.parse(source, budget())
        except Refused as refused:
            assert refused.reason is not Reason.FAULT  # noqa: PT017
            return
        if layer is None:
            return
        assert sniffed, "a source that parses was not sniffed"
        assert layer.close() is source, "a source without edits is not itself"
        places(layer.root, 0, len(source))
        found = free_leaves(layer.root)
        for number in sorted({0, len(found) // 2, len(found) - 1}) if found else ():
            change(form, source, number)

    return run


def change(form: Format, source: str | bytes, number: int) -> None:
    """One leaf of a source is masked: what is written can be read again, or there was no way to write it."""
    try:
        layer = form.parse(source, budget())
        assert layer is not None
        leaf = free_leaves(layer.root)[number]
        if not leaf.value and not leaf.data:
            return  # nothing is never masked
        layer.replace(leaf, b"***" if leaf.kind is Kind.BYTES else "0" if leaf.kind else "***")
        written = layer.close()
    except Refused:
        return
    assert type(written) is type(source)
    assert len(written) <= len(source) + ROOM
    # the one leaf of `headed` is a body that is masked from inside
    assert form.name == "headed" or form.parse(written, budget()) is not None, "what was written does not read"


def places(root: Node, start: int, end: int) -> None:
    """Every node stands inside of the one that holds it."""
    pending: list[tuple[Node, int, int]] = [(root, start, end)]
    while pending:
        node, low, high = pending.pop()
        assert low <= node.start <= node.end <= high, "a node stands outside of its holder"
        if isinstance(node, Map):
            for key, value in node.items:
                pending += [(key, low, high), (value, low, high)]
        elif isinstance(node, List):
            pending += [(item, low, high) for item in node.items]


# the pipeline


@cache
def subject(*names: str) -> Program:
    """What runs on a route of these trackers. The selector makes elements count."""
    return program(seeds.RULES, *names, limits=Limits(decoded=DECODED, time=SECONDS))


def through(running: Program, inbound: Inbound) -> None:
    """One request, as the first of its session and once more, and what left of it once again."""
    running.sessions, running.memories = Sessions(), Memories(KEY)
    for _ in range(2):
        outcome = mask(inbound, running, time.thread_time)
        if isinstance(outcome, Refuse):
            if outcome.reason is Reason.FAULT:
                raise_defect(running, inbound)
            assert 400 <= outcome.response.status < 500 or outcome.response.status in range(200, 300)
            return
        assert isinstance(outcome, Send)
        left = outcome.masked.request
        assert len(left.body) <= GROWTH * len(inbound.body) + ROOM or is_packed(inbound), "too much leaves"
        assert left.target.isascii(), "a target that is no ASCII leaves"
        assert not any(c <= " " or c == "\x7f" for c in left.target), "a target with blanks leaves"
        for name, value in left.headers:
            assert not set(name + value) & set("\r\n\0"), "a field that ends a line leaves"
            value.encode("latin-1")
    again = mask(Inbound(left.method, left.target, left.headers, left.body, inbound.host), running, time.thread_time)
    if isinstance(again, Refuse) and again.reason is Reason.FAULT:
        raise_defect(running, Inbound(left.method, left.target, left.headers, left.body, inbound.host))
    assert isinstance(again, Send) or again.reason in {Reason.TOO_SLOW, Reason.TOO_LARGE}, "what left does not read"


def is_packed(inbound: Inbound) -> bool:
    return "content-encoding" in inbound.headers or not inbound.body.isascii()


def raise_defect(running: Program, inbound: Inbound) -> None:
    """The steps of the pipeline without its edge: the defect itself comes out."""
    work = running.begin(inbound, budget(60.0))
    work.open()
    work.recognise()
    work.read()
    work.decide()
    work.close()
    work.verify()
    work.reply()
    raise AssertionError("the pipeline met a defect that its steps alone don't show")


def request_of(data: bytes) -> Inbound:
    """A request as seeds write it: a line with method and target, fields, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    pairs = [line.partition(": ")[::2] for line in lines]
    host = next((value for name, value in pairs if name.lower() == "host"), "")
    return Inbound(method, target, Headers(pairs), body, host, "203.0.113.9", "203.0.113.9", "/t/")


def is_served(inbound: Inbound) -> bool:
    """Whether the listener hands such a request on."""
    received = Received(
        inbound.method, inbound.target, (1, 1), Headers([*inbound.headers.without("host"), ("Host", "x")])
    )
    head = examine(received)
    return isinstance(head, Head) and head.target == inbound.target


def fuzz_pipeline(data: bytes) -> None:
    inbound = request_of(data)
    if is_served(inbound) and not any(set(name + value) & set("\r\n\0") for name, value in inbound.headers):
        through(subject(), inbound)


def fuzz_recording(name: str) -> Run:
    tracker, target, content_type = seeds.RECORDED[name]

    def run(data: bytes) -> None:
        headers = Headers([("Content-Type", content_type), ("Authorization", "Bearer tok-1")])
        inbound = Inbound("POST", target, headers, data, "shop.example", route="/t/")
        through(subject(*tracker), inbound)
        look(subject(*tracker), inbound)

    return run


def look(running: Program, inbound: Inbound) -> None:
    """The page of a request, as it came and twice: it can be shown, whatever it is, and runs nothing."""
    sent = [Sent(number, 0.0, inbound) for number in range(2)]
    view = rebuild(sent, lambda _: running, time.thread_time)
    view.html.encode()
    assert not RUNS.search(view.html), "what may run or fetch something is written"
    for moment in sorted({0, len(view.moments) // 2}):
        rebuild(sent, lambda _: running, time.thread_time, view.window, moment)
    for item in view.items:
        assert Selectors([(0, item.selector)]).count
        assert view.way(item.number)[-1] == item


# what people write


def fuzz_rules(data: bytes) -> None:
    try:
        file = read_model(parse(data.decode("utf-8", "replace"), "mine.yaml"), RuleFile, config.known_names(trackers()))
    except UserError as error:
        one_clear_line(error)
        return
    running = Program(
        (*default_rules(), file), trackers(), key=KEYS, today=TODAY, clock=lambda: 0.0, limits=Limits(time=60.0)
    )
    inbound = Inbound(
        "POST", "/e?q=1", Headers(), b'{"event": "x", "properties": {"email": "ann@example.org", "n": 1}}'
    )
    outcome = mask(inbound, running, lambda: 0.0)
    if isinstance(outcome, Refuse) and outcome.reason is Reason.FAULT:
        raise_defect(running, inbound)


def fuzz_tracker_file(data: bytes) -> None:
    try:
        file = read_model(parse(data.decode("utf-8", "replace"), "mine.yaml"), TrackerFile)
    except UserError as error:
        one_clear_line(error)
        return
    running = Program(
        default_rules(), {"mine": file}, key=KEYS, today=TODAY, clock=lambda: 0.0, limits=Limits(time=60.0)
    )
    inbound = Inbound(
        "POST", "/e?q=1", Headers(), b'{"event": "x", "properties": {"email": "ann@example.org", "n": 1}}'
    )
    outcome = mask(inbound, running, lambda: 0.0)
    if isinstance(outcome, Refuse) and outcome.reason is Reason.FAULT:
        raise_defect(running, inbound)


def fuzz_settings(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        source = parse(text, "gateway.yaml", lambda value: config.substitute(value, {"HOME": "/srv"}))
        read_model(source, config.Settings, config.Surroundings(Path("/srv"), frozenset(trackers())))
    except UserError as error:
        one_clear_line(error)


def one_clear_line(error: UserError) -> None:
    """A mistake is told with its file; no message is empty, and what a file holds can't move a terminal's cursor."""
    told = str(error)
    assert ".yaml" in told
    assert all(line.strip() for line in told.split("\n"))
    assert all(c.isprintable() or c == "\n" for c in told), repr(told)


def fuzz_pattern(data: bytes) -> None:
    try:
        compiled = compile_pattern(data.decode("utf-8", "replace"))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    text = data.decode("utf-8", "replace")
    spans = list(compiled.spans(text))
    assert list(compiled.spans("")) == []
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def fuzz_selector(data: bytes) -> None:
    try:
        css = _css(data.decode("utf-8", "replace"))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert Selectors([(0, css)]).count


# texts and fields


def fuzz_detectors(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    reading = read(text)
    assert reading.origin(0, len(reading.text)) == (0, len(text)) or not reading.text
    spans = scan(text, DETECTORS, Context())
    assert spans == find(text, DETECTORS, Context()), "the prefilter hides what is there"
    at = 0
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        at = span.end
    for detector in DETECTORS:
        for miss in detector.why_not(reading.text, Context()) if detector.why_not else ():
            assert 0 <= miss.start < miss.end <= len(reading.text)


def fuzz_url(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    url.looks_like_url(text)
    for start, end in url.find(text):
        assert 0 <= start < end <= len(text)
        url.split(text, start, end)
    found = url.split(text)
    if found is None:
        return
    at = found.start
    pairs = [span for pair in found.query for span in pair if span is not None]
    for start, end in sorted([*found.path, *pairs, *(one for one in (found.user_info, found.host, found.port) if one)]):
        assert at <= start <= end <= found.end, "parts of a URL overlap"
        at = end
    TARGET.parse(text, budget())


TRUST = Trust.of(["10.0.0.0/8", "2001:db8::/32"])
ROUTE = Route("t", "https://backend.example/base", path="/t/")


def fuzz_fields(data: bytes) -> None:
    inbound = request_of(data)
    received = Received(inbound.method, inbound.target, (1, 1), inbound.headers)
    head = examine(received)
    for peer in ("10.1.2.3", "203.0.113.9", ""):
        visitor = TRUST.visitor(peer, inbound.headers)
        assert "\n" not in visitor
        TRUST.says_https(peer, inbound.headers)
    known_gateways(inbound.headers)
    kept = request_fields(inbound.headers)
    assert len(kept) <= len(inbound.headers)
    answer_fields(inbound.headers, ("ph_*",))
    decide(inbound, OptOut())
    for answer in (opted_out_answer(inbound, ()), *([preflight_answer(inbound)] if is_preflight(inbound) else ())):
        for name, value in with_cors(answer, inbound).headers:
            came = {c for pair in inbound.headers for c in pair[1]}
            assert not (set(name + value) & set("\r\n\0")) - came, "an answer gains the end of a line"
    ROUTE.strip(inbound.target)
    location = ROUTE.locate("/e", inbound.target)
    assert location is None or location.startswith("/t"), "a redirect leads out of the route"
    if isinstance(head, Head):
        assert head.target.startswith("/")


OTHERS = (
    Target("pipeline", fuzz_pipeline, seeds.requests),
    Target("rules", fuzz_rules, seeds.rule_files),
    Target("tracker-file", fuzz_tracker_file, seeds.tracker_files),
    Target("settings", fuzz_settings, seeds.settings_files),
    Target("pattern", fuzz_pattern, seeds.patterns),
    Target("selector", fuzz_selector, seeds.selectors),
    Target("detectors", fuzz_detectors, seeds.texts),
    Target("url", fuzz_url, seeds.urls),
    Target("fields", fuzz_fields, seeds.requests),
)
TARGETS = {
    target.name: target
    for target in (
        *(Target(f"coding-{one.name}", fuzz_coding(one), lambda one=one: seeds.coded(one)) for one in all_codings()),
        *(Target(f"format-{one.name}", fuzz_format(one), lambda one=one: seeds.formatted(one)) for one in FORMATS),
        *(
            Target(
                f"recording-{kind.name.replace(' ', '-')}",
                fuzz_recording(kind.name),
                lambda kind=kind: seeds.recorded(kind.name),
            )
            for kind in RECORDINGS
        ),
        *OTHERS,
    )
}
