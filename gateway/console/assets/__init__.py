"""The stylesheet and the scripts of the pages: files beside this one, nothing from elsewhere. A new one is a line here."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NAMES: Final = ("style.css", "console.js", "live.js", "recording.js", "icon.svg", "editor.js", "playground.js")

ASSETS: Final[dict[str, tuple[str, bytes]]] = {
    f"/assets/{name}": (_KINDS[name[name.rindex(".") :]], (files(__name__) / name).read_bytes()) for name in _NAMES
}
"""Path → content type and bytes."""
