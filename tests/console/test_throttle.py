"""Tries are slowed down, by account and by address, with a bound on time and on memory."""

from gateway.console.throttle import ACCOUNT, ADDRESS, FORGOTTEN_SECONDS, Throttle


def fail(throttle, account, address, times, now=0.0):
    for _ in range(times):
        throttle.begin(account, address, now)


def test_waits_double_and_end():
    assert [ADDRESS.wait(failures) for failures in (0, 3, 4, 5, 6, 50, 5000)] == [0, 0, 2, 4, 8, 300, 300]
    assert [ACCOUNT.wait(failures) for failures in (8, 9, 10, 50)] == [0, 1, 2, 30]
    throttle = Throttle()
    fail(throttle, "ann", "192.0.2.1", 5)
    assert throttle.wait("bob", "192.0.2.1", 1.0) == 3.0
    assert throttle.wait("bob", "192.0.2.1", 4.0) == 0.0
    fail(throttle, "bob", "192.0.2.1", 1, FORGOTTEN_SECONDS + 1)
    assert throttle.wait("bob", "192.0.2.1", FORGOTTEN_SECONDS + 1) == 0.0


def test_an_account_is_guarded_against_many_addresses_and_never_for_long():
    throttle = Throttle()
    for number in range(1000):
        throttle.begin("ann", f"192.0.2.{number}", 0.0)
    assert throttle.wait("ann", "198.51.100.1", 0.0) == ACCOUNT.longest == 30.0
    assert throttle.wait("ANN", "198.51.100.1", 0.0) == 30.0


def test_an_account_of_ones_own_does_not_wash_an_address_clean():
    throttle = Throttle()
    for _ in range(20):
        fail(throttle, "victim", "192.0.2.1", 1)
        throttle.begin("mine", "192.0.2.1", 0.0)
        throttle.succeed("mine", "192.0.2.1")
    assert throttle.wait("other", "192.0.2.1", 0.0) == ADDRESS.longest


def test_memory_is_bounded():
    throttle = Throttle(most=100)
    for number in range(1000):
        throttle.begin(f"name{number}", f"address{number}", 0.0)
    assert len(throttle) == 100
