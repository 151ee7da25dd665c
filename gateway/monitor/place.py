"""Where a value stands in a second reading, told as rules tell it: keys with dots between them, lists left out.

A key is told as it is where tracker files or rule files know it; any other is `*`, since a visitor may have made it. What
nests in itself (a page's elements) is told once: each key comes once in a place, so that places are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.core.category import Category
from gateway.ruleset.schema import RuleFile
from gateway.trackers.schema import TrackerFile

Steps = tuple[str, ...]

ANY: Final = "*"
LONGEST: Final = 24

# rrweb's, whose format is the model of others: no tracker file needs to name them
_RECORDED: Final = """
    data node childNodes attributes textContent tagName type id parentId nextId adds removes texts mutations text value
    isChecked source href events properties title alt placeholder class style name payload plugin level trace tag
    timestamp width height x y positions rootId isStyle
"""

_SITE_NAME: Final = re.compile(r"[A-Za-z_$][\w$:-]{0,39}", re.ASCII)
_MADE: Final = re.compile(r"\d{3}|[0-9a-fA-F]{8}")


def words_of(trackers: Iterable[TrackerFile], rules: Iterable[RuleFile]) -> frozenset[str]:
    """The keys that the site owner's files and the packaged ones know."""
    words = set(_RECORDED.split())
    for tracker in trackers:
        paths = [path for fields in tracker.places.values() for path in fields]
        paths += [*tracker.session, *tracker.decoded_size, *tracker.elements]
        for match in tracker.match:
            paths += match.body
        for path in paths:
            words.update(step for step in path.steps if isinstance(step, str))
        words.update(name.lower() for name in tracker.headers.keep)
    for file in rules:
        for rule in file.mask:
            words.update(step for path in rule.fields for step in path.steps if isinstance(step, str))
            words.update(
                name for names in (rule.headers, rule.cookies, rule.query) for name in names if ANY not in name
            )
    return frozenset(words)


def untouched_by(tracker: TrackerFile) -> tuple[list[str], list[str]]:
    """The last keys, in lower case, of what is never touched: keys that name the customer's project, and structure."""
    project, structure = (
        {step.lower() for path in tracker.places.get(category, ()) if isinstance(step := path.steps[-1], str)}
        for category in (Category.PROJECT_KEYS, Category.STRUCTURE)
    )
    return sorted(project.union(name.lower() for name in tracker.headers.project_keys)), sorted(structure)


def replacements_of(rules: Iterable[RuleFile]) -> list[str]:
    """The texts that rules put in the place of values."""
    found = {
        text
        for file in rules
        for rule in file.mask
        if rule.operator.name == "replace" and isinstance(text := rule.operator.parameters.get("with"), str)
    }
    return sorted(found)


def keys_of(place: Iterable[str]) -> Steps:
    """A decoder's place as keys alone, without lists."""
    return tuple(step for step in place if step != "<key>" and not (step.startswith("[") and step.endswith("]")))


def steps_of(keys: Steps) -> Steps:
    """Keys without what nests in itself, and not too many."""
    steps: list[str] = []
    for step in keys:
        if step in steps[1:]:
            del steps[steps.index(step, 1) + 1 :]
        else:
            steps.append(step)
    return tuple(steps[:LONGEST])


def is_site_name(step: str) -> bool:
    """Whether a key looks like one that a site's developer wrote, and not like an id or a sentence."""
    return _SITE_NAME.fullmatch(step) is not None and _MADE.search(step) is None


def template(steps: Steps, words: frozenset[str]) -> str:
    """A place without anything that a visitor may have made. A body's needs no word before it; other parts have theirs."""
    part, *keys = steps or ("body",)
    told: list[str] = []
    for key in keys:
        word = key if key in words or (part == "header" and key in _FIELDS) else ANY
        if not (word == ANY and told[-1:] == [ANY]):
            told.append(word)
    dotted = ".".join(told)
    return (dotted or part) if part == "body" else f"{part} {dotted}".strip()


_FIELDS: Final = frozenset(
    """
    accept accept-language authorization content-encoding content-type cookie forwarded origin referer user-agent via
    x-forwarded-for x-real-ip x-requested-with
""".split()
)


def matches(written: str, steps: Steps) -> bool:
    """Whether a place of the pipeline's own report is the end of these steps. Its `*` is any one key."""
    theirs = written.split(".")
    ours = ".".join(steps).split(".")
    return len(theirs) <= len(ours) and all(
        their in (ANY, our) for their, our in zip(reversed(theirs), reversed(ours), strict=False)
    )
