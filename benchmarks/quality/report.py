"""The tables, for a terminal and for docs/quality.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .measure import Tally
from .people import LOCALES, NATIONAL

KINDS = ("payment_card", "iban", "email", "ipv4", "ipv6", "device_id", "phone", "national_id", "us_ssn", "imei",
         "date_of_birth", "coordinates", "mac", "jwt", "api_key", "secret", "file_user")  # fmt: skip
TARGETS = {"payment_card": 0.999, "iban": 0.999, "email": 0.999, "ipv4": 0.999, "ipv6": 0.999, "device_id": 0.999,
           "phone": 0.98, "national_id": 0.95}  # fmt: skip
EACH = frozenset({"payment_card", "iban", "email", "ipv4", "ipv6", "device_id"})  # in every notation, not only in sum
PRECISION = 0.995


def percent(share: float) -> str:
    return "100" if share == 1.0 else f"{int(share * 10000) / 100:.2f}"


def cell(tally: Tally, kind: str, notation: str) -> str:
    return percent(tally.recall(kind, notation)) if tally.tried[kind, notation] else "–"


def precision(tally: Tally) -> float:
    """Of all that detectors masked in the labelled and the harmless strings, the share that was labelled."""
    found = sum(tally.tried.values()) - sum(tally.leaked.values())
    return found / (found + tally.false_positives) if found else 0.0


def left_alone(tally: Tally) -> float:
    """The share of harmless strings in which no detector fired."""
    return 1.0 - tally.false_positives / max(1, sum(tally.harmless.values()))


def failures(tally: Tally) -> Iterator[str]:
    """Each target that does not hold, in a line."""
    for kind, target in TARGETS.items():
        notations = [notation for one, notation in tally.tried if one == kind]
        for notation in notations if kind in EACH else [None]:
            if tally.recall(kind, notation) < target:
                share = percent(tally.recall(kind, notation))
                yield f"{kind}, {notation or 'all notations'}: {share} % < {target * 100} %"
    if len(tally.joined) > (1 - PRECISION) * tally.in_lines:
        yield f"harmless strings changed by their neighbours: {len(tally.joined)} of {tally.in_lines}"
    if left_alone(tally) < PRECISION:
        yield f"harmless strings left alone: {percent(left_alone(tally))} % < {PRECISION * 100} %"


def notations(tally: Tally) -> Sequence[str]:
    return list(dict.fromkeys(notation for _, notation in tally.tried))


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Markdown, its columns aligned so that it reads as plain text too."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def recall_rows(tally: Tally) -> list[list[str]]:
    rows = [["notation or place", *(kind.replace("_", " ") for kind in KINDS)]]
    rows += [[notation, *(cell(tally, kind, notation) for kind in KINDS)] for notation in notations(tally)]
    rows.append(["**all**", *(f"**{percent(tally.recall(kind))}**" for kind in KINDS)])
    return rows


def shape_rows(tally: Tally) -> list[list[str]]:
    shapes = list(dict.fromkeys(shape for _, shape in tally.shape_tried))
    rows = [["shape", *(kind.replace("_", " ") for kind in KINDS)]]
    for shape in shapes:
        told = []
        for kind in KINDS:
            tried = tally.shape_tried[kind, shape]
            told.append(percent(1 - tally.shape_leaked[kind, shape] / tried) if tried else "–")
        rows.append([shape, *told])
    return rows


def harmless_rows(tally: Tally) -> list[list[str]]:
    wrong = sum(tally.harmless.values())
    rows = [["detector", "fired on", "of harmless strings"]]
    rows += [[name, str(len(found)), f"{len(found) / wrong:.4%}"] for name, found in sorted(tally.false.items())]
    rows.append(["**all**", str(tally.false_positives), f"{tally.false_positives / wrong:.4%}"])
    return rows


_HOW = """\
{size} made-up values of each kind (Faker in {locales} locales; phonenumbers' example numbers of every region;
python-stdnum's examples and their valid neighbours in {national} formats) are written in every notation below,
put as free text into records of trackers, and sent through the pipeline of `gateway run`. A value counts as
leaked where it, or six letters or digits of it in a row (eight of a device id, which leaves as another one),
can be read from what would leave, by a decoder that shares no code with the gateway. Numbers of digits alone
stand beside their word (`BSN 111222333`): without one nobody can tell them from an order number. A device id
stands in a device's field.

The values are made up to be found: real text has more of what no form gives away. Names, streets and free prose
are no detector's matter; they go by place, key and element."""
_PRECISION = """\
Detectors fired on {false} of {harmless:,} harmless strings (user agents, dates, Unix times, UUIDs, hashes,
prices, order numbers, SKUs, versions, CSS, drawings, code, log lines, paths, sentences): {alone} % were left
alone. Of all that detectors masked here, {precise} % was labelled. With the rules that are not detectors'
(query values of URLs, say), {same:.2%} of the harmless strings left byte for byte.

Texts of one line are read as one: of {lines:,} harmless strings that were put side by side on pages at random, three to a
line and without a blank between, {joined} were changed that stay when they stand alone."""
_CUT = """\
Parts of a value that different requests bring, that stand in different blocks, cells or fields of a page or under
different keys of a record, are read each by itself: see [limits.md](limits.md)."""
_WANTED = """\
≥ 99.9 % for card, IBAN, e-mail, IP and device id in every notation; ≥ 98 % phone; ≥ 95 % national ids; ≥ 99.5 %
of the harmless strings left alone. {verdict}"""


def markdown(tally: Tally, size: int, seed: int, today: str) -> str:
    """docs/quality.md."""
    tried = sum(tally.tried.values())
    harmless = sum(tally.harmless.values())
    misses = list(failures(tally))
    measured = f"Measured on {today} with the default rules: {tried:,} labelled values, {harmless:,} harmless strings."
    precise = _PRECISION.format(
        false=tally.false_positives,
        harmless=harmless,
        alone=percent(left_alone(tally)),
        precise=percent(precision(tally)),
        lines=tally.in_lines,
        joined=len(tally.joined),
        same=1 - sum(tally.changed.values()) / harmless,
    )
    sections = [
        "# Quality: what is found, and what is left alone",
        f"{measured} To repeat it:",
        f"```\npython -m benchmarks.quality --size {size} --seed {seed}\n```",
        _HOW.format(size=size, locales=len(LOCALES), national=len(NATIONAL)),
        "## Recall, in %, by notation",
        "\n".join(table(recall_rows(tally))),
        "## Recall, in %, by shape of the record",
        "\n".join(table(shape_rows(tally))),
        "## Precision",
        precise,
        "\n".join(table(harmless_rows(tally))),
        "Other tools on the same texts: [quality-peers.md](quality-peers.md).",
        "## What is not put together",
        _CUT,
        "## Targets",
        _WANTED.format(verdict="These do not hold:" if misses else "All hold."),
        "\n".join(f"- {line}" for line in misses),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"
