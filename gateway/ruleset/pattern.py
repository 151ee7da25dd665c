r"""Patterns of rule files: Python's regular expressions, less what can take exponential time.

The promise: no pattern backtracks more than polynomially, whatever text it meets. A repeat whose body can match one
text in several ways tries them all (`(a+)+` doubles with every letter), so the body of a repeat must match in one way
only: each repeated thing in it is of characters that nothing else in the body matches, and alternatives begin with
different ones. `(?:\d[ -]?){13,19}` and `(?:\w+\.)+` pass; so does what, repeats counted in, has few ways.
Backreferences are refused (no engine matches them in linear time). Repeats that only follow one another (`.*.*`) pass.

Characters are sets of 132 bits: ASCII one by one, and one bit each for all other digits, letters, spaces and the rest:
sets are only ever too large.
"""

from __future__ import annotations

import re
import warnings
from functools import reduce
from operator import or_
from re import _constants as op  # type: ignore[attr-defined]  # the only reader of Python's own grammar
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

from gateway.core.yaml import quoted

LENGTH_LIMIT: Final = 2000
WAYS_LIMIT: Final = 1024

_ALL: Final = (1 << 132) - 1
_DIGITS: Final = 1 << 128
_LETTERS: Final = 1 << 129
_SPACES: Final = 1 << 130
_OTHERS: Final = _ALL ^ ((1 << 128) - 1)


def _class(pattern: str, others: int) -> int:
    return sum(1 << code for code in range(128) if re.match(pattern, chr(code))) | others


_DIGIT: Final = _class(r"\d", _DIGITS)
_SPACE: Final = _class(r"\s", _SPACES)
_WORD: Final = _class(r"\w", _DIGITS | _LETTERS)
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: _DIGIT,
    op.CATEGORY_NOT_DIGIT: _ALL ^ _DIGIT,
    op.CATEGORY_SPACE: _SPACE,
    op.CATEGORY_NOT_SPACE: _ALL ^ _SPACE,
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_NOT_WORD: _ALL ^ _WORD,
}
_REPEATS: Final = frozenset({op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT})
_SINGLE: Final = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})
_ASSERTIONS: Final = frozenset({op.ASSERT, op.ASSERT_NOT})


def compile_pattern(text: str) -> re.Pattern[str]:
    """`text`, compiled; a ValueError says what is wrong with it and what to write instead."""
    if len(text) > LENGTH_LIMIT:
        raise ValueError(f"a pattern of more than {LENGTH_LIMIT} characters: split the rule")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parser.parse(text)
            compiled = re.compile(text)
    except re.error as error:
        raise ValueError(f"{quoted(text)} is no pattern: {error.msg}{_place(error)}") from None
    except Warning as warning:
        raise ValueError(f"{quoted(text)} is ambiguous: {str(warning).lower()}: escape it") from None
    except (RecursionError, OverflowError, MemoryError):
        raise ValueError(f"{quoted(text)} is nested or repeated too far") from None
    if tree.getwidth()[0] == 0:
        raise ValueError(f"{quoted(text)} matches empty text, so it matches everywhere: ask for a character at least")
    if compiled.flags & re.ASCII:
        raise ValueError(f"{quoted(text)}: (?a) is not supported: write [0-9] or [A-Za-z0-9_] in place of it")
    try:
        _check(list(tree))
    except _Costly as costly:
        raise ValueError(f"{quoted(text)}: {costly}") from None
    return compiled


class _Costly(Exception):  # noqa: N818 - a verdict
    pass


def _place(error: re.error) -> str:
    return "" if error.pos is None else f" (at character {error.pos + 1})"


def _check(items: list[Any]) -> None:
    """Raises where a repeat's body can match one text in ways that multiply. Walks a tree that the parser bounded."""
    pending = [items]
    while pending:
        for code, value in pending.pop():
            if code in {op.GROUPREF, op.GROUPREF_EXISTS}:
                raise _Costly("backreferences are not allowed: no engine matches them in linear time")
            if code in _REPEATS:
                low, high, body = value
                if high > 1 and not _is_plain(low, high, list(body)):
                    raise _Costly(
                        "a repeat inside a repeat that can match the same text in several ways takes exponential time: "
                        "repeat once, or put a character between that neither part matches"
                    )
                pending.append(list(body))
            elif code is op.BRANCH:
                pending.extend(list(branch) for branch in value[1])
            elif code is op.SUBPATTERN:
                if value[1] & re.ASCII:
                    raise _Costly("(?a: is not supported: write [0-9] or [A-Za-z0-9_] in place of it")
                pending.append(list(value[3]))
            elif code in _ASSERTIONS:
                pending.append(list(value[1]))
            elif code is op.ATOMIC_GROUP:
                pending.append(list(value))


