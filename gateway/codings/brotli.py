"""Brotli (RFC 7932): no magic, so it is read only where a Content-Encoding names it.

Output is asked for in steps and counted before the next; a stream that ends early or late is refused.
"""

from __future__ import annotations

import brotli

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget

INPUT_SLICE = 64 * 1024
OUTPUT_STEP = 256 * 1024
QUALITY = 4  # about the time of gzip -6, and smaller


class Brotli:
    name = "br"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and len(source) > 0

    def decode(self, source: str | bytes, budget: Budget) -> bytes:
        if not isinstance(source, bytes):
            raise Refused(Reason.BROKEN_CODING)
        decompressor = brotli.Decompressor()
        pieces: list[bytes] = []
        try:
            for at in range(0, len(source), INPUT_SLICE):
                if decompressor.is_finished():
                    raise Refused(Reason.BROKEN_CODING)
                data = source[at : at + INPUT_SLICE]
                while True:
                    step = min(OUTPUT_STEP, budget.decoded + 1)
                    piece = decompressor.process(data, output_buffer_limit=step)
                    budget.spend_decoded(len(piece))
                    budget.check_time()
                    if piece:
                        pieces.append(piece)
                    # output may be held back even where more input would be accepted
                    if decompressor.is_finished() or (not piece and decompressor.can_accept_more_data()):
                        break
                    data = b""
        except brotli.error as error:
            raise Refused(Reason.BROKEN_CODING) from error
        if not decompressor.is_finished():
            raise Refused(Reason.BROKEN_CODING)
        return b"".join(pieces)

    def encode(self, content: str | bytes, original: str | bytes) -> bytes:  # noqa: ARG002 - the container has no variants
        packed: bytes = brotli.compress(content.encode() if isinstance(content, str) else content, quality=QUALITY)
        return packed


BROTLI = Brotli()
