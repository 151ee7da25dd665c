"""One request on its way through a program: its documents, its claims, and the request that may leave.

Reads the body, the query, the path, the headers and the cookies as one whole, so that a secret found in one is gone from
all. The client's address leaves nowhere; where a tracker file says that its backend needs the country, a truncated one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gateway.core.category import Category
from gateway.core.document import Document, Kind, Layer, Leaf, Map
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget
from gateway.core.message import Headers, Inbound, Outbound
from gateway.core.opening import leaves
from gateway.core.outcome import Response
from gateway.core.report import Finding, Report
from gateway.core.words import words_of
from gateway.formats.openreplay import OpenReplayLayer
from gateway.formats.protobuf import ProtobufLayer
from gateway.operators.truncate import truncate_address
from gateway.operators.user_agent import coarsen_text
from gateway.recording import chunks
from gateway.recording.claim import Claim
from gateway.recording.dom import Mirror
from gateway.ruleset.headers import Use, use_of
from gateway.ruleset.judge import Change, Judge, Law, Operation
from gateway.ruleset.lengths import measure
from gateway.ruleset.replies import ReplyPlan, ids_to_map_back
from gateway.ruleset.text import MASK
from gateway.ruleset.walk import Event, Session, Walk
from gateway.trackers.schema import TrackerFile

if TYPE_CHECKING:
    from gateway.ruleset.program import Program

_LONGEST_TOKEN: Final = 256
_LINE_ENDS: Final = re.compile(r"[\x00\r\n]+")
_RECORD: Final = re.compile(r"(?:eyJ|W3s)[A-Za-z0-9_=-]{13,}\Z")  # JSON as base64: a visitor, told in a path
_PLAIN_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]*|[A-Za-z][\w.-]*", re.ASCII)

STATUS: Final = {Reason.TOO_LARGE: 413, Reason.TOO_DEEP: 413, Reason.UNKNOWN_CODING: 415}
"""Reason → status, where it is not the tracker file's own. None is a 5xx: SDKs would send the same body again."""


