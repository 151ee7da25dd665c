"""A recorded page read twice, compiled and by its Python: all that is then known of it, as plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Any
from unittest.mock import patch

from gateway.core.document import List, Map
from gateway.core.limits import Budget, Limits
from gateway.native import compiled
from gateway.recording import rrweb
from gateway.recording.claim import Claim, Scene
from gateway.recording.dom import UNKNOWN, Element, Mirror, Selectors
from gateway.recording.lines import Lines
from gateway.recording.rrweb import Reader, enter
from tests.subject import program

SELECTORS = (
    Selectors([(-1, ".private, .rr-mask"), (0, "#pay"), (1, "[data-x]"), (2, "b.big")]),
    Selectors([(-1, ".private"), (0, "div > .big"), (1, "li:first-child"), (2, "p + p")]),
    Selectors([(-1, "*[name=pin]"), (0, ":not(b)")]),
)
TAGS = ["div", "p", "b", "span", "INPUT", "textarea", "style", "li", "x-field", "option", "meta", "É", ""]
NAMES = [
    "class", "id", "type", "value", "style", "checked", "rr_dataURL", "data-x", "name", "content", "contenteditable", "title", "É",
    "attr__class", "attr_value", "attr__", "attr_", "property", "Class", "role", "_cssText",
]  # fmt: skip
VALUES = [
    "", " ", "big", "private now", "rr-mask", "pay", "password", "PASSWORD", "true", "false", "Ann Lee", "\u2003", "x" * 600, "é big",
    "\ud800", '{"a": "b"}', "<b>Ann</b>", "https://a.example/?q=1", "big\u2003private",
]  # fmt: skip
ODD = [
    None,
    True,
    7,
    -3,
    1.5,
    12345678,
    1e30,
    10**19,
    "7",
    [],
    {},
    [1, "a"],
    {"a": "b", "x y z 123456789": 3},
    "x",
    " ",
]


def node(chance: Random, ids: list[int], depth: int = 0) -> Any:
    """A serialised node, seldom as it ought to be everywhere."""
    made: dict[str, Any] = {"id": chance.choice(ids) if ids and chance.random() < 0.15 else len(ids) + 1}
    ids.append(made["id"])
    match chance.randrange(12):
        case 0 | 1 | 2 | 3:
            made |= {"type": 3, "textContent": chance.choice(VALUES)}
            if chance.random() < 0.2:
                made["isStyle"] = chance.choice([True, "yes"])
        case 4:
            made |= {"type": 5, "textContent": "note"}
        case 5 if depth < 3:
            made |= {"type": 0, "childNodes": [node(chance, ids, depth + 1)], "compatMode": "BackCompat"}
        case _:
            names = chance.sample(NAMES, chance.randrange(4))
            made |= {
                "type": 2,
                "tagName": chance.choice(TAGS),
                "attributes": {one: chance.choice(VALUES) for one in names},
            }
            made["childNodes"] = [node(chance, ids, depth + 1) for _ in range(chance.randrange(4 if depth < 5 else 1))]
    return odd(chance, made, 0.04)


def odd(chance: Random, record: dict[str, Any], share: float) -> Any:
    """A record with something in it that is not as it should be, now and then."""
    if chance.random() >= share:
        return record
    key = chance.choice([*record, "more", "É"])
    match chance.randrange(4):
        case 0:
            record[key] = chance.choice(ODD)
        case 1:
            record.pop(key, None)
        case 2:
            return chance.choice(ODD)
        case 3:
            record[key] = json.dumps(record.get(key))  # a document in a document
    return record


def event(chance: Random, ids: list[int]) -> Any:
    """An rrweb event."""

    def some() -> int:
        return chance.choice(ids) if ids and chance.random() < 0.95 else 4711

    data: dict[str, Any] = {}
    kind = 3
    match chance.randrange(9):
        case 0:
            kind, data = (
                2,
                {"node": node(chance, ids), "initialOffset": {"top": 0, "left": chance.choice([0, 12345678])}},
            )
        case 1:
            data = {"source": 5, "id": some(), "text": chance.choice(VALUES), "isChecked": chance.choice([True, False])}
        case 2:
            point = {"x": chance.choice(ODD), "y": 2, "id": some(), "timeOffset": chance.choice([-500, -123.4567891])}
            data = {"source": chance.choice([1, 6, 12]), "positions": [point] * chance.randrange(3)}
        case 3:
            data = {
                "source": chance.choice([2, 3, 4, 7, 8, 9, 11, 14, 16, 99]),
                "type": 2,
                "id": some(),
                "x": chance.choice(ODD),
            }
        case 4:
            kind, data = (
                chance.choice([4, 5, 6]),
                {"href": "https://a.example", "tag": "identify", "plugin": "x", "payload": {"a": "b"}},
            )
        case _:
            adds = [
                odd(
                    chance,
                    {"parentId": some(), "nextId": chance.choice([None, some()]), "node": node(chance, ids)},
                    0.05,
                )
                for _ in range(chance.randrange(4))
            ]
            chance.shuffle(adds)
            changed = {one: chance.choice([*VALUES, None]) for one in chance.sample(NAMES, 2)}
            data = {
                "source": 0,
                "adds": adds,
                "removes": [odd(chance, {"parentId": some(), "id": some()}, 0.05) for _ in range(chance.randrange(2))],
                "attributes": [
                    odd(chance, {"id": some(), "attributes": changed}, 0.05) for _ in range(chance.randrange(2))
                ],
                "texts": [
                    odd(chance, {"id": some(), "value": chance.choice(VALUES)}, 0.05)
                    for _ in range(chance.randrange(2))
                ],
            }
    return {"type": kind, "data": odd(chance, data, 0.05), "timestamp": 1700000000000}


def events(chance: Random) -> list[Any]:
    ids: list[int] = []
    first = {"type": 2, "data": {"node": node(chance, ids), "initialOffset": {"left": 0}}, "timestamp": 1}
    return [first, *(event(chance, ids) for _ in range(chance.randrange(8)))]


@contextmanager
def in_python() -> Iterator[None]:
    with patch.object(rrweb, "_read_nodes", Reader.nodes_in_python), patch.object(rrweb, "compiled", None):
        yield


def known(body: str, selectors: Selectors, room: int, *, python: bool) -> Any:
    """All that reading the events in a body leaves behind."""
    budget = Budget(Limits(), lambda: 0.0)
    gateway = program()
    document = gateway.opener.open_body(body.encode("utf-8", "surrogatepass"), "application/json", [], budget)
    mirror = Mirror(room)
    lines = Lines(mirror)
    claims: list[Claim] = []
    walked: list[Any] = []

    def walk(layer: Any, node: Any, place: Any, category: Any) -> None:
        walked.append((len(claims), node.start, place.path(lambda _: True), category))

    place = gateway.root_of(None)
    if not document.layers:
        return None
    layer, root = enter(document.layers[0], document.layers[0].root)
    for one in root.items if isinstance(root, List) else ():
        inner, record = enter(layer, one)
        if not isinstance(record, Map):
            continue
        first = len(claims)
        reader = Reader(Scene(mirror, claims.append, walk, selectors.attribute_names, lines))
        with in_python() if python else nullcontext():
            reader.read(inner, record, place)
        if python or compiled is None:
            for claim in claims[first:]:
                if claim.element is not None:
                    claim.marks = selectors.match_lineage(claim.element)
        else:
            compiled.mark_claims(claims, first, selectors.match_lineage, budget.check_time)
    lines.flush()
    return {
        "claims": [told_claim(claim) for claim in claims],
        "walked": walked,
        "elements": {node_id: told_element(one) for node_id, one in mirror.elements.items()},
        "texts": {node_id: named(one) for node_id, one in mirror.texts.items()},
        "documents": {node_id: named(one) for node_id, one in mirror.documents.items()},
        "names": list(mirror._by_name.items()),
        "counts": (mirror.epoch, mirror.shape, mirror.others, mirror.known, mirror.passwords),
        "lines": [[(claims.index(part.claim), part.value) for part in line] for line in lines.found],
        "rows": [(named(one), list(map(named, row))) for one, row in lines._rows.items()],
        "where": [(named(one), list(map(named, row))) for one, row in lines._where.items()],
        "told": {one: (told.part.value, named(told.holder), named(told.block)) for one, told in lines._told.items()},
        "shown": [(named(one), shown) for one, shown in lines._shown.items()],
        "others": (lines._fresh, lines._nameless, list(map(named, lines._touched))),
    }


def named(one: Element | int | None) -> Any:
    if isinstance(one, Element):
        return "unknown" if one is UNKNOWN else ("element", one.node_id, one.tag)
    return one


def told_element(one: Element) -> Any:
    around = (one.parent, one.left, one.right, one.first_child, one.last_child)
    marks = (one.private, one.was_password, one.is_presumed, one.version)
    return one.tag, one.attributes, one.node_id, marks, list(map(named, around)), one.mirror is not None


def told_claim(claim: Claim) -> Any:
    return (
        claim.leaf.value, claim.leaf.start, claim.leaf.kind, claim.layer.name, claim.category, claim.form,
        claim.place.path(lambda _: True), named(claim.element),  # type: ignore[attr-defined]  # a place of trackers.place
        None if claim.holder is None else claim.holder.start, claim.index, claim.key, claim.marks,
    )  # fmt: skip


def check_page(chance: Random) -> None:
    """Both readings of random events leave the same behind."""
    body, selectors = json.dumps(events(chance)), chance.choice(SELECTORS)
    room = chance.choice([100_000, 100_000, 6])
    assert known(body, selectors, room, python=False) == known(body, selectors, room, python=True)
