"""Numbers in a body that tell how long a part of it is: found while all is open, written when the part is closed."""

from __future__ import annotations

from gateway.core.document import Document, Kind, Layer, Leaf, Map
from gateway.recording.rrweb import enter
from gateway.trackers.path import FieldPath
from gateway.trackers.schema import Length


def measure(document: Document, lengths: tuple[Length, ...]) -> None:
    """Tells the document which of its numbers are lengths, and of what. Those whose fields are not there are none."""
    for one in lengths:
        number, part = _leaf(document, one.field), _leaf(document, one.of)
        if number is None or part is None or number[1].kind is not Kind.NUMBER:
            continue
        leaf = part[1]
        while one.counts == "inflated" and leaf.child is not None:
            inner = leaf.child.root
            if not isinstance(inner, Leaf) or inner.kind is not Kind.BYTES:
                break
            leaf = inner
        if leaf.kind is Kind.BYTES:
            document.measure(*number, leaf)


def _leaf(document: Document, path: FieldPath) -> tuple[Layer, Leaf] | None:
    """The leaf of a path of plain keys, as it stands in its layer."""
    layer, node = document.layers[0], document.layers[0].root
    for step in path.steps:
        layer, holder = enter(layer, node)
        if not isinstance(holder, Map):
            return None
        found = next((value for key, value in reversed(holder.items) if key.value == step), None)
        if found is None:
            return None
        node = found
    return (layer, node) if isinstance(node, Leaf) else None
