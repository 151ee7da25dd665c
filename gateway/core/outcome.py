"""The three verdicts. Shells match them exhaustively (`match` + `assert_never`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.errors import Reason
from gateway.core.masked import Masked
from gateway.core.message import Headers
from gateway.core.report import Report


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that the gateway gives itself."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


class ReplyEditor(Protocol):
    """What is edited in the backend's reply to one request, so that the SDK masks at its source and finds its way back."""

    def reads(self, content_type: str) -> bool:
        """Whether a reply of this type is one to edit; others pass through as they come."""
        ...

    def edit(self, body: bytes, content_type: str, encodings: Sequence[str], hosts: Mapping[str, str]) -> bytes | None:
        """The reply, decoded and edited, or None where it stays as it is. `hosts`: the backend's address → the browser's."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """Forward this. `session` is a keyed fingerprint of what tells its session apart; empty where nothing does."""

    masked: Masked
    report: Report
    reply: ReplyEditor | None = None
    session: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """Forward nothing; give this answer (opted out, preflight, emergency stop). `why` is of a closed list."""

    response: Response
    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Forward nothing; the answer makes the SDK drop the payload instead of trying again."""

    reason: Reason
    response: Response
    tracker: str = ""


Outcome = Send | Answer | Refuse
