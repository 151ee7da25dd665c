"""What only looks like a hit: where a detector says why it left a text alone, it goes through these and names a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def near_misses(pattern: re.Pattern[str], text: str, hits: Iterable[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """The matches of a pattern that overlap none of a detector's hits (spans of the same text)."""
    taken = list(hits)
    for match in pattern.finditer(text):
        if not any(match.start() < stop and start < match.end() for start, stop in taken):
            yield match
