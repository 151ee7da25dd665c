"""Traces, where they are wanted: a span for each request and its parts, sent to a collector as OTLP over HTTP.

Made of what `traffic` tells of a request once it has ended, so that no request waits for it: who is behind misses some. A
span's attributes are words of closed lists, names that the site owner wrote, and sizes. Each trace begins here: what a
browser says of one (`traceparent`) is neither believed nor sent on. Invariant: nothing of a visitor is in a span.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gateway import __version__
from gateway.config import TracingSettings
from gateway.core.errors import UserError
from gateway.traffic import Exchange, Traffic, Verdict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_SECOND: Final = 1_000_000_000
_MISSING: Final = "traces need a library that is not there: pip install 'masking-gateway[otel]'"
_WRONG: Final = frozenset({Verdict.REFUSED, Verdict.REJECTED, Verdict.FAILED, Verdict.DROPPED})


def make_exporter(endpoint: str) -> SpanExporter:
    """Sends to a collector: `endpoint` is its URL for traces, as in https://collector.example:4318/v1/traces."""
    try:
        import requests  # noqa: PLC0415 - an extra's
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - the same
    except ImportError:
        raise UserError(_MISSING) from None
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment, and no .netrc
    return OTLPSpanExporter(endpoint=endpoint, session=session)


def make_tracing(settings: TracingSettings | None, traffic: Traffic) -> Tracing | None:
    """What follows the traffic, where the configuration says so. Raises `UserError` where the library is missing."""
    return None if settings is None else Tracing(traffic, settings.sample, make_exporter(settings.endpoint))


class Tracing:
    """Follows the traffic. `share`: of requests that are traced, 0 to 1."""

    def __init__(self, traffic: Traffic, share: float, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra's
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415 - the same

        resource = Resource({"service.name": "masking-gateway", "service.version": __version__})
        self._provider = TracerProvider(sampler=TraceIdRatioBased(share), resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gateway")
        self._traffic = traffic

    async def run(self) -> None:
        """Until cancelled; then what there is is sent."""
        number = self._traffic.coming - 1
        try:
            while True:
                for exchange in await self._traffic.after(number):
                    self.tell(exchange)
                    number = exchange.number
        finally:
            await asyncio.to_thread(self._provider.shutdown)

    def tell(self, exchange: Exchange) -> None:
        """The spans of one request."""
        from opentelemetry.context import Context  # noqa: PLC0415 - an extra's
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # noqa: PLC0415 - the same

        one = exchange
        attributes = {
            "http.request.method": one.method.value,
            "http.request.body.size": one.size_in,
            "gateway.route": one.route,
            "gateway.tracker": one.tracker,
            "gateway.verdict": one.verdict.value,
            "gateway.reason": one.reason,
            "gateway.masked_values": one.masked,
            "gateway.sent.body.size": one.size_out,
            "gateway.program": one.program,
        }
        whole = self._tracer.start_span(
            "request", Context(), SpanKind.SERVER, {name: told for name, told in attributes.items() if told != ""},
            start_time=_nanoseconds(one.at),
        )  # fmt: skip
        inside = set_span_in_context(whole, Context())
        masked_from = one.masked_at - one.masking
        parts = (
            ("read", one.at, masked_from if one.masked_at else one.ended_at, SpanKind.INTERNAL),
            ("mask", masked_from, one.masked_at, SpanKind.INTERNAL),
            ("upstream", one.answered_at - one.upstream, one.answered_at, SpanKind.CLIENT),
        )
        for name, start, end, kind in parts:
            if end:
                span = self._tracer.start_span(name, inside, kind, start_time=_nanoseconds(start))
                span.end(_nanoseconds(max(start, end)))
        if one.verdict in _WRONG:
            whole.set_status(Status(StatusCode.ERROR))
        whole.end(_nanoseconds(max(one.at, one.ended_at)))


def _nanoseconds(at: float) -> int:
    return int(at * _SECOND)
