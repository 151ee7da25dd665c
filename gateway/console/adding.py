"""One more rule in a rule file's text: at the end of its `mask:` list, indented as it is; all else stays."""

from __future__ import annotations

import textwrap

import yaml

_LIST = "mask"


def added(text: str, rule: str) -> str | None:
    """`text` with the rules of `rule`, a rule file that holds `mask:` alone; None where they can't be put in line by line."""
    new, old = _list_of(rule), _list_of(text)
    if new is None or new.flow_style or _told(rule).keys() != {_LIST}:
        return None
    begin, end = new.start_mark.line, new.end_mark.line + 1
    items = textwrap.dedent("\n".join(rule.splitlines()[begin:end])).strip("\n")
    if old is None:
        if not isinstance(_told(text), dict) or _LIST in _told(text):
            return None
        merged = f"{text.rstrip()}\n{_LIST}:\n{textwrap.indent(items, '  ')}\n".lstrip()
    elif old.flow_style:
        return None
    else:
        merged = _inserted(text, items, old)
    before, after = _told(text), _told(merged)
    expected = {**before, _LIST: [*before.get(_LIST, ()), *_told(rule)[_LIST]]}
    return merged if after == expected else None


def _inserted(text: str, items: str, holder: yaml.SequenceNode) -> str:
    lines = text.splitlines()
    end = min(holder.end_mark.line + (1 if holder.end_mark.column else 0), len(lines))
    while end > holder.start_mark.line + 1 and not lines[end - 1].split("#")[0].strip():
        end -= 1  # what is said above the next key stays there
    more = textwrap.indent(items, " " * holder.start_mark.column)
    return "\n".join([*lines[:end], more, *lines[end:], ""])


def _list_of(text: str) -> yaml.SequenceNode | None:
    """The node of the list; None where there is none."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if not isinstance(root, yaml.MappingNode):
        return None
    found = [value for key, value in root.value if isinstance(key, yaml.ScalarNode) and key.value == _LIST]
    return found[0] if len(found) == 1 and isinstance(found[0], yaml.SequenceNode) else None


def _told(text: str) -> dict[str, list[object]]:
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError:
        return {_LIST: []}
    return told if isinstance(told, dict) else {}