class Request:
    """The work on one request (`core.pipeline.Work`)."""

    def __init__(self, program: Program, inbound: Inbound, budget: Budget, trace: list[Change] | None) -> None:
        self.report = Report()
        self._program = program
        self._inbound = inbound
        self._budget = budget
        self._trace = trace
        self._body: Document = Document(inbound.body)
        self._query: Document | None = None
        self._jars: list[Document] = []
        self._tracker: TrackerFile | None = None
        self._walk: Walk | None = None
        self._judge: Judge | None = None
        self._closed: list[str] = []
        self.watch: Callable[[Judge, Claim, Operation], None] | None = None  # for `gateway explain`: told of each claim
        self._size = 0

    def open(self) -> None:
        """Every layer of the body and the query."""
        inbound, opener = self._inbound, self._program.opener
        encodings = [one.strip() for value in inbound.headers.all("content-encoding") for one in value.split(",")]
        self._body = opener.open_body(
            inbound.body, inbound.headers.get("content-type"), [one for one in encodings if one], self._budget
        )
        if inbound.query:
            self._query = opener.open_query(inbound.query, self._budget)
        self._size = _decoded_size(self._body, inbound.body)
        cut = chunks.join(
            self._body, lambda layer, leaf: opener.open_leaf(self._body, layer, leaf, "json", self._budget)
        )
        for layer in self._body.layers:
            if isinstance(layer, ProtobufLayer):
                layer.cut_unknown()
                cut += len(layer.unknown)
        for _ in range(cut):
            self.report.add(Finding("unreadable parts", "drop", "body"))

    def release(self) -> None:
        """Takes apart what refers to itself, so that memory is free at once, and not when the collector comes by."""
        for document in (self._body, self._query, *self._jars):
            if document is not None:
                document.release()
        if self._judge is not None:
            self._judge.release()
        self._walk = self._judge = self.watch = None

    @property
    def documents(self) -> Iterator[tuple[str, Document]]:
        """The query's document, where there is one, and the body's, each with its name."""
        if self._query is not None:
            yield "query", self._query
        yield "body", self._body

    @property
    def opened(self) -> Iterator[tuple[str, Layer]]:
        """Every layer of the query and the body, with which of them it is in."""
        for name, document in self.documents:
            for layer in document.layers:
                yield name, layer

    @property
    def recorded(self) -> list[tuple[Session, Event]]:
        """The recorded events that were read, each with its session and window."""
        return self._of(self._walk).recorded

    def recognise(self) -> None:
        """The tracker, or none; refuses what is known and not readable yet, and what a route refuses."""
        inbound, program = self._inbound, self._program
        tracker = self._tracker = recognise_for(program, inbound, self._query, self._body)
        self.report.tracker = tracker.tracker if tracker is not None else ""
        self.report.layers = [layer.name for layer in self._body.layers]
        if tracker is not None and any(fnmatchcase(inbound.path, glob) for glob in tracker.unsupported):
            raise Refused(Reason.UNSUPPORTED)
        if self._body.opaque:
            raise Refused(Reason.OPAQUE)
        if tracker is None and program.unrecognised == "refuse":
            raise Refused(Reason.UNRECOGNISED)

    def read(self) -> None:
        """Documents → claims."""
        program = self._program
        name = self._tracker.tracker if self._tracker is not None else ""
        judge = self._judge = Judge(
            self._law,
            program.pseudonym_key(self._inbound),
            name,
            self.report,
            self._budget,
            self._trace,
        )
        if self.watch is not None:
            judge.watch = partial(self.watch, judge)
        walk = self._walk = Walk(
            self._budget,
            program.session_ranks(self._tracker)
            + len(self._tracker.headers.session if self._tracker is not None else ()),
            program.law.selectors.attribute_names,
            self._open_chain,
            judge.takes_whole,
            judge.drops,
            judge.marks_of,
            program.law.text.url_policy.keeps,
        )
        place = program.root_of(self._tracker)
        if self._tracker is not None:
            for rank, header in enumerate(self._tracker.headers.session, program.session_ranks(self._tracker)):
                if token := self._inbound.headers.get(header):
                    walk.sessions[rank] = token
        self._open_targets()
        if self._tracker is not None and self._body.layers:
            measure(self._body, self._tracker.lengths)
        if self._query is not None and self._query.layers:
            first = self._query.layers[0]
            walk.read(first, first.root, program.root_of(self._tracker, of_query=True))
        if self._body.layers:
            first = self._body.layers[0]
            walk.read(first, first.root, place)

    def keys(self) -> tuple[str, ...]:
        """What the state is known by that this request touches: its sessions' values, then the pages in them."""
        walk = self._of(self._walk)
        return tuple(dict.fromkeys([*self._sessions(walk), *sorted(self._pages(walk).values())]))

    def _sessions(self, walk: Walk) -> list[str]:
        """The names of the sessions, the value that tells most first: its hash says which process has them."""
        return [self._name(walk.sessions[rank]) for rank in sorted(walk.sessions)]

    def _pages(self, walk: Walk) -> dict[Session, str]:
        """The names of the pages. Those that nothing tells apart may be anyone's: they are known for this request alone."""
        return {page: self._name(*page) for page in walk.pages if any(page)}

    def _name(self, *values: str) -> str:
        name = self._tracker.tracker if self._tracker is not None else ""
        return "\0".join((self._inbound.route, name, *values))

    def decide(self) -> None:
        """Claims → edits, with the pages of the sessions that the request touches held for it alone."""
        walk, judge, program = self._of(self._walk), self._of(self._judge), self._program
        names, sessions = self._pages(walk), list(dict.fromkeys(self._sessions(walk)))
        nameless = Mirror()
        now = program.clock()
        judge.key = program.pseudonym_key(self._inbound, sessions, now)
        judge.remember(program.memories.recall(sessions, now))
        with program.sessions.hold(names.values(), now) as mirrors:
            walk.play(lambda page: mirrors[names[page]] if page in names else nameless)
            for _, record, _ in walk.records:
                judge.keep_names(record)
            judge.settle(walk.claims, walk.lines, walk.rows)
        nameless.end()
        program.memories.learn(sessions, judge.secrets.rows(), now)
        for layer, leaf, place in walk.keys:
            judge.read_key(Claim(layer, leaf, None, place))
        if judge.secrets:
            for layer, record, place in walk.records:
                for leaf in judge.telling_keys(record):
                    judge.read_key(Claim(layer, leaf, None, place))

    def close(self) -> Outbound:
        """Edits → bytes."""
        inbound = self._inbound
        body = self._close(self._body)
        if isinstance(body, str):
            raise Refused(Reason.FAULT)
        target = self._path()
        grown = _decoded_size(self._body, body) - self._size
        for layer, leaf in self._of(self._walk).sizes if grown else ():
            if leaf.value.isdecimal():
                layer.replace(leaf, str(max(0, int(leaf.value) + grown)))
        if self._query is not None:
            self._tell_size(self._query, body)
            query = self._close(self._query)
            target += f"?{query if isinstance(query, str) else query.decode('latin-1')}"
        elif inbound.target.endswith("?"):
            target += "?"
        return Outbound(inbound.method, target, self._headers(), body)

    def verify(self) -> None:
        """No secret of this request is left in any layer of what is about to leave."""
        judge = self._of(self._judge)
        if not judge.secrets:
            return
        left = {secret for text in self._closed for secret in judge.secrets.left_in(text)}
        if left and not judge.stands_kept(self._of(self._walk).claims, left):
            raise Refused(Reason.LEAK)

    def refusal(self, reason: Reason) -> Response:
        """The answer that makes the SDK drop the payload."""
        tracker = self._tracker or self._program.guess(self._inbound)
        if reason in STATUS or tracker is None:
            status = STATUS.get(reason, 415)
            return Response(status, Headers([("Content-Type", "text/plain; charset=utf-8")]), f"{reason}\n".encode())
        spec = tracker.answers.unreadable
        return Response(spec.status, Headers(spec.headers.items()), spec.body.encode())

    def reply(self) -> ReplyPlan | None:
        """What is edited in the backend's reply: what the tracker file says of this path, and ids that come back."""
        tracker, judge, law = self._tracker, self._of(self._judge), self._law
        edits = [
            edit
            for edit in (tracker.replies if tracker is not None else ())
            if any(fnmatchcase(self._inbound.path, glob) for glob in edit.path)
            and (edit.unless_kept is None or law.record[edit.unless_kept].operator != "keep")
        ]
        ids = ids_to_map_back(judge.hashed)
        return (
            ReplyPlan(self._program.opener, self._program.limits, self._program.clock, edits, ids)
            if edits or ids
            else None
        )

    def session(self) -> bytes:
        """A fingerprint of the first value that tells the session, by the tracker file's order; empty where none does."""
        told = self._of(self._walk).sessions
        if not told:
            return b""
        return self._program.keys.session(self._inbound.route, self.report.tracker, told[min(told)])

    # parts

    @property
    def _law(self) -> Law:
        inbound = self._inbound
        return self._program.law_for(self._tracker, inbound.country, consented=inbound.consented)

    @staticmethod
    def _of[T](step: T | None) -> T:
        if step is None:
            raise Refused(Reason.FAULT)
        return step

    def _close(self, document: Document) -> str | bytes:
        closed = document.close(self._closed.append)
        for layer in document.layers:  # what holds its texts among bytes
            if isinstance(layer, ProtobufLayer | OpenReplayLayer):
                self._closed += (
                    leaf.value for leaf in leaves(layer.root) if leaf.kind is Kind.TEXT and leaf.child is None
                )
        return closed

    def _tell_size(self, query: Document, body: bytes) -> None:
        """Writes the size of the body anew into the parameters that tell it."""
        patterns = self._tracker.body_sizes if self._tracker is not None else {}
        if not patterns or not query.layers or not isinstance(query.layers[0].root, Map):
            return
        for name, node in query.layers[0].root.items:
            told = (
                re.fullmatch(patterns[name.value], node.value)
                if name.value in patterns and isinstance(node, Leaf)
                else None
            )
            if (
                told is not None
                and told[1] == str(len(self._inbound.body)) != str(len(body))
                and isinstance(node, Leaf)
            ):
                query.layers[0].replace(node, f"{node.value[: told.start(1)]}{len(body)}{node.value[told.end(1) :]}")

    def _open_targets(self) -> None:
        """What a proxy is told to ask for, in a parameter that the tracker file names."""
        query, opener = self._query, self._program.opener
        if self._tracker is None or query is None or not query.layers or not isinstance(query.layers[0].root, Map):
            return
        for name, node in query.layers[0].root.items if self._tracker.targets else ():
            if name.value not in self._tracker.targets or not isinstance(node, Leaf):
                continue
            node.child, opened = None, len(query.layers)
            if opener.open_leaf(query, query.layers[0], node, "target", self._budget):
                target = query.layers[opened]
                inner = target.root.get("query") if isinstance(target.root, Map) else None
                if isinstance(inner, Leaf):
                    opener.open_leaf(query, target, inner, "query", self._budget)

    def _open_chain(self, layer: Layer, leaf: Leaf) -> Layer | None:
        if leaf.child is not None:
            return leaf.child
        if leaf.kind is not Kind.TEXT:
            return None
        chain = self._program.open_chain(leaf.value, self._budget)
        if chain is not None:
            self._body.add(chain, (layer, leaf))
        return chain

    def _path(self) -> str:
        judge = self._of(self._judge)
        path = "/".join(MASK if _RECORD.match(part) else part for part in self._inbound.path.split("/"))
        if self._tracker is not None and is_own_path(self._tracker, path):
            read = "/".join(
                part if _PLAIN_SEGMENT.fullmatch(part) else judge.read_text(part, Category.STRUCTURE, (), "path")
                for part in path.split("/")
            )
        else:
            read = judge.read_text(path, Category.STRUCTURE, (), "path")
        return read if read == path else re.sub(r"[^!-~]", lambda match: quote(match[0]), read)

    def _headers(self) -> Headers:
        inbound, program, judge = self._inbound, self._program, self._of(self._judge)
        tracker = self._tracker
        kept = {name.lower() for name in (*tracker.headers.keep, *tracker.headers.project_keys)} if tracker else set()
        issued = {name.lower() for name in tracker.headers.session} if tracker else set()
        pairs: list[tuple[str, str]] = []
        for name, value in inbound.headers:
            lower = name.lower()
            operation = program.header_rule(lower, self.report.tracker)
            if operation is not None:
                after = (
                    None if operation.operator == "drop" else operation.apply(value, judge.situation(None, place=lower))
                )
                if operation.operator in ("keep", "detect"):
                    after = value if operation.operator == "keep" else judge.read_text(value, Category.URLS, (), lower)
            elif (lower in issued and is_issued(value)) or (
                lower in kept and (lower != "authorization" or is_project_key(value))
            ):
                after = value
            else:
                after = self._header(lower, value, judge)
            if after != value:
                self.report.add(Finding("headers" if operation is None else operation.rule, "mask", lower))
                self._traced(lower, value, after or "")
            if after is not None:
                pairs.append((name, after if after == value else as_field(after)))
        if tracker is not None and tracker.country == "truncated_address" and inbound.client:
            truncated = truncate_address(inbound.client)
            if truncated is not None:
                pairs.append(("X-Forwarded-For", truncated))
        return Headers(pairs)

    def _header(self, name: str, value: str, judge: Judge) -> str | None:
        use = use_of(name)
        if use is Use.KEEP:
            return value
        if use is Use.DROP:
            return None
        if use is Use.COOKIES:
            return self._cookies(value)
        if use is Use.AGENT:
            operation = self._law.record[Category.USER_AGENT]
            if operation.operator in ("keep", "detect"):
                return value
            if operation.operator != "generalise":
                return None
            return coarsen_text(judge.read_text(value, Category.USER_AGENT, words_of(name), name), words_of(name))
        if use is Use.URL:
            return judge.read_text(value, Category.URLS, (), name)
        place = self._program.root_of(self._tracker).child(name)
        category = place.effective
        operation = judge.at_place(place, category)
        if operation.operator == "drop":
            return None
        if operation.is_whole:
            return operation.apply(value, judge.situation(category, place=name))
        if category in (Category.STRUCTURE, Category.PROJECT_KEYS) or operation.operator == "keep":
            return value
        return judge.read_text(
            value, Category.URLS if "/" in value else Category.EVENT_PROPERTIES, words_of(name), name
        )

    def _cookies(self, value: str) -> str | None:
        tracker, program = self._tracker, self._program
        document = program.opener.open_cookies(value, self._budget)
        self._jars.append(document)
        if not document.layers or not isinstance(document.layers[0].root, Map):
            return None
        layer, jar = document.layers[0], document.layers[0].root
        keep = tracker.cookies.keep if tracker is not None else ()
        left = 0
        for index, (name, node) in enumerate(jar.items):
            operation = program.cookie_rule(name.value, self.report.tracker)
            if operation is not None and operation.operator not in ("drop", "detect") and isinstance(node, Leaf):
                after = operation.apply(node.value, self._of(self._judge).situation(None, place=f"cookie {name.value}"))
                if after != node.value:
                    layer.replace(node, after)
                left += 1
            elif operation is None and any(fnmatchcase(name.value, glob) for glob in keep):
                left += 1
            else:
                layer.drop(jar, index)
        if not left:
            return None
        closed = document.close()
        return closed if isinstance(closed, str) else closed.decode("latin-1")

    def _traced(self, place: str, before: str, after: str) -> None:
        if self._trace is not None:
            self._trace.append(Change(f"header {place}", before, after, "headers", "mask" if after else "drop", ""))


