"""The OpenTelemetry protocol's export requests in Protocol Buffers, logs, traces and metrics (opentelemetry-proto 1.x).

Keys are those of OTLP/JSON, so that whoever reads one reads both; ids are hex digits there, and here. Recognised by its
bytes: the whole body must be one of the three requests by the tables below. Fields of later versions are named to
whoever sends, to be cut out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.opening import leaves
from gateway.formats.protobuf import BOOL, BYTES, ID, TEXT, Field, Messages, ProtobufLayer, Reader

if TYPE_CHECKING:
    from gateway.core.document import Layer, Leaf
    from gateway.core.limits import Budget


def _many(name: str, kind: str) -> Field:
    return Field(name, kind, repeated=True)


_SCHEMA_URL: Final = Field("schemaUrl", TEXT)


def _requests(telling: str, records: str, record: str) -> dict[str, dict[int, Field]]:
    """The three outer messages, which logs, traces and metrics have alike."""
    return {
        f"Export{telling}": {1: _many(f"resource{telling}", f"Resource{telling}")},
        f"Resource{telling}": {
            1: Field("resource", "Resource"), 2: _many(f"scope{telling}", f"Scope{telling}"), 3: _SCHEMA_URL,
        },
        f"Scope{telling}": {
            1: Field("scope", "InstrumentationScope"), 2: _many(records, record), 3: _SCHEMA_URL,
        },
    }  # fmt: skip


_ATTRIBUTES: Final = _many("attributes", "KeyValue")
_DROPPED: Final = Field("droppedAttributesCount", "uint")
_START: Final = Field("startTimeUnixNano", "fixed64")
_TIME: Final = Field("timeUnixNano", "fixed64")
_FLAGS: Final = Field("flags", "uint")
_EXEMPLARS: Final = _many("exemplars", "Exemplar")
_TRACE: Final = Field("traceId", ID)
_SPAN: Final = Field("spanId", ID)
_COUNT: Final = Field("count", "fixed64")
_SUM: Final = Field("sum", "double")
_MIN: Final = Field("min", "double")
_MAX: Final = Field("max", "double")
_POINTS: Final = {
    "Gauge": "Number", "Sum": "Number", "Histogram": "Histogram", "ExponentialHistogram": "Exponential",
    "Summary": "Summary",
}  # fmt: skip
_TEMPORALITY: Final = Field("aggregationTemporality", "uint")

MESSAGES: Final[Messages] = {
    **_requests("Logs", "logRecords", "LogRecord"),
    **_requests("Spans", "spans", "Span"),
    **_requests("Metrics", "metrics", "Metric"),
    "Resource": {1: _ATTRIBUTES, 2: _DROPPED, 3: _many("entityRefs", "EntityRef")},
    "EntityRef": {
        1: _SCHEMA_URL, 2: Field("type", TEXT), 3: _many("idKeys", TEXT), 4: _many("descriptionKeys", TEXT),
    },
    "InstrumentationScope": {1: Field("name", TEXT), 2: Field("version", TEXT), 3: _ATTRIBUTES, 4: _DROPPED},
    "KeyValue": {1: Field("key", TEXT), 2: Field("value", "AnyValue")},
    "AnyValue": {
        1: Field("stringValue", TEXT), 2: Field("boolValue", BOOL), 3: Field("intValue", "int"),
        4: Field("doubleValue", "double"), 5: Field("arrayValue", "ArrayValue"),
        6: Field("kvlistValue", "KeyValueList"), 7: Field("bytesValue", BYTES),
    },
    "ArrayValue": {1: _many("values", "AnyValue")},
    "KeyValueList": {1: _many("values", "KeyValue")},
    "LogRecord": {
        1: _TIME, 2: Field("severityNumber", "uint"), 3: Field("severityText", TEXT), 5: Field("body", "AnyValue"),
        6: _ATTRIBUTES, 7: _DROPPED, 8: Field("flags", "fixed32"), 9: _TRACE, 10: _SPAN,
        11: Field("observedTimeUnixNano", "fixed64"), 12: Field("eventName", TEXT),
    },
    "Span": {
        1: _TRACE, 2: _SPAN, 3: Field("traceState", TEXT), 4: Field("parentSpanId", ID), 5: Field("name", TEXT),
        6: Field("kind", "uint"), 7: _START, 8: Field("endTimeUnixNano", "fixed64"), 9: _ATTRIBUTES, 10: _DROPPED,
        11: _many("events", "SpanEvent"), 12: Field("droppedEventsCount", "uint"), 13: _many("links", "SpanLink"),
        14: Field("droppedLinksCount", "uint"), 15: Field("status", "Status"), 16: Field("flags", "fixed32"),
    },
    "SpanEvent": {1: _TIME, 2: Field("name", TEXT), 3: _ATTRIBUTES, 4: _DROPPED},
    "SpanLink": {
        1: _TRACE, 2: _SPAN, 3: Field("traceState", TEXT), 4: _ATTRIBUTES, 5: _DROPPED, 6: Field("flags", "fixed32"),
    },
    "Status": {2: Field("message", TEXT), 3: Field("code", "uint")},
    "Metric": {
        1: Field("name", TEXT), 2: Field("description", TEXT), 3: Field("unit", TEXT), 5: Field("gauge", "Gauge"),
        7: Field("sum", "Sum"), 9: Field("histogram", "Histogram"),
        10: Field("exponentialHistogram", "ExponentialHistogram"), 11: Field("summary", "Summary"),
        12: _many("metadata", "KeyValue"),
    },
    **{name: {1: _many("dataPoints", f"{point}Point"), 2: _TEMPORALITY} for name, point in _POINTS.items()},
    "Sum": {1: _many("dataPoints", "NumberPoint"), 2: _TEMPORALITY, 3: Field("isMonotonic", BOOL)},
    "NumberPoint": {
        2: _START, 3: _TIME, 4: Field("asDouble", "double"), 5: _EXEMPLARS, 6: Field("asInt", "sfixed64"),
        7: _ATTRIBUTES, 8: _FLAGS,
    },
    "HistogramPoint": {
        2: _START, 3: _TIME, 4: _COUNT, 5: _SUM, 6: _many("bucketCounts", "fixed64"),
        7: _many("explicitBounds", "double"),
        8: _EXEMPLARS, 9: _ATTRIBUTES, 10: _FLAGS, 11: _MIN, 12: _MAX,
    },
    "ExponentialPoint": {
        1: _ATTRIBUTES, 2: _START, 3: _TIME, 4: _COUNT, 5: _SUM, 6: Field("scale", "sint"),
        7: Field("zeroCount", "fixed64"), 8: Field("positive", "Buckets"), 9: Field("negative", "Buckets"), 10: _FLAGS,
        11: _EXEMPLARS, 12: _MIN, 13: _MAX, 14: Field("zeroThreshold", "double"),
    },
    "Buckets": {1: Field("offset", "sint"), 2: _many("bucketCounts", "uint")},
    "SummaryPoint": {
        2: _START, 3: _TIME, 4: _COUNT, 5: _SUM, 6: _many("quantileValues", "Quantile"), 7: _ATTRIBUTES, 8: _FLAGS,
    },
    "Quantile": {1: Field("quantile", "double"), 2: Field("value", "double")},
    "Exemplar": {
        2: _TIME, 3: Field("asDouble", "double"), 4: _SPAN, 5: _TRACE, 6: Field("asInt", "sfixed64"),
        7: _many("filteredAttributes", "KeyValue"),
    },
}  # fmt: skip

REQUESTS: Final = ("ExportLogs", "ExportSpans", "ExportMetrics")
_FIRST_FIELD: Final = b"\n"  # number 1, with a length


class Otlp:
    name = "otlp"

    def sniff(self, source: str | bytes) -> bool:
        return isinstance(source, bytes) and source.startswith(_FIRST_FIELD)

    def parse(self, source: str | bytes, budget: Budget) -> Layer | None:
        if not isinstance(source, bytes) or not self.sniff(source):
            return None
        newer: ProtobufLayer | None = None
        for request in REQUESTS:
            layer = Reader(self.name, MESSAGES, source, budget).read(request)
            if layer is not None and not layer.unknown:
                return layer
            if layer is not None and next(leaves(layer.root), None) is not None:
                newer = newer or layer
        return newer

    def write(self, leaf: Leaf, value: str | bytes) -> bytes:  # noqa: ARG002 - a name stands nowhere
        return b""

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - lengths are mended on closing
        return source


OTLP = Otlp()
