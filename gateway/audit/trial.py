"""The trial: each case through the very pipeline of `gateway run`, then read again with other eyes.

A value is out where it stands in anything that would leave: as written, in another case, with its separators taken out,
escaped or encoded as far as the second reading opens. What is refused leaves nothing and proves nothing: it is counted.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.audit.cases import Case, Planted
from gateway.core.outcome import Refuse, Send
from gateway.core.pipeline import mask
from gateway.monitor import decoder
from gateway.monitor.bare import bare
from gateway.ruleset.program import Program

_APART = re.compile(r"[ .()/-]")
MOST_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that would leave."""

    tracker: str
    coding: str
    planted: Planted


@dataclass(slots=True)
class Result:
    """Everything that an audit counted."""

    people: int = 0
    requests: int = 0
    seconds: float = 0.0
    values: Counter[tuple[str, str]] = field(default_factory=Counter)  # (tracker, kind) → planted
    places: Counter[tuple[str, str]] = field(default_factory=Counter)  # (place, kind) → planted
    codings: Counter[tuple[str, str]] = field(default_factory=Counter)  # (tracker, coding) → requests
    out: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (tracker, place, kind) → out
    refused: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (tracker, coding, reason) → requests
    findings: list[Finding] = field(default_factory=list)

    @property
    def planted(self) -> int:
        """How many values were planted in requests that were forwarded."""
        return sum(self.values.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing came out, and something was tried."""
        return not self.out and self.planted > 0


def run(program: Program, cases: Iterable[Case], progress: Callable[[int], None] = lambda _: None) -> Result:
    """All cases; `progress` is told how many people each one held."""
    result = Result()
    began = time.monotonic()
    for case in cases:
        held = {one.person for one in case.planted}
        result.people += len(held)
        result.requests += 1
        outcome = mask(case.inbound, program, time.thread_time)
        match outcome:
            case Send(masked, _):
                request = masked.request
                result.codings[case.tracker, case.coding] += 1
                for planted in case.planted:
                    result.values[case.tracker, planted.kind] += 1
                    result.places[planted.place, planted.kind] += 1
                for planted in found(case.planted, request.target, list(request.headers), request.body):
                    result.out[case.tracker, planted.place, planted.kind] += 1
                    if len(result.findings) < MOST_FINDINGS:
                        result.findings.append(Finding(case.tracker, case.coding, planted))
            case Refuse(reason, _, _):
                result.refused[case.tracker, case.coding, reason.value] += 1
            case _:
                result.refused[case.tracker, case.coding, "held"] += 1
        progress(len(held))
    result.seconds = time.monotonic() - began
    return result


def found(planted: Sequence[Planted], target: str, headers: list[tuple[str, str]], body: bytes) -> list[Planted]:
    """What of the planted values can be read in a request."""
    reading = decoder.read(target, headers, bare(body, headers))
    text = "\n".join([*reading.leaves.values(), *reading.texts]).lower()
    close = _APART.sub("", text)
    return [one for one in planted if one.value.lower() in text or _APART.sub("", one.value.lower()) in close]
