"""Who a request comes from, and whether it may come at all.

Host         an address of this machine, an address as such, or a name of `console.hosts`: what DNS rebinding can't name
session      a cookie; what changes something must come from a page of ours (Sec-Fetch-Site, Origin) and carry its proof
token        `Authorization: Bearer`; cookies are not looked at then, so no other site can use it
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from aiohttp import web

from gateway.console.call import Actor, Desk

PROOF_HEADER = "X-Gateway-Proof"
PROOF_FIELD = "proof"
SAFE = frozenset({"GET", "HEAD"})


def cookie_name(*, secure: bool) -> str:
    """The session's cookie; with TLS, of a name that no other host or path can set (RFC 6265bis section 4.1.3)."""
    return "__Host-gateway-console" if secure else "gateway-console"


def is_known_host(host: str, names: Sequence[str], *, loopback: bool) -> bool:
    """Whether a `Host` is one that this console answers to."""
    name = (host if host.endswith("]") else host.rpartition(":")[0] or host).lower()
    if name in names:
        return True
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return loopback and name in {"localhost", "localhost."}
    return address.is_loopback if loopback else True  # an address is no name that a stranger can point here


def is_from_here(request: web.Request) -> bool:
    """Whether a page of this very origin sent it, as the browser says."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None and origin is None:
        return False
    here = origin is None or origin.partition("://")[2].lower() == request.headers.get("Host", "").lower()
    return here and site in {None, "same-origin"}


def is_proven(actor: Actor, proof: str) -> bool:
    """Whether a form or a script of this session sent it."""
    return hmac.compare_digest(actor.proof.encode(), proof.encode("utf-8", "replace"))


def address_of(request: web.Request) -> str:
    """Whose tries are counted together: an IPv4 address, or an IPv6 network of 64 bits."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    try:
        address = ip_address(str(peer[0]).partition("%")[0]) if peer else None
    except ValueError:
        address = None
    if address is None:
        return ""
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


async def who(request: web.Request, desk: Desk, *, secure: bool) -> Actor | None:
    """The one who calls, if anybody is known to."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    now = time.time()
    if scheme:
        found = await desk.run(desk.tokens.find, text.strip(), now) if scheme.lower() == "bearer" else None
        if found is None:
            return None
        token, account, role = found
        return Actor(account.name, role, token.name, until=token.expires)
    cookie = request.cookies.get(cookie_name(secure=secure))
    if not cookie or request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        return None
    # a live page asks again and again by itself: left open, it keeps nobody logged in
    by_hand = request.headers.get("Accept") != "text/event-stream"
    visit = await desk.run(desk.visits.find, cookie, now, by_hand=by_hand)
    if visit is None:
        return None
    return Actor(visit.account.name, visit.account.role, "log-in", visit.proof, visit.token)
