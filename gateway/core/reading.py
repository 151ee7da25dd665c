"""The normalised reading of a text: what a person or a browser would read in it, with the way back to what is written.

NFKC, digits of any script as ASCII, invisible characters and marks on ASCII characters out, look-alike letters folded,
percent, HTML and backslash escapes resolved (nested ones too, `PASSES` deep). Case stays.
Invariant: `origin` maps every span of the reading to the whole written form of its characters, what was left out
between them and right behind them included. Linear in the text; a text that needs nothing is its own reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from html.entities import html5
from typing import Final

PASSES: Final = 3

_HEX = "[0-9A-Fa-f]"
_TAIL = f"%[89ABab]{_HEX}"
_SLASHES = r"\\{1,8}"  # JSON in JSON in JSON doubles them
_ESCAPE: Final = re.compile(
    rf"%[0-7]{_HEX}"
    rf"|%[CcDd]{_HEX}{_TAIL}"
    rf"|%[Ee]{_HEX}(?:{_TAIL}){{2}}"
    rf"|%[Ff][0-7](?:{_TAIL}){{3}}"
    rf"|%u{_HEX}{{4}}"
    rf"|&#0{{0,16}}[0-9]{{1,7}};?"
    rf"|&#[xX]0{{0,16}}{_HEX}{{1,6}};?"
    rf"|&[A-Za-z][A-Za-z0-9]{{1,31}};"
    rf"|{_SLASHES}u[Dd][89ABab]{_HEX}{{2}}{_SLASHES}u[Dd][C-Fc-f]{_HEX}{{2}}"
    rf"|{_SLASHES}u\{{0{{0,8}}{_HEX}{{1,6}}\}}"
    rf"|{_SLASHES}u{_HEX}{{4}}"
    rf"|{_SLASHES}x{_HEX}{{2}}"
)
_HALVES: Final = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_ASCII: Final = re.compile(r"[\x00-\x7f]")
_WORD: Final = re.compile(r"\w+")

_LOOK_ALIKES: Final = {
    # Cyrillic
    "АВЕЅІЈКМНОРСТУХҮԌԚԜӀҺ": "ABESIJKMHOPCTYXYGQWIH",
    "аеѕіјорсухԁһԛԝӏҽк": "aesijopcyxdhqwlek",
    "вмнт": "BMHT",
    # Greek
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ": "ABEZHIKMNOPTYXC",
    "αινορυϲϳκχ": "aivopucjkx",
    # Armenian, and Latin letters of phonetic alphabets
    "օսոհ": "ounh".replace(" ", ""),
    "ɑɡɩʏ": "agiy",
}
_FOLDED: Final = {ord(one): other for row, plain in _LOOK_ALIKES.items() for one, other in zip(row, plain, strict=True)}
_FOLDABLE: Final = re.compile("[" + "".join(map(chr, _FOLDED)) + "]")

_PUNCTUATION: Final = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212", "-") | {
    "\u2044": "/",
    "\u2215": "/",
    "\u2236": ":",
    "\ua789": ":",
    "\u2217": "*",
    "\u2800": " ",
}
# Neither format characters (Cf) nor marks, and yet nothing to see: fillers, joiners, variation selectors
_BLANKS: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# Marks that go on any letter; those of other blocks belong to their script (vowels of Devanagari)
_DIACRITICS: Final = (
    range(0x0300, 0x0370),
    range(0x1AB0, 0x1B00),
    range(0x1DC0, 0x1E00),
    range(0x20D0, 0x2100),
    range(0xFE20, 0xFE30),
)
_LONGEST: Final = 4  # a ligature of a whole phrase is no way to write a number; spacing accents (" " + mark) stay too
_MARK: Final = "\u0300"  # what `_folded` answers for a combining mark whose base decides


class Reading:
    """A text as it reads, with where each character came from."""

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, text: str, starts: Sequence[int] | None = None, ends: Sequence[int] | None = None) -> None:
        self.text = text
        self._starts = starts
        self._ends = ends

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where [start, end) of the reading stands in the text as written."""
        if self._starts is None or self._ends is None or start >= end:
            return start, end
        return self._starts[start], self._ends[end - 1]


def read(text: str) -> Reading:
    """The reading of `text`."""
    if text.isascii() and not _ESCAPE.search(text):
        return Reading(text)
    starts: Sequence[int] = range(len(text))
    ends: Sequence[int] = range(1, len(text) + 1)
    now = text
    for _ in range(PASSES):
        now, starts, ends = _fold(now, starts, ends)
        before = now
        now, starts, ends = _resolve(now, starts, ends)
        if now == before:
            break
    else:
        now, starts, ends = _fold(now, starts, ends)
    if isinstance(starts, range):
        return Reading(now)  # as long as what was written, character for character
    return Reading(now, starts, ends)


