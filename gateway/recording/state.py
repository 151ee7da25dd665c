"""A page's mirror as bytes and back: structure only, for a store that other processes read.

What leaves: node ids, parents, order, tags, marks, and of attributes what `vocabulary` leaves of them. Never a text, a
typed value, a name. What comes in is bytes of a store: what does not read as a page of this vocabulary is unknown, and
unknown masks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sized
from typing import Final

import msgspec

from gateway.recording.dom import UNKNOWN, Element, Mirror
from gateway.recording.interned import Table, name_of_owner
from gateway.recording.openreplay import Known
from gateway.recording.siblings import Siblings
from gateway.recording.vocabulary import Reduced, Vocabulary, name_of

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of a page before compression; a mirror has an end of its own far below."""

_PRIVATE, _PRESUMED, _PASSWORD, _PLACED, _KNOWN, _FOUND = (1 << bit for bit in range(6))
_NONE, _UNKNOWN, _FIRST = 0, 1, 2  # what an element hangs on: nothing, nobody knows what, the element of this number
_FAST: Final = 1


class _Everything:
    """A vocabulary that leaves all as it is: for pages that stay in this process."""

    digest = b""
    fingerprint = None

    class _Any:
        def __contains__(self, name: object) -> bool:
            return True

    names = _Any()

    @staticmethod
    def tag(tag: str) -> str:
        return tag

    @staticmethod
    def reduce(value: str, *, is_name: bool = False) -> str:  # noqa: ARG004 - as a vocabulary
        return value

    @staticmethod
    def word(written: str) -> str:
        return written


_EVERYTHING: Final = _Everything()


class _Order(msgspec.Struct, array_like=True, tag="siblings", forbid_unknown_fields=True):
    rows: dict[int, list[int]]
    placed: int


class _Dictionary(msgspec.Struct, array_like=True, tag="openreplay", forbid_unknown_fields=True):
    names: dict[int, str]
    values: dict[int, str]
    rows: dict[int, list[int]]
    placed: int


class _Strings(msgspec.Struct, array_like=True, tag="datadog", forbid_unknown_fields=True):
    owner: str
    is_known: bool
    strings: int
    nodes: int
    names: dict[int, str]
    values: dict[int, str]
    starts: dict[int, tuple[int, int]]


