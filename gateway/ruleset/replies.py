"""Set-up replies on their way back: the SDK is told to mask at its source and to keep talking to the gateway.

Three edits, each only where it is asked for: fields that a tracker file sets (`replies:`), host names of the backend that
become the address the browser used, and ids that the gateway hashed on the way out and that the backend gives back, which
become the visitor's own again (else the SDK would store the hash and it would be hashed once more).
Whatever a reply says, the upload is checked all the same. A reply that can't be read is passed on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from gateway.core.document import Layer, List, Map, Node
from gateway.core.errors import Refused
from gateway.core.limits import Budget, Limits
from gateway.core.opening import Opener
from gateway.recording.rrweb import enter
from gateway.trackers.path import FieldPath, Step, Wild
from gateway.trackers.schema import ReplyEdit

_READABLE: Final = re.compile(
    r"\s*(?:application/(?:[\w.+-]+\+)?json|text/javascript|application/(?:x-)?javascript|text/plain)\b", re.IGNORECASE
)
_ID: Final = re.compile(r"[\w.:|@+-]{6,128}")


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """What is edited in the reply to one request. `ids`: hashed → as the SDK knows it."""

    opener: Opener
    limits: Limits
    clock: Callable[[], float]
    edits: Sequence[ReplyEdit] = ()
    ids: Mapping[str, str] = field(default_factory=dict, repr=False)

    @staticmethod
    def reads(content_type: str) -> bool:
        """Whether a reply of this type is one to edit."""
        return _READABLE.match(content_type) is not None

    def edit(self, body: bytes, content_type: str, encodings: Sequence[str], hosts: Mapping[str, str]) -> bytes | None:
        """The reply, decoded and edited, or None where nothing changes or it can't be read."""
        try:
            document = self.opener.open_body(body, content_type, encodings, Budget(self.limits, self.clock))
        except Refused:
            return None
        plain = [layer for layer in document.layers if isinstance(layer.source, str)]
        if not plain:
            return None
        text = plain[0].source
        edited = self._fields(plain[0])
        for table in (hosts, self.ids):
            for before, after in table.items():
                edited = edited.replace(before, after)
        return edited.encode("utf-8", "surrogatepass") if edited != text else None

    def _fields(self, outer: Layer) -> str:
        for edit in self.edits:
            for literal, paths in edit.set.items():
                put = partial(_put, literal=literal, instead_of=edit.instead_of)
                for path in paths:
                    _visit(outer, path, put)
            for literal, paths in edit.add.items():
                for path in paths:
                    _visit(outer, path, partial(_add, literal=literal))
        closed = outer.close()
        return closed if isinstance(closed, str) else str(outer.source)


def _visit(layer: Layer, path: FieldPath, put: Callable[[Layer, Map, str], None]) -> None:
    """Does something with a field wherever its holder stands."""
    pending: list[tuple[Layer, Node, tuple[Step, ...]]] = [(layer, layer.root, path.steps)]
    while pending:
        at, raw, steps = pending.pop()
        at, node = enter(at, raw)
        if at is not layer:
            continue  # a reply's own fields, not those of text in it
        if isinstance(node, List):
            pending.extend((at, item, steps) for item in node.items)
        elif isinstance(node, Map):
            step, rest = steps[0], steps[1:]
            if step is Wild.ANY:
                pending.append((at, node, rest))
                pending.extend((at, value, steps) for _, value in node.items)
            elif rest:
                pending.extend((at, value, rest) for key, value in node.items if step is Wild.ONE or key.value == step)
            elif isinstance(step, str):
                put(at, node, step)


def _put(layer: Layer, holder: Map, name: str, *, literal: str, instead_of: Sequence[str]) -> None:
    """Sets one field; an object is put only where none stands, since deeper fields say what changes in one that does.

    A holder without the field gets it, unless it is to be set instead of something.
    """
    found = [value for key, value in holder.items if key.value == name]
    for value in found:
        if instead_of and layer.source[value.start : value.end] not in instead_of:
            continue
        if not (literal.startswith("{") and isinstance(enter(layer, value)[1], Map)):
            layer.write_literal(value, literal)
    if not found and not instead_of:
        _insert(layer, holder, f'"{name}":{literal}')


def _add(layer: Layer, holder: Map, name: str, *, literal: str) -> None:
    """Puts a value first into one list, where there is none into a new one."""
    found = [value for key, value in holder.items if key.value == name]
    for value in found:
        if isinstance(value, List):
            _insert(layer, value, literal)
        else:
            layer.write_literal(value, f"[{literal}]")
    if not found:
        _insert(layer, holder, f'"{name}":[{literal}]')


def _insert(layer: Layer, holder: Map | List, written: str) -> None:
    layer.insert(holder.start + 1, written + ("," if holder.items else ""))


def ids_to_map_back(pairs: Mapping[str, str]) -> dict[str, str]:
    """Hashed ids that may come back, long and plain enough to be told from any other text."""
    return {after: before for after, before in pairs.items() if _ID.fullmatch(after) and after != before}
