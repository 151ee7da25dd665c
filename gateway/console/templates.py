"""Templates: beside the module of their page, over one base; everything that is filled in is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

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


_environment.filters["moment"] = _moment


def _short(text: str, most: int = 160) -> str:
    """Cut where it would fill the page."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)})"


_environment.filters["short"] = _short


def render(template: str, context: Mapping[str, Any]) -> str:
    """A page's text."""
    return _environment.get_template(template).render(context)