class _Page(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Elements stand in columns; `attributes` holds (how many, name, value, name, value, …) of each, as numbers of `words`."""

    known: bool
    words: list[str]
    ids: list[int]
    parents: list[int]
    tags: list[int]
    flags: list[int]
    attributes: list[int]
    texts: dict[int, int]
    documents: dict[int, int]
    passwords: list[int]
    memory: _Order | _Dictionary | _Strings | None


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(_Page).decode


def write(mirror: Mirror, vocabulary: Vocabulary) -> bytes:
    """A page's bytes; none where it can't be told, so that it is unknown to whoever reads it."""
    stamp = _stamp(mirror, vocabulary)
    if mirror.memory is None and mirror.told is not None and mirror.told[0] == stamp:
        return mirror.told[1]
    try:
        plain = _write(_Writer(mirror, vocabulary).page())
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError):  # an id beyond 64 bits, half a surrogate pair
        return b""
    data = vocabulary.digest + zlib.compress(plain, _FAST) if len(plain) <= MOST_BYTES else b""
    mirror.told = (stamp, data)
    return data


def pack(mirror: Mirror) -> bytes:
    """A page's bytes for this process alone, with all that is known of it; none where it can't be told."""
    if mirror.memory is not None or mirror.printed is not None:
        return b""  # what readers keep beside a page, and pages of other processes, are told by `write` alone
    try:
        plain = _write(_Writer(mirror, _EVERYTHING).page())
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError):
        return b""
    return zlib.compress(plain, _FAST) if len(plain) <= MOST_BYTES else b""


def unpack(data: bytes) -> Mirror | None:
    """The page that `pack` packed."""
    try:
        return _mirror(_read(zlib.decompress(data)), _EVERYTHING)
    except (zlib.error, msgspec.MsgspecError, ValueError, IndexError):
        return None


def _stamp(mirror: Mirror, vocabulary: Vocabulary) -> object:
    """Another one after each change of a page, but for what its reader keeps beside it."""
    return vocabulary.digest, mirror.epoch, mirror.shape, mirror.others


def read(data: bytes, vocabulary: Vocabulary) -> Mirror | None:
    """The page again; None where the bytes are none, or of another vocabulary."""
    size = len(vocabulary.digest)
    if data[:size] != vocabulary.digest:
        return None
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(data[size:], MOST_BYTES)
        if not inflate.eof or inflate.unused_data:
            return None
        mirror = _mirror(_read(plain), vocabulary)
    except (zlib.error, msgspec.MsgspecError, ValueError, IndexError):
        return None
    mirror.told = (_stamp(mirror, vocabulary), data)
    return mirror


class _Writer:
    def __init__(self, mirror: Mirror, vocabulary: Vocabulary | _Everything) -> None:
        self._mirror = mirror
        self._vocabulary = vocabulary
        self._words: dict[str, int] = {}
        self._tags: dict[str, str] = {}

    def page(self) -> _Page:
        mirror = self._mirror
        elements = self._elements()
        numbers = {id(element): number for number, element in enumerate(elements, _FIRST)}
        numbers[id(UNKNOWN)] = _UNKNOWN

        def number_of(element: Element | None) -> int:
            return _NONE if element is None else numbers.get(id(element), _UNKNOWN)

        found = self._found(elements)
        columns: tuple[list[int], list[int], list[int], list[int], list[int]] = ([], [], [], [], [])
        ids, parents, tags, flags, attributes = columns
        for element in elements:
            ids.append(element.node_id)
            parents.append(number_of(element.parent))
            tags.append(self._tag(element.tag))
            told, is_told = self._attributes(element)
            attributes += told
            flags.append(
                _PRIVATE * (element.private or not is_told)
                | _PRESUMED * element.is_presumed
                | _PASSWORD * element.was_password
                | _PLACED * element.is_placed
                | _KNOWN * (mirror.elements.get(element.node_id) is element)
                | _FOUND * (id(element) in found)
            )
        return _Page(
            mirror.known,
            list(self._words),
            *columns,
            {node: number_of(holder) for node, holder in mirror.texts.items()},
            {node: number_of(frame) for node, frame in mirror.documents.items()},
            sorted(mirror.passwords),
            self._memory(),
        )

    def _elements(self) -> list[Element]:
        """Each element once, siblings in their order; what is not in the mirror itself and holds what is, too."""
        mirror, seen = self._mirror, {id(UNKNOWN)}
        elements: list[Element] = []

        def take(some: Iterable[Element | None]) -> None:
            for one in some:
                if one is not None and id(one) not in seen:
                    seen.add(id(one))
                    elements.append(one)

        for element in mirror.elements.values():
            if element.left is None and element.parent is not None:
                take(element.parent.iter_children())
        take(mirror.elements.values())
        take(mirror.texts.values())
        take(mirror.documents.values())
        for element in elements:  # grows as it goes
            take([element.parent])
        return elements

    def _found(self, elements: Iterable[Element]) -> set[int]:
        """Which elements are found by their `id`: one a name, and the plain name before the fingerprint of an older one."""
        by_name: dict[str, tuple[bool, Element]] = {}
        for element in elements:
            if element.id is None or not self._mirror.is_found(element):
                continue
            reduced = self._vocabulary.reduce(element.id, is_name=True)
            if reduced is not None:
                is_plain = not isinstance(element.id, Reduced)
                if is_plain or name_of(reduced) not in by_name:
                    by_name[name_of(reduced)] = (is_plain, element)
        return {id(element) for _, element in by_name.values()}

    def _word(self, word: str) -> int:
        return self._words.setdefault(str(word), len(self._words))  # msgpack takes plain strings alone

    def _tag(self, tag: str) -> int:
        told = self._tags.get(tag)
        if told is None:
            told = self._tags[tag] = self._vocabulary.tag(tag)
        return self._word(told)

    def _attributes(self, element: Element) -> tuple[list[int], bool]:
        """How many, and names and values; whether all could be told."""
        row, is_told = [0], True
        for name, value in element.attributes.items():
            reduced = self._vocabulary.reduce(value, is_name=name == "id")
            if reduced is None or name not in self._vocabulary.names:
                is_told = is_told and reduced is not None
                continue
            row += (self._word(name), self._word(reduced))
            row[0] += 1
        return row, is_told

    def _memory(self) -> _Order | _Dictionary | _Strings | None:
        vocabulary = self._vocabulary
        if isinstance(vocabulary, _Everything):
            return None
        match self._mirror.memory:
            case Siblings() as order:
                return _Order(*order.told())
            case Known() as known:
                names = {entry: name for entry, name in known.names.items() if vocabulary.is_name(name)}
                return _Dictionary(names, self._reduced(known.values), *known.order.told())
            case Table() as table:
                names = {
                    entry: text
                    for entry, text in table.known.items()
                    if entry not in table.values
                    and not isinstance(text, Reduced)
                    and (not text.strip() or vocabulary.is_name(text))
                }
                values = self._reduced({entry: table.known[entry] for entry in table.values})
                owner = table.printed_owner or vocabulary.fingerprint(name_of_owner(table.owner))
                return _Strings(owner, table.is_known, table.strings, table.nodes, names, values, table.starts)
        return None

    def _reduced(self, values: dict[int, str]) -> dict[int, str]:
        told = {entry: self._vocabulary.reduce(value, is_name=True) for entry, value in values.items()}
        return {entry: str(value) for entry, value in told.items() if value is not None}


def _mirror(page: _Page, vocabulary: Vocabulary | _Everything) -> Mirror:
    """Raises `ValueError` or `IndexError` where the page is none."""
    mirror = Mirror()
    mirror.known = page.known
    mirror.printed = vocabulary.fingerprint
    mirror.passwords = set(page.passwords)
    words = [vocabulary.word(word) for word in page.words]
    names = page.words
    told = iter(page.attributes)
    elements: list[Element] = []
    for node_id, tag, flags in zip(page.ids, page.tags, page.flags, strict=True):
        attributes: dict[str, str] = {}
        for _ in range(next(told, 0)):
            name, value = next(told, -1), next(told, -1)
            attributes[names[_at(name, names)]] = words[_at(value, names)]
        element = Element(names[_at(tag, names)], attributes, None, node_id, mirror)
        element.private = bool(flags & _PRIVATE)
        element.is_presumed = bool(flags & _PRESUMED)
        element.was_password = bool(flags & _PASSWORD)
        elements.append(element)
        if flags & _KNOWN:
            mirror.elements[node_id] = element

    def element_of(number: int) -> Element | None:
        return None if number == _NONE else UNKNOWN if number == _UNKNOWN else elements[_at(number - _FIRST, elements)]

    for element, number, flags in zip(elements, page.parents, page.flags, strict=True):
        element.parent = element_of(number)
        if flags & _PLACED and element.parent is not None and element.parent is not UNKNOWN:
            element.attach(element.parent, None)
        if flags & _FOUND:
            mirror.name(element)
    _check_acyclic(elements)
    for node, number in page.texts.items():
        mirror.texts[node] = element_of(number) or UNKNOWN
    mirror.documents = {node: element_of(number) for node, number in page.documents.items()}
    mirror.memory = _memory(page.memory, vocabulary) if isinstance(vocabulary, Vocabulary) else None
    if len(mirror) > mirror.room:
        raise ValueError("more nodes than a page has")
    return mirror


def _check_acyclic(elements: Iterable[Element]) -> None:
    """Raises `ValueError` where an element hangs on itself."""
    done: set[int] = set()
    for element in elements:
        way: set[int] = set()
        one: Element | None = element
        while one is not None and id(one) not in done:
            if id(one) in way:
                raise ValueError("an element in itself")
            way.add(id(one))
            one = one.parent
        done |= way


def _memory(told: _Order | _Dictionary | _Strings | None, vocabulary: Vocabulary) -> object:
    match told:
        case _Order(rows, placed):
            return Siblings(rows, placed)
        case _Dictionary(names, values, rows, placed):
            return Known(names, {entry: Reduced(value) for entry, value in values.items()}, Siblings(rows, placed))
        case _Strings(owner, is_known, strings, nodes, known, values, starts):
            table = Table(("", ""), owner, vocabulary.fingerprint, is_known, strings, nodes)
            table.known = {**known, **{entry: Reduced(value) for entry, value in values.items()}}
            table.values, table.starts = set(values), starts
            return table
    return None


def _at(number: int, row: Sized) -> int:
    if not 0 <= number < len(row):
        raise IndexError(number)
    return number
