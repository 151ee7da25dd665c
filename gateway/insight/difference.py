"""What two rule sets make of the same request, where they differ: what a change of rules would alter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.insight.comparison import Stopped, Tried


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that the two rule sets treat differently. An empty result: as it came."""

    request: int
    place: str
    before: str
    old: str
    new: str
    count: int = 1

    @property
    def loosens(self) -> bool:
        """Whether a value that was masked would leave as it came."""
        return self.new == "" and self.old != ""


def differences(number: int, old: Tried | Stopped, new: Tried | Stopped) -> Iterator[Difference]:
    """Where two results of one request differ."""
    if isinstance(old, Stopped) or isinstance(new, Stopped):
        verdicts = [f"refused: {one}" if isinstance(one, Stopped) else "forwarded" for one in (old, new)]
        if verdicts[0] != verdicts[1]:
            yield Difference(number, "(the request)", "", verdicts[0], verdicts[1])
        return
    results: dict[tuple[str, str], list[Counter[str]]] = {}
    for side, tried in enumerate((old, new)):
        for change in tried.changes:
            pair = results.setdefault((change.place, change.before), [Counter(), Counter()])
            pair[side][change.after or "(gone)"] += 1
    for (place, value), (was, will) in results.items():
        if was == will:
            continue
        left, right = was - will, will - was
        for text, count in left.items():
            yield Difference(number, place, value, text, next(iter(right), "") or _cover(new, place, value), count)
        if not left:
            for text, count in right.items():
                yield Difference(number, place, value, _cover(old, place, value), text, count)


def _cover(tried: Tried, place: str, value: str) -> str:
    """What stands for a value that goes with a larger one around it."""
    return next((one.after or "(gone)" for one in tried.changes if one.place == place and value in one.before), "")
