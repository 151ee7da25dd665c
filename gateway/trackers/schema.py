"""Tracker files: how one tracker's requests are recognised and which field holds which category of data.

The models mirror the YAML key by key, are frozen and know every key. A tracker file names places; it never says what
happens to them (rule files do), so that it can't loosen anything but what its backend needs: `keep`, `country`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictInt, field_validator, model_validator

from gateway.core.category import Category
from gateway.core.yaml import Strict, Text, Texts, Where, choose, quoted
from gateway.trackers.path import Field, Fields

_NAME = re.compile(r"_?[a-z][a-z0-9_-]{0,63}\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110 section 5.6.2
_BELOW = re.compile(r"[a-z0-9-]+/\Z")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110 section 5.5: no CR, LF or NUL splits an answer


def _category(value: Any) -> Any:
    return choose(value, list(Category), "category") if isinstance(value, str) else value


def _tracker_name(value: str) -> str:
    if not _NAME.match(value):
        raise ValueError(f"{quoted(value)} is no tracker name: use lower-case letters, digits, - and _")
    return value


def _field_name(value: str) -> str:
    if not _TOKEN.match(value):
        raise ValueError(f"{quoted(value)} is no header name")
    return value


def _field_value(value: str) -> str:
    if not _FIELD_VALUE.match(value):
        raise ValueError("a header's value is one line of latin-1 text")
    return value


def _path_glob(value: str) -> str:
    if not value.startswith(("/", "*")):
        raise ValueError(f"{quoted(value)}: a path begins with / (or with *)")
    return value


def _status(value: int) -> int:
    if not 200 <= value <= 599:
        raise ValueError("an HTTP status from 200 to 599 is wanted here")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("one line without control characters is wanted here")
    return value


def _one_group(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"{quoted(value)} is no regular expression: {error}") from None
    if value and groups != 1:
        raise ValueError(f"{quoted(value)}: one group is wanted, the part that matters here")
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}", value, re.ASCII):
        raise ValueError(f"{quoted(value)} is no name of a script's own")
    return value


OneLine = Annotated[str, AfterValidator(_one_line)]
CategoryName = Annotated[Category, BeforeValidator(_category)]
HeaderName = Annotated[Text, AfterValidator(_field_name)]
HeaderNames = Annotated[Texts, AfterValidator(lambda names: tuple(_field_name(name) for name in names))]
HeaderValue = Annotated[str, AfterValidator(_field_value)]
PathGlobs = Annotated[Texts, AfterValidator(lambda globs: tuple(_path_glob(glob) for glob in globs))]
OneGroup = Annotated[str, AfterValidator(_one_group)]
Status = Annotated[StrictInt, AfterValidator(_status)]


class Match(Strict):
    """One way to recognise a request: every key that is given must hold; of a key's list, one. `*` is any text."""

    path: PathGlobs = ()
    host: Texts = ()
    method: Texts = ()
    query: Mapping[Text, str] = {}  # parameter → glob of its value
    headers: Mapping[HeaderName, str] = {}  # name → glob of its value
    body: Fields = ()  # fields that must be there
    where: Where = ""

    @model_validator(mode="after")
    def _ask_for_something(self) -> Self:
        if not (self.path or self.host or self.method or self.query or self.headers or self.body):
            raise ValueError("an entry without a key would match every request: give a path, host, query or body")
        return self


class HeaderUse(Strict):
    """Headers that the backend needs: kept as they are, or kept because they name the customer's project."""

    keep: HeaderNames = ()
    project_keys: HeaderNames = ()
    session: HeaderNames = ()  # hold a token that the backend issued for one recording: kept, and tells sessions apart


class CookieUse(Strict):
    """Cookies (names or globs) that the backend needs."""

    keep: Texts = ()


class AnswerSpec(Strict):
    """An answer that the gateway gives in the backend's place."""

    status: Status = 400
    headers: Mapping[HeaderName, HeaderValue] = {}
    body: str = ""


class OptedOut(Strict):
    """What the backend would say to a request whose path fits one of these globs.

    `defines`: an SDK's script; it is answered with one that defines these names, does nothing, and lets the page call on.
    """

    path: PathGlobs = ("*",)
    status: Status = 200
    headers: Mapping[HeaderName, HeaderValue] = {}
    body: str = ""
    defines: Annotated[Texts, AfterValidator(lambda names: tuple(_identifier(name) for name in names))] = ()

    @model_validator(mode="after")
    def _say_one_thing(self) -> Self:
        if self.defines and (self.body or self.headers):
            raise ValueError("defines makes the whole answer: leave out headers and body")
        return self


