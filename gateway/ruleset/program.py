"""A Program: rule files and tracker files compiled into what runs on one route. Immutable, known by its digest.

What users write and what runs are two types: here the first becomes the second. Rules keep their order (a later one
wins); places of all trackers are worked out once and shared by all requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import translate
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.category import Category
from gateway.core.document import Layer
from gateway.core.limits import Budget, Limits
from gateway.core.message import Inbound
from gateway.core.opening import Opener
from gateway.core.words import Phrases
from gateway.detectors import BY_NAME as DETECTORS
from gateway.detectors import scan
from gateway.formats import FORMATS
from gateway.formats.elements_chain import ELEMENTS_CHAIN
from gateway.operators import prepare_spec
from gateway.recording.dom import Selectors
from gateway.recording.sessions import Sessions
from gateway.recording.state import read as read_page
from gateway.recording.state import write as write_page
from gateway.recording.vocabulary import Vocabulary
from gateway.ruleset.judge import PRIVATE_MARK, Change, Law, Operation, WholeRule
from gateway.ruleset.keys import Keys
from gateway.ruleset.request import Request
from gateway.ruleset.schema import OperatorSpec, Record, Rule, RuleFile
from gateway.ruleset.secrets import Memories
from gateway.ruleset.state import pack, unpack
from gateway.ruleset.text import Allowance, SpanRule, TextRules, UrlPolicy
from gateway.trackers.pathset import PathSet
from gateway.trackers.place import Knowledge, Mark, Place
from gateway.trackers.recognition import Recogniser
from gateway.trackers.schema import TrackerFile

ANY_TRACKER: Final = "_any"
"""The tracker file that holds for all: key phrases and places that mean the same wherever they stand."""


_KNOWN_WORD: Final = re.compile(r"[$A-Za-z_][$\w. \[\]-]{0,47}")


def ready(spec: OperatorSpec, rule: str) -> Operation:
    """An operator with its parameters, ready to run."""
    operator, apply = prepare_spec({spec.name: dict(spec.parameters)} if spec.parameters else spec.name)
    return Operation(rule, operator.name, operator.strength, apply)


class Program:
    """Compiled rules for one route. `only` is its tracker where the route names one; `trackers` those to choose from."""

    def __init__(
        self,
        rules: Sequence[RuleFile],
        trackers: Mapping[str, TrackerFile],
        *,
        names: Sequence[str] = (),
        key: bytes | Keys,
        today: date,
        clock: Callable[[], float],
        limits: Limits | None = None,
        unrecognised: str = "detect",
        sessions: Sessions | None = None,
        memories: Memories | None = None,
    ) -> None:
        """`names` are the trackers of the route; none means all. `today` ends allowances whose last day is over."""
        self.limits = limits or Limits()
        self.keys = key if isinstance(key, Keys) else Keys(key)
        self._today = today
        self.clock = clock
        self.unrecognised = unrecognised
        self.sessions = sessions if sessions is not None else Sessions()
        self.memories = memories if memories is not None else Memories(self.keys.master)
        self._shared: dict[str, bytes] = {}  # session → a print of the bytes by which other gateways know it
        self.trackers = (
            [trackers[name] for name in names]
            if names
            else [tracker for name, tracker in trackers.items() if name != ANY_TRACKER]
        )
        self.recognise = Recogniser(self.trackers)
        self.only = self.trackers[0] if len(names) == 1 else None
        self.opener = Opener(CODINGS, FORMATS, BY_CONTENT_CODING, BY_CHARSET)
        self._any = trackers.get(ANY_TRACKER)
        self._roots: dict[tuple[str, bool], Place] = {}
        self._numbered = list(enumerate(rule for file in rules for rule in file.mask))
        self._rules = tuple(rules)
        self._profiles = tuple(profile for file in rules for profile in file.visitors)
        self.law = self._law(rules, today)
        self._laws: dict[tuple[str, frozenset[str]], Law] = {}
        self._headers = self._named("headers")
        self._cookies = self._named("cookies")
        self.digest = _digest(rules, self.trackers, self._any, unrecognised)
        self.mobile_devices = next(
            (file.record.mobile_devices for file in reversed(rules) if file.record.mobile_devices is not None), "keep"
        )

    @property
    def asks_for_country(self) -> bool:
        """Whether any rule depends on where a visitor is."""
        return any(profile.when.region is not None for profile in self._profiles)

    @property
    def records_unasked(self) -> bool:
        """Whether rules say how visitors are recorded who must be asked first and have not answered."""
        return any(profile.when.consent is not None for profile in self._profiles)

    def begin(self, inbound: Inbound, budget: Budget, trace: list[Change] | None = None) -> Request:
        """The work on one request. With `trace`, every change is noted with its values (for people, in memory)."""
        return Request(self, inbound, budget, trace)

    # compiled once

    def _law(self, rules: Sequence[RuleFile], today: date) -> Law:
        private = tuple(dict.fromkeys(css for file in rules for css in file.private))
        selected = [(number, rule.select) for number, rule in self._numbered if rule.select is not None]
        selectors = Selectors([*((Selectors.PRIVATE, css) for css in private), *selected])
        self.vocabulary = Vocabulary(
            [*private, *(css for _, css in selected)], selectors.attribute_names, self.keys.master
        )
        whole: dict[int, WholeRule] = {}
        spans: list[SpanRule] = []
        parameters: list[SpanRule] = []
        for number, rule in self._numbered:
            operation = ready(rule.operator, rule.name)
            categories = frozenset(rule.categories) or None
            if rule.selector in ("select", "fields", "keys", "query"):
                picks_switches = rule.selector != "keys" or operation.operator == "drop"
                operation = replace(operation, picks_switches=picks_switches)
                whole[number] = WholeRule(operation, categories, frozenset(rule.trackers) or None)
            if rule.query:
                parameters.append(_parameter_rule(rule, operation, categories))
            spans += _span_rules(rule, operation, categories)
        allowances = [
            Allowance(
                allow.name,
                allow.pattern if allow.pattern is not None else allow.text or "",
                frozenset(allow.categories) or None,
            )
            for file in rules
            for allow in file.allow
            if not allow.is_expired(today)
        ]
        kept = tuple(dict.fromkeys(name for file in rules for name in file.urls.keep_query))

        def text_for(tracker: str) -> TextRules:
            of_tracker = [rule for rule in spans if rule.trackers is None or tracker in rule.trackers]
            used = {rule.detector for rule in of_tracker}
            policy = UrlPolicy(kept, [rule for rule in parameters if rule.trackers is None or tracker in rule.trackers])
            return TextRules(
                scan, [one for name, one in DETECTORS.items() if name in used], of_tracker, allowances, policy
            )

        self._text_for = text_for
        self._is_split = any(rule.trackers is not None for rule in (*spans, *parameters))
        return Law(
            record=self._record(frozenset()),
            rules=whole,
            private=ready(OperatorSpec("mask"), PRIVATE_MARK),
            text=text_for(""),
            selectors=selectors,
            sealing=self.keys.sealing,
            seals="encrypt"
            in {
                *(rule.operation.operator for rule in whole.values()),
                *(spec.name for file in rules for told in _records(file) for spec in told.operators.values()),
            }
            or "encrypt" in {rule.operator for rule in spans},
            known_word=lambda key: _KNOWN_WORD.fullmatch(key) is not None,
            keep=ready(OperatorSpec("keep"), "kept"),
            detect=ready(OperatorSpec("detect"), "detectors"),
            hash=ready(OperatorSpec("hash"), "secret of the session"),
        )

    def _record(self, holding: frozenset[str]) -> dict[Category, Operation]:
        """Each category's operation, where the profiles at these places of their files hold.

        What a file says for some visitors outweighs what it says for all; a later file outweighs both.
        """
        record: dict[Category, Operation] = {}
        for file in self._rules:
            for told in (file.record, *(profile.record for profile in file.visitors if profile.where in holding)):
                for category, spec in told.operators.items():
                    record[category] = ready(spec, category.value)
        return record

    def law_for(self, tracker: TrackerFile | None, country: str, *, consented: bool = True) -> Law:
        """The law of a request: the rules of its tracker and for its visitor; where a route says `unrecognised: mask_all`,

        one that masks all text of no known tracker.
        """
        name = tracker.tracker if tracker is not None else ""
        holding = frozenset(
            profile.where for profile in self._profiles if profile.when.holds(country, consented=consented)
        )
        law = self._laws.get((name, holding))
        if law is None:
            law = replace(self.law, text=self._text_for(name)) if self._is_split else self.law
            if holding:
                law = replace(law, record=self._record(holding))
            if tracker is None and self.unrecognised == "mask_all":
                mask = ready(OperatorSpec("mask"), "unrecognised")
                record = {
                    category: mask if operation.operator in ("keep", "detect") else operation
                    for category, operation in law.record.items()
                }
                law = replace(law, record=record, detect=mask)
            self._laws[name, holding] = law
        return law

    def root_of(self, tracker: TrackerFile | None, *, of_query: bool = False) -> Place:
        """The root place of a tracker's documents, or of a request's query."""
        name = (tracker.tracker if tracker is not None else "", of_query)
        root = self._roots.get(name)
        if root is None:
            marks: list[tuple[Any, Mark]] = []
            for file in (self._any, tracker):
                if file is not None:
                    is_general = file is self._any
                    # one file tells what a session is: ranks of two would meet
                    marks += _marks(file, general=is_general, tells_session=file is self._teller(tracker))
            hints = tuple(
                (category, Phrases(phrases, anchored=True))
                for file in (tracker, self._any)
                if file is not None
                for category, phrases in file.keys.items()
            )
            paths = [(path, number) for number, rule in self._numbered for path in rule.fields]
            keys = tuple((number, Phrases(rule.keys)) for number, rule in self._numbered if rule.keys)
            parameters = tuple(
                (number, _any_of(rule.query)) for number, rule in self._numbered if rule.query and of_query
            )
            root = Place(Knowledge(PathSet(marks), hints, PathSet(paths), keys, parameters), None, "")
            self._roots[name] = root
        return root

    def session_ranks(self, tracker: TrackerFile | None) -> int:
        """How many values make a session key."""
        teller = self._teller(tracker)
        return len(teller.session) if teller is not None else 0

    def _teller(self, tracker: TrackerFile | None) -> TrackerFile | None:
        """The file that says what tells sessions apart: the tracker's own where it does."""
        return tracker if tracker is not None and tracker.session else self._any

    def open_chain(self, text: str, budget: Budget) -> Layer | None:
        """An element chain in one string, opened."""
        return ELEMENTS_CHAIN.parse(text, budget)

    def pseudonym_key(self, inbound: Inbound, sessions: Sequence[str] = (), now: float = 0.0) -> bytes:
        """The key that a request's pseudonyms are made with: of its session's period, and its site where sites are apart."""
        period = self.keys.period(self._today)
        if period and sessions:
            period = self.memories.begin(sessions, period, now)
        return self.keys.of(period, site_of(inbound) if self.keys.per_site else "")

    def adopt(self, former: Program) -> None:
        """Goes on with the sessions of the program that this one replaces, as far as it can judge them.

        Pages are taken over unless this program's selectors ask for attributes that the former one did not keep.
        """
        if self.keys.master == former.keys.master:
            bounds, self.memories = self.memories, former.memories
            self.memories.most, self.memories.prints, self.memories.idle = bounds.most, bounds.prints, bounds.idle
        if self.law.selectors.attribute_names <= former.law.selectors.attribute_names and (
            not former.sessions.is_reduced or self.vocabulary.digest == former.vocabulary.digest
        ):
            limits, self.sessions = self.sessions, former.sessions
            self.sessions.most, self.sessions.nodes, self.sessions.idle = limits.most, limits.nodes, limits.idle

    def export_state(self, keys: Sequence[str]) -> dict[str, bytes]:
        """What is known of these sessions, for another gateway: structure and keyed fingerprints, never a text."""
        told: dict[str, bytes] = {}
        for key in keys:
            mirror, memory = self.sessions.known(key), self.memories.known(key)
            page = write_page(mirror, self.vocabulary) if mirror is not None else b""
            data = pack(page, memory.write() if memory is not None else b"")
            self._shared[key] = _print(data)
            if data:
                told[key] = data
        return told

    def import_state(self, state: Mapping[str, bytes]) -> None:
        """Puts what another gateway told in the place of what is known. What can't be read is not known: it masks."""
        now = self.clock()
        if len(self._shared) > 2 * self.sessions.most:
            self._shared.clear()
        for key, data in state.items():
            page, memory = unpack(data)
            if self._shared.get(key) == _print(data) and self._has(key, page, memory, now):
                continue  # what this program told last: it has it, in a form that is read already
            mirror = read_page(page, self.vocabulary) if page else None
            self.sessions.replace(key, mirror, now)
            self.sessions.is_reduced = self.sessions.is_reduced or mirror is not None
            self.memories.replace(key, memory, now)
            self._shared[key] = _print(data)

    def _has(self, key: str, page: bytes, memory: bytes, now: float) -> bool:
        """Whether all of a state is here; it is in use then."""
        return self.sessions.touch(key, now) == bool(page) and self.memories.touch(key, now) == bool(memory)

    def guess(self, inbound: Inbound) -> TrackerFile | None:
        """The tracker of a request that could not be opened, by path, host and headers alone."""
        return self.only or self.recognise(inbound, {}, None)

    @property
    def replacements(self) -> dict[str, str]:
        """The texts that rules put in the place of others, each with the name of its first rule."""
        found: dict[str, str] = {}
        for _, rule in self._numbered:
            text = rule.operator.parameters.get("with") if rule.operator.name == "replace" else None
            if isinstance(text, str) and text.strip():
                found.setdefault(text, rule.name)
        return found

    def rule_name(self, number: int) -> str:
        """The name of a rule by its number, as selectors give it."""
        return dict(self._numbered)[number].name

    def selector_of(self, name: str) -> str:
        """What a rule picks by: fields, keys, select …"""
        return next((rule.selector for _, rule in self._numbered if rule.name == name), "")

    def header_rule(self, name: str, tracker: str) -> Operation | None:
        """The last rule that names this header."""
        return _last(self._headers, name, tracker)

    def cookie_rule(self, name: str, tracker: str) -> Operation | None:
        """The last rule that names this cookie."""
        return _last(self._cookies, name, tracker)

    def _named(self, selector: str) -> list[tuple[re.Pattern[str], WholeRule]]:
        flags = re.IGNORECASE if selector == "headers" else 0
        return [
            (
                _any_of(getattr(rule, selector), flags),
                WholeRule(ready(rule.operator, rule.name), None, frozenset(rule.trackers) or None),
            )
            for _, rule in self._numbered
            if rule.selector == selector
        ]


