"""The judge's own reading of OpenReplay's batches: to the last byte of the last message, or not at all.

A batch becomes JSON: its head, and for each kind of message a list. Attributes told by dictionary numbers are read with what
the batch's own dictionary says, those that other messages tell in full stand beside them; numbers of an earlier batch's
dictionary stay numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# type → fields: u a number, s a string (a byte length before it), whatever the letter is followed by is its name
FIELDS = {
    0: "u", 4: "s:url s:referrer u", 5: "u u", 6: "u u", 7: "", 8: "u:id u:parent u:index s:tagName u", 9: "u:id u:parent u:index", 10: "u:id u:parent u:index", 11: "u:id", 13: "u:node s:gone",
    12: "u:node s:name s:value", 14: "u:id s:textContent", 16: "u:id u u", 18: "u:node s:input u", 19: "u:node u:checked",
    20: "u u", 22: "s:level s:text", 23: "u u u u u u u u u", 24: "u u u", 27: "s:name s:payload", 28: "s:user",
    30: "s:user s:traits", 50: "u:entry s:text", 51: "u:node u:name u:value", 116: "u u u u u u s:url s:type u u", 34: "u:entry s:text", 35: "u:node u:name u:value", 49: "u u u u", 54: "u s:kind", 55: "u", 58: "u:id",
    60: "u:node s:name s:value s:base", 61: "u:id s:css s:base", 68: "u:node u s:label s:selector u u", 70: "u:id u:document",
    78: "s:name s:message s:stack s:meta", 83: "s:type s:method s:url s:requestBody s:responseBody u:status u u u",
    85: "u u u u u u s:url s:type u u u u u u u u u", 112: "u:node s:input u s:label u u", 113: "u u s:selection", 117: "s:tabId",
    118: "s:tabId", 122: "s:url s:referrer u s:title", 124: "s:type s:value", 125: "u u s:type s:label s:selector s:payload s:url",
}  # fmt: skip
KINDS = {12: "attribute", 35: "attribute", 51: "attribute", 60: "attribute"}
ENTRIES, USES = (34, 50), (35, 51)  # numbers of newer and of older trackers
NOTHING_SENT = '{"headers":{}}'
EDITABLE = "contenteditable"


class BrokenError(ValueError):
    """These bytes are no such batch."""


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise BrokenError
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value = weight = 0
        while True:
            byte = self.take(1)[0]
            value += (byte & 127) << weight
            weight += 7
            if byte < 128:
                return value
            if weight > 70:
                raise BrokenError

    def string(self) -> str:
        return self.take(self.number()).decode()


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of each message, the batch's own first."""
    tape = Bytes(data)
    if tape.number() != 81 or tape.number() != 1:
        raise BrokenError
    for _ in range(3):
        tape.number()
    tape.string()
    yield 81, data[1 : tape.at]
    while tape.at < len(data):
        kind = tape.number()
        size = int.from_bytes(tape.take(3), "little")
        yield kind, tape.take(size)


def fields(kind: int, payload: bytes) -> dict[str, int | str]:
    """The fields of a message by name; the numbers that have none are counted."""
    tape = Bytes(payload)
    found: dict[str, int | str] = {}
    for index, word in enumerate(FIELDS[kind].split()):
        letter, _, name = word.partition(":")
        found[name or f"n{index}"] = tape.number() if letter == "u" else tape.string()
    if tape.at != len(payload):
        raise BrokenError
    return found


def page(data: bytes) -> dict[str, object]:
    """A batch by kinds of messages. Raises BrokenError where a byte is left over or a message is of no known type."""
    dictionary: dict[int, str] = {}
    editable: set[int | str] = set()
    told: dict[str, list[object]] = {}
    head: dict[str, object] = {}
    for kind, payload in messages(data):
        if kind == 81:
            tape = Bytes(payload)
            head = {name: tape.number() for name in ("version", "page", "first", "time")} | {"url": tape.string()}
            continue
        if kind not in FIELDS:
            raise BrokenError
        one = fields(kind, payload)
        if kind in ENTRIES:
            dictionary[int(one["entry"])] = str(one["text"])
        if kind in KINDS:
            name, value = (
                dictionary.get(one[key], one[key]) if kind in USES else one[key] for key in ("name", "value")
            )
            if name == EDITABLE:
                editable.add(one["node"])
            one = {
                "node": one["node"],
                **({"base": one["base"]} if "base" in one else {}),
                "attributes": {str(name): value},
            }  # type: ignore[dict-item]
        for key in ("requestBody", "responseBody"):
            if one.get(key) == NOTHING_SENT:
                one[key] = ""
        if "checked" in one:
            one["attributes"] = {"checked": one.pop("checked")}  # type: ignore[assignment]
        if "input" in one:
            one["attributes"] = {"value": one.pop("input")}  # type: ignore[assignment]
        if one.get("node") in editable and "label" in one:  # what it shows was typed
            one["attributes"] = {"value": one.pop("label")}  # type: ignore[assignment]
        told.setdefault(KINDS.get(kind, str(kind)), []).append(one)
    return {"batch": head, "messages": told}


def read(data: bytes) -> str | None:
    """A batch as JSON, or None where the bytes are none."""
    if data[:2] != b"\x51\x01":
        return None
    try:
        return json.dumps(page(data), ensure_ascii=False)
    except (BrokenError, UnicodeDecodeError):
        return None
