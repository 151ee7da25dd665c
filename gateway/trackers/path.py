"""Field paths: where a value stands in an opened document, as rule files and tracker files write it.

`properties.$set.email`: keys with dots between them, through every nested layer. `*` is any one key, `**` any number of
them (none, too). A key that holds a dot, a quote or a star is written in quotes: `headers."x.y"."*"`. A path is parsed
once, at start-up; one that doesn't parse is an error. What a path picks is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from gateway.core.yaml import kind_of, quoted

STEP_LIMIT: Final = 32
_STEP: Final = re.compile(r'"((?:[^"\\]|\\["\\])+)"|([^."]+)')


class Wild(Enum):
    """Steps that stand for any key."""

    ONE = "*"
    ANY = "**"


Step = str | Wild


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A parsed path; `text` is what was written."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text


def parse_path(text: str) -> FieldPath:
    """`text` as a path, or a ValueError that says what is wrong with it."""
    steps: list[Step] = []
    at = 0
    while True:
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"{quoted(text)} is no field path: write keys with dots between them, as in **.user.email")
        steps.append(_step(match, text))
        at = match.end()
        if at == len(text):
            break
        if text[at] != ".":
            raise ValueError(f"{quoted(text)} is no field path: a dot is missing after {quoted(match[0])}")
        at += 1
    if len(steps) > STEP_LIMIT:
        raise ValueError(f"{quoted(text)} has more than {STEP_LIMIT} steps")
    if any(left is right is Wild.ANY for left, right in pairwise(steps)):
        raise ValueError(f"{quoted(text)}: one ** is enough")
    return FieldPath(text, tuple(steps))


def _step(match: re.Match[str], text: str) -> Step:
    literal, plain = match[1], match[2]
    if literal is not None:
        return re.sub(r'\\(["\\])', r"\1", literal)
    if plain in {"*", "**"}:
        return Wild(plain)
    if "*" in plain:
        raise ValueError(f"{quoted(text)}: * stands for a whole key; quote {quoted(plain)} if it is a key's own name")
    if plain != plain.strip():
        raise ValueError(f"{quoted(text)}: quote a key that begins or ends with a space")
    return plain


def _read(value: Any) -> FieldPath:
    if isinstance(value, FieldPath):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a field path is wanted here (quote it), not {kind_of(value)}")  # noqa: TRY004 - pydantic's
    return parse_path(value)


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, (str, FieldPath)) else value


Field = Annotated[
    FieldPath, PlainValidator(_read), PlainSerializer(str), WithJsonSchema({"type": "string", "minLength": 1})
]
Fields = Annotated[tuple[Field, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
