"""A report as HTML (one file, no script, nothing from outside) or Markdown, by the templates in rules/report."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Final

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from gateway.policy.wording import Effects
from gateway.report.content import Content, of
from gateway.report.figures import Figure

TEMPLATES: Final = {"html": "report.html", "markdown": "report.md"}
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#|])")


def render(content: Content, form: str, template: str, effects: Effects) -> str:
    """`form` is `html` or `markdown`."""
    is_html = form == "html"
    environment = ImmutableSandboxedEnvironment(
        autoescape=is_html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["figure"] = _as_html if is_html else _as_text
    environment.filters["md"] = _plain
    told = environment.from_string(template).render(
        report=content,
        masked={row.name: row for row in content.masked},
        of=of,
        leaves=effects.operators,
        anchor=lambda text: re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-"),
    )
    return told if is_html else re.sub(r"\n{3,}", "\n\n", told)


def _as_html(figure: Figure) -> Markup:
    return Markup('<data value="{0}" data-from="{1}" title="{1}">{2}</data>').format(
        figure.value, figure.source, f"{figure.value:,}".replace(",", "\u202f")
    )


def _as_text(figure: Figure) -> str:
    return f"{figure.value}"


def _plain(text: Any) -> str:
    """Text that Markdown takes for text, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def template_of(folder: PurePath, form: str) -> PurePath:
    """Where a form's template is."""
    return folder / TEMPLATES[form]
