"""Values that are cut over several leaves: the texts of one line of a page, the items of an array.

The parts are read as one text, and what is found in it goes item-wise: what replaces the value stands in the part where
it begins, a sign in each of the others, so that the page and the array keep their shape.

An array is read where it is short and its items are pieces: single characters, or a few groups of digits. It counts
where a value makes up all of them, so that a row of measures is none; groups of numbers, which measures look like, need a
key that names the value or its parts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from gateway.core.document import Kind, Layer, Leaf, List
from gateway.core.plugin import Context, Detector, MissReason
from gateway.core.reading import read
from gateway.detectors import BY_NAME
from gateway.recording.rrweb import enter
from gateway.ruleset.text import Edit

OTHER: Final = "*"
"""What stands in the parts of a value behind its first."""

WHOLE: Final = frozenset({"payment_card", "iban", "national_id", "us_ssn", "imei", "phone", "email"})
"""Detectors that count in an array: the form of what they find is known to its end."""

_WORDED: Final = frozenset(
    {"secret", "bearer"}
)  # what they find has no form: the name beside it may be in another part
_SOMETHING_ELSE: Final = frozenset(
    {
        MissReason.PLACEHOLDER,
        MissReason.VERSION_LIKE,
        MissReason.TIME_LIKE,
        MissReason.MEASURE_LIKE,
        MissReason.RESERVED,
    }
)
_NEAR: Final = 48  # characters; as far as a word may stand before its number
_SHORTEST: Final = 7
_NUMBER: Final = re.compile(  # what needs a word, which the part before may have
    r"(?:\d[\s.,/()+-]{0,3}){5}|[A-Za-z]\d{4}[A-Za-z]|\d\W{0,3}[^\W\d]{3,12}\W{0,3}\d{4}|[&%\\]|[^\x00-\x7f]\d"
)
_BEFORE: Final = re.compile(r"\d\W{0,4}(?:[^\W\d]{1,12}\W{0,4})?\Z")
_BEHIND: Final = re.compile(r"\W{0,4}(?:[^\W\d]{1,12}\W{0,4})?\d")
_NAMED: Final = re.compile(r"[:=]\s*[\"']?\s*\Z|(?i:bearer|basic)\s*\Z")
_NO_WORD: Final = re.compile(r"[\d@/\\%&=:]|\S{16}|[^\x00-\x7f]")
_LEAST: Final = 2
_MOST: Final = 64  # items
_LEAST_SINGLES: Final = 8
_LEAST_GROUPS: Final = 3
_MOST_GROUPS: Final = 9
_LONGEST_GROUP: Final = 8
_GROUP: Final = re.compile(r"\+?[A-Za-z]{0,2}[0-9]{1,8}|\+")
_ACCOUNT: Final = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{0,4}")  # an IBAN's first group: letters alone may follow
_OF_ACCOUNT: Final = re.compile(r"[0-9A-Z]{1,4}")
_TELLING: Final = frozenset(
    """card cc pan ccnumber cardnumber credit debit iban account phone telephone tel mobile number digits parts part group
    groups segments chunks pieces""".split()
)


class Joined(NamedTuple):
    """The text that parts make, and where each of them stands in it: (part, from, to, what was left out before it)."""

    text: str
    spans: list[tuple[int, int, int, int]]


def join_line(values: Sequence[str]) -> Joined:
    """The texts of a line as a browser shows them: blanks at their ends are one blank."""
    pieces: list[str] = []
    spans: list[tuple[int, int, int, int]] = []
    at = 0
    is_blank = True
    for index, value in enumerate(values):
        core = value.strip()
        if not is_blank and (not core or value[0].isspace()):
            pieces.append(" ")
            at += 1
            is_blank = True
        if core:
            skipped = value.index(core[0])
            spans.append((index, at, at + len(core), skipped))
            pieces.append(core)
            at += len(core)
            is_blank = False
            if value[-1].isspace():
                pieces.append(" ")
                at += 1
                is_blank = True
    return Joined("".join(pieces), spans)


def join_items(values: Sequence[str]) -> Joined:
    """The items of an array, nothing between them."""
    spans: list[tuple[int, int, int, int]] = []
    at = 0
    for index, value in enumerate(values):
        spans.append((index, at, at + len(value), 0))
        at += len(value)
    return Joined("".join(values), spans)


def may_cross(values: Sequence[str]) -> bool:
    """Whether a value may stand across a boundary of a line's parts, or behind a word in another part.

    A superset, but for what has fewer than 7 signs: what is cut over a blank has digits on both sides, a word before it
    or a date's month between; what is cut without one is more than a plain word.
    """
    tail = ""
    for value in values:
        if tail and not value.isspace():
            head = value[:_NEAR]
            if tail[-1].isspace() or head[0].isspace():
                if _NUMBER.search(head) or _NAMED.search(tail) or (_BEFORE.search(tail) and _BEHIND.match(head)):
                    return True
            else:
                token = tail[tail.rfind(" ") + 1 :] + head.partition(" ")[0]
                if "@" in token or (len(token) >= _SHORTEST and _NO_WORD.search(token)):
                    return True
                if _BEFORE.search(tail) and _BEHIND.match(head):
                    return True
        tail = (tail + value)[-_NEAR:]
    return False


def is_of_line(edit: Edit, joined: Joined, values: Sequence[str], context: Context) -> bool:
    """Whether what was found in a line's joined text is more than its parts have by chance when they are glued.

    What lies in one part alone needs the word that another part holds: else it is that part's own matter, and was read
    there. What a part alone is known to be (a version, a time, a selector) it stays.
    """
    detector = BY_NAME.get(edit.detector)
    pieces = list(spread([edit], joined))
    if detector is None:
        return len(pieces) > 1
    needs_a_word = len(pieces) == 1 and edit.detector not in _WORDED
    for index, piece in pieces:
        for reason, start, end in _misses(detector, values[index], context):
            if start < piece.end and piece.start < end:
                if reason in _SOMETHING_ELSE:
                    return False
                needs_a_word = needs_a_word and reason is not MissReason.NEEDS_A_WORD
    return not needs_a_word


def _misses(detector: Detector, value: str, context: Context) -> Iterator[tuple[MissReason, int, int]]:
    reading = read(value)
    for miss in detector.why_not(reading.text, context) if detector.why_not is not None else ():
        yield miss.reason, *reading.origin(miss.start, miss.end)


def spread(edits: Iterable[Edit], joined: Joined) -> Iterator[tuple[int, Edit]]:
    """Edits of the joined text as edits of its parts, with each part's index."""
    ends = [end for _, _, end, _ in joined.spans]
    for edit in edits:
        replacement = edit.replacement
        for at in range(bisect_right(ends, edit.start), len(ends)):
            index, start, end, skipped = joined.spans[at]
            if start >= edit.end:
                break
            left, right = max(start, edit.start) - start, min(end, edit.end) - start
            yield index, replace(edit, start=left + skipped, end=right + skipped, replacement=replacement)
            replacement = OTHER


