"""Mutants of a module: one small change each, of the kind that a slip of the hand makes.

Comparisons, operators, conditions, numbers, texts and pieces of patterns; tables at module level too, since they are
half of a detector. Nothing of docstrings, annotations and imports: those change nothing that runs.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
PATTERN_PIECES = (
    (re.compile(r"\\b"), ""), (re.compile(r"\\Z"), ""), (re.compile(r"\+\+|\+"), "?"), (re.compile(r"\*\+|\*"), "+"),
    (re.compile(r"\{(\d+)"), "{{0}}"), (re.compile(r"\(\?[<!=]+"), "(?:"), (re.compile(r"\[\^"), "["), (re.compile(r"\|"), "||"),
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of a module: where, and what."""

    module: str
    line: int
    what: str
    number: int  # of the changed node, in the order of `ast.walk`
    changed: ast.AST

    def write(self, text: str) -> str | None:
        """The module's text with the change; None where it would not even compile."""
        tree = ast.parse(text)
        _put(tree, next(one for at, one in enumerate(ast.walk(tree)) if at == self.number), self.changed)
        try:
            written = ast.unparse(ast.fix_missing_locations(tree))
            compile(written, self.module, "exec")
        except (SyntaxError, ValueError):
            return None
        return written


def mutants(module: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a module's text."""
    tree = ast.parse(text)
    idle = _idle(tree)
    for number, node in enumerate(ast.walk(tree)):
        for what, changed in _changes(node, idle):
            yield Mutant(module, getattr(node, "lineno", 0), what, number, changed)


def _idle(tree: ast.Module) -> set[int]:
    """Nodes that do nothing when a program runs."""
    idle: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        if isinstance(node, ast.AnnAssign):
            parts.append(node.annotation)
        if isinstance(node, ast.arg):
            parts.append(node.annotation)
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cast":
            parts.append(node.args[0])
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"__slots__", "__all__"}:
            parts.append(node)
        for part in parts:
            idle.update(id(one) for one in ast.walk(part)) if part is not None else None
    return idle


def _changes(node: ast.AST, idle: set[int]) -> Iterator[tuple[str, ast.AST]]:
    if id(node) in idle:
        return
    match node:
        case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
            other = COMPARISONS[type(op)]()
            yield f"{ast.unparse(node)} → {type(other).__name__}", ast.Compare(left, [other], [right])
        case ast.BoolOp(op, values):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield f"{type(op).__name__} → {type(other).__name__}: {ast.unparse(node)[:60]}", ast.BoolOp(other, values)
            for at in range(len(values)):
                left = values[:at] + values[at + 1 :]
                yield f"without {ast.unparse(values[at])[:60]}", left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.UnaryOp(ast.Not(), operand):
            yield f"without not: {ast.unparse(operand)[:60]}", operand
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC and not _is_text(left) and not _is_text(right):
            yield (
                f"{ast.unparse(node)[:60]}: {type(op).__name__} → {ARITHMETIC[type(op)].__name__}",
                ast.BinOp(left, ARITHMETIC[type(op)](), right),
            )
        case ast.If(test) | ast.While(test) | ast.IfExp(test):
            for value in (True, False) if not isinstance(node, ast.While) else (False,):
                changed = copy.copy(node)
                changed.test = ast.Constant(value)
                yield f"if {ast.unparse(test)[:60]} → {value}", changed
        case ast.Constant(bool() as value):
            yield f"{value} → {not value}", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield f"{value} → {value + 1}", ast.Constant(value + 1)
        case ast.Constant(str() as value) if value and len(value) < 2000:
            yield f"{value[:40]!r} → changed", ast.Constant(value[:-1] + ("\x7f" if value[-1] != "\x7f" else "x"))
            for piece, by in PATTERN_PIECES:
                for found in piece.finditer(value) if "\\" in value or "[" in value else ():
                    new = by if "{0}" not in by else "{" + str(int(found[1]) + 1)
                    yield (
                        f"{found[0]} → {new} in {value[:50]!r}",
                        ast.Constant(value[: found.start()] + new + value[found.end() :]),
                    )
        case ast.Continue() | ast.Break():
            yield f"without {ast.unparse(node)}", ast.Pass()
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield f"return {ast.unparse(value)[:60]} → None", ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call() as call):
            yield f"without {ast.unparse(call)[:60]}", ast.Pass()


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _put(tree: ast.AST, place: ast.AST, changed: ast.AST) -> None:
    """Puts `changed` where `place` stands."""
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if value is place:
                setattr(node, name, changed)
                return
            if isinstance(value, list):
                for at, one in enumerate(value):
                    if one is place:
                        value[at] = changed
                        return
