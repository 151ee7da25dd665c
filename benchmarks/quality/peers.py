"""The same labelled texts through others that look for personal data: `python -m benchmarks.quality.peers`.

They are text analysers, so each is handed the value of the field as a text, with every layer around it already opened:
what a tracker wraps around it (gzip, JSON, recordings) would hide all of it from them. Each runs in its own strongest
setting for these kinds, and any score of a hit counts:

    Presidio     its pattern recognizers for the kind, no threshold; phones of all regions of libphonenumber
    Sentry Relay the PII engine by its C interface, all built-in rules for the kind, on an event whose `extra` holds the text
    scrubadub    its default detectors
    DataFog      its regular expressions, all entities

A value counts as leaked by the same decoder for all. The peers are installed for this run alone:

    .ci/uv run --with presidio-analyzer==2.2.366 --with sentry-relay==0.10.1 --with scrubadub==2.0.1 \
        --with datafog==4.9.0 python -W ignore -m benchmarks.quality.peers
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from .decoder import leaks
from .measure import Bench
from .negatives import Negatives
from .people import People, Sample
from .report import percent, table
from .shapes import SHAPES
from .transforms import OF_TEXT, OF_VALUE

DOCUMENT = Path(__file__).parents[2] / "docs" / "quality-peers.md"
KINDS = ("payment_card", "iban", "email", "ipv4", "ipv6", "phone", "us_ssn", "mac")
AS_IT_IS = "as it is"

HEAD = """\
# Quality beside others

Measured on {today}: {samples} made-up values in {notations} notations, {harmless:,} harmless strings, through other tools that
look for personal data, each in its own strongest setting for these kinds. To repeat it:

```
.ci/uv run --with presidio-analyzer==2.2.366 --with sentry-relay==0.10.1 --with scrubadub==2.0.1 \\
    --with datafog==4.9.0 python -W ignore -m benchmarks.quality.peers --size {size} --negatives {harmless} --seed {seed}
```

They are text analysers and say so: none of them promises to open what a tracker packs. So each was handed the text of the
field alone, with gzip, JSON and recordings around it already opened; what is written in the text itself (escapes, other
digits, base64) is theirs to see through. Any hit counts, whatever its score or name: that is their best recall, and not
their best precision. Presidio looks for phones of all regions at once. Relay has no rule for phones.

## Recall, in %: as it is / in all notations
"""
TAIL = """
The gateway's share counts what its rules change besides what detectors find (query values of URLs, say)."""

type Clean = Callable[[str], str]
"""A text → the same without what was found in it."""


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}***{text[end:]}"
    return text


def presidio() -> Clean:
    import phonenumbers
    import tldextract
    from presidio_analyzer import predefined_recognizers as all_of_them

    # its list of public suffixes as packaged: nothing is fetched
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    names = ("CreditCard", "Iban", "Email", "Ip", "UsSsn", "MacAddress")
    recognizers = [getattr(all_of_them, f"{name}Recognizer")() for name in names]
    recognizers.append(all_of_them.PhoneRecognizer(supported_regions=sorted(phonenumbers.SUPPORTED_REGIONS)))

    def clean(text: str) -> str:
        found = [hit for one in recognizers for hit in one.analyze(text, one.supported_entities, None) or ()]
        return _without(text, {(hit.start, hit.end) for hit in found})

    return clean


def relay() -> Clean:
    from sentry_relay._lowlevel import lib
    from sentry_relay.utils import decode_str, encode_str, rustcall

    rules = [f"@{name}:replace" for name in ("creditcard", "iban", "email", "ip", "mac", "usssn", "imei", "urlauth")]
    settings = encode_str(json.dumps({"applications": {"$string": rules}}))

    def clean(text: str) -> str:
        event = encode_str(json.dumps({"extra": {"note": text}}))
        told = json.loads(decode_str(rustcall(lib.relay_pii_strip_event, settings, event), free=True))
        return str(told["extra"]["note"])

    return clean


def scrubadub() -> Clean:
    import scrubadub as peer

    scrubber = peer.Scrubber()
    return lambda text: str(scrubber.clean(text))


def datafog() -> Clean:
    import datafog as peer

    return lambda text: str(peer.redact(text, engine="regex").redacted_text)


PEERS: dict[str, tuple[str, Callable[[], Clean]]] = {
    "Presidio": ("presidio-analyzer", presidio),
    "Sentry Relay": ("sentry-relay", relay),
    "scrubadub": ("scrubadub", scrubadub),
    "DataFog": ("datafog", datafog),
}


