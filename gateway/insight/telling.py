"""A comparison as plain text, the way `diff` writes it, with the rule of each change under its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.insight.comparison import Comparison, Mark, Section
from gateway.insight.rows import Line, Row

_OPEN, _CLOSE = "⟦", "⟧"


def tell(comparison: Comparison) -> str:
    """The whole of it; changed stretches stand between ⟦ and ⟧."""
    return "\n".join(_lines(comparison))


def headline(comparison: Comparison) -> str:
    """One line: the verdict, the tracker, how much changed. Without any value of the request."""
    tracker = f" · {comparison.tracker}" if comparison.tracker else ""
    if comparison.verdict == "refuse":
        return f"refused: {comparison.reason}{tracker} · nothing of it left"
    word = "masked" if comparison.changes else "unchanged"
    changes = "1 change" if comparison.changes == 1 else f"{comparison.changes} changes"
    return f"{word}{tracker} · {changes} · {comparison.size_before} → {comparison.size_after} bytes"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield headline(comparison)
    for section in comparison.sections:
        yield " "
        yield f"── {section.part}{f' · {section.layers}' if section.layers else ''} ──"
        yield from _section(section, comparison)
        if section.unseen:
            yield f"  … {section.unseen} more changes here are not shown"


def _section(section: Section, comparison: Comparison) -> Iterator[str]:
    for row in section.rows:
        if row.left_out:
            yield f"  … {row.left_out} lines without a change"
        elif not row.is_changed:
            yield f"  {_written(row.before)}"
        else:
            yield from _changed(row, comparison)


def _changed(row: Row, comparison: Comparison) -> Iterator[str]:
    if row.before:
        yield f"- {_written(row.before)}"
    if row.after:
        yield f"+ {_written(row.after)}"
    if comparison.verdict != "refuse":
        reasons = Counter(_reason(comparison.mark(number)) for number in row.marks)
        for reason, count in reasons.items():
            yield f"      ↳ {reason}{f'  ×{count}' if count > 1 else ''}"
        if not row.marks:
            yield "      ↳ set by the tracker file, or follows another change"


def _reason(mark: Mark) -> str:
    what = f" → {mark.operator}" if mark.why != f"category {mark.category}: {mark.operator}" else ""
    return f"{mark.why}{what}{f'  {mark.where}' if mark.where else ''}"


def _written(line: Line) -> str:
    return "".join(f"{_OPEN}{piece.text}{_CLOSE}" if piece.mark and piece.text else piece.text for piece in line)
