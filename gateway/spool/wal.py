"""SQLite's log after a crash: a damaged page in its middle must not take the commits behind it along.

SQLite reads its log to the first frame whose checksum fails and forgets the rest: right for a torn end, which nobody was
told of, but a flipped bit in the middle would lose what was acknowledged. So before SQLite opens the file: where whole
commits follow a damaged frame, the chain of checksums is written anew, and the damage is left to those who find it (a
sealed record that does not open, or SQLite's own check). The log as it was is kept beside it.

Format: https://www.sqlite.org/fileformat2.html#walformat. A damaged last frame is a torn end: they can't be told apart.
"""

from __future__ import annotations

import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, checkpoint, 2 salts, 2 checksums
_FRAME: Final = struct.Struct(">6I")  # page, size of the file after a commit (else 0), 2 salts, 2 checksums
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}  # byte order of the words that are summed
_VERSION: Final = 3_007_000
_MASK: Final = 0xFFFF_FFFF

Pair = tuple[int, int]


def checksum(data: bytes, order: str, sums: Pair = (0, 0)) -> Pair:
    """SQLite's running sums over `data`, a multiple of 8 bytes long."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second


@dataclass(frozen=True, slots=True)
class _Header:
    """What frames are read by: byte order of the sums, size of a page, salts, and the sums that the first one goes on."""

    order: str
    page: int
    salts: Pair
    sums: Pair
    is_whole: bool


def mend(path: Path, aside: Path) -> int:
    """Writes the checksums of a database's log anew where commits follow damage; how many parts of it are damaged.

    The log as it was is copied to `aside` first. 0: nothing was done.
    """
    file = path.with_name(path.name + "-wal")
    try:
        log = file.read_bytes()
    except FileNotFoundError:
        return 0
    header = _header(log, path)
    if header is None:
        return 0
    size = _FRAME.size + header.page
    bad: list[int] = []
    last = -1  # the last whole frame that ends a commit
    sums = header.sums
    for number, at in enumerate(range(_HEADER.size, len(log) - size + 1, size)):
        _, commit, *rest = _FRAME.unpack_from(log, at)
        told = (rest[2], rest[3])
        if (rest[0], rest[1]) == header.salts and _sum_of_frame(log, at, header, sums) == told:
            last = number if commit else last
        else:
            bad.append(number)
        sums = told  # as it stands there: whether the next one is whole does not depend on this one
    damaged = sum(number < last for number in bad) + (not header.is_whole)
    if last < 0 or not damaged:
        return 0
    shutil.copyfile(file, aside)
    file.write_bytes(_rewritten(log[: _HEADER.size + (last + 1) * size], header))
    return damaged


def _header(log: bytes, path: Path) -> _Header | None:
    """The log's header; where it is damaged, what it must have been; None where there is no log to speak of."""
    if len(log) < _HEADER.size + _FRAME.size:
        return None
    magic, _, page, _, *rest = _HEADER.unpack_from(log)
    order = _MAGIC.get(magic)
    if order is not None and checksum(log[:24], order) == (rest[2], rest[3]):
        return _Header(order, page, (rest[0], rest[1]), (rest[2], rest[3]), is_whole=True)
    with path.open("rb") as file:
        told = int.from_bytes(file.read(18)[16:], "big")
    page = 65536 if told == 1 else told
    if page < 512 or len(log) < _HEADER.size + _FRAME.size + page:
        return None
    _, _, *first = _FRAME.unpack_from(log, _HEADER.size)
    order = "<" if sys.byteorder == "little" else ">"
    return _Header(order, page, (first[0], first[1]), (rest[2], rest[3]), is_whole=False)


def _sum_of_frame(log: bytes | bytearray, at: int, header: _Header, sums: Pair) -> Pair:
    page = log[at + _FRAME.size : at + _FRAME.size + header.page]
    return checksum(bytes(log[at : at + 8] + page), header.order, sums)


def _rewritten(log: bytes, header: _Header) -> bytes:
    mended = bytearray(log)
    magic = next(number for number, order in _MAGIC.items() if order == header.order)
    _HEADER.pack_into(mended, 0, magic, _VERSION, header.page, 0, *header.salts, 0, 0)
    sums = checksum(bytes(mended[:24]), header.order)
    struct.pack_into(">2I", mended, 24, *sums)
    for at in range(_HEADER.size, len(mended), _FRAME.size + header.page):
        struct.pack_into(">2I", mended, at + 8, *header.salts)
        sums = _sum_of_frame(mended, at, header, sums)
        struct.pack_into(">2I", mended, at + 16, *sums)
    return bytes(mended)