class Answers(Strict):
    """`opted_out`: the first entry whose path fits; `unreadable`: a 4xx that makes the SDK drop and not try again.

    `accepted`: what the SDK is told of events that wait for their backend, the first entry whose path fits; else 202.
    """

    opted_out: tuple[OptedOut, ...] = ()
    accepted: tuple[OptedOut, ...] = ()
    unreadable: AnswerSpec = AnswerSpec()

    @model_validator(mode="after")
    def _say_what_the_sdk_understands(self) -> Self:
        if not 400 <= self.unreadable.status <= 499:
            raise ValueError("unreadable: the status must be a 4xx, so that the SDK drops the payload")
        if not all(200 <= answer.status <= 299 for answer in self.accepted):
            raise ValueError("accepted: the status must be a 2xx, so that the SDK forgets the payload")
        return self


class ReplyEdit(Strict):
    """What tells the SDK, in a set-up reply, to mask or stop at its source: JSON value → fields.

    `set` writes the fields, `add` puts the value first into their lists. With `instead_of`, only a field that stands and
    holds one of these values is written: what asks for more already stays.
    """

    path: PathGlobs = ("*",)
    unless_kept: CategoryName | None = None  # not where the rules keep this category
    set: Mapping[Text, Fields] = {}
    instead_of: tuple[Text, ...] = ()
    add: Mapping[Text, Fields] = {}
    where: Where = ""

    @field_validator("set", "add", "instead_of")
    @classmethod
    def _write_json(cls, value: Any) -> Any:
        for literal in value:
            try:
                json.loads(literal)
            except ValueError:
                raise ValueError(f"{quoted(literal)} is no JSON value: write it as the reply would hold it") from None
        return value


class Length(Strict):
    """A number that tells how long another part of the body is: as it is sent, or inflated."""

    field: Field
    of: Field
    counts: Literal["sent", "inflated"] = "sent"


class Setup(Strict):
    """How a site is pointed at the gateway, for `gateway init`. In `site`, `{path}` is the route's path."""

    upstream: OneLine = ""  # where the SDK sends by itself; empty where that differs by customer
    find: OneLine = ""  # where the site's owner reads it then
    routes: Mapping[Text, OneLine] = {}  # path below the route's → another backend that the SDK talks to
    note: OneLine = ""
    site: OneLine = ""  # the SDK's option, as the site's code has it

    @model_validator(mode="after")
    def _lead_to_a_backend(self) -> Self:
        if bool(self.upstream) is bool(self.find):
            raise ValueError("setup: give the SDK's own upstream, or say in find where it is read")
        for below in self.routes:
            if not _BELOW.match(below):
                raise ValueError(f"{quoted(below)}: a path below the route's ends with / and does not begin with it")
        return self


class Erasure(Strict):
    """How a visitor's data is erased at the backend, as its vendor documents it. In `call`, `{id}` is the pseudonym."""

    call: OneLine = ""
    note: OneLine = ""
    docs: OneLine

    @model_validator(mode="after")
    def _say_how(self) -> Self:
        if not (self.call or self.note):
            raise ValueError("erasure: give the call, or a note of what to do")
        return self


class TrackerFile(Strict):
    """One file of rules/trackers."""

    tracker: Annotated[Text, AfterValidator(_tracker_name)]
    title: str = ""
    docs: str = ""
    setup: Setup | None = None
    erasure: Erasure | None = None
    effects: Mapping[CategoryName, Mapping[Text, OneLine]] = {}  # operator → what it costs in this backend's reports
    match: tuple[Match, ...] = ()
    last_resort: StrictBool = False  # recognised only where no other tracker is
    ingest: PathGlobs = ()  # takes events, and its answer tells the SDK nothing: may be answered before the backend is asked
    session: Fields = ()
    session_part: OneGroup = ""  # of a value, the key is its first group
    decoded_size: Fields = ()  # numbers that say how long the body's content is, and follow it
    unsupported: PathGlobs = ()  # known, and not readable by this version: refused
    places: Mapping[CategoryName, Fields] = {}
    keys: Mapping[CategoryName, Texts] = {}  # category → phrases of words, wherever such a key stands
    headers: HeaderUse = HeaderUse()
    cookies: CookieUse = CookieUse()
    set_cookies: CookieUse = CookieUse()
    country: Literal["none", "truncated_address"] = "none"
    lengths: tuple[Length, ...] = ()  # numbers that are written anew when what they measure has changed
    body_sizes: Mapping[Text, OneGroup] = {}  # query parameter → pattern; its group is the body's size, and follows it
    targets: Texts = ()  # query parameters that hold a path and query of their own, for a proxy
    elements: Fields = ()  # strings in PostHog's elements_chain form
    switches: Mapping[str, Fields] = {}  # value → fields that are always sent as this value (`ip=1` becomes 0)
    answers: Answers = Answers()
    replies: tuple[ReplyEdit, ...] = ()
    where: Where = ""
