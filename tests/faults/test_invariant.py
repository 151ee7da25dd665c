"""The invariant can fail: each breach, planted in a visit that went well, is found, and nothing else is."""

import asyncio
import json
import ssl
from dataclasses import replace

import pytest

from tests.faults.backend import Backend, Delivery, answer_to
from tests.faults.cell import Fault, write_configuration
from tests.faults.certificates import Certificates
from tests.faults.invariant import breaches, judge_of
from tests.faults.toxic import Flow, Link, Proxy
from tests.faults.traffic import ADDRESS, MARK, Answer, Crowd, make_event

WORDS = "listening on https://127.0.0.1:1\nready\n"


def delivered(judge, event):
    wanted = judge.masked(event)
    head = f"POST {wanted.target} HTTP/1.1\r\nHost: backend.test\r\n\r\n".encode()
    return Delivery(wanted.target, head, wanted.body, connection=1, taken=True)


class Visit:
    """Two sessions of three events each, all acked and all taken in order."""

    def __init__(self, home, judge):
        self.home, self.crowd, self.backend, self.written = (
            home,
            Crowd(0, ssl.create_default_context()),
            Backend(),
            WORDS,
        )
        self.way = Proxy()
        self.way.links[1] = Link(None, None, Flow(None), Flow(None))
        for number in range(3):
            for session in ("a" * 32, "b" * 32):
                event = make_event(session, number)
                delivery = delivered(judge, event)
                event.answer = Answer(200, {}, answer_to(delivery))
                self.crowd.sent.append(event)
                self.backend.deliveries.append(delivery)

    def breaches(self, **more):
        return breaches(self.home, self.crowd, self.backend, self.way, self.written, **{"deaths": 0, **more})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    write_configuration(folder, 9, Certificates(folder), Fault("none", "nothing", None))
    return folder


@pytest.fixture(scope="module")
def judge(home):
    return judge_of(home)


@pytest.fixture
def visit(home, judge):
    async def make():
        return Visit(home, judge)

    made = asyncio.run(make())
    yield made
    made.way._held.close()


def test_a_visit_that_went_well_has_none(visit):
    assert visit.breaches() == []


def test_what_left_for_another_reason_is_not_judged(visit):
    visit.crowd.sent.append(make_event("a" * 32, 3))  # never answered, never arrived: nobody was promised anything
    visit.backend.unreadable.append(b"POST /e/ HT")
    assert visit.breaches() == []


def test_a_loss(visit):
    gone = visit.backend.deliveries.pop(2)
    assert visit.breaches() == ["lost 1 acked events"]
    assert visit.breaches(may_lose=1) == []
    visit.backend.deliveries.append(replace(gone, taken=False))  # arrived, and the backend said that it can't
    assert "lost 1 acked events" in visit.breaches()


def test_private_data_in_a_body_a_head_a_broken_request_the_log_and_a_file(visit):
    first = visit.backend.deliveries[0]
    head, first.head = first.head, first.head + f"X-Forwarded-For: {ADDRESS}\r\n".encode()
    assert visit.breaches() == ["private data in what left"]
    first.head = head
    first.body = visit.crowd.sent[0].body
    assert visit.breaches() == ["private data in what left", "an event arrived otherwise than the rules make it"]
    visit.backend.deliveries[0] = delivered(judge_of(visit.home), visit.crowd.sent[0])
    visit.backend.unreadable.append(b"\x00" + MARK.encode())
    assert visit.breaches() == ["private data in what left"]
    visit.backend.unreadable.clear()
    visit.written += f"could not send to {MARK.upper()}\n"
    (visit.home / "var" / "core").write_text(MARK)
    try:
        assert visit.breaches() == ["private data in the log", "private data in a file"]
    finally:
        (visit.home / "var" / "core").unlink()


def test_a_body_that_is_masked_and_not_as_the_rules_say(visit):
    first = visit.backend.deliveries[0]
    first.body = first.body.replace(b"order sent", b"order lost")
    assert visit.breaches() == ["an event arrived otherwise than the rules make it"]
    visit.backend.deliveries.append(Delivery("/e/", b"", b'{"uuid": "of nobody"}', 1))
    visit.backend.deliveries.append(Delivery("/e/", b"", b"torn", 1))
    assert visit.breaches() == [
        "a body arrived that is no event",
        "an event arrived otherwise than the rules make it",
        "an event arrived that nobody sent",
    ]


def test_events_of_a_session_that_overtake(visit):
    deliveries = visit.backend.deliveries
    deliveries[0], deliveries[4] = deliveries[4], deliveries[0]
    assert visit.breaches() == ["1 sessions arrived out of order"]


def test_an_event_that_comes_again(visit):
    first = visit.backend.deliveries[0]
    visit.backend.deliveries.append(replace(first))
    assert visit.breaches() == ["1 events came again after they were taken"]
    assert visit.breaches(deaths=1) == []
    visit.way.links[1].cut = True  # then nobody could know whether the answer came through
    assert visit.breaches() == []
    first.followed = True
    assert visit.breaches() == ["1 events came again after they were taken"]


@pytest.mark.parametrize(
    "answer",
    [b"", b'{"status": 1', json.dumps({"status": 1, "id": "another's"}).encode()],
    ids=["none", "half", "other"],
)
def test_an_answer_that_is_not_the_backends(visit, answer):
    visit.crowd.sent[0].answer = Answer(200, {}, answer)
    assert visit.breaches() == ["a success that is neither the backend's whole answer nor the gateway's own word"]


def test_half_a_set_up_answer(visit):
    visit.crowd.set_up.append(Answer(200, {}, b'{"supportedCompression":["gzi'))
    assert visit.breaches() == ["half a set-up answer passed as a success"]
    visit.crowd.set_up[0] = Answer(502, {}, b"The backend could not be reached.")
    assert visit.breaches() == []