def texts(samples: Sequence[Sample]) -> Iterator[tuple[str, Sample, str]]:
    """Each value in each notation, as the text of a field."""
    for notation, change in OF_VALUE.items():
        yield from ((notation, one, f"{one.before}{change(one.value)}{one.after}") for one in samples)
    for notation, write in OF_TEXT.items():
        yield from ((notation, one, write(one)) for one in samples)


class Score:
    """What one of them found."""

    def __init__(self) -> None:
        self.tried: Counter[tuple[str, str]] = Counter()
        self.leaked: Counter[tuple[str, str]] = Counter()
        self.changed = 0
        self.failed = 0
        self.seconds = 0.0

    def recall(self, kind: str | None, notation: str | None) -> float:
        keys = [key for key in self.tried if kind in (None, key[0]) and notation in (None, key[1])]
        return 1.0 - sum(self.leaked[key] for key in keys) / sum(self.tried[key] for key in keys)


def of_peer(clean: Clean, samples: Sequence[Sample], harmless: Sequence[str]) -> Score:
    score = Score()
    began = time.monotonic()

    def left(text: str) -> str:
        try:
            return clean(text)
        except Exception:  # noqa: BLE001 - a peer that fails on a text has found nothing in it; counted and told
            score.failed += 1
            return text

    for notation, sample, text in texts(samples):
        score.tried[sample.kind, notation] += 1
        score.leaked[sample.kind, notation] += leaks(sample.value, left(text), sample.before + sample.after)
    score.changed = sum(left(text) != text for text in harmless)
    score.seconds = time.monotonic() - began
    return score


def of_gateway(size: int, seed: int, samples: Sequence[Sample], harmless: int) -> Score:
    """Ours, on the same texts in JSON of no known tracker, by the default rules."""
    bench, score = Bench(size, seed), Score()
    shape = next(one for one in SHAPES if one.name == "JSON of no known tracker")
    began = time.monotonic()
    rows: dict[str, list[Any]] = {}
    for notation, sample, text in texts(samples):
        rows.setdefault(notation, []).append((sample, ("note", text)))
    for notation, slots in rows.items():
        bench.send(shape, notation, slots)
    bench.harmless(harmless)
    score.tried, score.leaked = bench.tally.tried, bench.tally.leaked
    score.changed = sum(bench.tally.changed.values())
    score.seconds = time.monotonic() - began
    return score


@click.command()
@click.option("--size", default=20, show_default=True, help="Values of each kind.")
@click.option("--negatives", default=10_000, show_default=True, help="Harmless strings.")
@click.option("--seed", default=1, show_default=True)
@click.option("--dry", is_flag=True, help="Leave docs/quality-peers.md as it is.")
def main(size: int, negatives: int, seed: int, dry: bool) -> None:
    """Measure others on the labelled texts that the gateway is measured on."""
    samples = [one for one in People(seed).samples(size) if one.kind in KINDS]
    harmless = [text for _, text in Negatives(seed).strings(negatives)]
    scores = {"this gateway": of_gateway(size, seed, samples, negatives)}
    for name, (package, make) in PEERS.items():
        scores[f"{name} {version(package)}"] = of_peer(make(), samples, harmless)
    told = "\n".join(document(scores, len(samples), len(harmless), size, seed))
    click.echo(told)
    if not dry:
        DOCUMENT.write_text(f"{told}\n", encoding="utf-8")


def document(scores: dict[str, Score], samples: int, harmless: int, size: int, seed: int) -> Iterator[str]:
    """The page, line by line."""
    every = [*OF_VALUE, *OF_TEXT]
    today = datetime.now(UTC).date().isoformat()
    yield HEAD.format(today=today, samples=samples, notations=len(every), harmless=harmless, size=size, seed=seed)
    by_kind = [
        [
            kind,
            *(f"{percent(one.recall(kind, AS_IT_IS))} / {percent(one.recall(kind, None))}" for one in scores.values()),
        ]
        for kind in KINDS
    ]
    yield from table([["kind", *scores], *by_kind])
    yield "\n## Recall, in %, of all kinds by notation\n"
    by_notation = [[name, *(percent(one.recall(None, name)) for one in scores.values())] for name in every]
    yield from table([["notation", *scores], *by_notation])
    yield "\n## Harmless strings\n"
    left = ["left as they are, %", *(percent(1 - one.changed / harmless) for one in scores.values())]
    yield from table([["", *scores], left, ["texts on which it failed", *(str(one.failed) for one in scores.values())]])
    yield TAIL


if __name__ == "__main__":
    main()
