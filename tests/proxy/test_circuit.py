"""The breaker by a clock of its own: when it opens, who tries, and what closes it."""

import pytest

from gateway.proxy.circuit import FAILURES, PAUSE_SECONDS, Circuit


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return Circuit(clock)


def fail(circuit, times=FAILURES):
    for _ in range(times):
        assert circuit.begin() == 0
        circuit.missed()


def test_it_opens_after_failures_in_a_row_alone(circuit):
    fail(circuit, FAILURES - 1)
    circuit.begin()
    circuit.reached()
    fail(circuit, FAILURES - 1)
    assert not circuit.is_open
    fail(circuit, 1)
    assert circuit.is_open
    assert circuit.begin() == PAUSE_SECONDS


def test_after_the_pause_one_tries_and_the_others_wait(circuit, clock):
    fail(circuit)
    clock.now += PAUSE_SECONDS
    assert circuit.begin() == 0
    assert circuit.begin() > 0
    circuit.missed()
    assert circuit.begin() == PAUSE_SECONDS
    clock.now += PAUSE_SECONDS
    assert circuit.begin() == 0
    circuit.reached()
    assert not circuit.is_open
    assert circuit.begin() == circuit.begin() == 0


def test_a_try_that_ends_without_telling_lets_the_next_one_try(circuit, clock):
    fail(circuit)
    clock.now += PAUSE_SECONDS
    assert circuit.begin() == 0
    circuit.undecided()
    assert circuit.is_open
    assert circuit.begin() == 0


def test_failures_that_began_before_it_opened_do_not_hold_it_open(circuit, clock):
    for _ in range(FAILURES + 3):
        assert circuit.begin() == 0
    for _ in range(FAILURES):
        circuit.missed()
    clock.now += PAUSE_SECONDS / 2
    for _ in range(3):
        circuit.missed()
    clock.now += PAUSE_SECONDS / 2
    assert circuit.begin() == 0