def _is_plain(low: int, high: int, body: list[Any]) -> bool:
    """Whether `body`, repeated, matches any text in one way only, or in few."""
    ways = _ways(body)
    if ways == 1 and low == high:
        return True
    return _is_unambiguous(_flat(body)) or (ways is not None and _power_is_small(ways, high))


def _power_is_small(ways: int, high: int) -> bool:
    return ways > 1 and high <= 16 and ways**high <= WAYS_LIMIT


def _ways(items: list[Any]) -> int | None:
    """At most in how many ways `items` match at one place; None for without bound."""
    total = 1
    for code, value in _flat(items):
        if code in _REPEATS:
            low, high, body = value
            inner = _ways(list(body))
            if high is op.MAXREPEAT or inner is None or high > 64:
                return None
            total *= sum(inner**times for times in range(low, high + 1)) if inner > 1 else high - low + 1
        elif code is op.BRANCH:
            counts = [_ways(list(branch)) for branch in value[1]]
            if None in counts:
                return None
            total *= sum(count for count in counts if count is not None)
        if total > WAYS_LIMIT:
            return None
    return total


def _flat(items: list[Any]) -> list[Any]:
    """`items` with groups opened; assertions take no text and go."""
    flat: list[Any] = []
    for code, value in items:
        if code is op.SUBPATTERN:
            flat.extend(_flat(list(value[3])))
        elif code is op.ATOMIC_GROUP or (code not in _ASSERTIONS and code is not op.AT):
            flat.append((code, value))
    return flat


def _is_unambiguous(items: list[Any]) -> bool:
    """One alternation of words that begin differently, or fixed characters with repeats of characters of their own."""
    if len(items) == 1 and items[0][0] is op.BRANCH:
        words = [[_fixed(item) for item in _flat(list(branch))] for branch in items[0][1][1]]
        return all(word and word[0] and None not in word for word in words) and _are_disjoint(
            [word[0] or 0 for word in words]
        )
    fixed = 0
    repeated: list[int] = []
    for code, value in items:
        characters = _fixed((code, value))
        if characters is not None:
            fixed |= characters
            continue
        body = _flat(list(value[2])) if code in _REPEATS else []
        if len(body) != 1 or body[0][0] not in _SINGLE:
            return False
        repeated.append(_characters(body[0]))
    return bool(fixed) and _are_disjoint([fixed, *repeated])


def _fixed(item: tuple[Any, Any]) -> int | None:
    """The characters of a single item or of a fixed number of them; None for anything else."""
    code, value = item
    if code in _SINGLE:
        return _characters(item)
    if code not in _REPEATS or value[0] != value[1]:
        return None
    body = _flat(list(value[2]))
    if not all(one in _SINGLE for one, _ in body):
        return None
    return reduce(or_, map(_characters, body), 0) if value[1] else 0


def _are_disjoint(sets: list[int]) -> bool:
    seen = 0
    for one in sets:
        if seen & one:
            return False
        seen |= one
    return True


def _characters(item: tuple[Any, Any]) -> int:
    """The characters that a single item matches, or more. Letters count in both cases: `(?i)` may be on."""
    code, value = item
    if code is op.LITERAL:
        return _both_cases(value, value)
    if code is not op.IN:
        return _ALL  # any, or any but one: near enough
    if value[0][0] is op.NEGATE:
        return _ALL ^ reduce(or_, map(_exact, value[1:]), 0)
    return reduce(or_, map(_member, value), 0)


def _member(member: tuple[Any, Any]) -> int:
    code, value = member
    if code is op.LITERAL:
        return _both_cases(value, value)
    if code is op.RANGE:
        return _both_cases(*value)
    return _CATEGORIES.get(value, _ALL)


def _exact(member: tuple[Any, Any]) -> int:
    """What a negated set surely leaves out: not a letter's other case, and of non-ASCII whole classes only."""
    code, value = member
    if code is op.CATEGORY:
        return _CATEGORIES.get(value, 0)
    low, high = (value, value) if code is op.LITERAL else value
    return _bits(low, high) & ~_OTHERS


def _bits(low: int, high: int) -> int:
    others = 0
    if high > 127:
        others = _class_of(chr(low)) if low == high else _OTHERS
    return others | sum(1 << code for code in range(low, min(high, 127) + 1))


def _class_of(character: str) -> int:
    if re.match(r"\d", character):
        return _DIGITS
    if re.match(r"\w", character):
        return _LETTERS
    return _SPACES if re.match(r"\s", character) else _OTHERS ^ (_DIGITS | _LETTERS | _SPACES)


def _both_cases(low: int, high: int) -> int:
    bits = _bits(low, high)
    if bits & _OTHERS:
        bits |= _LETTERS  # the other case of a letter that \w doesn't know is one that it does
    for code in range(26):
        upper, lower = 1 << (65 + code), 1 << (97 + code)
        if bits & (upper | lower):
            bits |= upper | lower
            if chr(97 + code) in "iks":  # the dotless i, the Kelvin sign and the long s fold to them
                bits |= _LETTERS
    return bits
