"""Which values of a masked page were masked, and by which rule: told from what rules say of their place and element, and from
what stands there.

A value counts as masked where a rule takes it as a whole and what stands there is what its operator writes, and where a text
holds what operators write (`***`, `[redacted]`, the texts of `replace`). A pseudonym looks like what it stands for: there the
rule's word counts. The rules are those of now; what was masked under others is marked as far as it looks like it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.core.category import Category
from gateway.core.document import Kind, Layer, Leaf
from gateway.core.limits import Budget
from gateway.core.report import Report
from gateway.formats.json import JSON
from gateway.insight.tree import Told
from gateway.operators.mask import MASKED
from gateway.operators.redact import REDACTED
from gateway.recording.claim import Claim
from gateway.ruleset.judge import Judge, Operation
from gateway.ruleset.program import Program
from gateway.trackers.schema import TrackerFile

_ALIKE: Final = frozenset({"hash", "encrypt"})  # a second time they write something else
_NOWHERE: Final = Layer("", "", Leaf("", 0, 0), JSON)
_SOURCE: Final = "masked at its source"


@dataclass(frozen=True, slots=True)
class Mask:
    """One masked value of an element: `part` is `text`, `value` or an attribute's name."""

    part: str
    rule: str
    operator: str


@dataclass(frozen=True, slots=True)
class Span:
    """A masked part of a text, in characters."""

    start: int
    end: int
    mask: Mask


class Marker:
    """Tells masks of one tracker's pages under one program."""

    def __init__(self, program: Program, tracker: TrackerFile | None, budget: Budget) -> None:
        name = tracker.tracker if tracker is not None else ""
        self._judge = Judge(program.law_for(tracker, ""), b"", name, Report(), budget)
        self._replacements = program.replacements
        texts = sorted({REDACTED, *self._replacements}, key=len, reverse=True)
        self._written = re.compile(rf"\*{{{len(MASKED)},}}|" + "|".join(map(re.escape, texts)))

    def spans(self, told: Told, part: str = "text") -> list[Span]:
        """The masked parts of a value, in order."""
        value = told.value
        if not value or value.isspace():
            return []
        if told.is_length:
            return [Span(0, len(value), Mask(part, _SOURCE, "mask"))]
        operation = self._judge.decide(
            Claim(_NOWHERE, Leaf(value, 0, 0), told.category, told.place, told.element, form=told.form)
        )
        if operation.is_whole and self._stands(operation, value, told.category):
            return [Span(0, len(value), Mask(part, operation.rule, operation.operator))]
        return [Span(*found.span(), self._of_text(found[0], part)) for found in self._written.finditer(value)]

    def masks(self, told: Told, part: str) -> list[Mask]:
        """What was masked of a value, each rule once."""
        return list(dict.fromkeys(span.mask for span in self.spans(told, part)))

    def _stands(self, operation: Operation, value: str, category: Category | None) -> bool:
        if operation.operator in _ALIKE:
            return True
        return operation.apply(value, self._judge.situation(category, Kind.TEXT)) == value

    def _of_text(self, text: str, part: str) -> Mask:
        if text == REDACTED or not text.strip(
            MASKED[0]
        ):  # by whichever rule: detectors, secrets, addresses write it too
            return Mask(part, "", "redact" if text == REDACTED else "mask")
        return Mask(part, self._replacements[text], "replace")