def is_value(edit: Edit, text: str, keys: Sequence[str]) -> bool:
    """Whether what was found in an array's joined text is all of it, and more than a row of measures may be by chance."""
    if (edit.start, edit.end) != (0, len(text)) or edit.detector not in WHOLE:
        return False
    return edit.detector != "phone" or text[0] == "+" or not _TELLING.isdisjoint(keys)


def runs(layer: Layer, rows: List, keys: Sequence[str]) -> Iterator[list[Leaf]]:
    """The rows of items in an array that may be the pieces of one value. `keys` are the words of its own key."""
    if not _LEAST <= len(rows.items) <= _MOST or not isinstance(rows.items[0], Leaf):
        return
    singles: list[Leaf] = []
    groups: list[Leaf] = []
    for item in (*rows.items, None):
        leaf = enter(layer, item)[1] if isinstance(item, Leaf) else None
        is_read = isinstance(leaf, Leaf) and leaf.kind in (Kind.TEXT, Kind.NUMBER)
        if is_read and isinstance(leaf, Leaf) and len(leaf.value) == 1 and leaf.value >= " ":
            singles.append(leaf)
        else:
            if len(singles) >= _LEAST_SINGLES:
                yield singles
            singles = []
        if is_read and isinstance(leaf, Leaf) and len(leaf.value) <= _LONGEST_GROUP and _is_group(leaf.value, groups):
            groups.append(leaf)
        else:
            if _are_groups(groups, keys):
                yield groups
            groups = []


def _is_group(value: str, before: list[Leaf]) -> bool:
    if _GROUP.fullmatch(value):
        return True
    return bool(before) and _OF_ACCOUNT.fullmatch(value) is not None and _ACCOUNT.fullmatch(before[0].value) is not None


def _are_groups(leaves: list[Leaf], keys: Sequence[str]) -> bool:
    if not _LEAST_GROUPS <= len(leaves) <= _MOST_GROUPS or all(len(leaf.value) == 1 for leaf in leaves):
        return False
    return all(leaf.kind is Kind.TEXT for leaf in leaves) or not _TELLING.isdisjoint(keys)
