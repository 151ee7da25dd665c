"""What the front and a masker say to each other: one frame a message, its length before it (four bytes), msgpack in it.

Every question has one answer, in the order of the questions; `Drop` alone has none. Messages are typed: what does not
decode to one of them is a defect and ends the connection.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any, Final, assert_never

import msgspec

from gateway.core.errors import Reason
from gateway.core.masked import Masked, unseal
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Answer, Outcome, Refuse, ReplyEditor, Response, Send
from gateway.core.report import Finding, Report

LENGTH: Final = struct.Struct(">I")


class Message(msgspec.Struct, array_like=True, tag=True):
    """One frame's content."""


# from the front


class Prepare(Message):
    """Compile these rules; they are in force from the first `Mask` of their edition on. Answer: `Ready`."""

    edition: int
    blueprint: bytes


class Mask(Message):
    """Mask a request by an edition's rules. Answer: `Verdict`; `Elsewhere`, but where `settled`; `Wants`, where `shared`."""

    edition: int
    inbound: Inbound
    settled: bool = False
    shared: bool = False


class State(Message):
    """The state that was wanted, by key; what is missing is unknown. Answer: `Verdict`, or `Gone`."""

    number: int
    state: dict[str, bytes]


class Drop(Message):
    """The state that was wanted will not come. No answer."""

    number: int


class Reply(Message):
    """What is edited in a backend's reply: entries of a tracker file, by number, and ids to be mapped back."""

    edition: int
    route: str
    tracker: str
    edits: list[int]
    ids: dict[str, str]


class Edit(Message):
    """Edit a reply. Answer: `Edited`."""

    reply: Reply
    body: bytes
    content_type: str
    encodings: list[str]
    hosts: dict[str, str]


class Count(Message):
    """Say what is kept of sessions. Answer: `Counted`."""


# from a masker


class Ready(Message):
    """The edition is compiled."""

    edition: int


class Elsewhere(Message):
    """The request's session is another masker's, by number. Nothing was changed here."""

    owner: int


class Wants(Message):
    """The request is read, and waits under this number for the state of its sessions."""

    number: int
    keys: list[str]


class Gone(Message):
    """Nothing waits under that number."""


class Sent(Message):
    """`core.outcome.Send`."""

    request: Outbound
    program: str
    report: Reported
    reply: Reply | None
    session: bytes


class Answered(Message):
    """`core.outcome.Answer`."""

    response: Response
    why: str


class Refused(Message):
    """`core.outcome.Refuse`."""

    reason: Reason
    response: Response
    tracker: str


class Reported(Message):
    """`core.report.Report`."""

    tracker: str
    layers: list[str]
    findings: list[tuple[Finding, int]]


class Verdict(Message):
    """What may become of a request; where its state was handed in, the state as it is now; the CPU seconds that it took."""

    outcome: Sent | Answered | Refused
    state: dict[str, bytes] = {}
    spent: float = 0.0


class Edited(Message):
    """The reply as edited; None where it stays as it came."""

    body: bytes | None


class Counted(Message):
    """By route: sessions, nodes of their pages, fingerprints of their secrets."""

    kept: dict[str, tuple[int, int, int]]


Question = Prepare | Mask | State | Drop | Edit | Count
Reading = Ready | Verdict | Elsewhere | Wants | Gone | Edited | Counted


def _encode_other(value: Any) -> Any:
    if isinstance(value, Headers):
        return list(value)
    raise NotImplementedError(type(value).__name__)


def _decode_other(kind: type, value: Any) -> Any:
    if kind is Headers:
        return Headers((str(name), str(told)) for name, told in value)
    raise NotImplementedError(kind.__name__)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_other)
_QUESTIONS: Final = msgspec.msgpack.Decoder(Question, dec_hook=_decode_other)
_ANSWERS: Final = msgspec.msgpack.Decoder(Reading, dec_hook=_decode_other)


def frame(message: Message) -> bytes:
    """A message as it goes over the wire."""
    data = _ENCODER.encode(message)
    return LENGTH.pack(len(data)) + data


def question(data: bytes | bytearray | memoryview) -> Question:
    """A frame's content, as a masker reads it."""
    read: Question = _QUESTIONS.decode(data)
    return read


def answer(data: bytes | bytearray | memoryview) -> Reading:
    """A frame's content, as the front reads it."""
    read: Reading = _ANSWERS.decode(data)
    return read


def pack(outcome: Outcome, reply: Reply | None) -> Sent | Answered | Refused:
    """An outcome for the wire; `reply` is what its reply editor is made of."""
    match outcome:
        case Send(masked, report, _, session):
            return Sent(masked.request, masked.program_digest, _reported(report), reply, session)
        case Answer(response, why):
            return Answered(response, why)
        case Refuse(reason, response, tracker):
            return Refused(reason, response, tracker)
        case _:
            assert_never(outcome)


def unpack(told: Sent | Answered | Refused, editor: ReplyEditor | None) -> Outcome:
    """The outcome that a masker sent."""
    match told:
        case Sent(request, program, report, _, session):
            return Send(_masked(request, program), _report(report), editor, session)
        case Answered(response, why):
            return Answer(response, why)
        case Refused(reason, response, tracker):
            return Refuse(reason, response, tracker)
        case _:
            assert_never(told)


def _masked(request: Outbound, program: str) -> Masked:
    return unseal(request, program)


def _reported(report: Report) -> Reported:
    return Reported(report.tracker, report.layers, list(report.findings.items()))


def _report(told: Reported) -> Report:
    return Report(told.tracker, told.layers, Counter(dict(told.findings)))
