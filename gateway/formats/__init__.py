"""Formats: content to documents, one small file each. This list is all there is: no scanning."""

from __future__ import annotations

from gateway.core.plugin import Format
from gateway.formats.bel import BEL
from gateway.formats.clarity import CLARITY
from gateway.formats.cookies import COOKIES
from gateway.formats.elements_chain import ELEMENTS_CHAIN
from gateway.formats.envelope import ENVELOPE
from gateway.formats.form import FORM, QUERY
from gateway.formats.headed import HEADED
from gateway.formats.html import HTML
from gateway.formats.json import JSON
from gateway.formats.message import MESSAGE
from gateway.formats.multipart import MULTIPART
from gateway.formats.ndjson import NDJSON
from gateway.formats.openreplay import OPENREPLAY
from gateway.formats.otlp import OTLP
from gateway.formats.target import TARGET
from gateway.formats.text import TEXT

FORMATS: tuple[Format, ...] = (
    CLARITY,
    JSON,
    NDJSON,
    ENVELOPE,
    HEADED,
    OTLP,
    OPENREPLAY,
    BEL,
    FORM,
    QUERY,
    MULTIPART,
    COOKIES,
    HTML,
    ELEMENTS_CHAIN,
    TARGET,
    MESSAGE,
    TEXT,
)

__all__ = ["FORMATS"]