def _resolve(text: str, starts: Sequence[int], ends: Sequence[int]) -> tuple[str, Sequence[int], Sequence[int]]:
    edits = [(match.start(), match.end(), plain) for match in _ESCAPE.finditer(text)
             if (plain := _plain(match[0])) is not None]  # fmt: skip
    return _spliced(text, starts, ends, edits)


def _fold(text: str, starts: Sequence[int], ends: Sequence[int]) -> tuple[str, Sequence[int], Sequence[int]]:
    if text.isascii():
        return text, starts, ends
    if _HALVES.search(text):
        pairs = [(match.start(), match.end(), _whole(match[0])) for match in _HALVES.finditer(text)]
        text, starts, ends = _spliced(text, starts, ends, pairs)
    plain = {one: told for one in set(text) if not one.isascii() and (told := _folded(one)) is not None}
    marks = [one for one, told in plain.items() if told == _MARK]
    for mark in marks:
        del plain[mark]
    if plain:
        text, starts, ends = _translated(text, starts, ends, plain)
    if marks:
        behind = re.compile(f"(?<=[\x00-\x7f])[{re.escape(''.join(marks))}]+")
        text, starts, ends = _spliced(
            text, starts, ends, [(match.start(), match.end(), "") for match in behind.finditer(text)]
        )
    if _FOLDABLE.search(text):
        folded = text.translate(_FOLDED)
        text = folded if folded.isascii() else _WORD.sub(_alike, text)
    return text, starts, ends


def _translated(
    text: str, starts: Sequence[int], ends: Sequence[int], plain: dict[str, str]
) -> tuple[str, Sequence[int], Sequence[int]]:
    """Each character by its row of `plain`, with where the new ones came from."""
    if all(len(told) == 1 for told in plain.values()):
        return text.translate({ord(one): told for one, told in plain.items()}), starts, ends
    get = plain.get
    pieces = [get(one, one) for one in text]
    new_starts: list[int] = []
    new_ends: list[int] = []
    for piece, start, end in zip(pieces, starts, ends, strict=True):
        if len(piece) == 1:
            new_starts.append(start)
            new_ends.append(end)
        elif piece:
            new_starts += [start] * len(piece)
            new_ends += [end] * len(piece)
        elif new_ends:
            new_ends[-1] = end
    return "".join(pieces), new_starts, new_ends


def _spliced(
    text: str, starts: Sequence[int], ends: Sequence[int], edits: list[tuple[int, int, str]]
) -> tuple[str, Sequence[int], Sequence[int]]:
    if not edits:
        return text, starts, ends
    pieces: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    at = 0
    for start, end, plain in edits:
        pieces += (text[at:start], plain)
        new_starts += starts[at:start]
        new_ends += ends[at:start]
        if plain:
            new_starts += [starts[start]] * len(plain)
            new_ends += [ends[end - 1]] * len(plain)
        elif new_ends:
            new_ends[-1] = ends[end - 1]
        at = end
    pieces.append(text[at:])
    new_starts += starts[at:]
    new_ends += ends[at:]
    return "".join(pieces), new_starts, new_ends


def _alike(match: re.Match[str]) -> str:
    """A word with its look-alikes folded, unless it is an honest word of another script."""
    word = match[0]
    if word.isascii():
        return word
    folded = word.translate(_FOLDED)
    return folded if folded.isascii() or _ASCII.search(word) else word


def _whole(pair: str) -> str:
    """The character of two halves of a surrogate pair that a decoder left apart."""
    return pair.encode("utf-16", "surrogatepass").decode("utf-16")


@lru_cache(maxsize=8192)
def _folded(character: str) -> str | None:
    """What a character other than ASCII reads as; `_MARK` for marks, None where it reads as itself."""
    if character in _PUNCTUATION:
        return _PUNCTUATION[character]
    category = unicodedata.category(character)
    if character in _BLANKS or category == "Cf":
        return ""
    if category in {"Mn", "Me", "Mc"}:
        return "" if any(ord(character) in block for block in _DIACRITICS) else _MARK
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    plain = unicodedata.normalize("NFKC", character)
    if plain == character or len(plain) > _LONGEST or (plain[0] == " " and plain != " "):
        return None
    return "".join(_PUNCTUATION.get(part, part) for part in plain)


@lru_cache(maxsize=8192)
def _plain(escape: str) -> str | None:
    """What one escape stands for; None where it is none after all."""
    if escape[0] == "&":
        return unescape(escape) if escape[1] == "#" else html5.get(escape[1:])
    if escape[0] == "%" and escape[1] != "u":
        try:
            return bytes.fromhex(escape.replace("%", "")).decode()
        except UnicodeDecodeError:
            return None
    codes = [int(code.strip("{}"), 16) for code in re.split(r"[\\%]+[ux]", escape)[1:]]
    if len(codes) == 2:
        return chr(0x10000 + ((codes[0] - 0xD800) << 10) + codes[1] - 0xDC00)
    return chr(codes[0]) if codes[0] <= 0x10FFFF else None
