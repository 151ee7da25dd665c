"""truncate: an address keeps its network (IPv4 /24, IPv6 /48), other text its first characters, or nothing.

No more than a /24 of an IPv4 address survives inside an IPv6 one either (mapped, 6to4). Ports become 0: behind a
carrier's NAT, a port and a time name a subscriber. Zones go. Lists (`a, b`) are truncated address by address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

from gateway.core.plugin import Operator, Situation
from gateway.operators.mask import mask_text
from gateway.operators.parameters import check_names, read_count
from gateway.operators.shapes import for_text

PARAMETERS = {"length": "how many characters stay of text that is no IP address; without it, such text is masked"}

_LONGEST = 64  # characters of one address with brackets, zone and port
_ADDRESS = re.compile(
    r"(?P<before>\s*)(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?P<port6>:\d{1,5})?"
    r"|(?P<four>\d{1,3}(?:\.\d{1,3}){3})(?P<port4>:\d{1,5})?"
    r"|(?P<six>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(?:%\S*)?)(?P<after>\s*)"
)
_KEPT_BITS = 48
_KEPT_BITS_6TO4 = 16 + 24  # RFC 3056: the IPv4 address stands right behind 2002::/16


def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(IPv4Address(int(address) >> 8 << 8))
    if address.ipv4_mapped is not None:
        return f"::ffff:{_network(address.ipv4_mapped)}"
    dropped = 128 - (_KEPT_BITS_6TO4 if address.sixtofour is not None else _KEPT_BITS)
    return str(IPv6Address(int(address) >> dropped << dropped))


def _truncate_one(text: str) -> str | None:
    found = _ADDRESS.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    try:
        network = _network(ip_address(found["bracketed"] or found["four"] or found["six"]))
    except ValueError:
        return None
    if found["bracketed"]:
        network = f"[{network}]"
    port = ":0" if found["port6"] or found["port4"] else ""
    return f"{found['before']}{network}{port}{found['after']}"


def truncate_address(text: str) -> str | None:
    """The network of an IP address, or of each one in a list; None where the text is anything else."""
    parts = [_truncate_one(part) for part in text.split(",", 64)]
    networks = [part for part in parts if part is not None]
    return ",".join(networks) if len(networks) == len(parts) else None


def _truncate(text: str, length: int) -> str:
    network = truncate_address(text)
    if network is not None:
        return network
    start = text[:length]
    network = truncate_address(start)  # a cut can leave what reads as an address
    return start if network is None else network


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("truncate", given, PARAMETERS)
    length = read_count("truncate", given, "length", least=1, most=10_000)
    if length is None:
        return for_text(lambda text: truncate_address(text) or mask_text(text))
    return for_text(lambda text: _truncate(text, length))


TRUNCATE = Operator(name="truncate", strength=30, parameters=PARAMETERS, prepare=_prepare)
