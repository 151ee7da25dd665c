"""How many connections one address holds open. Past its share, a further one is answered 503 and closed.

A connection costs little, but all of them together share descriptors: one client alone must not use them up. A proxy
that is trusted carries the connections of many visitors and is not counted; limits by visitor are its matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network

from gateway.proxy.trust import read_address


class Peers:
    """Connections by address. `at_most` tells an address's share (`inf` for no limit), each time anew."""

    def __init__(self, at_most: Callable[[str], float]) -> None:
        self._at_most = at_most
        self._open: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """Whether a further connection of this address is let in. One that is, leaves later."""
        holder = _holder(peer)
        if self._open.get(holder, 0) >= self._at_most(peer):
            return False
        self._open[holder] += 1
        return True

    def leave(self, peer: str) -> None:
        """A connection that was let in has ended."""
        holder = _holder(peer)
        self._open[holder] -= 1
        if self._open[holder] <= 0:
            del self._open[holder]

    def __len__(self) -> int:
        """How many addresses have connections open."""
        return len(self._open)


def _holder(peer: str) -> str:
    """Who is counted: an IPv4 address; of IPv6 the /64 network, of which one visitor has every address."""
    address = read_address(peer)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
