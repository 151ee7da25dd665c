"""The shapes of what plugs in: codings, formats, detectors, operators. One small file each; a room's list names them.

Plug-ins are stateless and pure. Their parameters come from YAML and are validated once, at start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.document import Kind, Layer, Leaf
from gateway.core.limits import Budget
from gateway.core.signs import Literal, Shape


class Coding(Protocol):
    """Content to content, both ways: gzip, base64, latin-1 packing, UTF-16 …

    `decode` raises `Refused(BROKEN_CODING)` where the source is not, wholly, of this coding, and `Refused(TOO_LARGE)`
    before it allocates more than the budget has left. `encode` takes the original source to close the layer the way it
    came (padding, alphabet, line ends, container).
    """

    name: str

    def sniff(self, source: str | bytes) -> bool:
        """A cheap test that never misses a source of this coding; may be true for others."""
        ...

    def decode(self, source: str | bytes, budget: Budget) -> str | bytes: ...

    def encode(self, content: str | bytes, original: str | bytes) -> str | bytes: ...


class Format(Protocol):
    """Content to a document. `parse` returns None where the source is not, wholly, of this format."""

    name: str

    def sniff(self, source: str | bytes) -> bool:
        """A cheap test that never misses a source of this format; may be true for others."""
        ...

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None: ...

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes: ...

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What stands beside a text, for detectors that need a word or key near a number."""

    keys: tuple[str, ...] = ()  # the words of the field's own key and its parents', lower case, nearest first
    category: str = ""
    check: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """Raises `Refused` where the request's time is used up: asked between the readings of a text of any length."""


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a text that a detector claims: [start, end) in characters of the text that was read."""

    start: int
    end: int
    detector: str


class MissReason(StrEnum):
    """Why a detector passed over something that looks like what it finds. A closed list."""

    CHECKSUM_FAILED = "checksum_failed"
    NEEDS_A_WORD = "needs_a_word"
    WRONG_LENGTH = "wrong_length"
    NOT_ISSUED = "not_issued"  # no such range, plan, country or area
    RESERVED = "reserved"  # names no host, device or person
    INSIDE_LONGER_TOKEN = "inside_longer_token"  # noqa: S105 - a reason
    VERSION_LIKE = "version_like"
    TIME_LIKE = "time_like"  # a date or a Unix time
    MEASURE_LIKE = "measure_like"  # a decimal, an amount, a drawing
    NOT_A_DOMAIN = "not_a_domain"
    PLACEHOLDER = "placeholder"  # a literal, or masked already


@dataclass(frozen=True, slots=True)
class Miss:
    """Part of a text that looks like what a detector finds and is not: for `gateway explain` alone."""

    start: int
    end: int
    detector: str
    reason: MissReason


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of personal data in text.

    `hint` is a cheap superset test on the normalised reading (None: always try). `find` gets the normalised reading and
    yields spans in it; `core.reading` maps them back to the text as written. `why_not` yields what it passed over.
    """

    name: str
    title: str  # for people: "payment card"
    label: str  # what replaces a hit by default, without brackets: "card"
    hint: Callable[[str], bool] | None
    find: Callable[[str, Context], Iterable[tuple[int, int]]]
    why_not: Callable[[str, Context], Iterable[Miss]] | None = None
    # signs of which a text must have one for anything to be found; none at all: any text may do
    shapes: tuple[Shape, ...] = ()
    literals: tuple[Literal, ...] = ()
    folded: tuple[Literal, ...] = ()  # literals, lower case, whose case counts for nothing
    beside: tuple[str, ...] = ()  # letters of phrases that make the first shape where they stand before a number
    keyed: tuple[Shape, ...] = ()  # further ones where the words of the field's keys name what it finds
    named: Callable[[tuple[str, ...]], bool] | None = None  # whether they do


@dataclass(frozen=True, slots=True)
class Situation:
    """What an operator may know of the value it works on.

    `key` is the secret of keyed hashes (32 bytes); `sealing` the id and the key (32 bytes) that `encrypt` seals with,
    and `place` the field that a sealed value is bound to.
    """

    key: bytes
    kind: Kind = Kind.TEXT
    category: str = ""
    place: str = ""
    sealing: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """What happens to a picked value. `prepare` validates YAML parameters (ValueError with one clear line) and returns

    the function that runs: value in, value out, same in → same out. `strength` orders operators on one span.
    """

    name: str
    strength: int
    parameters: Mapping[str, str]  # parameter → what it means, for messages and JSON Schema
    prepare: Callable[[Mapping[str, object]], Callable[[str, Situation], str]]
