"""Rule files: which operator each category, selector and detector gets.

The models mirror the YAML key by key, are frozen and know every key, operator, detector and tracker: a name that
nothing answers to is an error with its line, because a rule that silently does nothing lets data out. They hold what
was written; `ruleset.program` makes of it what runs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import cssselect2
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.plugin import Operator
from gateway.core.region import check_region, is_in, known_place
from gateway.core.yaml import Items, Strict, Table, Text, Texts, Where, choose, kind_of, quoted
from gateway.operators import MAIN_PARAMETER
from gateway.ruleset.pattern import Pattern as LinearPattern
from gateway.ruleset.pattern import compile_pattern
from gateway.trackers.path import Fields
from gateway.trackers.schema import CategoryName

OPERATOR_NAMES: Final = (
    "keep", "detect", "mask", "redact", "replace", "hash", "truncate", "generalise", "encrypt", "drop",
)  # fmt: skip
_NOT: Final = "not "
_UNKNOWN: Final = dict.fromkeys(OPERATOR_NAMES)
SELECTOR_LIMIT: Final = 10_000  # characters of one CSS selector list


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule file may name. An operator without an `Operator` behind it takes no parameters."""

    operators: Mapping[str, Operator | None] = field(default_factory=dict)
    detectors: Collection[str] = ()
    trackers: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """`mask`, `{mask: {keep_last: 4}}` or, short for an operator's main parameter, `{replace: "[customer]"}`."""

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        inner = ", ".join(f"{key}: {value}" for key, value in self.parameters.items())
        return f"{self.name} ({inner})" if inner else self.name


def _operator(value: Any, info: ValidationInfo) -> OperatorSpec:
    if isinstance(value, OperatorSpec):
        return value
    parameters: Any = {}
    if isinstance(value, Mapping):
        if len(value) != 1:
            raise ValueError("one operator is wanted here, as in `mask` or `{mask: {keep_last: 4}}`")
        ((value, parameters),) = value.items()
    if not isinstance(value, str):
        raise ValueError(f"an operator's name is wanted here, not {kind_of(value)}")  # noqa: TRY004 - pydantic's
    operators: Mapping[str, Operator | None] = info.context.operators if isinstance(info.context, Known) else _UNKNOWN
    choose(value, operators, "operator")
    return _prepared(value, operators[value], parameters)


def _prepared(name: str, operator: Operator | None, given: Any) -> OperatorSpec:
    parameters = _plain(given)
    if not isinstance(parameters, Mapping):
        if name not in MAIN_PARAMETER or parameters is None:
            raise ValueError(f"{quoted(name)}: write named parameters under it, or its name alone")
        parameters = {MAIN_PARAMETER[name]: parameters}
    if operator is not None:
        operator.prepare(parameters)  # says what is wrong in one line
    elif parameters:
        raise ValueError(f"{quoted(name)} takes no parameters")
    return OperatorSpec(name, parameters)


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, Items) else value


def _category(category: Category) -> Category:
    if category in NEVER_TOUCHED:
        raise ValueError(f"{quoted(category)} is never touched: take it out")
    return category


def _css(text: str) -> str:
    if len(text) > SELECTOR_LIMIT:
        raise ValueError(f"a selector of more than {SELECTOR_LIMIT} characters: split the rule")
    try:
        selectors = cssselect2.compile_selector_list(text)
    except (cssselect2.SelectorError, RecursionError) as error:
        reason = error.args[-1] if error.args and isinstance(error, cssselect2.SelectorError) else "nested too far"
        raise ValueError(f"{quoted(text)} is no CSS selector: {str(reason).lower()}") from None
    except NotImplementedError:
        raise ValueError(f"{quoted(text)} is no CSS selector that is supported: leave out *|") from None
    except (AttributeError, SyntaxError):  # measured: how the library says that `|` or `:has(` ends too early
        raise ValueError(f"{quoted(text)} is no CSS selector: it ends too early") from None
    if any(selector.pseudo_element or selector.never_matches for selector in selectors):
        raise ValueError(f"{quoted(text)} can never match an element of a recorded page")
    return text


def _pattern(value: Any) -> LinearPattern:
    if isinstance(value, LinearPattern):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a pattern is wanted here (quote it), not {kind_of(value)}")  # noqa: TRY004 - pydantic's
    return compile_pattern(value)


