"""Reads YAML that people write (configuration, rules, tracker files) into frozen models, with a line for every mistake.

A safe subset of YAML 1.2: one document; no tags, anchors, aliases or merge keys; no key twice; keys are text; `true`
and `false` are the only booleans (`on`, `yes` and dates stay text). At most 1 MiB and 32 levels: no file is a bomb.
Nothing is guessed and nothing is ignored: a file is read as a whole or it is a `FileErrors`, one line a mistake, each
with `file:line` and the nearest known word. It opens no file: callers hand in the text.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from gateway.core.errors import UserError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SIZE_LIMIT: Final = 1024 * 1024
DEPTH_LIMIT: Final = 32
NUMBER_LIMIT: Final = 40  # characters; no setting needs more, and int() is quadratic

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there
_WORDS: Final[Mapping[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII)


class Table(dict[str, Any]):
    """A mapping that knows where it stands and on which line each key does."""

    __slots__ = ("file", "line", "lines")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file = file
        self.line = line
        self.lines: dict[str, int] = {}

    @property
    def where(self) -> str:
        """`file:line` of its first key."""
        return f"{self.file}:{self.line}"


class Items(list[Any]):
    """A sequence that knows on which line each item stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file: plain data (`Table`, `Items`, str, int, float, bool, None) and where each of it stands."""

    file: str
    data: Any

    def line_of(self, location: Iterable[str | int]) -> int:
        """The line where the thing at `location` is named: a key's own; its nearest parent's where it isn't there."""
        node, line = self.data, getattr(self.data, "line", 1)
        for step in location:
            if isinstance(node, Table) and isinstance(step, str) and step in node:
                node, line = node[step], node.lines[step]
            if isinstance(node, Items) and isinstance(step, int) and step < len(node):
                node, line = node[step], node.lines[step]
        return line

    def error(self, message: str, location: Iterable[str | int] = ()) -> UserError:
        """A mistake at `location`."""
        return UserError(message, f"{self.file}:{self.line_of(location)}")


class FileErrors(UserError):  # noqa: N818 - several of them
    """Every mistake of one file, in the order of its lines; reads as the first of them."""

    def __init__(self, each: tuple[UserError, ...]) -> None:
        super().__init__(each[0].message, each[0].where)
        self.each = each


def quoted(text: str) -> str:
    """`text` in quotes, on one line, at most 60 characters, with nothing in it that a terminal would obey."""
    return f'"{one_line(text if len(text) <= 60 else text[:59] + "…")}"'


