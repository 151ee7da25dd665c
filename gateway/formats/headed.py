"""A short JSON object on a line of its own, then the rest: Sentry's replay recordings, `{"segment_id":0}` and zlib.

A map of `header` and `payload`; the payload is bytes, which open further on their own. Only taken where the rest is
compressed or a JSON array: all else of this look is lines of JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.document import Kind, Layer, Leaf, Map
from gateway.formats.json import JSON

if TYPE_CHECKING:
    from gateway.core.limits import Budget

LONGEST_HEADER = 1024


class Headed:
    name = "headed"

    def sniff(self, source: str | bytes) -> bool:
        if not isinstance(source, bytes) or not source.startswith(b"{"):
            return False
        end = source.find(b"\n", 0, LONGEST_HEADER)
        return end > 0 and (
            source.startswith((b"[", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"), end + 1) or source[end + 1 : end + 2] == b"x"
        )

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, bytes) or not self.sniff(source):
            return None
        end = source.index(b"\n")
        try:
            line = source[:end].decode()
        except UnicodeDecodeError:
            return None
        header = JSON.parse(line, budget)
        if header is None or not isinstance(header.root, Map):
            return None
        rest = end + 1
        root = Map(
            [
                (Leaf("header", 0, 0, Kind.WORD), Leaf(line, 0, end)),
                (Leaf("payload", rest, rest, Kind.WORD), Leaf("", rest, len(source), Kind.BYTES, source[rest:])),
            ],
            0,
            len(source),
        )
        return Layer(self.name, source, root, self)

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:
        if leaf.kind == Kind.WORD:
            return b""
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        return data if leaf.kind == Kind.BYTES else data.replace(b"\n", b" ")

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


HEADED = Headed()
