"""Why something was changed, in words: rules by their name, and what the gateway does without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.core.errors import UserError
from gateway.core.yaml import parse
from gateway.ruleset.headers import Use
from gateway.ruleset.schema import RuleFile

ADDRESSES: Final = "address fields"
COOKIES: Final = "cookies"
HEADERS: Final = "headers"

HEADER_USES: Final[Mapping[Use, str]] = {
    Use.KEEP: "a header that every request needs",
    Use.DROP: "a header that never leaves",
    Use.URL: "a header that holds a URL",
    Use.AGENT: "a header that tells the device",
    Use.COOKIES: "cookies: only those that the tracker file names leave",
    Use.TEXT: "a header of the tracker's own",
}

BUILT_IN: Final[Mapping[str, str]] = {
    "private mark": "its element, or one above it, is marked private (or not known)",
    "url query": "a value in a URL's query: only those of listed names stay",
    "url fragment": "a URL's fragment",
    "url path identifier": "an id in a URL's path",
    "url user-info": "a name or password in a URL",
    "url address": "the address of a mailto:, tel: or like URL",
    "embedded media": "embedded media",
    "secret of the session": "it was typed or secret earlier in the session",
    ADDRESSES: "a field that may tell where the visitor is, or vouch for the unmasked body: such never leave",
    COOKIES: HEADER_USES[Use.COOKIES],
}


def reason_of(rule: str, operator: str, category: str, detector: str, selector: str = "") -> str:
    """One line: which rule, and what it picked by. `selector` is what a rule of the owner's picks by."""
    if rule == category:
        return f"category {rule}: {operator}"
    if rule.startswith("secret of") or not (detector or selector):
        return BUILT_IN.get(rule, rule)
    return f"rule {rule!r} ({f'detector {detector}' if detector else selector})"


def origins(rules: Sequence[RuleFile], read_text: Callable[[Path], str]) -> dict[str, str]:
    """Rule or category → `file:line` of what is in effect: of a category the last file that sets it."""
    found = {rule.name: rule.where for file in rules for rule in file.mask}
    for file in rules:
        if not file.record.operators:
            continue
        try:
            source = parse(read_text(Path(file.file)), file.file)
        except UserError:
            found |= {category.value: file.where for category in file.record.operators}
            continue
        for category in file.record.operators:
            found[category.value] = f"{file.file}:{source.line_of(('record', category.value))}"
    return found
