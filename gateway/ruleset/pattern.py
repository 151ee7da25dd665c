r"""Patterns of rule files: Python's regular expressions, matched by RE2 in time linear in the text, or refused.

RE2 has no look-around but `^`, `$`, `\b`, and it means ASCII where Python means Unicode. So a pattern is matched over an
alphabet of its own: all characters that none of its parts tells from each other are one byte, and those that Python calls
a word stand for bytes that RE2 calls one. A text becomes as many bytes as it has characters, `\d`, `(?i)` and `\b` mean
what Python says, and positions are Python's. A look at one character before the match or after it is matched along with
it and left out of the span.
"""

from __future__ import annotations

import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from re import _constants as op  # type: ignore[attr-defined]  # the only reader of Python's own grammar
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

import re2

from gateway.core.yaml import quoted

LENGTH_LIMIT: Final = 2000
_REMEMBERED: Final = 20_000  # characters beyond ASCII whose byte a pattern remembers
_WORD_BYTES: Final = bytes(sorted(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"))
_LINE_BYTE: Final = 0x0A  # what RE2's (?m) looks for
_OTHER_BYTES: Final = bytes(code for code in range(256) if code not in _WORD_BYTES and code != _LINE_BYTE)
_SINGLE: Final = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}
_NOT_LINEAR: Final = {
    op.GROUPREF: "backreferences are not allowed: no engine matches them in linear time",
    op.GROUPREF_EXISTS: "backreferences are not allowed: no engine matches them in linear time",
    op.ATOMIC_GROUP: "atomic groups are not needed and not allowed: write (?:…)",
    op.POSSESSIVE_REPEAT: "possessive repeats are not needed and not allowed: leave the second + out",
    op.ASSERT: "look-around is allowed for one character, at the very beginning or end of the pattern",
    op.ASSERT_NOT: "look-around is allowed for one character, at the very beginning or end of the pattern",
}

type _Set = tuple[str, int]
"""A set of characters as Python's `re` writes it, with the flags that count."""
type _Ranges = tuple[tuple[int, int], ...]


class Pattern:
    """A compiled pattern. Equal to another one with the same text."""

    __slots__ = ("_alphabet", "_first", "_literal", "_next", "_whole", "coarse", "pattern")

    def __init__(self, pattern: str) -> None:
        tree = _parse(pattern)
        self.pattern = pattern
        items, flags = list(tree), int(tree.state.flags)
        head, body, tail = _edges(items)
        self._alphabet = _Alphabet(_sets([*head, *body, *tail], flags))
        write = _Writer(self._alphabet)
        inner = write.items(body, flags)
        after = write.tail(tail, flags)
        self._first = _compile(pattern, f"{write.head(head, flags)}({inner}){after}")
        # behind a match there is a character before the next one
        self._next = _compile(pattern, f"{write.head(head, flags, at_start=False)}({inner}){after}") if head else None
        is_possible = not any(item[0] is op.ASSERT for item in (*head, *tail))
        self._whole = _compile(pattern, rf"\A(?:{inner})\z") if is_possible else None
        self._literal = _literal(body, flags)
        self.coarse = _CoarseWriter().items(body, flags)
        """What every match holds, for `Combined`: without looks around it and without edges of words, lines and the text."""

    def __repr__(self) -> str:
        return f"Pattern({self.pattern!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __reduce__(self) -> tuple[type[Pattern], tuple[str]]:
        return Pattern, (self.pattern,)

    def spans(self, text: str, check: Callable[[], None] = lambda: None) -> Iterator[tuple[int, int]]:
        """Where it matches, from left to right. `check` is called before each search, which is linear in the rest."""
        if self._literal not in text:
            return
        data = self._alphabet.read(text)
        at = 0
        while True:
            check()
            found = self._first.search(data, at) if not at or self._next is None else self._next.search(data, at - 1)
            if found is None:
                return
            start, at = found.span(1)
            yield start, at

    def matches_all_of(self, text: str) -> bool:
        """Whether the whole text is one match."""
        return self._whole is not None and self._whole.search(self._alphabet.read(text)) is not None


class Combined:
    """Many patterns as few: which of them may match a text is told by a handful of searches, not by one each.

    A tree of alternations over a coarse reading of the text, in which all that is not ASCII is one sign: a superset, with any
    number of patterns. Each search is linear in the text.
    """

    _BRANCHES: Final = 32
    _FEW: Final = 4

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._all = range(len(patterns))
        self._trees = [] if len(patterns) <= self._FEW else [self._tree(patterns, 0, len(patterns))]

    def in_text(self, text: str) -> Iterable[int]:
        """The numbers of those that may match, in order."""
        if not self._trees:
            return self._all
        data = text.encode() if text.isascii() else _BEYOND_ASCII.sub("\x80", text).encode("latin-1")
        found: list[int] = []
        pending = list(self._trees)
        while pending:
            tree = pending.pop()
            if tree.any is not None and tree.any.search(data) is None:
                continue
            if tree.below:
                pending.extend(reversed(tree.below))
            else:
                found += range(tree.first, tree.last)
        return found

    def _tree(self, patterns: Sequence[Pattern], first: int, last: int) -> _Tree:
        size = last - first
        step = max(1, -(-size // self._BRANCHES))
        below = [self._tree(patterns, at, min(at + step, last)) for at in range(first, last, step)] if size > 1 else []
        return _Tree(_any_of([one.coarse for one in patterns[first:last]]), first, last, below)


class _Tree(NamedTuple):
    any: Any  # None: too large to be one, so that what is below is asked at once
    first: int
    last: int
    below: list[_Tree]


def _any_of(written: Sequence[str]) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = 64 * 1024 * 1024
    try:
        return re2.compile(f"(?:{'|'.join(written)})".encode("ascii"), options)
    except re2.error:
        return None


_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def compile_pattern(text: str) -> Pattern:
    """`text`, compiled; a ValueError says what is wrong with it and what to write instead."""
    return Pattern(text)


def _parse(text: str) -> Any:
    if len(text) > LENGTH_LIMIT:
        raise ValueError(f"a pattern of more than {LENGTH_LIMIT} characters: split the rule")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parser.parse(text)
            re.compile(text)
    except re.error as error:
        raise ValueError(f"{quoted(text)} is no pattern: {error.msg}{_place(error)}") from None
    except Warning as warning:
        raise ValueError(f"{quoted(text)} is ambiguous: {str(warning).lower()}: escape it") from None
    except (RecursionError, OverflowError, MemoryError):
        raise ValueError(f"{quoted(text)} is nested or repeated too far") from None
    if tree.getwidth()[0] == 0:
        raise ValueError(f"{quoted(text)} matches empty text, so it matches everywhere: ask for a character at least")
    try:
        _check(list(tree), tree.state.flags)
    except _Unfit as unfit:
        raise ValueError(f"{quoted(text)}: {unfit}") from None
    return tree


class _Unfit(Exception):  # noqa: N818 - a verdict
    pass


def _place(error: re.error) -> str:
    return "" if error.pos is None else f" (at character {error.pos + 1})"


def _check(items: list[Any], flags: int) -> None:
    """Raises for what can't be matched in linear time, or would not mean the same."""
    if flags & re.ASCII:
        raise _Unfit("(?a) is not supported: write [0-9] or [A-Za-z0-9_] in place of it")
    head, body, tail = _edges(items)
    for item in (*head, *tail):
        if item[0] in (op.ASSERT, op.ASSERT_NOT) and _one_character(item) is None:
            raise _Unfit(_NOT_LINEAR[item[0]])
    pending = [(body, flags)]
    while pending:
        branch, flags = pending.pop()
        for code, value in branch:
            if code in _NOT_LINEAR:
                raise _Unfit(_NOT_LINEAR[code])
            if code is op.AT and value is op.AT_END and not flags & re.MULTILINE:
                raise _Unfit(r"$ is allowed at the very end of the pattern: write \Z, or (?m) for ends of lines")
            if code in (op.MAX_REPEAT, op.MIN_REPEAT):
                if value[1] > 1 and value[2].getwidth()[0] == 0:
                    raise _Unfit("what is repeated must not match empty text: ask for a character at least in it")
                pending.append((list(value[2]), flags))
            elif code is op.BRANCH:
                pending.extend((list(one), flags) for one in value[1])
            elif code is op.SUBPATTERN:
                if value[1] & re.ASCII:
                    raise _Unfit("(?a: is not supported: write [0-9] or [A-Za-z0-9_] in place of it")
                pending.append((list(value[3]), (flags | value[1]) & ~value[2]))


def _edges(items: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """The look at a character before, the pattern, and the look at one after it or at the end."""
    head = items[:1] if items and items[0][0] in (op.ASSERT, op.ASSERT_NOT) and items[0][1][0] < 0 else []
    rest = items[len(head) :]
    last: tuple[Any, Any] = rest[-1] if rest else (None, None)
    is_look = last[0] in (op.ASSERT, op.ASSERT_NOT) and last[1][0] > 0
    tail = rest[-1:] if is_look or last == (op.AT, op.AT_END) else []
    return head, rest[: len(rest) - len(tail)], tail


def _one_character(item: Any) -> Any:
    """What a look-around looks at, where that is one character."""
    inner = list(item[1][1])
    while len(inner) == 1 and inner[0][0] is op.SUBPATTERN and not inner[0][1][1] and not inner[0][1][2]:
        inner = list(inner[0][1][3])
    return inner[0] if len(inner) == 1 and inner[0][0] in _SINGLE else None


def _set_of(item: Any, flags: int) -> _Set:
    """A single item as Python's `re` writes it."""
    code, value = item
    told = flags & (re.IGNORECASE | (re.DOTALL if code is op.ANY else 0))
    if code is op.ANY:
        return ".", told
    if code in (op.LITERAL, op.NOT_LITERAL):
        return f"[{'^' if code is op.NOT_LITERAL else ''}{_escape(value)}]", told
    members = ""
    for kind, member in value:
        if kind is op.NEGATE:
            members += "^"
        elif kind is op.LITERAL:
            members += _escape(member)
        elif kind is op.RANGE:
            members += f"{_escape(member[0])}-{_escape(member[1])}"
        else:
            members += _CATEGORIES[member]
    return f"[{members}]", told


def _escape(code: int) -> str:
    return f"\\U{code:08x}"


def _sets(items: list[Any], flags: int) -> dict[_Set, None]:
    """Every set of characters in a pattern, in their order."""
    found: dict[_Set, None] = {}
    pending = [(items, flags)]
    while pending:
        branch, flags = pending.pop()
        for code, value in branch:
            if code in _SINGLE:
                found[_set_of((code, value), flags)] = None
            elif code in (op.MAX_REPEAT, op.MIN_REPEAT):
                pending.append((list(value[2]), flags))
            elif code is op.BRANCH:
                pending.extend((list(one), flags) for one in value[1])
            elif code is op.SUBPATTERN:
                pending.append((list(value[3]), (flags | value[1]) & ~value[2]))
            elif code in (op.ASSERT, op.ASSERT_NOT):
                pending.append((list(value[1]), flags))
    return found


@cache
def _all_characters() -> str:
    return "".join(map(chr, range(0x110000)))


@lru_cache(maxsize=1024)
def _ranges(told: _Set) -> _Ranges:
    """The characters of a set, as Python's `re` sees them: first and behind the last of each run."""
    return tuple(match.span() for match in re.finditer(f"(?:{told[0]})+", _all_characters(), told[1]))


class _Alphabet:
    """Which byte stands for a character: one for all that no set of the pattern tells from each other."""

    def __init__(self, sets: dict[_Set, None]) -> None:
        words, line = (r"\w", 0), (r"\n", 0)
        told = list(dict.fromkeys([words, line, *sets]))
        changes: dict[int, int] = {0: 0}
        for number, one in enumerate(told):
            for start, end in _ranges(one):
                changes[start] = changes.get(start, 0) ^ 1 << number
                changes[end] = changes.get(end, 0) ^ 1 << number
        self._starts = sorted(changes)
        kinds: list[int] = []
        for start in self._starts:
            kinds.append((kinds[-1] if kinds else 0) ^ changes[start])
        free = {True: iter(_WORD_BYTES), False: iter(_OTHER_BYTES)}
        self._byte: dict[int, int] = {}
        for kind in kinds:
            if kind not in self._byte:
                byte = _LINE_BYTE if kind & 2 else next(free[bool(kind & 1)], None)
                if byte is None:
                    raise ValueError("a pattern that tells more than sixty kinds of letters apart: split the rule")
                self._byte[kind] = byte
        self._bytes = [self._byte[kind] for kind in kinds]
        self._bits = {one: 1 << number for number, one in enumerate(told)}
        self._ascii = bytes(self.byte_of(code) if code < 128 else 0 for code in range(256))
        self._others = _Others(self)

    def byte_of(self, code: int) -> int:
        """The byte of a character by its code point."""
        return self._bytes[bisect_right(self._starts, code) - 1]

    def read(self, text: str) -> bytes:
        """A text in this alphabet: a byte a character."""
        if text.isascii():
            return text.encode().translate(self._ascii)
        return text.translate(self._others).encode("latin-1")

    def write(self, told: _Set, *, negated: bool = False) -> str:
        """A set of characters for RE2, or the set of all others."""
        bit = self._bits[told]
        members = [byte for kind, byte in self._byte.items() if bool(kind & bit) is not negated]
        return f"[{''.join(f'\\x{byte:02x}' for byte in sorted(members))}]" if members else r"[^\x00-\xff]"


class _Others(dict[int, int]):
    """For `str.translate`: works a character's byte out once, and remembers as many as are worth it."""

    def __init__(self, alphabet: _Alphabet) -> None:
        super().__init__()
        self._alphabet = alphabet

    def __missing__(self, code: int) -> int:
        byte = self._alphabet.byte_of(code)
        if len(self) < _REMEMBERED:
            self[code] = byte
        return byte


class _Writer:
    """Writes a pattern as RE2 reads it, in the bytes of an alphabet."""

    _PLACES: Final = {
        op.AT_BEGINNING: r"\A",
        op.AT_BEGINNING_STRING: r"\A",
        op.AT_END_STRING: r"\z",
        op.AT_BOUNDARY: r"\b",
        op.AT_NON_BOUNDARY: r"\B",
    }

    def __init__(self, alphabet: _Alphabet | _Coarse) -> None:
        self._alphabet = alphabet

    def items(self, items: list[Any], flags: int) -> str:
        """One item after the other."""
        return "".join(self._item(code, value, flags) for code, value in items)

    def _item(self, code: Any, value: Any, flags: int) -> str:
        if code in _SINGLE:
            return self._alphabet.write(_set_of((code, value), flags))
        if code is op.AT:
            if flags & re.MULTILINE and value in (op.AT_BEGINNING, op.AT_END):
                return "(?m:^)" if value is op.AT_BEGINNING else "(?m:$)"
            return self._PLACES[value]
        if code is op.BRANCH:
            return f"(?:{'|'.join(self.items(list(one), flags) for one in value[1])})"
        if code is op.SUBPATTERN:
            return f"(?:{self.items(list(value[3]), (flags | value[1]) & ~value[2])})"
        low, high, body = value
        count = f"{{{low},{'' if high is op.MAXREPEAT else high}}}"
        return f"(?:{self.items(list(body), flags)}){count}{'?' if code is op.MIN_REPEAT else ''}"

    def head(self, head: list[Any], flags: int, *, at_start: bool = True) -> str:
        """A look at the character before, which is matched along; `at_start`: there may be none."""
        return "".join(self._look(item, flags, r"\A" if at_start else "") for item in head)

    def tail(self, tail: list[Any], flags: int) -> str:
        """A look at the character behind, or at the end."""
        return "".join(
            (rf"\x{_LINE_BYTE:02x}?\z" if not flags & re.MULTILINE else "(?m:$)")
            if item[0] is op.AT
            else self._look(item, flags, r"\z")
            for item in tail
        )

    def _look(self, item: Any, flags: int, edge: str) -> str:
        is_not = item[0] is op.ASSERT_NOT
        told = self._alphabet.write(_set_of(_one_character(item), flags), negated=is_not)
        return f"(?:{edge}|{told})" if is_not and edge else told


class _CoarseWriter(_Writer):
    """Writes what a match holds, over ASCII and one byte for all else, as bytes that RE2 may find."""

    def __init__(self) -> None:
        super().__init__(_Coarse())

    def _item(self, code: Any, value: Any, flags: int) -> str:
        return "" if code is op.AT else super()._item(code, value, flags)


class _Coarse:
    def write(self, told: _Set, *, negated: bool = False) -> str:  # noqa: ARG002 - as an alphabet; looks are left out
        """The members of a set among ASCII, and the one byte for all else where any of them is beyond."""
        parts = [
            f"\\x{start:02x}-\\x{min(end, 128) - 1:02x}" for start, end in _ranges(told) if start < 128
        ]  # fmt: skip
        if any(end > 128 for _, end in _ranges(told)):
            parts.append(r"\x80")
        return f"[{''.join(parts)}]" if parts else r"[^\x00-\xff]"


def _compile(pattern: str, written: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    try:
        return re2.compile(written.encode("ascii"), options)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{quoted(pattern)} is repeated too often, or too long ({said}): split the rule") from None


def _literal(items: list[Any], flags: int) -> str:
    """The longest text that every match holds, as far as it stands there letter for letter: a quick look for it comes first."""
    best = run = ""
    for code, value in items if not flags & re.IGNORECASE else ():
        run = run + chr(value) if code is op.LITERAL else ""
        best = max(best, run, key=len)
    return best
