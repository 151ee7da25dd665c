"""The content view of mitmproxy: a request's document before and after, with the rule at each change."""

from __future__ import annotations

from mitmproxy.contentviews import Contentview, Metadata

from gateway.inspector.memory import Memory

NAME = "Before and after"
FORGOTTEN = (
    "Nothing is remembered of this request: it is too long ago, came out of a file, or was answered without masking."
)


class BeforeAndAfter(Contentview):
    """Shows what the gate remembers; chosen by itself for requests that it has seen."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    @property
    def name(self) -> str:
        """As mitmproxy lists it."""
        return NAME

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """The picture of the flow's request."""
        del data
        seen = self._memory.get(metadata.flow.id) if metadata.flow is not None else None
        return seen.text if seen is not None else FORGOTTEN

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Above all others for a request with a picture."""
        del data
        flow, message = metadata.flow, metadata.http_message
        if flow is None or message is None or message is not getattr(flow, "request", None):
            return -1
        return 10 if self._memory.get(flow.id) is not None else -1
