"""One request as it left, opened through all layers: for whoever may not see what it was before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.core.document import Document
from gateway.core.message import Inbound, Outbound
from gateway.insight.comparison import Section, chain_of, opened_request
from gateway.insight.drawing import Drawing, Earlier, write_spans
from gateway.insight.rows import Bounds, Line, Piece, Row, fold
from gateway.ruleset.program import Program


def look(
    outbound: Outbound, program: Program, clock: Callable[[], float], bounds: Bounds | None = None
) -> tuple[Section, ...]:
    """The parts of a request, each with rows of one side, the right one. What can't be opened again is one row that says so."""
    bounds = bounds or Bounds()
    target, _, _ = outbound.target.partition("?")
    sections = [_section("path", [_line(target, bounds)], bounds), _headers(outbound, bounds)]
    inbound = Inbound(outbound.method, outbound.target, outbound.headers, outbound.body)
    request = opened_request(inbound, program, clock)
    for part, document in request.documents:
        if document.layers:
            earlier = Earlier()
            earlier.remember(document)
            layers = " › ".join(chain_of(document, earlier))
            sections.append(Section(part, layers, fold(_rows(document, earlier, bounds), bounds)))
        elif part == "body" and outbound.body:
            told = Piece(f"({len(outbound.body)} bytes that can't be opened)", 0, "cut")
            sections.append(_section(part, [(told,)], bounds))
    request.release()
    return tuple(sections)


def _rows(document: Document, earlier: Earlier, bounds: Bounds) -> Iterator[Row]:
    root = document.layers[0].root
    for row in Drawing(earlier, {}, bounds).rows(root, root):
        yield Row((), row.after)


def _headers(outbound: Outbound, bounds: Bounds) -> Section:
    lines = [(Piece(f"{name}: ", 0, "key"), *_line(value, bounds)) for name, value in outbound.headers]
    return _section("headers", lines, bounds)


def _line(text: str, bounds: Bounds) -> Line:
    return write_spans(text, [], bounds, quoted=False)


def _section(part: str, lines: list[Line], bounds: Bounds) -> Section:
    return Section(part, "", fold([Row((), line) for line in lines], bounds))
