"""What the pipeline did, told without a single value: rule, detector, operator, place, count.

`Finding.place` is made of keys that tracker files and rules know or of `*` for keys made by users.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of change: which rule, at which place, by which operator."""

    rule: str
    operator: str
    place: str
    category: str = ""
    detector: str = ""


@dataclass(slots=True)
class Report:
    """Counts of findings for one request, with the tracker that was recognised and the layers that were opened."""

    tracker: str = ""
    layers: list[str] = field(default_factory=list)
    findings: Counter[Finding] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Counts one change."""
        self.findings[finding] += 1

    @property
    def masked(self) -> int:
        """How many values were changed."""
        return sum(self.findings.values())