def _records(file: RuleFile) -> list[Record]:
    """All that a file says of categories, for whomever."""
    return [file.record, *(profile.record for profile in file.visitors)]


def _print(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def site_of(inbound: Inbound) -> str:
    """The site that a request comes from: its Origin's host, or the Referer's, or the route."""
    told = inbound.headers.get("origin") or inbound.headers.get("referer")
    return (urlsplit(told).hostname or inbound.route) if told and told != "null" else inbound.route


def _last(rules: list[tuple[re.Pattern[str], WholeRule]], name: str, tracker: str) -> Operation | None:
    for pattern, rule in reversed(rules):
        if pattern.match(name) and (rule.trackers is None or tracker in rule.trackers):
            return rule.operation
    return None


def _span_rules(rule: Rule, operation: Operation, categories: frozenset[Category] | None) -> list[SpanRule]:
    common = (rule.name, operation.operator, operation.strength, operation.apply, categories)
    trackers = frozenset(rule.trackers) or None
    if rule.pattern is not None:
        return [SpanRule(*common, pattern=rule.pattern, trackers=trackers)]
    return [SpanRule(*common, detector=name, trackers=trackers) for name in rule.detect]


def _parameter_rule(rule: Rule, operation: Operation, categories: frozenset[Category] | None) -> SpanRule:
    common = (rule.name, operation.operator, operation.strength, operation.apply, categories)
    return SpanRule(*common, parameter=_any_of(rule.query), trackers=frozenset(rule.trackers) or None)


def _any_of(globs: Sequence[str], flags: int = 0) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs), flags)


def _marks(file: TrackerFile, *, general: bool, tells_session: bool) -> list[tuple[Any, Mark]]:
    marks: list[tuple[Any, Mark]] = []
    for order, (category, paths) in enumerate(file.places.items()):
        marks += [(path, Mark(category=category, order=order, general=general)) for path in paths]
    part = re.compile(file.session_part) if file.session_part else None
    if tells_session:
        marks += [(path, Mark(session=rank, part=part, general=general)) for rank, path in enumerate(file.session)]
    marks += [(path, Mark(decoded_size=True, general=general)) for path in file.decoded_size]
    marks += [(path, Mark(elements=True, general=general)) for path in file.elements]
    marks += [(path, Mark(value=value, general=general)) for value, paths in file.switches.items() for path in paths]
    return marks


def _digest(rules: Sequence[RuleFile], trackers: Sequence[TrackerFile], general: TrackerFile | None, word: str) -> str:
    """SHA-256 over everything that decides what leaves; the key and the limits do not."""
    told = {
        "rules": [repr(file) for file in rules],
        "trackers": [repr(file) for file in trackers],
        "any": repr(general),
        "unrecognised": word,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
