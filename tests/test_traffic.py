"""The ring of what passed: bounded, numbered, and without anything unmasked unless it is told to keep it."""

import asyncio

import pytest

from gateway.core.masked import unseal
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.report import Finding
from gateway.log import Name
from gateway.traffic import Exchange, Traffic, Verdict

CAME = Inbound("POST", "/e/", Headers([("Content-Type", "application/json")]), b'{"email": "jane.doe@example.com"}')
LEFT = unseal(Outbound("POST", "/e/", Headers(), b'{"email": "***"}'), "0" * 64)


def pass_by(traffic, **told):
    told = {"verdict": Verdict.FORWARDED, "reason": "200", "sent": LEFT, "before": CAME, **told}
    exchange = Exchange(number=traffic.coming, at=1.0, **told)
    traffic.add(exchange)
    return exchange


def numbers(traffic):
    return [one.number for one in traffic]


def test_the_oldest_go_past_the_number_that_is_kept():
    traffic = Traffic(keep=True, most=3)
    for _ in range(5):
        pass_by(traffic)
    assert numbers(traffic) == [5, 4, 3]
    assert traffic.get(2) is None
    assert traffic.get(6) is None
    assert traffic.get(4).number == 4
    assert [one.number for one in traffic.since(3)] == [4, 5]


def test_the_oldest_go_past_the_bytes_that_are_kept():
    body = unseal(Outbound("POST", "/e/", Headers(), bytes(10_000)), "0" * 64)
    traffic = Traffic(keep=True, size=100_000)
    for _ in range(50):
        pass_by(traffic, sent=body, before=None)
        assert traffic.held <= 100_000
        assert traffic.held == sum(one.size for one in traffic)
    assert 5 < len(numbers(traffic)) < 10


def test_one_that_is_large_is_kept_without_its_bodies():
    traffic = Traffic(keep=True, size=100_000)
    pass_by(traffic)
    pass_by(traffic, sent=unseal(Outbound("POST", "/e/", Headers(), bytes(50_000)), "0" * 64))
    assert numbers(traffic) == [2, 1]
    kept = traffic.get(2)
    assert (kept.is_cut, kept.sent, kept.before) == (True, None, None)


def test_a_header_is_of_a_size_too():
    traffic = Traffic(keep=True)
    headers = Headers((f"x-{number}", "v" * 100) for number in range(500))
    pass_by(traffic, before=Inbound("POST", "/e/", headers))
    assert traffic.held > 100_000


def test_what_came_is_gone_once_debug_mode_is_off():
    traffic = Traffic(keep=True, debug=True)
    pass_by(traffic)
    held = traffic.held
    traffic.debug = False
    kept = traffic.get(1)
    assert (kept.before, kept.sent) == (None, LEFT)
    assert traffic.held == kept.size < held


@pytest.mark.parametrize("debug", [True, False])
def test_debug_mode_needs_something_that_keeps(debug):
    traffic = Traffic(debug=debug)
    traffic.debug = debug
    assert traffic.debug is False


def test_a_number_is_given_once():
    traffic = Traffic(keep=True)
    first = pass_by(traffic)
    with pytest.raises(ValueError, match="coming"):
        traffic.add(first)


async def told(traffic, number):
    return [one.number for one in await traffic.after(number)]


def test_whoever_waits_is_told_of_what_comes_and_of_what_came_meanwhile():
    async def story():
        traffic = Traffic(keep=True)
        waiting = [asyncio.create_task(told(traffic, 0)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()  # who goes takes nobody along
        await asyncio.sleep(0)
        pass_by(traffic)
        assert await asyncio.gather(*waiting[1:]) == [[1], [1]]
        pass_by(traffic)
        pass_by(traffic)
        return await told(traffic, 1)

    assert asyncio.run(story()) == [2, 3]


def test_what_rules_masked_is_counted_by_rule_and_detector():
    traffic = Traffic()
    card = Finding("detectors", "mask", "event.note", "event_properties", "payment_card")
    mail = Finding("detectors", "mask", "event.note", "event_properties", "email")
    traffic.count({card: 2, mail: 1}, 10.0)
    traffic.count({card: 1}, 20.0)
    samples = {(one.metric, *one.labels): one.value for one in traffic.samples()}
    assert samples["gateway_rule_values_total", Name("detectors"), Name("payment_card")] == 3
    assert samples["gateway_rule_values_total", Name("detectors"), Name("email")] == 1
    assert (traffic.rules["detectors"].count, traffic.rules["detectors"].last) == (4, 20.0)