def one_line(text: str) -> str:
    """`text` with everything escaped that would end a line, move a cursor or turn text around."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name: the nearest known one, or all where they are few."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {quoted(close[0])}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 24 else ""


def choose(name: str, known: Iterable[str], what: str) -> str:
    """`name` where it is known; else a ValueError that names the nearest."""
    known = tuple(known)
    if name not in known:
        raise ValueError(f"unknown {what} {quoted(name)}{nearest(name, known)}")
    return name


def parse(text: str, file: str, substitute: Callable[[str], str] | None = None) -> Source:
    """`text` as plain data. `substitute` sees a value's text before its type is judged; its ValueError is a mistake."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise UserError("not valid UTF-8: save the file as UTF-8", file) from None
    if len(data) > SIZE_LIMIT:
        raise UserError(f"larger than {SIZE_LIMIT // 1024 // 1024} MiB: split the file", file)
    builder = _Builder(file, substitute)
    try:
        for event in yaml.parse(data, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise builder.error(
            f"not valid YAML: {_plain(error.problem or error.context or 'unreadable')}", mark.line if mark else 0
        ) from None
    except yaml.YAMLError as error:  # a character that YAML forbids
        raise UserError(f"not valid YAML: {_plain(getattr(error, 'reason', '') or 'unreadable')}", file) from None
    return Source(file, builder.root if builder.root is not None else Table(file, 1))


class _Builder:
    """Events in, plain data out; a stack of its own, so that depth is a number and not Python's recursion."""

    def __init__(self, file: str, substitute: Callable[[str], str] | None) -> None:
        self.file = file
        self.root: Any = None
        self._substitute = substitute
        self._stack: list[Table | Items] = []
        self._keys: list[tuple[str, int] | None] = []  # a Table's key that waits for its value
        self._documents = 0

    def error(self, message: str, line: int) -> UserError:
        return UserError(message, f"{self.file}:{line + 1}")

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self.error("a second document begins here: one file holds one document", line)
            if event.tags:
                raise self.error("%TAG is not allowed: write plain values", line)
        elif isinstance(event, yaml.AliasEvent):
            raise self.error(f"aliases are not allowed: write the value out instead of *{event.anchor}"[:120], line)
        elif isinstance(event, yaml.NodeEvent):
            if event.anchor is not None:
                raise self.error(f"anchors are not allowed: remove &{event.anchor}"[:120], line)
            if getattr(event, "tag", None) is not None:
                raise self.error(f"tags are not allowed: remove {quoted(cast('Any', event).tag)}", line)
            self._take_node(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._stack.pop()
            self._keys.pop()

    def _take_node(self, event: yaml.NodeEvent, line: int) -> None:
        is_key = bool(self._stack) and isinstance(self._stack[-1], Table) and self._keys[-1] is None
        if isinstance(event, yaml.ScalarEvent):
            if is_key:
                self._take_key(event, line)
            else:
                self._add(self._scalar(event, line), line)
            return
        if is_key:
            raise self.error("a key must be text: quote it", line)
        if len(self._stack) >= DEPTH_LIMIT:
            raise self.error(f"nested deeper than {DEPTH_LIMIT} levels", line)
        holder = Table(self.file, line + 1) if isinstance(event, yaml.MappingStartEvent) else Items(line + 1)
        self._add(holder, line)
        self._stack.append(holder)
        self._keys.append(None)

    def _take_key(self, event: yaml.ScalarEvent, line: int) -> None:
        table = cast("Table", self._stack[-1])
        if event.value == "<<" and not event.style:
            raise self.error("merge keys are not allowed: write the values out", line)
        if event.value in table:
            first = table.lines[event.value]
            raise self.error(f"{quoted(event.value)} is here twice: line {first} has it already", line)
        self._keys[-1] = (event.value, line)

    def _add(self, value: Any, line: int) -> None:
        if not self._stack:
            self.root = value
            return
        holder = self._stack[-1]
        if isinstance(holder, Items):
            holder.append(value)
            holder.lines.append(line + 1)
        else:
            name, at = cast("tuple[str, int]", self._keys[-1])
            holder[name] = value
            holder.lines[name] = at + 1
            self._keys[-1] = None

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Any:
        text = event.value
        if self._substitute is not None and "${" in text:
            try:
                text = self._substitute(text)
            except ValueError as error:
                raise self.error(str(error), line) from None
        if event.style:  # quoted or a block: "" or None is plain, as the parser has it
            return text
        if text in _WORDS:
            return _WORDS[text]
        is_integer = _INTEGER.match(text)
        if is_integer or _FLOAT.match(text):
            number = math.inf if len(text) > NUMBER_LIMIT else int(text) if is_integer else float(text)
            if math.isinf(number):
                raise self.error("a number too large to read: quote it if it is text", line)
            return number
        return text


def _plain(text: str) -> str:
    return quoted(text)[1:-1]


class Strict(BaseModel):
    """What every model of a file is: frozen, with no key that it does not know.

    `closed` holds keys that are known and refused, with the reason: a switch that is silently ignored fails open.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    closed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, data: Any) -> Any:
        if data is None:  # `tls:` with nothing under it
            return {}
        if not isinstance(data, Mapping):
            raise PydanticCustomError("kind", "{message}", {"message": f"keys are wanted here, not {kind_of(data)}"})
        known = [field.alias or name for name, field in cls.model_fields.items() if name != "where"]
        for key in data:
            if key in cls.closed:
                message = f"{quoted(key)} {cls.closed[key]}"
                raise PydanticCustomError("key", "{message}", {"message": message, "key": key})
            if key not in known and not (key == "where" and not isinstance(data, Table)):
                message = f"unknown key {quoted(str(key))}{nearest(str(key), known)}"
                raise PydanticCustomError("key", "{message}", {"message": message, "key": key})
        if "where" in cls.model_fields and isinstance(data, Table):
            return {**data, "where": data.where}
        return data


Where = Annotated[str, SkipJsonSchema()]  # a model's own `file:line`: filled in here, never written by people


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty: fill it in or remove it")
    return value


Text = Annotated[str, BeforeValidator(_filled)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


def read_model[M: Strict](source: Source, model: type[M], context: object = None) -> M:
    """The file as `model`, or `FileErrors`. `context` is what the model's validators may know."""
    try:
        return model.model_validate(source.data, context=context)
    except ValidationError as error:
        each = [source_error(source, details) for details in error.errors(include_url=False)]
        each.sort(key=lambda one: int(one.where.rpartition(":")[2]))
        raise FileErrors(tuple(each)) from None


def source_error(source: Source, details: ErrorDetails) -> UserError:
    """One of pydantic's errors in plain words, at its line."""
    location = [step for step in details["loc"] if step != "[key]"]
    context = details.get("ctx", {})
    if details["type"] == "key":
        return source.error(details["msg"], [*location, context["key"]])
    name = next((step for step in reversed(location) if isinstance(step, str)), "")
    if details["type"] == "missing":
        return source.error(f"{quoted(name)} is missing", location[:-1])
    message = _message(details, context)
    return source.error(f"{quoted(name)}: {message}" if name else message, location)


def kind_of(value: object) -> str:
    """What a value is, in the words of people who write YAML."""
    return _KINDS.get(type(value), "something else")


_KINDS: Final[Mapping[type, str]] = {
    str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing",
    Table: "keys", Items: "a list", dict: "keys", list: "a list", tuple: "a list",
}  # fmt: skip
_WANTED: Final[Mapping[str, str]] = {
    "string_type": "text is wanted here (quote it)",
    "int_type": "a whole number is wanted here",
    "bool_type": "true or false is wanted here",
    "tuple_type": "a list is wanted here",
    "dict_type": "keys are wanted here",
    "mapping_type": "keys are wanted here",
}


def _message(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    kind, value = details["type"], details["input"]
    if kind in _WANTED:
        return f"{_WANTED[kind]}, not {kind_of(value)}"
    if kind in {"literal_error", "enum"}:
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        if isinstance(value, str):
            return f"{quoted(value)} is not one of {', '.join(choices)}{_nearest_only(value, choices)}"
        return f"one of {', '.join(choices)} is wanted here, not {kind_of(value)}"
    if kind == "value_error":
        return str(context["error"])
    return details["msg"][:1].lower() + details["msg"][1:]


def _nearest_only(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.6)
    return f"; did you mean {quoted(close[0])}?" if close else ""
