"""The second reading: every leaf of a request as it was sent, and every detector over it, whatever rules and `allow` say.

What our own operators wrote is no residue: truncated addresses, pseudonyms that keep a shape, sealed values, the texts that
rules put in a value's place. So are the keys that name the customer's project, where the tracker file says that they stand.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

import brotli
import zstandard

from gateway.core.plugin import Context, Span
from gateway.detectors import DETECTORS, find
from gateway.monitor import decoder
from gateway.monitor.bare import bare
from gateway.monitor.place import Steps, keys_of, matches, steps_of, template
from gateway.monitor.wire import Sample, Setup, Told
from gateway.operators.encrypt import MARK

MOST_PLACES: Final = 500
LONGEST_KEY: Final = 80

SHAPED: Final = frozenset({"hash", "truncate", "generalise", "encrypt"})
"""Operators whose output may look like what it was made of."""

_CREDENTIALS: Final = frozenset({"secret", "bearer", "api_key", "jwt"})
_NUMBERS: Final = frozenset({"phone", "payment_card", "imei", "national_id", "us_ssn", "coordinates", "date_of_birth"})
_NAME_BEFORE: Final = re.compile(r"([\w.$-]{1,60})[\"'\\]{0,4}\s{0,2}[:=]\s{0,2}[\"'\\]{0,4}$")
_EDGE: Final = 80  # characters before a hit in which its name stands


@dataclass(frozen=True, slots=True)
class Reader:
    """A second reader, as `setup` has it: stateless but for that."""

    setup: Setup
    words: frozenset[str]

    @classmethod
    def of(cls, setup: Setup) -> Reader:
        """A reader that knows these words."""
        return cls(setup, frozenset(setup.words))

    def read(self, sample: Sample) -> Told:
        """What is left in a request, and which places it has."""
        try:
            body = bare(sample.body, sample.headers)
        except (brotli.error, zstandard.ZstdError, UnicodeError):
            body = sample.body  # as it stands
        opened = decoder.read(sample.target, sample.headers, body)
        ours: set[str] = set()
        theirs: list[tuple[str, Steps, str]] = []
        places: dict[Steps, None] = {}
        for place, text in opened.leaves.items():
            keys = keys_of(place)
            steps = steps_of(keys)
            if "<key>" not in place and steps[0] in {"body", "query"} and len(places) < MOST_PLACES:
                places[tuple(step[:LONGEST_KEY] for step in steps)] = None
            context = Context(tuple(reversed(steps[1:])))
            for hit in find(text, DETECTORS, context):
                value = text[hit.start : hit.end]
                if self._is_ours(hit, text, keys, sample):
                    ours.add(_bare_of(value))
                else:
                    theirs.append((_bare_of(value), steps, hit.detector))
        # a pseudonym takes its value's place wherever that stood in the request
        found = Counter(
            (template(steps, self.words), detector)
            for value, steps, detector in theirs
            if not any(value in other or other in value for other in ours)
        )
        return Told(
            [(place, detector, count) for (place, detector), count in found.items()], [list(steps) for steps in places]
        )

    def _is_ours(self, hit: Span, text: str, keys: Steps, sample: Sample) -> bool:
        value = text[hit.start : hit.end]
        if is_made(value, hit.detector) or any(value in text for text in self.setup.replacements):
            return True
        before = _NAME_BEFORE.search(text, max(0, hit.start - _EDGE), hit.start)
        names = {keys[-1].lower(), *((before[1].lower(),) if before is not None else ())}
        if hit.detector in _CREDENTIALS and not names.isdisjoint(self.setup.project.get(sample.tracker, ())):
            return True
        if hit.detector == "secret" and not names.isdisjoint(self.setup.structure.get(sample.tracker, ())):
            return True
        is_whole = len(keys) == 1  # a body that was not opened: its places are not known, but for the names within
        if is_whole and hit.detector == "secret" and "\x00" in text:
            return True  # what stands beside a name in a binary need not belong to it
        for place, operator, detector in sample.written:
            if operator not in SHAPED or (detector and detector != hit.detector):
                continue
            if is_whole and hit.detector in _NUMBERS:
                return True
            if matches(place, (*keys, before[1]) if is_whole and before is not None else keys):
                return True
        return False


def _bare_of(value: str) -> str:
    return "".join(filter(str.isalnum, value))


def is_made(value: str, detector: str) -> bool:
    """Whether what a detector found tells by itself that an operator wrote it."""
    if value.startswith(MARK):
        return True
    match detector:
        case "email":  # a pseudonym ends in a domain of z alone, which does not exist
            return not value.rpartition(".")[2].strip("zZ")
        case "ipv4" | "ipv6":
            return _is_network(value.strip("[]"))
    return False


def _is_network(value: str) -> bool:
    try:
        address = ip_address(value.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        kept = 8 if address.ipv4_mapped is not None else 88 if address.sixtofour is not None else 80
        return int(address) % (1 << kept) == 0
    return int(address) % 256 == 0


CAN_FAIL: Final = (ValueError, RecursionError, MemoryError, zlib.error)
"""What a second reading may raise on bytes that it can't bear."""
