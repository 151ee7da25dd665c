"""Free text: which spans of it go, and what stands there instead.

Finds URLs (their query values, fragments, user-info and path identifiers), data: URLs, detectors' hits, patterns of rules
and secrets seen elsewhere in the request; the stronger operator wins where spans meet, and what is left of the weaker
one is still replaced. Everything outside the spans stays as written.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from heapq import heappop, heappush
from itertools import accumulate
from typing import Final
from urllib.parse import quote, unquote

from gateway.core.category import Category
from gateway.core.plugin import Context, Detector, Situation, Span
from gateway.core.signs import URL_SIGN, signs
from gateway.formats import url as urls
from gateway.operators.redact import REDACTED
from gateway.ruleset.pattern import Combined, Pattern
from gateway.ruleset.secrets import Found

MASK: Final = "***"
_WRITTEN: Final = frozenset({MASK, REDACTED})  # what is gone already
URL_STRENGTH: Final = 65  # as strong as mask: a query value goes before a detector names a part of it
SECRET_STRENGTH: Final = 64

_MOST_NAMES: Final = 4096  # of query parameters that are remembered
_USER_INFO: Final = "url user-info"
_DATA_URL: Final = re.compile(r"data:[\w.+-]{1,64}/[\w.+-]{1,64}[^,\s\"'<>]{0,200},[^\s\"'<>)]{16,}", re.ASCII)
_BLOB: Final = re.compile(r"blob:[^\s\"'<>)]{1,2048}")
_REFERENCE: Final = re.compile(
    r"(?:(?<=[\s\"'(=])|^)(?:/[^\s\"'<>?#]{0,512}\?|[\w.~%-][\w.~%/-]{0,511}\?(?=[\w.$\[\]%+-]{1,128}=))[^\s\"'<>]{1,4096}"
)
_TOLD: Final = re.compile(r"[^\W_]")
_BARE_QUERY: Final = re.compile(r"[\w.$\[\]%+-]{1,128}=")
_ADDRESS_SCHEMES: Final = frozenset({"mailto", "tel", "sms", "sip", "xmpp", "skype", "whatsapp"})
_IDENTIFIER: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,}"
    r"|[0-9]{7,}"
    r"|(?=[^0-9]*[0-9])(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])[A-Za-z0-9_-]{20,}"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One span of a text and what replaces it."""

    start: int
    end: int
    replacement: str
    rule: str
    operator: str
    strength: int
    detector: str = ""


type Finder = Callable[[str], list[Found]]


@dataclass(frozen=True, slots=True)
class SpanRule:
    """A rule that picks spans: a detector or a pattern, with its operator."""

    name: str
    operator: str
    strength: int
    apply: Callable[[str, Situation], str]
    categories: frozenset[Category] | None = None
    detector: str = ""
    pattern: Pattern | None = None
    parameter: re.Pattern[str] | None = None  # of a query parameter's name
    trackers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """Text that silences detectors (never a mark, a typed input, a sensitive key or a pattern of the owner's)."""

    name: str
    pattern: Pattern | str  # of all that the detector found, or the very text
    categories: frozenset[Category] | None = None

    def allows(self, written: str) -> bool:
        """Whether this very text is left alone."""
        return written == self.pattern if isinstance(self.pattern, str) else self.pattern.matches_all_of(written)