def as_field(value: str) -> str:
    """What a rule wrote, as a field's value: in bytes of UTF-8 where it is no latin-1, without what ends a line."""
    value = _LINE_ENDS.sub(" ", value)
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def is_own_path(tracker: TrackerFile, path: str) -> bool:
    """Whether a path is one of the tracker's own: what stands in it names a project (`/api/4501234567890123/envelope/`)."""
    globs = {glob for entry in tracker.match for glob in entry.path if not glob.startswith("*")}
    return any(fnmatchcase(path, glob) for glob in globs)


def is_project_key(authorization: str) -> bool:
    """Whether an Authorization field is an SDK's own: Basic with a key and no password, or Bearer with a key and no token.

    A page's own credentials (Basic with a password, a JSON web token) arrive at the same address; they are no key.
    """
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except ValueError:
            return False
        return bool(user and colon) and not password and "@" not in user
    return scheme.lower() == "bearer" and 0 < len(rest) <= 64 and "." not in rest


def is_issued(token: str) -> bool:
    """Whether a header holds an opaque token, as backends issue them to an SDK: no password, no claims about a person."""
    scheme, _, rest = token.rpartition(" ")
    return scheme.lower() in ("", "bearer") and 0 < len(rest) <= _LONGEST_TOKEN and not rest.startswith("ey")


def _decoded_size(document: Document, body: bytes) -> int:
    """How long a body is once it is inflated."""
    size = len(body)
    for layer in document.layers:
        if not isinstance(layer.root, Leaf) or layer.root.kind is not Kind.BYTES:
            break
        size = len(layer.root.data)
    return size


def names_and_values(query: Document | None) -> dict[str, str]:
    """The query's parameters, decoded; of several of one name the first."""
    found: dict[str, str] = {}
    if query is not None and query.layers and isinstance(query.layers[0].root, Map):
        for name, node in query.layers[0].root.items:
            if isinstance(node, Leaf):
                found.setdefault(name.value, node.value)
    return found


def recognise_for(program: Program, inbound: Inbound, query: Document | None, body: Document) -> TrackerFile | None:
    """The tracker of a request on a program's route."""
    if program.only is not None:
        return program.only
    return program.recognise(inbound, names_and_values(query), body.root)
