"""Request headers: which leave as they are, which are coarsened, which never leave.

Hop-by-hop fields and every spelling of the client's address are the proxy's (`proxy.hop`, `proxy.trust`): they are gone
before this table is asked. A field in no row is the tracker's own: its name is read by words, its value as text.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Use(Enum):
    """What happens to a request header."""

    KEEP = "keep"
    DROP = "drop"
    URL = "url"
    AGENT = "agent"
    TEXT = "text"
    COOKIES = "cookies"


_KEPT: Final = """accept accept-encoding accept-language cache-control content-encoding content-language content-length
content-type date expect host if-match if-modified-since if-none-match if-range if-unmodified-since max-forwards origin
pragma priority range sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-fetch-storage-access sec-purpose
purpose save-data te upgrade-insecure-requests x-requested-with access-control-request-method
access-control-request-headers access-control-request-private-network dnt sec-gpc via transfer-encoding idempotency-key
sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-ch-prefers-color-scheme
sec-ch-prefers-reduced-motion want-digest accept-post""".split()
# client hints that tell one device from another (RFC 8942; User-Agent Client Hints)
_AGENT: Final = """user-agent sec-ch-ua-full-version-list sec-ch-ua-full-version sec-ch-ua-platform-version
sec-ch-ua-model x-user-agent""".split()
_DROPPED: Final = """authorization proxy-authorization www-authenticate cookie2 sec-ch-ua-arch sec-ch-ua-bitness
sec-ch-ua-wow64 sec-ch-ua-form-factors sec-ch-device-memory device-memory sec-ch-dpr dpr sec-ch-viewport-width
viewport-width sec-ch-viewport-height sec-ch-width width downlink ect rtt traceparent tracestate baggage from x-csrf-token
x-xsrf-token x-auth-token x-access-token x-api-key x-amzn-trace-id x-wap-profile x-device-id x-uidh content-md5 digest
content-digest repr-digest signature signature-input""".split()

USES: Final[dict[str, Use]] = (
    dict.fromkeys(_KEPT, Use.KEEP)
    | dict.fromkeys(_AGENT, Use.AGENT)
    | dict.fromkeys(_DROPPED, Use.DROP)
    | {"referer": Use.URL, "referrer": Use.URL, "cookie": Use.COOKIES}
)


def use_of(name: str) -> Use:
    """The row of a header; `TEXT` where it has none."""
    return USES.get(name.lower(), Use.TEXT)
