"""What is in effect by rule files, in order, as tables of texts; and what works and probably isn't meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.core.category import Category
from gateway.ruleset.schema import Rule, RuleFile


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the answer."""

    name: str  # first cell of a piped line, key in JSON
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show_rules(files: Sequence[RuleFile]) -> list[Section]:
    """Categories, marks and rules as they are after all files, later ones last."""
    categories = {
        category: (str(spec), file.file) for file in files for category, spec in file.record.operators.items()
    }
    mobile = [(file.record.mobile_devices, file.file) for file in files if file.record.mobile_devices]
    rows = [(category.value, *categories[category]) for category in Category if category in categories]
    rows += [("mobile_devices", str(operator), file) for operator, file in mobile[-1:]]
    rules = [(rule, file) for file in files for rule in file.mask]
    allowed = [allow for file in files for allow in file.allow]
    return [
        Section("category", "Categories", ("category", "operator", "from"), tuple(rows)),
        Section(
            "visitors",
            "For some visitors",
            ("when", "category", "operator", "where"),
            tuple(
                (str(profile.when), category.value, str(spec), profile.where)
                for file in files
                for profile in file.visitors
                for category, spec in profile.record.operators.items()
            ),
        ),
        Section(
            "private",
            "Private marks",
            ("selector", "from"),
            tuple((mark, file.file) for file in files for mark in file.private),
        ),
        Section(
            "keep_query",
            "Query parameters that stay",
            ("name", "from"),
            tuple((name, file.file) for file in files for name in file.urls.keep_query),
        ),
        Section(
            "rule",
            "Rules, later ones win",
            ("order", "name", "where", "selector", "operator", "scope"),
            tuple(
                (str(order), rule.name, rule.where, f"{rule.selector}: {picked(rule)}", str(rule.operator), scope(rule))
                for order, (rule, _) in enumerate(rules, 1)
            ),
        ),
        Section(
            "allow",
            "Allowed",
            ("name", "where", "what", "until"),
            tuple(
                (
                    allow.name,
                    allow.where,
                    allow.text
                    if allow.text is not None
                    else f"pattern: {allow.pattern.pattern if allow.pattern else ''}",
                    str(allow.until or ""),
                )
                for allow in allowed
            ),
        ),
    ]


def picked(rule: Rule) -> str:
    """What a rule's selector says, as written."""
    value = getattr(rule, rule.selector)
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    return str(getattr(value, "pattern", value))


def scope(rule: Rule) -> str:
    """Where a rule holds: everywhere, or in categories and for trackers."""
    parts = [", ".join(rule.categories), ", ".join(f"tracker {name}" for name in rule.trackers)]
    return "; ".join(part for part in parts if part) or "everywhere"


def warn_of_rules(files: Sequence[RuleFile], today: date) -> Iterator[tuple[str, str]]:
    """(where, message) for each rule that does nothing any more."""
    for file in files:
        for allow in file.allow:
            if allow.is_expired(today):
                yield allow.where, f'allow "{allow.name}" ended on {allow.until}: renew it or take it out'
        for at, rule in enumerate(file.mask):
            by = next((later for later in file.mask[at + 1 :] if is_shadowed(rule, later)), None)
            if by is not None:
                yield rule.where, f'rule "{rule.name}" never applies: the later "{by.name}" ({by.where}) picks the same'


def is_shadowed(rule: Rule, later: Rule) -> bool:
    """Whether `later` picks, as written, all that `rule` does, wherever `rule` does."""
    if rule.selector != later.selector:
        return False
    mine, theirs = getattr(rule, rule.selector), getattr(later, later.selector)
    covered = set(mine) <= set(theirs) if isinstance(mine, tuple) else mine == theirs
    return covered and all(
        not wide or (narrow and set(narrow) <= set(wide))
        for narrow, wide in ((rule.categories, later.categories), (rule.trackers, later.trackers))
    )