def _phrase(text: str) -> str:
    if not any(character.isalnum() for character in text):
        raise ValueError(f"{quoted(text)} holds no word")
    return text


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("a day is wanted here, as in 2027-06-30")


def _of_known(names: tuple[str, ...], info: ValidationInfo, attribute: str, what: str) -> tuple[str, ...]:
    if isinstance(info.context, Known):
        for name in names:
            choose(name, getattr(info.context, attribute), what)
    return names


def _country(value: str) -> str:
    if known_place(value) != value:
        raise ValueError(f"{quoted(value)} is no country: write a code such as DE or US-CA")
    return value


def _rule_categories(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


_OPERATOR_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "enum": list(OPERATOR_NAMES)},
        {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": {"enum": list(OPERATOR_NAMES)}},
    ]
}
Operation = Annotated[
    OperatorSpec,
    PlainValidator(_operator),
    PlainSerializer(lambda spec: {spec.name: spec.parameters}),
    WithJsonSchema(_OPERATOR_SCHEMA),
]
Pattern = Annotated[
    LinearPattern,
    PlainValidator(_pattern),
    PlainSerializer(lambda pattern: pattern.pattern),
    WithJsonSchema({"type": "string", "format": "regex"}),
]
Day = Annotated[date, PlainValidator(_day), PlainSerializer(str), WithJsonSchema({"type": "string", "format": "date"})]
Css = Annotated[Text, AfterValidator(_css)]
Selectors = Annotated[Texts, AfterValidator(lambda texts: tuple(_css(text) for text in texts))]
Phrases = Annotated[Texts, AfterValidator(lambda texts: tuple(_phrase(text) for text in texts))]
Categories = Annotated[
    tuple[Annotated[CategoryName, AfterValidator(_category)], ...],
    BeforeValidator(_rule_categories, json_schema_input_type=Category | list[Category]),
]


Country = Annotated[str, AfterValidator(_country)]


class Record(Strict):
    """A category's operator: what the backend may see at all. None: as an earlier file says."""

    closed: ClassVar[Mapping[str, str]] = {name.value: "is never touched: take it out" for name in NEVER_TOUCHED}

    form_inputs: Operation | None = None
    page_text: Operation | None = None
    urls: Operation | None = None
    ip_addresses: Operation | None = None
    device_ids: Operation | None = None
    user_traits: Operation | None = None
    event_properties: Operation | None = None
    data_logs: Operation | None = None
    location: Operation | None = None
    user_agent: Operation | None = None
    media: Operation | None = None
    mobile_devices: Literal["keep", "drop"] | None = None

    @property
    def operators(self) -> Mapping[Category, OperatorSpec]:
        """The categories that this file sets."""
        found: dict[Category, OperatorSpec] = {}
        for category in Category:
            spec = getattr(self, category.value, None)
            if isinstance(spec, OperatorSpec):
                found[category] = spec
        return found


def _regions(value: tuple[str, ...]) -> tuple[str, ...]:
    said_not = {name.startswith(_NOT) for name in value}
    if len(said_not) != 1:
        raise ValueError("give regions, or regions that all begin with `not`")
    for name in value:
        check_region(name.removeprefix(_NOT))
    return value


class When(Strict):
    """For which visitors: all that is given must hold. Who is nowhere is in every region, and so never outside of one.

    `consent: none` are those who must be asked first and have not said yes or no.
    """

    region: Annotated[Texts, AfterValidator(_regions)] | None = None
    consent: Literal["none"] | None = None

    @model_validator(mode="after")
    def _mean_somebody(self) -> Self:
        if self.region is None and self.consent is None:
            raise ValueError("say for which visitors: give region, or consent: none")
        return self

    def holds(self, country: str, *, consented: bool = True) -> bool:
        """Whether a visitor of this country (`DE`, `US-CA`, or empty where nobody knows) is meant."""
        if self.consent is not None and consented:
            return False
        if self.region is None:
            return True
        is_in_one = is_in(country, [name.removeprefix(_NOT) for name in self.region])
        return is_in_one is not self.region[0].startswith(_NOT)

    def __str__(self) -> str:
        region = f"region: {', '.join(self.region)}" if self.region is not None else ""
        return ", ".join(filter(None, (region, f"consent: {self.consent}" if self.consent else "")))


