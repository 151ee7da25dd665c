"""The decision: each signal by its switch, and the reason that is counted."""

import pytest

from gateway.core.message import Headers, Inbound
from gateway.policy.decision import Objection, decide
from gateway.policy.devices import is_mobile
from gateway.policy.signals import OptOut

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

CASES = {
    "nothing": ([], {}, None),
    "stopped": ([], {"record": False}, Objection.RECORD_OFF),
    "stopped and opted out": ([("DNT", "1")], {"record": False}, Objection.RECORD_OFF),
    "cookie": ([("Cookie", "out=1")], {}, Objection.COOKIE),
    "gpc": ([("Sec-GPC", "1")], {}, Objection.GPC),
    "dnt": ([("DNT", "1")], {}, Objection.DNT),
    "a phone": ([("User-Agent", IPHONE)], {"record_mobile": False}, Objection.MOBILE),
    "a phone that is wanted": ([("User-Agent", IPHONE)], {}, None),
    "a desktop": ([("User-Agent", DESKTOP)], {"record_mobile": False}, None),
}


def ask(headers, opt_out=None, **more):
    inbound = Inbound("GET", "/", Headers(headers))
    return decide(inbound, opt_out or OptOut(cookies=("out", "leave")), **more).objection


@pytest.mark.parametrize(("headers", "more", "expected"), CASES.values(), ids=CASES)
def test_each_reason_is_told(headers, more, expected):
    assert ask(headers, **more) is expected


def test_any_of_several_cookies_counts():
    assert ask([("Cookie", "leave=1")]) is Objection.COOKIE


@pytest.mark.parametrize(("name", "switch"), [("Sec-GPC", "gpc"), ("DNT", "dnt")])
def test_a_signal_that_is_switched_off_does_not_count(name, switch):
    assert ask([(name, "1")], OptOut(**{switch: False})) is None


@pytest.mark.parametrize(
    ("headers", "mobile"),
    [
        ([("Sec-CH-UA-Mobile", "?1")], True),
        ([("Sec-CH-UA-Mobile", "?0"), ("User-Agent", DESKTOP)], False),
        ([("User-Agent", "okhttp/4.12.0")], True),
        ([("User-Agent", "shop/1.0 CFNetwork/1490 Darwin/23.6.0")], True),
        ([("User-Agent", "Mozilla/5.0 (Linux; Android 15; Tablet) Firefox/140.0")], True),
        ([("User-Agent", "sentry.java.android/8.0.0")], True),
        ([("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15")], False),
        ([], False),
    ],
)
def test_mobile_devices_are_told_by_what_they_say(headers, mobile):
    assert is_mobile(Headers(headers)) is mobile