class UrlPolicy:
    """What of a URL stays: scheme, host, path; of the query the values of a short list of names.

    A rule on query parameters goes before both.
    """

    def __init__(self, keep_query: Iterable[str], rules: Sequence[SpanRule] = ()) -> None:
        self._rules = tuple(reversed(rules))
        self._keep = re.compile("|".join(translate(name) for name in keep_query) or r"(?!)")
        self._kept: dict[str, bool] = {}
        self._ruled: dict[str, SpanRule | None] = {}

    def keeps(self, name: str) -> bool:
        """Whether a query parameter's value stays (detectors still read it)."""
        kept = self._kept.get(name)
        if kept is None:
            kept = self._keep.match(unquote(name)) is not None
            if len(self._kept) < _MOST_NAMES:
                self._kept[name] = kept
        return kept

    def _rule(self, name: str) -> SpanRule | None:
        if name not in self._ruled:
            plain = unquote(name)
            found = (rule for rule in self._rules if rule.parameter is not None and rule.parameter.match(plain))
            if len(self._ruled) >= _MOST_NAMES:
                return next(found, None)
            self._ruled[name] = next(found, None)
        return self._ruled[name]

    def edits(self, text: str, start: int, end: int, situation: Situation) -> list[Edit]:
        """The spans that go of the URL that stands in text[start:end]."""
        if start == 0 and _BARE_QUERY.match(text):
            shifted = self.edits("?" + text, 0, end + 1, situation)
            return [replace(edit, start=edit.start - 1, end=edit.end - 1) for edit in shifted]
        parts = urls.split(text, start, end)
        if parts is None:
            return []
        found: list[tuple[int, int, str]] = []
        if parts.opaque is not None and parts.scheme in _ADDRESS_SCHEMES:
            found.append((*parts.opaque, "url address"))
        if parts.user_info is not None:
            found.append((*parts.user_info, _USER_INFO))
        last = len(parts.path) - 1
        for at, (left, right) in enumerate(parts.path):
            segment = text[left:right]
            if right - left >= 7 and not (at == last and "." in segment) and _IDENTIFIER.fullmatch(unquote(segment)):
                found.append((left, right, "url path identifier"))
        ruled: list[Edit] = []
        for key, value in parts.query:
            rule = self._rule(text[key[0] : key[1]]) if self._rules and value is not None else None
            if rule is not None and value is not None:
                if rule.operator not in ("keep", "detect"):
                    after = quote(rule.apply(unquote(text[slice(*value)]), situation), safe="*[]")
                    ruled.append(Edit(*value, after, rule.name, rule.operator, max(rule.strength, URL_STRENGTH)))
            elif value is not None and value[1] > value[0] and not self.keeps(text[key[0] : key[1]]):
                found.append((*value, "url query"))
            elif value is None and _IDENTIFIER.fullmatch(unquote(text[key[0] : key[1]])):
                found.append((*key, "url query"))
        if parts.fragment is not None:
            found.append((*parts.fragment, "url fragment"))
        return ruled + [
            Edit(left, right, MASK, rule, "mask", URL_STRENGTH)
            for left, right, rule in found
            if right > left and text[left:right] not in _WRITTEN
        ]


