"""Plain text: one leaf that is the whole. What nothing else reads."""

from __future__ import annotations

from gateway.core.document import Layer, Leaf
from gateway.core.limits import Budget


class Text:
    name = "text"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, str)

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:  # noqa: ARG002 - nothing is spent
        return Layer(self.name, source, Leaf(source, 0, len(source)), self) if isinstance(source, str) else None

    def write(self, leaf: Leaf, value: str | bytes) -> str:  # noqa: ARG002 - one shape for all formats
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


TEXT = Text()
