"""Whose sessions are those of who opted out? What the request itself tells: ids in its cookies, and ids that the page adds.

An id counts where it can't be guessed (16 characters and more): a session that is numbered by the second may be somebody
else's, and nobody may drop another visitor's events by trying numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from gateway.core.message import Inbound
from gateway.policy.signals import cookie_pairs

MOST: Final = 256
"""Ids of one request that are looked at."""

_ID: Final = re.compile(r"(?<![0-9A-Za-z_-])[0-9A-Za-z_-]{16,128}(?![0-9A-Za-z_-])")


def ids_of(inbound: Inbound) -> tuple[str, ...]:
    """The ids, each once."""
    found: dict[str, None] = {}
    for text in _told(inbound):
        for match in _ID.finditer(unquote(text)):
            found[match[0]] = None
            if len(found) >= MOST:
                return tuple(found)
    return tuple(found)


def _told(inbound: Inbound) -> Iterator[str]:
    yield from _added(inbound.body)
    for _, value in cookie_pairs(inbound.headers):
        yield value


def _added(body: bytes) -> list[str]:
    """`{"record": false, "sessions": ["…"]}`: what a page of the site's own knows."""
    try:
        told = json.loads(body)
        sessions = told.get("sessions") if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        return []
    return [one for one in sessions if isinstance(one, str)] if isinstance(sessions, list) else []
