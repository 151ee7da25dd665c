"""Zstandard (RFC 8878): one frame or several.

The library's bounded reader does not tell a truncated frame from a whole one, so the block headers are walked first:
frames must end exactly where the source ends. Skippable frames are refused: nobody could look into them. A window over
8 MiB (RFC 9659) is refused, but where the frame is one segment no larger than the budget.
"""

from __future__ import annotations

import zstandard

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

MAGIC = b"\x28\xb5\x2f\xfd"
WINDOW = 8 * 1024 * 1024
OUTPUT_STEP = 256 * 1024
BLOCK_HEADER, CHECKSUM = 3, 4
RLE, RESERVED = 1, 3
LEVEL = 3
BLOCKS_PER_CHECK = 4096


def _end_of_frame(source: bytes, start: int, budget: Budget) -> int:
    """Where the frame that starts at `start` ends, by its block headers (RFC 8878 section 3.1.1)."""
    header = source[start : start + 18]
    parameters = zstandard.get_frame_parameters(header)
    if parameters.window_size > max(WINDOW, budget.decoded):
        raise Refused(Reason.TOO_LARGE)
    if parameters.dict_id:
        raise Refused(Reason.BROKEN_CODING)
    at = start + zstandard.frame_header_size(header)
    size = len(source)
    blocks = 0
    while at + BLOCK_HEADER <= size:
        block = int.from_bytes(source[at : at + BLOCK_HEADER], "little")
        is_last, kind, length = block & 1, block >> 1 & 3, block >> 3
        if kind == RESERVED:
            break
        at += BLOCK_HEADER + (1 if kind == RLE else length)
        if is_last:
            at += CHECKSUM if parameters.has_checksum else 0
            if at > size:
                break
            return at
        blocks += 1
        if not blocks % BLOCKS_PER_CHECK:
            budget.check_time()
    raise Refused(Reason.BROKEN_CODING)


class Zstd:
    name = "zstd"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and source.startswith(MAGIC)

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not isinstance(source, bytes) or not source:
            raise Refused(Reason.BROKEN_CODING)
        pieces: list[bytes] = []
        try:
            at = 0
            while at < len(source):
                if not source.startswith(MAGIC, at):
                    raise Refused(Reason.BROKEN_CODING)
                at = _end_of_frame(source, at, budget)
                budget.check_time()
            decompressor = zstandard.ZstdDecompressor(max_window_size=max(WINDOW, budget.decoded))
            with decompressor.stream_reader(source, read_across_frames=True) as reader:
                while piece := reader.read(min(OUTPUT_STEP, budget.decoded + 1)):
                    budget.spend_decoded(len(piece))
                    budget.check_time()
                    pieces.append(piece)
        except zstandard.ZstdError as error:
            raise Refused(Reason.BROKEN_CODING) from error
        return b"".join(pieces)

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:  # noqa: ARG002 - the container has no variants
        return zstandard.ZstdCompressor(level=LEVEL).compress(content.encode() if isinstance(content, str) else content)


ZSTD = Zstd()