class TextRules:
    """Everything that picks spans in text, compiled once."""

    def __init__(
        self,
        scan: Callable[[str, Sequence[Detector], Context, int], list[Span]],
        detectors: Sequence[Detector],
        spans: Sequence[SpanRule],
        allowances: Sequence[Allowance],
        url_policy: UrlPolicy,
    ) -> None:
        self._scan = scan
        self.url_policy = url_policy
        self.detectors = tuple(detectors)
        self._reads_all = not all(one.shapes or one.literals or one.folded for one in self.detectors)
        self.patterns = [rule for rule in spans if rule.pattern is not None]
        self._combined = Combined([rule.pattern for rule in self.patterns if rule.pattern is not None])
        self.by_detector: dict[str, list[SpanRule]] = {}
        for rule in spans:
            if rule.detector:
                self.by_detector.setdefault(rule.detector, []).append(rule)
        self.allowances = tuple(allowances)

    def edits(
        self,
        text: str,
        category: Category,
        context: Context,
        situation: Situation,
        *,
        url_whole: bool = False,
        url_find: bool = True,
        search: Finder | None = None,
    ) -> list[Edit]:
        """The edits of one text, in order and apart from each other."""
        found: list[Edit] = []
        seen = signs(text)
        if url_find and (url_whole or seen & URL_SIGN):
            is_whole = url_whole or urls.looks_like_url(text)
            if is_whole:
                found += self.url_policy.edits(text, 0, len(text), situation)
            if "?" in text and (not is_whole or " " in text):  # a path with its query in a text: `POST /pay?card=…`
                for match in _REFERENCE.finditer(text):
                    found += self.url_policy.edits(text, *match.span(), situation)
            if "://" in text or ":" in text:
                for start, end in urls.find(text):
                    if not (url_whole and start == 0):
                        found += self.url_policy.edits(text, start, end, situation)
                if "data:" in text:
                    found += [
                        Edit(*match.span(), "data:,", "embedded media", "drop", 100)
                        for match in _DATA_URL.finditer(text)
                    ]
                if "blob:" in text:
                    found += [
                        Edit(*match.span(), "blob:" + MASK, "embedded media", "mask", 90)
                        for match in _BLOB.finditer(text)
                    ]
        credentials = sorted((edit.start, edit.end) for edit in found if edit.rule == _USER_INFO)
        reach = list(accumulate((end for _, end in credentials), max))
        for span in self._scan(text, self.detectors, context, seen) if seen or self._reads_all else ():
            before = bisect_left(credentials, (span.end,))
            if before and reach[before - 1] > span.start:
                continue  # `jane:pw@host` is no e-mail address, and the host stays
            edit = self._hit(text, span, category, situation)
            if edit is not None:
                found.append(edit)
        for number in self._combined.in_text(text) if self.patterns else ():
            rule = self.patterns[number]
            if rule.pattern is not None and (rule.categories is None or category in rule.categories):
                for start, end in rule.pattern.spans(text, context.check):
                    told = rule.apply(text[start:end], situation)
                    found.append(Edit(start, end, told, rule.name, rule.operator, rule.strength))
        if search is not None:
            found += [Edit(*one, "mask", SECRET_STRENGTH) for one in search(text)]
        return resolve(found, text) if len(found) > 1 else found

    def _hit(self, text: str, span: Span, category: Category, situation: Situation) -> Edit | None:
        rules = self.by_detector.get(span.detector)
        if rules is None:
            return None
        rule = next((one for one in reversed(rules) if one.categories is None or category in one.categories), None)
        if rule is None or rule.operator in ("keep", "detect"):
            return None
        written = text[span.start : span.end]
        for allowance in self.allowances:
            if (allowance.categories is None or category in allowance.categories) and allowance.allows(written):
                return None
        replacement = rule.apply(written, situation)
        return Edit(span.start, span.end, replacement, rule.name, rule.operator, rule.strength, span.detector)


def resolve(edits: list[Edit], told: str | None = None) -> list[Edit]:
    """Edits apart from each other: the stronger (then longer, then earlier) keeps its span, a weaker one what is left.

    With the text, `told`, what is left without a letter or digit is let go: it tells nothing.
    """
    ordered = sorted(edits, key=lambda one: (-one.strength, one.start - one.end, one.start))
    return [
        edit if part == (edit.start, edit.end) else replace(edit, start=part[0], end=part[1])
        for edit, part in _parts(ordered)
        if part == (edit.start, edit.end) or told is None or _TOLD.search(told, *part)
    ]


def _parts(ordered: list[Edit]) -> Iterator[tuple[Edit, tuple[int, int]]]:
    """Each stretch of the text that belongs to one edit, the first of `ordered` that covers it; from left to right."""
    begins = sorted(range(len(ordered)), key=lambda rank: ordered[rank].start)
    covering: list[int] = []  # a heap of ranks; those that have ended go when they come up
    at, since, holder = 0, 0, -1
    while covering or at < len(begins):
        here = ordered[begins[at]].start if not covering else ordered[covering[0]].end
        if at < len(begins):
            here = min(here, ordered[begins[at]].start)
        while at < len(begins) and ordered[begins[at]].start <= here:
            heappush(covering, begins[at])
            at += 1
        while covering and ordered[covering[0]].end <= here:
            heappop(covering)
        first = covering[0] if covering else -1
        if first != holder:
            if holder >= 0 and since < here:
                yield ordered[holder], (since, here)
            since, holder = here, first


def splice(text: str, edits: Sequence[Edit]) -> str:
    """The text with its edits in place."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces.append(text[at : edit.start])
        pieces.append(edit.replacement)
        at = edit.end
    pieces.append(text[at:])
    return "".join(pieces)
