"""What the front and the reader say to each other: one frame a message, its length before it (four bytes), msgpack in it.

`Setup` has no answer; every `Sample` has one, in order.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

LENGTH: Final = struct.Struct(">I")


class Message(msgspec.Struct, array_like=True, tag=True):
    """One frame's content."""


class Setup(Message):
    """What the site owner's files and the packaged ones know. `project` and `structure`: by tracker, keys of what stays."""

    words: list[str]
    replacements: list[str]
    project: dict[str, list[str]]
    structure: dict[str, list[str]]


class Sample(Message):
    """A request as it was sent. `written`: place, operator and detector of what the pipeline says that it changed."""

    tracker: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    written: list[tuple[str, str, str]]


class Told(Message):
    """What a second reading found: place, detector, how often; and the places that the request has, by their keys.

    The keys go from the reader to its own front alone, in memory: a visitor may have made some of them.
    """

    residue: list[tuple[str, str, int]]
    places: list[list[str]]


class Unread(Message):
    """The second pass could not read the sample."""


Question = Setup | Sample
Answer = Told | Unread

_ENCODER: Final = msgspec.msgpack.Encoder()
_QUESTIONS: Final = msgspec.msgpack.Decoder(Question)
_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


def frame(message: Message) -> bytes:
    """A message as it goes over the wire."""
    data = _ENCODER.encode(message)
    return LENGTH.pack(len(data)) + data


def question(data: bytes) -> Question:
    """A frame's content, as the reader reads it."""
    read: Question = _QUESTIONS.decode(data)
    return read


def answer(data: bytes) -> Answer:
    """A frame's content, as the front reads it."""
    read: Answer = _ANSWERS.decode(data)
    return read
