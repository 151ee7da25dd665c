"""Rule files in effective order: later ones win. Reads nothing itself: the shell hands in a reader.

Invariant: `default` comes first, whether a file extends it or not, so that what a file doesn't say is masked as default
says; what a file extends comes before it; each file once. A file that is wrong stops the start, it is never skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from gateway.core.errors import UserError
from gateway.core.yaml import nearest, parse, quoted, read_model
from gateway.ruleset.schema import Known, RuleFile

FILE_LIMIT: Final = 100
DEFAULT: Final = "default"
_SUFFIXES: Final = (".yaml", ".yml")

Reader = Callable[[PurePath], str]


def load_rule_file(path: PurePath, text: str, known: Known) -> RuleFile:
    """One rule file, without what it extends."""
    return read_model(parse(text, str(path)), RuleFile, known)


def load_rules(
    names: Sequence[str],
    base: PurePath,
    built_in: Mapping[str, PurePath],
    read: Reader,
    known: Known,
    *,
    where: str = "",
) -> tuple[RuleFile, ...]:
    """The files that `names` ask for and all that they extend, in effective order.

    A name of `built_in` (`default`, `profiles/strict`) is that file; one that ends with .yaml is a file beside `base`,
    or beside the file that extends it. `read` gives a path's text or raises UserError. `where` is where `names` stand.
    """
    walk = _Walk(built_in, read, known)
    for name in (DEFAULT, *names):
        walk.take(name, base, where, ())
    files = tuple(walk.files.values())
    _be_stricter_without_consent(files, known)
    return files


def _be_stricter_without_consent(files: Sequence[RuleFile], known: Known) -> None:
    """UserError where less is done for visitors without consent than for all others."""
    strengths = {name: operator.strength for name, operator in known.operators.items() if operator is not None}
    for_all = {category: spec.name for file in files for category, spec in file.record.operators.items()}
    for profile in (one for file in files for one in file.visitors if one.when.consent is not None):
        for category, spec in profile.record.operators.items():
            usual = for_all.get(category, spec.name)
            if strengths.get(spec.name, 0) < strengths.get(usual, 0):
                raise UserError(
                    f"{category}: {spec.name} is weaker than {usual}, which all other visitors get: without consent no "
                    "more may be recorded than with it",
                    profile.where,
                )


class _Walk:
    """Depth first; `files` is in the order in which they were finished."""

    def __init__(self, built_in: Mapping[str, PurePath], read: Reader, known: Known) -> None:
        self.files: dict[PurePath, RuleFile] = {}
        self._built_in = built_in
        self._read = read
        self._known = known

    def take(self, name: str, base: PurePath, where: str, above: tuple[PurePath, ...]) -> None:
        path = self._locate(name, base, where)
        if path in above:
            chain = " → ".join(step.name for step in (*above[above.index(path) :], path))
            raise UserError(f"rule files extend each other in a circle: {chain}", where)
        if path in self.files:
            return
        if len(self.files) + len(above) >= FILE_LIMIT:
            raise UserError(f"more than {FILE_LIMIT} rule files", where)
        file = load_rule_file(path, self._read(path), self._known)
        for parent in file.extends:
            self.take(parent, path.parent, file.where, (*above, path))
        self.files[path] = file

    def _locate(self, name: str, base: PurePath, where: str) -> PurePath:
        if name in self._built_in:
            return self._built_in[name]
        if not name.endswith(_SUFFIXES):
            message = f"no built-in rules are named {quoted(name)}{nearest(name, self._built_in)}"
            raise UserError(f"{message} (the name of a file ends with .yaml)", where)
        return _collapsed(base / name)


def _collapsed(path: PurePath) -> PurePath:
    """Without `x/..`, so that one file has one name."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] not in {"..", path.anchor}:
            parts.pop()
        else:
            parts.append(part)
    return PurePath(*parts)
