"""The plain HTTP listener beside a TLS one: 308 to GET and HEAD, 403 to anything with a body. It forwards nothing.

A body that came in plain has been seen by whoever listens; redirecting it would hide that from the site owner.
"""

from __future__ import annotations

from aiohttp import web

from gateway.core.message import Headers
from gateway.policy.answers import line
from gateway.proxy import framing
from gateway.proxy.counts import Counts
from gateway.proxy.framing import Received, Rejection, examine
from gateway.proxy.reply import Reply, rejection_line
from gateway.traffic import Verdict


class Redirect:
    """Sends browsers to the TLS listener. `port` is used where the browser named one, else HTTPS's own is meant."""

    def __init__(self, port: int, counts: Counts) -> None:
        self._port = port
        self._counts = counts

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer; its connection is closed."""
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        version = (request.version.major, request.version.minor)
        head = examine(Received(request.method, request.raw_path, version, headers))
        if isinstance(head, Rejection):
            response, reason = rejection_line(head), head.reason
        elif request.method in {"GET", "HEAD"} and not request.body_exists:
            location = f"https://{self._authority(head.host)}{head.target}"
            response, reason = line(308, "Use HTTPS.", ("Location", location)), "redirected"
        else:
            response, reason = rejection_line(framing.PLAIN), framing.PLAIN.reason
        self._counts.add(Verdict.REJECTED, reason)
        reply = Reply(response.status, response.headers, response.body)
        reply.force_close()
        return reply

    def _authority(self, host: str) -> str:
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal() or host.endswith("]"):
            return host
        return name if self._port == 443 else f"{name}:{self._port}"
