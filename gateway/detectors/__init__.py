"""What personal data looks like in text. One file a kind; `DETECTORS` is the visible list, in order of precedence.

`scan` is the room's one function: a text in, spans of the text *as written* out, none overlapping, in order.
Invariant: with or without the prefilter it finds the same.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.core.plugin import Context, Detector, Span
from gateway.core.reading import Reading, read
from gateway.core.signs import UNTOLD, signs, signs_read
from gateway.detectors import (
    api_key,
    bearer,
    coordinates,
    date_of_birth,
    email,
    file_user,
    iban,
    imei,
    ipv4,
    ipv6,
    jwt,
    mac,
    national_id,
    payment_card,
    phone,
    private_key,
    secret,
    us_ssn,
)
from gateway.detectors.needs import Needs
from gateway.detectors.prefilter import may_hold

__all__ = ["BY_NAME", "DETECTORS", "find", "may_hold", "scan"]

DETECTORS: Final[tuple[Detector, ...]] = (
    private_key.DETECTOR,
    jwt.DETECTOR,
    bearer.DETECTOR,
    api_key.DETECTOR,
    secret.DETECTOR,
    email.DETECTOR,
    payment_card.DETECTOR,
    iban.DETECTOR,
    us_ssn.DETECTOR,
    national_id.DETECTOR,
    imei.DETECTOR,
    date_of_birth.DETECTOR,
    coordinates.DETECTOR,
    phone.DETECTOR,
    ipv6.DETECTOR,
    ipv4.DETECTOR,
    mac.DETECTOR,
    file_user.DETECTOR,
)
LONG: Final = 16_384
"""Characters of a text from which on the time is looked at before each detector (and after each few thousand hits)."""
BY_NAME: Final = {detector.name: detector for detector in DETECTORS}
NEEDS: Final = Needs(DETECTORS)


def scan(text: str, detectors: Sequence[Detector], context: Context, told: int | None = None) -> list[Span]:
    """What `detectors` find, as spans of the text as written; of overlapping ones the longest wins, then the first.

    `told` are the text's signs, where they are known already.
    """
    if told is None:
        told = signs(text)
    if told != UNTOLD:
        wanted = NEEDS.wanted(detectors, context.keys, told)
        return _find(text, Reading(text), wanted, context) if wanted else []
    if not may_hold(text):
        if detectors is DETECTORS:
            return []
        # the prefilter speaks for this room's detectors only
        detectors = [detector for detector in detectors if BY_NAME.get(detector.name) is not detector]
    if not detectors:
        return []
    reading = read(text)
    return _find(text, reading, NEEDS.wanted(detectors, context.keys, signs_read(reading.text)), context)


def find(text: str, detectors: Sequence[Detector], context: Context) -> list[Span]:
    """`scan` without the prefilter."""
    return _find(text, read(text), enumerate(detectors), context)


def _find(text: str, reading: Reading, detectors: Iterable[tuple[int, Detector]], context: Context) -> list[Span]:
    hits: list[tuple[int, int, Span]] = []  # ordered by length, longest first, then by the list
    for order, detector in detectors:
        if len(text) > LONG:
            context.check()
        if detector.hint is None or detector.hint(reading.text):
            for number, (start, end) in enumerate(detector.find(reading.text, context)):
                if number % 4096 == 4095:
                    context.check()
                span = Span(*reading.origin(start, end), detector.name)
                hits.append((span.start - span.end, order, span))
    return _apart([hit[2] for hit in sorted(hits, key=lambda hit: hit[:2])])


def _apart(spans: list[Span]) -> list[Span]:
    """Those of `spans` that overlap no earlier one, in order of place."""
    kept: list[Span] = []
    starts: list[int] = []
    for span in spans:
        at = bisect(starts, span.start)
        if (at and kept[at - 1].end > span.start) or (at < len(kept) and kept[at].start < span.end):
            continue
        kept.insert(at, span)
        starts.insert(at, span.start)
    return kept
