"""What tests and the fuzzer hold against each other: each compiled function and its Python, on one input."""

from __future__ import annotations

import re
from typing import Any

from gateway.core.document import Leaf, List, Map, Node
from gateway.core.errors import Refused
from gateway.core.limits import Budget, Limits
from gateway.core.opening import _CANDIDATE, leaves
from gateway.core.plugin import Context
from gateway.core.reading import read
from gateway.core.signs import UNTOLD, URL_SIGN, signs, signs_read
from gateway.detectors import DETECTORS, NEEDS
from gateway.formats import json
from gateway.formats import url as urls
from gateway.native import compiled
from gateway.ruleset import secrets
from gateway.ruleset.text import _BLOB, _DATA_URL, _REFERENCE

DEPTH = 12
_WORD = re.compile(r"[^\W_]+")


def told(node: Node) -> Any:
    """A node as plain values: everything that it is, with where it stands."""
    if isinstance(node, Map):
        return "map", node.start, node.end, node.dropped, [(told(key), told(value)) for key, value in node.items]
    if isinstance(node, List):
        return "list", node.start, node.end, node.dropped, [told(item) for item in node.items]
    return node.kind, node.value, node.start, node.end, node.data, node.child


def json_of(reader: Any, text: str) -> Any:
    """What a reader of JSON makes of a text that begins with a bracket: nodes and end, nothing, or why it refuses."""
    try:
        found = reader(text, 0, Budget(Limits(depth=DEPTH), lambda: 0.0))
    except Refused as refused:
        return refused.reason
    return found if found is None else (told(found[0]), found[1])


def check_json(text: str) -> None:
    """Both readers say the same, and the texts that may open are told, in order."""
    if text[:1] not in ("{", "["):
        return
    assert json_of(json.read_container, text) == json_of(json.read_in_python, text)
    try:
        found = json.read_container(text, 0, Budget(Limits(depth=DEPTH), lambda: 0.0))
    except Refused:
        return
    if found is not None and found[2] is not None:
        texts = [leaf for leaf in leaves(found[0]) if leaf.kind == 0]
        may_open = [leaf for leaf in texts if _CANDIDATE.match(leaf.value) or "{" in leaf.value]
        rest = iter(found[2])
        assert all(any(leaf is one for one in rest) for leaf in may_open), text


KEYS = (
    (),
    ("phone", "ssn", "imei", "dob", "lat", "nif", "card"),
    ("id", "number"),
    ("steuer", "id"),
    ("version",),
)
"""Words of keys, beside which more is found or less."""


def check_signs(text: str) -> None:
    """Where a detector finds something, the text has a sign that says so; a text with signs is its own reading."""
    reading = read(text).text
    seen = signs(text)
    assert seen == UNTOLD or reading == text
    for told in (seen, signs_read(reading)):
        if told == UNTOLD:
            continue
        for keys in KEYS:
            masks = NEEDS.of(keys)[0]
            for detector in DETECTORS:
                if not masks[id(detector)] & told and (detector.hint is None or detector.hint(reading)):
                    assert not list(detector.find(reading, Context(keys))), (detector.name, keys, text)
        if not told & URL_SIGN:
            assert not urls.looks_like_url(reading), text
            assert not list(urls.find(reading)), text
            assert not any(one.search(reading) for one in (_DATA_URL, _BLOB, _REFERENCE)), text


def check_secrets(text: str, needles: list[str]) -> None:
    """The same secrets stand in a text, and the same words of it are unknown."""
    needles = [needle.lower() for needle in needles if len(needle) >= secrets.SHORTEST]
    assert sorted(secrets._standing(text, needles)) == sorted(secrets.standing_in_python(text, needles))
    if compiled is not None:
        words = compiled.Words()
        known = _WORD.findall(" ".join(needles))
        for word in known:
            words.add(word)
        missing = words.missing(text)
        if missing is not None:
            assert text.isascii()
            assert list(missing) == [word for word in _WORD.findall(text) if word not in set(known)]
        else:
            assert not text.isascii() or re.search(r"[%&\\]", text)


def check(text: str, needles: list[str]) -> None:
    """All of them."""
    check_json(text)
    check_signs(text)
    check_secrets(text, needles)


__all__ = ["Leaf", "check", "check_json", "check_secrets", "check_signs"]
