"""The judge's own reading of New Relic's `bel` events: to the last character, or not at all.

Texts are collected in the order of their first uses; a number in a text's place stands for the one of that number. Each record
says how many attributes and children follow it, and this reader holds it to its word.
"""

from __future__ import annotations

import json
import re

# a record's fields after its type: t text, n number, and T and N the same but absent behind a `!`, which needs no comma
SHAPES = {
    "1": (
        "interaction",
        "n n n n n t:trigger t:initialPageURL t:oldURL t:newURL t:customName n N N T:oldRoute T:newRoute t:id t:nodeId N N",
    ),
    "2": ("ajax", "n n n n n t:method n t:domain t:path n n n t:nodeId T:spanId T:traceId N"),
    "3": ("end", "n"),
    "4": ("tracer", "n n n n n t:name N t:nodeId"),
    "a": ("apm", "t:atts"),
    "e": ("timing", "t:name x n"),
}
COUNTED = {"1": 0, "2": 0, "4": 0, "e": -1}  # which number tells how many records belong to this one
WORDS = {"7": True, "8": False, "9": None}
FIELD = re.compile(r"!|'(?:[^\\,;]|\\[\s\S])*|[^,;!']*")


class BrokenError(ValueError):
    """This text is no such payload."""


class Tape:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 6
        self.known: list[str] = []

    def field(self) -> str:
        match = FIELD.match(self.text, self.at)
        assert match
        self.at = match.end()
        return match[0]

    def over(self) -> bool:
        return self.text[self.at : self.at + 1] in {";", ""}

    def comma(self) -> None:
        if self.text[self.at : self.at + 1] != ",":
            raise BrokenError
        self.at += 1

    def string(self, field: str) -> str:
        if field.startswith("'"):
            self.known.append(re.sub(r"\\([\s\S])", r"\1", field[1:]))
            return self.known[-1]
        if not field:
            return ""
        index = number(field)
        if not 0 <= index < len(self.known):
            raise BrokenError
        return self.known[index]


def number(field: str) -> int:
    if not re.fullmatch(r"-?[0-9a-z]+|", field):
        raise BrokenError
    return int(field or "0", 36)


def record(tape: Tape, kind: str) -> tuple[str, dict[str, object], int]:
    """The name of a record, its fields, and how many records belong to it."""
    numbers: list[int] = []
    fields: dict[str, object] = {}
    null = False
    if kind == "b":
        while not tape.over():
            if not null:
                tape.comma()
            field = tape.field()
            null = field == "!"
            numbers.append(0 if null else number(field))
        return "navigation", {"numbers": numbers}, 0
    if kind not in SHAPES:
        raise BrokenError
    name, shape = SHAPES[kind]
    for slot in shape.split():
        if not null:
            tape.comma()
        field = tape.field()
        null = field == "!" and slot[0] in "TN"
        if field == "!":
            if slot[0] not in "TNx":
                raise BrokenError
        elif slot[0] in "tT":
            fields[slot[2:]] = tape.string(field)
        else:
            numbers.append(number(field))
    return name, {**fields, "numbers": numbers}, numbers[COUNTED[kind]] if kind in COUNTED else 0


def attribute(tape: Tape, kind: str) -> tuple[str, object]:
    tape.comma()
    name = tape.string(tape.field())
    if kind in WORDS:
        return name, WORDS[kind]
    if tape.over():
        return name, ""
    tape.comma()
    field = tape.field()
    if kind == "5":
        return name, tape.string(field)
    return name, float(field.removesuffix("."))


def read(text: str) -> str | None:
    """The payload as JSON text; None where it is none."""
    if not re.match(r"bel\.[67];", text):
        return None
    try:
        return json.dumps(records(Tape(text)))
    except ValueError:
        return None


def records(tape: Tape) -> list[object]:
    found: list[object] = []
    attributes: dict[str, object] = {}
    owed = 0
    while True:
        if tape.over():
            pass  # an interaction without navigation times ends with nothing
        elif (kind := tape.text[tape.at]) in "56789":
            tape.at += 1
            key, value = attribute(tape, kind)
            attributes[key] = value
            owed -= 1
        else:
            tape.at += 1
            name, fields, promised = record(tape, kind)
            owed += promised - (1 if name not in {"interaction", "timing", "navigation"} and owed > 0 else 0)
            attributes = {}
            found.append({name: {**fields, "attributes": attributes}})
        if not tape.over() or owed < 0:
            raise BrokenError
        if tape.at >= len(tape.text):
            if owed:
                raise BrokenError
            return found
        tape.at += 1