class Profile(Strict):
    """Other operators of categories, for some visitors."""

    when: When
    record: Record
    where: Where = ""

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if self.record.mobile_devices is not None:
            raise ValueError("mobile_devices holds for all visitors: say it in the file's own record")
        if not self.record.operators:
            raise ValueError("record is empty: give a category its operator")
        return self


class Urls(Strict):
    """Query parameters (names, `*` for any text) whose values stay."""

    keep_query: Texts = ()


SELECTORS: Final = ("select", "fields", "keys", "headers", "cookies", "query", "pattern", "detect")


class Rule(Strict):
    """One selector or detector, plus an operator, plus a name."""

    name: Text
    select: Css | None = None
    fields: Fields = ()
    keys: Phrases = ()
    headers: Texts = ()
    cookies: Texts = ()
    query: Texts = ()
    pattern: Pattern | None = None
    detect: Texts = ()
    categories: Categories = Field(default=(), alias="in")
    trackers: Texts = ()
    operator: Operation = Field(alias="with")
    where: Where = ""

    @field_validator("detect")
    @classmethod
    def _know_detectors(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _of_known(value, info, "detectors", "detector")

    @field_validator("trackers")
    @classmethod
    def _know_trackers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _of_known(value, info, "trackers", "tracker")

    @model_validator(mode="after")
    def _pick_by_one_thing(self) -> Self:
        given = [name for name in SELECTORS if getattr(self, name)]
        if len(given) != 1:
            found = f"has {' and '.join(given)}" if given else "picks nothing"
            raise ValueError(f"rule {quoted(self.name)} {found}: give one of {', '.join(SELECTORS)}")
        return self

    @property
    def selector(self) -> str:
        """The name of the selector that this rule picks by."""
        return next(name for name in SELECTORS if getattr(self, name))


class Allow(Strict):
    """A text or pattern that detectors leave alone. It silences nothing else."""

    name: Text
    text: Text | None = None
    pattern: Pattern | None = None
    categories: Categories = Field(default=(), alias="in")
    until: Day | None = None
    where: Where = ""

    @model_validator(mode="after")
    def _allow_one_thing(self) -> Self:
        if (self.text is None) == (self.pattern is None):
            raise ValueError(f"allow {quoted(self.name)}: give either text or pattern")
        return self

    def is_expired(self, today: date) -> bool:
        """Whether its last day, `until`, is over."""
        return self.until is not None and self.until < today


class RuleTest(Strict):
    """What the rules make of one body. `input` and `expect` are any YAML values."""

    name: Text
    tracker: Text | None = None
    path: Text | None = None
    country: Country = ""  # of the visitor; nobody knows unless told
    consent: Literal["none"] | None = None  # none: must be asked first, and has not answered
    headers: Mapping[Text, str] = {}
    input: Any
    expect: Any
    where: Where = ""

    @field_validator("tracker")
    @classmethod
    def _know_tracker(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            _of_known((value,), info, "trackers", "tracker")
        return value

    @field_validator("input", "expect")
    @classmethod
    def _drop_lines(cls, value: Any) -> Any:
        return _plain(value)


class RuleFile(Strict):
    """One rule file."""

    extends: Texts = ()
    record: Record = Record()
    private: Selectors = ()
    urls: Urls = Urls()
    mask: tuple[Rule, ...] = ()
    allow: tuple[Allow, ...] = ()
    visitors: tuple[Profile, ...] = ()
    tests: tuple[RuleTest, ...] = ()
    where: Where = ""

    @model_validator(mode="after")
    def _name_things_once(self) -> Self:
        _once([*self.mask, *self.allow])
        _once(self.tests)
        return self

    @property
    def file(self) -> str:
        """The file's name, as messages give it."""
        return self.where.rpartition(":")[0]


def _once(things: Sequence[Rule | Allow | RuleTest]) -> None:
    seen: dict[str, str] = {}
    for thing in things:
        if thing.name in seen:
            lines = " and ".join(where.rpartition(":")[2] for where in (seen[thing.name], thing.where))
            raise ValueError(f"the name {quoted(thing.name)} is here twice, on lines {lines}")
        seen[thing.name] = thing.where
