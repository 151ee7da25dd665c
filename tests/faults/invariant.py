"""The invariant: what holds whatever breaks. Read from what left, what arrived, what was answered, stored and logged.

privacy    nothing private is in any byte that reached the backend, in any file that the gateway keeps, in any line it wrote
exactness  what arrived is what the rules make of what was sent, byte for byte
loss       every acked event was taken by the backend
order      the events of a session first arrive in the order in which they were acked
doubles    an event that the backend is known to have taken does not come again, but for those in flight when a process dies
answers    no success that is not the backend's whole answer or the gateway's own word
life       it ends when it is told to end, and at no other time
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from gateway.cli.subject import load_subject
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.proxy.hop import request_fields
from tests.faults.backend import Backend, Delivery
from tests.faults.toxic import Proxy
from tests.faults.traffic import PREFIX, PRIVATE, SESSIONS, Crowd, Sent

WINDOW = SESSIONS
"""How many deliveries may be under way when a process dies: one a session."""


@dataclass(frozen=True)
class Counted:
    """What a table shows of one cell."""

    sent: int
    acked: int
    delivered: int
    doubles: int


class Judge:
    """Knows what the rules make of an event: the configuration that the gateway runs, in this process."""

    def __init__(self, home: Path) -> None:
        subject = load_subject(home / "gateway.yaml", ())
        self._program = subject.program(["posthog"])
        self._accepted = subject.trackers["posthog"].answers.accepted

    def masked(self, sent: Sent) -> Outbound:
        """What should leave for this event."""
        headers = Headers((*sent.fields, ("Content-Length", str(len(sent.body)))))
        inbound = Inbound(
            method="POST",
            target=sent.target,
            headers=request_fields(headers),
            host="localhost",
            peer="127.0.0.1",
            client="127.0.0.1",
            route=f"{PREFIX}/",
            body=sent.body,
        )
        outcome = mask(inbound, self._program, time.thread_time)
        assert isinstance(outcome, Send), "the events of these tests are forwarded"
        return outcome.masked.request

    def is_said_of(self, event: Sent) -> bool:
        """Whether a success is the backend's whole answer to this event, or what the tracker file says of kept ones."""
        assert event.answer
        path = event.target.partition("?")[0]
        own = next(one for one in self._accepted if any(fnmatchcase(path, glob) for glob in one.path))
        if (event.answer.status, event.answer.body) == (own.status, own.body.encode()):
            return True
        try:
            return bool(json.loads(event.answer.body) == {"status": 1, "id": event.id})
        except ValueError:
            return False


_JUDGES: dict[str, Judge] = {}


def judge_of(home: Path) -> Judge:
    """One for all cells with the same rules: masking knows neither backend nor spool."""
    rules = json.dumps(json.loads((home / "gateway.yaml").read_text()).get("rules"))
    if rules not in _JUDGES:
        _JUDGES[rules] = Judge(home)
    return _JUDGES[rules]


def first_arrivals(deliveries: list[Delivery]) -> dict[str, int]:
    """Event id → place of its first arrival."""
    places: dict[str, int] = {}
    for place, delivery in enumerate(deliveries):
        places.setdefault(delivery.id, place)
    return places


def taken(backend: Backend) -> set[str]:
    """The events that the backend has, by its own word."""
    return {delivery.id for delivery in backend.deliveries if delivery.taken and delivery.id}


def waiting(crowd: Crowd, backend: Backend) -> set[str]:
    """Acked events that the backend does not have yet."""
    return {event.id for event in crowd.sent if event.acked} - taken(backend)


def count(crowd: Crowd, backend: Backend) -> Counted:
    arrived = Counter(delivery.id for delivery in backend.deliveries if delivery.id)
    acked = sum(event.acked for event in crowd.sent)
    return Counted(len(crowd.sent), acked, len(taken(backend)), arrived.total() - len(arrived))


def breaches(
    home: Path,
    crowd: Crowd,
    backend: Backend,
    way: Proxy,
    written: str,
    *,
    deaths: int,
    may_lose: int = 0,
    may_repeat: bool = False,
) -> list[str]:
    """What does not hold, a line each.

    `deaths`: how often a process died under load; `may_lose`: records harmed on disk; `may_repeat`: the disk forgot.
    """
    judge, lost = judge_of(home), waiting(crowd, backend)
    return [
        *_leaks(home, backend, written),
        *_altered(judge, crowd, backend),
        *([f"lost {len(lost)} acked events"] if len(lost) > may_lose else []),
        *_disorder(crowd, backend, lost),
        *([] if may_repeat else _doubles(backend, way, deaths)),
        *_lies(judge, crowd),
    ]


def _leaks(home: Path, backend: Backend, written: str) -> list[str]:
    left = b"".join([one.head + one.body for one in backend.deliveries] + backend.unreadable)
    left += json.dumps([one.event for one in backend.deliveries], ensure_ascii=False).encode()  # decoded, too
    kept = b"".join(path.read_bytes() for path in (home / "var").rglob("*") if path.is_file())
    places = {"what left": left.lower(), "the log": written.lower().encode(), "a file": kept.lower()}
    return [
        f"private data in {place}" for place, text in places.items() if any(one.encode() in text for one in PRIVATE)
    ]


def _altered(judge: Judge, crowd: Crowd, backend: Backend) -> list[str]:
    sent, found = {event.id: event for event in crowd.sent}, []
    for delivery in backend.deliveries:
        if not delivery.id:
            if delivery.body:
                found.append("a body arrived that is no event")
            continue
        if delivery.id not in sent:
            found.append("an event arrived that nobody sent")
            continue
        wanted = judge.masked(sent[delivery.id])
        if (delivery.target, delivery.body) != (wanted.target, wanted.body):
            found.append("an event arrived otherwise than the rules make it")
    return sorted(set(found))


def _disorder(crowd: Crowd, backend: Backend, lost: set[str]) -> list[str]:
    places = first_arrivals(backend.deliveries)
    sessions: dict[str, list[int]] = {}
    for event in crowd.sent:  # a session sends one after the other: this is the order of its acks
        if event.acked and event.id not in lost:
            sessions.setdefault(event.session, []).append(places[event.id])
    wrong = sum(arrived != sorted(arrived) for arrived in sessions.values())
    return [f"{wrong} sessions arrived out of order"] if wrong else []


def _doubles(backend: Backend, way: Proxy, deaths: int) -> list[str]:
    """Arrivals after one whose answer is known to have come through: it was read, or nothing cut the connection."""
    settled: set[str] = set()
    again = 0
    for delivery in backend.deliveries:
        again += delivery.id in settled
        link = way.links.get(delivery.connection)
        if delivery.id and delivery.taken and (delivery.followed or (link is not None and not link.cut)):
            settled.add(delivery.id)
    return [f"{again} events came again after they were taken"] if again > WINDOW * deaths else []


def _lies(judge: Judge, crowd: Crowd) -> list[str]:
    found = []
    if any(event.acked and not judge.is_said_of(event) for event in crowd.sent):
        found.append("a success that is neither the backend's whole answer nor the gateway's own word")
    if any(200 <= answer.status < 300 and not _is_set_up(answer.body) for answer in crowd.set_up):
        found.append("half a set-up answer passed as a success")
    return found


def _is_set_up(body: bytes) -> bool:
    try:
        return bool(json.loads(body)["end"] == "of the set-up answer")
    except (ValueError, KeyError, TypeError):
        return False
