"""Which fields cross the gateway. RFC 9110 section 7.6.1:

    "Intermediaries MUST parse a received Connection header field before a message is forwarded and, for each
    connection-option in this field, remove any header or trailer field(s) from the message with the same name as the
    connection-option, and then remove the Connection header field itself."

    "... some fields … MUST be removed … whether or not they appear as a connection-option": the fixed set below.

A nomination never removes a field that masking, framing or routing rely on. And a promise of this product: no field
that carries the visitor's address or place reaches the backend, from trusted and untrusted peers alike.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from gateway.core.message import Headers

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-authentication-info",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    }
)

NOT_TO_BE_NOMINATED = frozenset({"host", "content-type", "content-length", "content-encoding", "cookie", "origin"})
"""Naming one of these in `Connection` has no effect: the message would mean something else without it."""

OURS = frozenset({"host", "content-length", "expect", "via", "max-forwards"})
"""Request fields that the gateway writes, answers or counts itself."""

DIGESTS = frozenset({"content-md5", "digest", "content-digest", "repr-digest", "x-content-md5", "x-amz-content-sha256"})
"""Digests of the unmasked body: wrong after masking, and a way to guess what was masked."""

ADDRESS_FIELDS = frozenset(
    {
        "forwarded",
        "x-forwarded",
        "x-client",
        "x-host",
        "x-original-host",
        "x-real-port",
        "x-coming-from",
        "cf-ray",
        "cf-visitor",
        "cf-worker",
        "cf-ew-via",
        "x-edgescape",
        "x-akamai-edgescape",
        "x-azure-ref",
        "x-amz-cf-id",
        "x-envoy-downstream-service-node",
        "x-arr-clientcert",
        "x-azure-fdid",
        "x-cdn-src-port",
    }
)
"""Single names that tell where a visitor is. Families and endings are below."""

ADDRESS_FAMILIES = (
    "x-forwarded-",
    "x-original-forwarded",
    "cf-ip",
    "cf-connecting-",
    "cf-pseudo-",
    "cloudfront-viewer-",
    "x-appengine-",
    "x-vercel-ip-",
    "x-geo-",
    "x-geoip-",
    "geoip-",
    "x-client-geo-",
    "fastly-client",
    "fastly-geo-",
    "x-country",
    "x-city",
    "x-region",
    "x-nf-geo",
    "x-nf-client-",
    "x-akamai-client-",
)

ADDRESS_ENDINGS: tuple[tuple[str, ...], ...] = (
    ("ip",),
    ("ipv4",),
    ("ipv6",),
    ("clientip",),
    ("realip",),
    ("remoteip",),
    ("socketip",),
    ("sourceip",),
    ("userip",),
    ("ipaddress",),
    ("ip", "address"),
    ("ip", "port"),
    ("forwarded", "for"),
    ("forwardedfor",),
    ("remote", "addr"),
    ("remote", "address"),
    ("remote", "host"),
    ("client", "addr"),
    ("client", "address"),
    ("peer", "address"),
    ("source", "address"),
    ("external", "address"),
    ("viewer", "address"),
    ("ip", "country"),
    ("ip", "city"),
)
"""Whole words at the end of a name: `x-envoy-external-address`, `my-cdn-client-ip`, `Client_IP`."""

ORIGIN_WIDE = frozenset(
    {
        "strict-transport-security",
        "alt-svc",
        "nel",
        "report-to",
        "reporting-endpoints",
        "clear-site-data",
        "public-key-pins",
        "public-key-pins-report-only",
        "expect-ct",
        "accept-ch",
        "critical-ch",
        "origin-agent-cluster",
    }
)
"""Answer fields that a browser applies to the whole origin, which is the site's and not the backend's. `NEL`,
`Report-To` and `Alt-Svc` would even make the visitor's browser call the backend itself, with its address."""

BRAND = frozenset({"server", "via"})

_PSEUDONYM = re.compile(r"1\.[01] (gateway-[0-9a-f]{8})")


def _plain(name: str) -> str:
    """A name as servers read it that turn names into variables: `Content_Length` is `Content-Length` to them."""
    return name.lower().replace("_", "-")


def nominated(headers: Headers) -> frozenset[str]:
    """The field names that `Connection` lists, without those it has no say over."""
    options = (option.strip().lower() for value in headers.all("Connection") for option in value.split(","))
    return frozenset(option for option in options if option) - NOT_TO_BE_NOMINATED


def tells_address(name: str) -> bool:
    """Whether a field of this name may carry the visitor's address or place."""
    name = _plain(name)
    if name in ADDRESS_FIELDS or name.startswith(ADDRESS_FAMILIES):
        return True
    words = tuple(name.split("-"))
    return any(words[-len(ending) :] == ending for ending in ADDRESS_ENDINGS)


def request_fields(headers: Headers) -> Headers:
    """What the pipeline gets to see: the request's fields without connection matters, addresses and digests."""
    gone = HOP_BY_HOP | OURS | DIGESTS | nominated(headers)
    return Headers(pair for pair in headers if _plain(pair[0]) not in gone and not tells_address(pair[0]))


def telling_fields(headers: Headers) -> Headers:
    """The request's fields without connection matters alone: what masking, or taking off, is worth a look at."""
    gone = HOP_BY_HOP | OURS | nominated(headers)
    return Headers(pair for pair in headers if _plain(pair[0]) not in gone)


def outgoing_fields(method: str, masked: Headers, came: Headers, pseudonym: str) -> Headers:
    """The masked fields with our own `Via`, and `Max-Forwards` of OPTIONS counted down (RFC 9110 section 7.6.2).

    An address that masking put in stays.
    """
    gone = HOP_BY_HOP | OURS | DIGESTS
    ours = [("Via", ", ".join([*(f"1.1 {name}" for name in known_gateways(came)), f"1.1 {pseudonym}"]))]
    forwards = came.get("Max-Forwards")
    if forwards.isdecimal() and len(forwards) < 6:
        ours.append(("Max-Forwards", str(max(int(forwards) - 1, 0)) if method == "OPTIONS" else forwards))
    return Headers([*(pair for pair in masked if pair[0].lower() not in gone), *ours])


def answer_fields(headers: Headers, set_cookies: tuple[str, ...]) -> Headers:
    """The backend's answer fields that the browser gets: not those for one connection, nor those for a whole origin.

    Of `Set-Cookie`, only the cookies whose names are listed (as globs).
    """
    gone = HOP_BY_HOP | ORIGIN_WIDE | BRAND | nominated(headers)
    return Headers(
        (name, value)
        for name, value in headers
        if name.lower() not in gone
        and (name.lower() != "set-cookie" or _is_listed(value.partition("=")[0].strip(), set_cookies))
    )


def _is_listed(cookie: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(cookie, glob) for glob in globs)


def known_gateways(headers: Headers) -> list[str]:
    """The pseudonyms of gateways like this one in `Via`. Nothing else of it is passed on: it may hold addresses."""
    entries = [entry.strip() for value in headers.all("Via") for entry in value.split(",")]
    return [match[1] for entry in entries[-64:] if (match := _PSEUDONYM.fullmatch(entry))]
