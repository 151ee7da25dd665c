"""Who is the visitor, and did they come by HTTPS? Forwarding fields count only from peers in `trusted_proxies`.

The chain is read from the right (RFC 7239 section 8.1, and what every front says of X-Forwarded-For): each trusted
address vouches for the one to its left; the first one that is not trusted is the visitor. What cannot be read
(`unknown`, `_hidden`, garbage) ends the walk at the last address that could. The result is for the pipeline alone
(country, truncated address); the fields themselves never leave (`proxy.hop`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gateway.core.message import Headers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HOPS_AT_MOST = 64
# RFC 7239 section 4: token "=" (token / quoted-string)
_FORWARDED_PAIR = re.compile(r'\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*')


def read_address(text: str) -> Address | None:
    """The address in `203.0.113.7`, `203.0.113.7:80`, `[2001:db8::7]:80`, `fe80::1%eth0`; None for anything else.

    IPv4 mapped into IPv6 is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def forwarded_values(headers: Headers, parameter: str) -> list[str]:
    """One parameter's values in all `Forwarded` fields, left to right; an element without it gives an empty one."""
    return [element.get(parameter, "") for element in _forwarded_elements(headers.all("Forwarded"))][-_HOPS_AT_MOST:]


def _forwarded_elements(fields: list[str]) -> Iterable[dict[str, str]]:
    for field in fields:
        element: dict[str, str] = {}
        at = 0
        while at < len(field):
            match = _FORWARDED_PAIR.match(field, at)
            if match is not None:
                name, quoted, token = match.groups()
                element[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
                at = match.end()
            end = at
            while end < len(field) and field[end] not in ";,":
                end += 1  # what is no pair is skipped to the next separator
            if end >= len(field) or field[end] == ",":
                yield element
                element = {}
            at = end + 1


@dataclass(frozen=True, slots=True)
class Trust:
    """The networks of `trusted_proxies`."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Trust:
        """From CIDR texts; raises ValueError for one that isn't."""
        return cls(tuple(ip_network(network, strict=False) for network in networks))

    def includes(self, address: Address | None) -> bool:
        """Whether the address is one of a trusted proxy."""
        return address is not None and any(
            address in network for network in self.networks if network.version == address.version
        )

    def visitor(self, peer: str, headers: Headers) -> str:
        """The visitor's address: the peer's, unless the peer is trusted and tells another."""
        address = read_address(peer)
        if address is None or not self.includes(address):
            return str(address) if address is not None else ""
        chain = ",".join(headers.all("X-Forwarded-For")).split(",") if "X-Forwarded-For" in headers else []
        for told in reversed(chain[-_HOPS_AT_MOST:] or forwarded_values(headers, "for")):
            nearer = read_address(told)
            if nearer is None:
                break
            address = nearer
            if not self.includes(address):
                break
        return str(address)

    def says_https(self, peer: str, headers: Headers) -> bool:
        """Whether a trusted peer says, and no field contradicts, that the visitor came by HTTPS."""
        if not self.includes(read_address(peer)):
            return False
        told = [part.strip().lower() for value in headers.all("X-Forwarded-Proto") for part in value.split(",")]
        told = told or [value.lower() for value in forwarded_values(headers, "proto") if value]
        return bool(told) and all(scheme == "https" for scheme in told)
