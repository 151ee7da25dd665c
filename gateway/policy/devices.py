"""Is this a mobile device? For `record: mobile_devices: drop`, which answers their traffic and records none of it.

Reads what the device says of itself: the client hint where there is one, else the words that mobile browsers, their
network libraries and the SDKs of mobile apps put into User-Agent. A device that hides it can't be told.
"""

from __future__ import annotations

import re

from gateway.core.message import Headers

# product tokens of browsers, then of HTTP libraries and SDKs that exist on mobile systems only
_MOBILE = re.compile(
    r"\b(?:mobile|mobi|android|iphone|ipad|ipod|tablet|silk|kindle|opera mini|windows phone|blackberry|webos"
    r"|dalvik|okhttp|cfnetwork|alamofire|reactnative|react-native|flutter|dart|posthog-ios|posthog-android"
    r"|sentry[.-](?:cocoa|java\.android|android|dart|react-native))\b",
    re.IGNORECASE,
)


def is_mobile(headers: Headers) -> bool:
    """Whether the request says that it comes from a phone, a tablet or a mobile app."""
    hint = headers.get("Sec-CH-UA-Mobile").strip()
    return hint == "?1" or any(_MOBILE.search(value) for value in headers.all("User-Agent"))
