"""What a request must be before anyone looks at its content (RFC 9110, RFC 9112). Everything else is turned away.

The parser under us (llhttp, strict) refuses broken framing: both lengths, odd chunks, folded lines, bare line ends.
Here stands what it lets through, measured: codings beside `chunked`, Transfer-Encoding in HTTP/1.0, TRACE, foreign
authorities, bytes that are not ASCII. A rejected request is answered, its connection closed, and nothing is forwarded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.core.message import Headers

FIELDS_SIZE = 32 * 1024
ODD_VERSION = ":version"
"""Stands in place of all fields of a request that is neither HTTP/1.1 nor HTTP/1.0: a name that no parser lets through."""

# RFC 3986 section 3.2.2 without userinfo: reg-name, IPv4 or IP-literal, then a port
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_TARGET = re.compile(r"[!-~]+")
_DOTS = re.compile(r"(?:\.|%2e){2}", re.IGNORECASE)
_PORTS = range(1, 65536)
_METHOD = re.compile(r"[A-Z][A-Z_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Rejection:
    """The status and the one plain line that a client gets, and the word that is counted."""

    status: int
    line: str
    reason: str


VERSION = Rejection(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.", "version")
NOT_ASCII = Rejection(400, "A header field holds bytes that are not ASCII.", "not_ascii")
FIELDS_TOO_LARGE = Rejection(431, "The header fields are too large.", "fields_too_large")
CODED_TRANSFER = Rejection(501, "Of transfer codings, only chunked is accepted.", "transfer_coding")
OLD_TRANSFER = Rejection(400, "Transfer-Encoding needs HTTP/1.1.", "transfer_coding_1_0")
METHOD = Rejection(405, "This method is not accepted.", "method")
HOST = Rejection(400, "The Host field is missing or malformed.", "host")
MISDIRECTED = Rejection(421, "The target's authority is not the one of the Host field.", "misdirected")
TARGET = Rejection(400, "The request target is malformed.", "target")
UPGRADE = Rejection(501, "WebSocket connections are not accepted.", "upgrade")
EXPECTATION = Rejection(417, "Only 100-continue can be expected.", "expectation")
LOOP = Rejection(508, "The request came from this gateway: a route's upstream leads back to it.", "loop")
NO_ROUTE = Rejection(404, "No route leads here.", "no_route")
TYPES = Rejection(400, "Content-Type stands more than once.", "content_types")
PARTIAL = Rejection(400, "A part of a body (Content-Range) cannot be masked.", "partial")
BODY_TOO_LARGE = Rejection(413, "The body is larger than this gateway accepts.", "too_large")
BODY_TOO_SLOW = Rejection(408, "The body did not arrive in time.", "body_too_slow")
BODY_BROKEN = Rejection(400, "The body is not framed as its header fields say.", "body_framing")
CONNECTIONS = Rejection(503, "This address has too many connections open.", "connections")
PLAIN = Rejection(403, "This gateway accepts HTTPS only.", "plain_http")
BUSY = Rejection(503, "Too much is under way; try again in a moment.", "busy")
DEFECT = Rejection(400, "The request could not be processed and was dropped.", "fault")


@dataclass(frozen=True, slots=True)
class Received:
    """A request's head as the parser handed it over. `headers` are decoded as latin-1: one character a byte."""

    method: str
    target: str
    version: tuple[int, int]
    headers: Headers


@dataclass(frozen=True, slots=True)
class Head:
    """A head without objections: the authority (lower case, with port) and the target in origin form."""

    host: str
    target: str


def examine(received: Received) -> Head | Rejection:
    """What is wrong with a request's head, or where it wants to go."""
    headers = received.headers
    if ODD_VERSION in headers:
        return VERSION
    if any(not (name.isascii() and value.isascii()) for name, value in headers):
        return NOT_ASCII
    if sum(len(name) + len(value) + 4 for name, value in headers) > FIELDS_SIZE:
        return FIELDS_TOO_LARGE
    codings = headers.all("Transfer-Encoding")
    if codings and received.version < (1, 1):
        return OLD_TRANSFER
    if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
        return CODED_TRANSFER
    if codings and "Content-Length" in headers:
        return BODY_BROKEN
    if received.method in {"TRACE", "CONNECT"} or not _METHOD.fullmatch(received.method):
        return METHOD
    hosts = headers.all("Host")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]) or not _names_a_port(hosts[0]):
        return HOST
    host = hosts[0].lower()
    target = received.target
    if not target.startswith("/"):
        scheme, _, rest = target.partition("://")
        authority, slash, path = rest.partition("/")
        if scheme.lower() not in {"http", "https"}:
            return TARGET
        if authority.lower() != host:
            return MISDIRECTED
        target = slash + path
    if not target.startswith("/") or not _TARGET.fullmatch(target) or "#" in target:
        return TARGET
    if any(_DOTS.fullmatch(segment) for segment in re.split(r"[/\\]|%2f|%5c", target.partition("?")[0].lower())):
        return TARGET  # a way out of the route's prefix and the upstream's path
    if "websocket" in headers.get("Upgrade").lower():
        return UPGRADE
    if expects_continue(received) and [value.lower() for value in headers.all("Expect")] != ["100-continue"]:
        return EXPECTATION
    if len(headers.all("Content-Type")) > 1:
        return TYPES  # masked by the first, read by the last: no
    if "Content-Range" in headers:
        return PARTIAL  # RFC 9110 section 14.5; a value may be cut in two between parts
    return Head(host, target)


def _names_a_port(host: str) -> bool:
    """Whether the port, where there is one, is one that can be connected to."""
    _, colon, port = host.rpartition(":")
    return not colon or port.endswith("]") or int(port) in _PORTS


def expects_continue(received: Received) -> bool:
    """Whether the client waits for `100 Continue` before its body (RFC 9110 section 10.1.1: not in HTTP/1.0)."""
    return received.version >= (1, 1) and "Expect" in received.headers
