"""Sends samples through the pipeline and counts what comes out: recall by kind, notation and shape; precision on
harmless text.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from gateway import config
from gateway.core.errors import Refused
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.pipeline import finish, steps
from gateway.ruleset.judge import Change
from gateway.ruleset.loading import load_rules
from gateway.ruleset.program import Program
from gateway.trackers.loading import load_trackers

from .cuts import CUTS, Cut, in_lines, of_lines
from .decoder import leaks
from .negatives import Negatives
from .people import People, Sample
from .shapes import JSON, SHAPES, Shape, Slot
from .transforms import OF_TEXT, OF_VALUE

BATCH = 48  # slots of one request
KEYED = frozenset(
    {
        "PostHog event",
        "PostHog, gzip in the body",
        "Segment batch",
        "JSON of no known tracker",
        "NDJSON of no known tracker",
        "form with JSON in it",
    }
)
NUMBER, DECIMAL, AS_KEY = "JSON number", "JSON number with .0", "key instead of value"
PLACES = (
    "query parameter",
    "path",
    "Referer",
    "Cookie",
    "User-Agent",
    "unknown header",
    "UTF-16 body",
    "latin-1 body",
    "typed, key by key",
)


@dataclass
class Tally:
    """Samples and leaks, by (kind, notation) and (kind, shape)."""

    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    leaked: Counter[tuple[str, str]] = field(default_factory=Counter)
    shape_tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    shape_leaked: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    harmless: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    false: dict[str, list[str]] = field(default_factory=dict)
    in_lines: int = 0  # harmless strings side by side on a page
    joined: list[str] = field(default_factory=list)  # those of them that were changed, and not alone
    seconds: float = 0.0

    def count(self, kind: str, notation: str, shape: str, leaked: bool, told: str = "") -> None:
        self.tried[kind, notation] += 1
        self.shape_tried[kind, shape] += 1
        if leaked:
            self.leaked[kind, notation] += 1
            self.shape_leaked[kind, shape] += 1
            self.examples.setdefault((kind, notation), f"{shape}: {told}")

    def recall(self, kind: str, notation: str | None = None) -> float:
        """The share that was found, of one notation or of all."""
        keys = [key for key in self.tried if key[0] == kind and notation in (None, key[1])]
        tried = sum(self.tried[key] for key in keys)
        return 1.0 - sum(self.leaked[key] for key in keys) / tried if tried else 1.0

    @property
    def false_positives(self) -> int:
        return sum(map(len, self.false.values()))


class Bench:
    """One run. Programs by tracker name, made once."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.tally = Tally()
        trackers = load_trackers(config.tracker_paths(), config.read_text)
        rules = load_rules([], PurePath(), config.built_in_rules(), config.read_text, config.known_names(trackers))
        self._programs = {
            name: Program(
                rules,
                trackers,
                names=[name] if name else [],
                key=b"q" * 32,
                today=date(2026, 1, 1),
                clock=time.monotonic,
                limits=Limits(time=120.0),
            )
            for name in ("posthog", "segment", "sentry", "rrweb", "mixpanel", "")
        }

    def run(self, negatives: int) -> Tally:
        began = time.monotonic()
        samples = list(People(self.seed).samples(self.size))
        for shape in SHAPES:
            for notation, slots in self._notations(samples, shape):
                self.send(shape, notation, slots)
        for sample in samples:
            if sample.kind != "device_id":
                self._places(sample)
        for cut in CUTS:
            self._cut(cut, samples)
        self.harmless(negatives)
        self._harmless_lines(negatives // 5)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _pass(self, tracker: str | None, inbound: Inbound, changes: list[Change] | None = None) -> Outbound | None:
        """What leaves, or None where it is refused."""
        program = self._programs[tracker or ""]
        work = program.begin(inbound, Budget(program.limits, time.thread_time), changes)
        try:
            return finish(steps(work))
        except Refused as refused:
            self.tally.refused[str(refused.reason)] += 1
            return None

    # recall

    def _notations(self, samples: Sequence[Sample], shape: Shape) -> Iterator[tuple[str, list[tuple[Sample, Slot]]]]:
        fit = [sample for sample in samples if sample.kind != "device_id" or shape.name in KEYED]

        def key_of(sample: Sample) -> str:
            return sample.key if sample.kind == "device_id" else "note"

        for notation, change in OF_VALUE.items():
            yield notation, [(one, (key_of(one), f"{one.before}{change(one.value)}{one.after}")) for one in fit]
        for notation, write in OF_TEXT.items():
            yield (
                notation,
                [
                    (one, (key_of(one), write(one)))
                    for one in fit
                    if one.kind != "device_id" or notation != "path of a URL"
                ],
            )
        if shape.name in KEYED:
            numbers = [one for one in fit if one.number and one.value[0] != "0"]
            yield NUMBER, [(one, (one.key, int(one.value))) for one in numbers]
            exact = [one for one in numbers if one.kind == "payment_card" and len(one.value) <= 16]
            yield DECIMAL, [(one, (one.key, float(one.value))) for one in exact if float(one.value) == int(one.value)]
            yield AS_KEY, [(one, (one.text, 1)) for one in fit if one.kind != "device_id"]

    def send(self, shape: Shape, notation: str, slots: Sequence[tuple[Sample, Slot]]) -> None:
        for at in range(0, len(slots), BATCH):
            some = slots[at : at + BATCH]
            outbound = self._pass(shape.tracker, shape.wrap([slot for _, slot in some]))
            left = [""] * len(some) if outbound is None else shape.unwrap(outbound.body, len(some))
            assert len(left) == len(some), (shape.name, notation)
            for (sample, slot), text in zip(some, left, strict=True):
                around = sample.before + sample.after + (slot[0] if notation != AS_KEY else "")
                leaked = leaks(
                    sample.value, text, around, 8 if sample.kind == "device_id" else 6
                )  # it leaves as other hex digits
                self.tally.count(sample.kind, notation, shape.name, leaked, f"{slot[1]!r} → {text}"[:400])

    def _places(self, sample: Sample) -> None:
        escaped = quote(sample.text, safe="")
        plain = sample.text.encode("latin-1", "replace").decode("latin-1")
        requests = {
            "query parameter": Inbound("POST", f"/collect?q={escaped}", JSON, b"{}"),
            "path": Inbound("POST", f"/collect/{escaped}", JSON, b"{}"),
            "Referer": Inbound(
                "POST", "/collect", Headers([*JSON, ("Referer", f"https://w3.test/x?q={escaped}")]), b"{}"
            ),
            "Cookie": Inbound("POST", "/collect", Headers([*JSON, ("Cookie", f"a={escaped}; b=1")]), b"{}"),
            "User-Agent": Inbound(
                "POST", "/collect", Headers([*JSON, ("User-Agent", f"Mozilla/5.0 (X11) {plain}")]), b"{}"
            ),
            "unknown header": Inbound("POST", "/collect", Headers([*JSON, ("X-Note", plain)]), b"{}"),
            "UTF-16 body": Inbound(
                "POST",
                "/collect",
                Headers([("Content-Type", "application/json; charset=utf-16")]),
                json.dumps({"n": sample.text}, ensure_ascii=False).encode("utf-16"),
            ),
            "latin-1 body": Inbound(
                "POST",
                "/collect",
                Headers([("Content-Type", "application/json; charset=iso-8859-1")]),
                json.dumps({"n": plain}, ensure_ascii=False).encode("latin-1"),
            ),
        }
        for place, inbound in requests.items():
            if place in ("unknown header", "User-Agent", "latin-1 body") and plain != sample.text:
                continue
            outbound = self._pass(None, inbound)
            left = ""
            if outbound is not None:
                headers = " ".join(
                    value for name, value in outbound.headers if name.lower() not in ("content-type", "content-length")
                )
                charset = "utf-16" if place == "UTF-16 body" else "latin-1" if place == "latin-1 body" else "utf-8"
                left = f"{outbound.target} {headers} {outbound.body.decode(charset)}"
            around = f"{sample.before}{sample.after} /collect Mozilla/5.0 (X11) https://w3.test/x?q= b=1"
            self.tally.count(sample.kind, place, "the request itself", leaks(sample.value, left, around), left[:200])
        self._typed(sample)

    def _typed(self, sample: Sample) -> None:
        page = {
            "type": 2,
            "timestamp": 1,
            "data": {
                "initialOffset": {},
                "node": {
                    "type": 0,
                    "id": 1,
                    "childNodes": [{"type": 2, "id": 2, "tagName": "input", "attributes": {}, "childNodes": []}],
                },
            },
        }
        typed: list[dict[str, Any]] = [
            {
                "type": 3,
                "timestamp": 2 + at,
                "data": {"source": 5, "id": 2, "text": sample.text[: at + 1], "isChecked": False},
            }
            for at in range(len(sample.text))
        ]
        outbound = self._pass(
            "rrweb", Inbound("POST", "/events", JSON, json.dumps({"events": [page, *typed]}).encode())
        )
        left = (
            ""
            if outbound is None
            else " ".join(str(one["data"].get("text")) for one in json.loads(outbound.body)["events"][1:])
        )
        self.tally.count(
            sample.kind, "typed, key by key", "rrweb typed input", leaks(sample.value, left, ""), left[:200]
        )

    def _cut(self, cut: Cut, samples: Sequence[Sample]) -> None:
        fit = [sample for sample in samples if sample.kind != "device_id" and cut.fits(sample)]
        for at in range(0, len(fit), BATCH):
            some = fit[at : at + BATCH]
            outbound = self._pass(cut.tracker, cut.wrap(some))
            left = [""] * len(some) if outbound is None else cut.unwrap(outbound.body)
            for sample, text in zip(some, left, strict=True):
                leaked = leaks(sample.value, text, sample.before + sample.after)
                self.tally.count(sample.kind, cut.name, cut.shape, leaked, f"{sample.value} → {text}"[:400])

    # precision

    def harmless(self, count: int) -> None:
        strings = list(Negatives(self.seed).strings(count))
        for at in range(0, len(strings), 500):
            some = strings[at : at + 500]
            changes: list[Change] = []
            body = json.dumps({"rows": [{"note": text} for _, text in some]}, ensure_ascii=False).encode()
            outbound = self._pass(None, Inbound("POST", "/collect", JSON, body), changes)
            assert outbound is not None
            rows = json.loads(outbound.body)["rows"]
            fired = [(change.before, change.detector) for change in changes if change.detector]
            for (kind, text), row in zip(some, rows, strict=True):
                self.tally.harmless[kind] += 1
                if row["note"] != text:
                    self.tally.changed[kind] += 1
                    detector = next((name for before, name in fired if before in text), "")
                    if detector:
                        self.tally.false.setdefault(detector, []).append(f"{text} → {row['note']}")

    def _harmless_lines(self, count: int) -> None:
        """Harmless strings that have nothing to do with each other, glued together: what is found in them is wrong."""
        strings = [text for _, text in Negatives(self.seed + 1).strings(count)]
        random.Random(self.seed).shuffle(strings)
        for at in range(0, len(strings) - len(strings) % 3, 600):
            some = strings[at : at + 600]
            together, alone = (self._pass("rrweb", in_lines(some, each)) for each in (3, 1))
            assert together is not None
            assert alone is not None
            told = zip(some, of_lines(together.body), of_lines(alone.body), strict=True)
            self.tally.in_lines += len(some)
            self.tally.joined += [f"{text} → {joined}" for text, joined, single in told if joined != single]
