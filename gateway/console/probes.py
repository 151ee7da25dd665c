"""The three answers for whoever watches the process.

/live      200 while the event loop turns
/ready     200, or 503 where traffic should go elsewhere; JSON with the reasons either way
/metrics   Prometheus' text format
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
from aiohttp import web

from gateway.console.metrics import Exposition
from gateway.status import UNREADY, Source

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Probes:
    """Asks the sources at each look."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._exposition = Exposition(sources)
        self.answers: dict[str, Callable[[], web.Response]] = {
            "/live": self._live,
            "/ready": self._ready,
            "/metrics": self._metrics,
        }

    def _live(self) -> web.Response:
        return _answer(200, b"live\n")

    def _ready(self) -> web.Response:
        troubles = list(dict.fromkeys(one for source in self._sources for one in source.troubles()))
        is_ready = not any(trouble.reason in UNREADY for trouble in troubles)
        told = {
            "ready": is_ready,
            "reasons": [
                {"reason": trouble.reason.value, "about": str(trouble.about)}
                if trouble.about
                else {"reason": trouble.reason.value}
                for trouble in troubles
            ],
        }
        body = orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
        return _answer(200 if is_ready else 503, body, "application/json")

    def _metrics(self) -> web.Response:
        return _answer(200, self._exposition.text(), _METRICS)


def _answer(status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": kind})
