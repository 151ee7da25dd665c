"""A rule test, written into a rule file's text: one item more at the end of `tests:`, all else as it stands."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from gateway.core.errors import UserError

_BEGINS: Final = re.compile(r"tests:[ \t]*(?:#.*)?")
_ITEM: Final = re.compile(r"([ ]*)-(?:[ ]|$)")


def keep_test(text: str, name: str, tracker: str, path: str, given: Any, expected: Any) -> str:
    """The text with the test in it. Raises `UserError` where `tests:` is written in one line."""
    lines = text.splitlines()
    first = next((at for at, line in enumerate(lines) if line.startswith("tests:")), None)
    if first is None:
        while lines and not lines[-1].strip():
            lines.pop()
        return "\n".join([*lines, "tests:", *_written("  ", name, tracker, path, given, expected)]) + "\n"
    if not _BEGINS.fullmatch(lines[first]):
        raise UserError("write `tests:` as a list, an item a line, then keep this one")
    end = first + 1
    indent, last = "  ", first
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " -#"):
        item = _ITEM.match(lines[end])
        if item is not None and last == first:
            indent = item[1]
        if lines[end].strip() and not lines[end].startswith("#"):
            last = end
        end += 1
    lines[last + 1 : last + 1] = _written(indent, name, tracker, path, given, expected)
    return "\n".join(lines) + "\n"


def _written(indent: str, name: str, tracker: str, path: str, given: Any, expected: Any) -> list[str]:
    about = {"name": name, "tracker": tracker, "path": "" if path == "/" else path}
    pairs = [*((key, value) for key, value in about.items() if value), ("input", given), ("expect", expected)]
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in pairs]
    return [f"{indent}{'- ' if not at else '  '}{row}" for at, row in enumerate(rows)]
