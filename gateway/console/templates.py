"""Templates: beside the module of their page, over one base; everything that is filled in is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.core.yaml import one_line

_environment = Environment(
    loader=PackageLoader("gateway.console", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment(value: datetime | float) -> str:
    """A time in UTC, to the second."""
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _clock(value: datetime) -> str:
    """A time of today in UTC, to the millisecond."""
    return f"{value.astimezone(UTC):%H:%M:%S}.{value.microsecond // 1000:03d}"


def _size(count: int) -> str:
    """Bytes, for people."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1000 else f"{count / 1024 / 1024:.1f} MiB"


def _seconds(value: float) -> str:
    """A delay, for people."""
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


_environment.filters |= {"moment": _moment, "clock": _clock, "size": _size, "seconds": _seconds, "plain": one_line}


def _short(text: str, most: int = 160) -> str:
    """Cut where it would fill the page."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"


def _sentence(text: str) -> str:
    """With a capital and a full stop, but for what begins with a name."""
    first = text.partition(" ")[0]
    begun = text if any(mark in first for mark in './_"') else text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


_environment.filters["short"] = _short
_environment.filters["sentence"] = _sentence


def render(template: str, context: Mapping[str, Any]) -> str:
    """A page's text."""
    return _environment.get_template(template).render(context)
