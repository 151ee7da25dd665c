"""How fast passwords may be tried: a wait that doubles with each failure, per account and per address.

    address   3 failures are free, then 2 s, 4 s … 5 min        account   8 are free, then 1 s, 2 s … 30 s

It ends by itself: nobody is locked out for ever, and an account whose owner is attacked waits half a minute at most. What
is not known is treated as what is: names that don't exist have waits of their own. Memory is bounded; the oldest go first.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MOST: Final = 10_000
FORGOTTEN_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many failures are free, and how the wait grows after them."""

    free: int
    first: float
    longest: float

    def wait(self, failures: int) -> float:
        """Seconds after so many failures."""
        over = failures - self.free
        return 0.0 if over <= 0 else float(min(self.longest, self.first * 2 ** min(over - 1, 30)))


ADDRESS: Final = Pace(3, 2.0, 300.0)
ACCOUNT: Final = Pace(8, 1.0, 30.0)


class Throttle:
    """Failures by account and by address, in memory. Times are seconds of any clock that only goes on."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._failures: OrderedDict[tuple[Pace, str], tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, account: str, address: str, now: float) -> float:
        """Seconds until the next try may be made; 0 for now."""
        return max(self._left(pace, name, now) for pace, name in _keys(account, address))

    def begin(self, account: str, address: str, now: float) -> None:
        """Counts a try before its password is looked at, as a failure: many at once are not looked at at once."""
        for key in _keys(account, address):
            failures, at = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - at > FORGOTTEN_SECONDS else failures + 1), now
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeed(self, account: str, address: str) -> None:
        """The try was a good one after all. Failures of the address stay: it may have tried other accounts."""
        mine, theirs = _keys(account, address)
        self._failures.pop(mine, None)
        failures, at = self._failures.pop(theirs, (0, 0.0))
        if failures > 1:
            self._failures[theirs] = failures - 1, at

    def _left(self, pace: Pace, name: str, now: float) -> float:
        failures, at = self._failures.get((pace, name), (0, now))
        return max(0.0, at + pace.wait(failures) - now)


def _keys(account: str, address: str) -> tuple[tuple[Pace, str], tuple[Pace, str]]:
    return (ACCOUNT, account.casefold()[:64]), (ADDRESS, address)
