"""The walk: every leaf of an opened request becomes a claim with its place, category and element. Nothing is changed here.

Goes through nested documents without knowing formats; hands rrweb events to the recording in the order they stand, once
all session keys of the request are known. Recognises three generic shapes that trackers share: a key beside its value
(`{key, value: {stringValue}}`, `{value, type}`), a record that describes an element, and an element chain in a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_plus

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.document import Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget
from gateway.core.words import PLAIN_KEY, Phrases, words_of
from gateway.native import compiled
from gateway.recording import descriptor, reader_of, tells_session
from gateway.recording.claim import Claim, Form, PageReader, Scene
from gateway.recording.dom import Element, Mirror
from gateway.recording.lines import Lines, Part
from gateway.recording.rrweb import Reader, enter, pick
from gateway.ruleset import joins
from gateway.trackers.place import Place

# keys that only say of which type the value beside their name is: the place stays the holder's
TYPED: Final = frozenset(
    {"stringValue", "intValue", "doubleValue", "boolValue", "bytesValue", "arrayValue", "kvlistValue", "values"}
    | {"string_value", "int_value", "double_value", "bool_value", "bytes_value", "array_value", "kvlist_value"}
)
_VALUE_AND_TYPE: Final = frozenset({"value", "type", "unit"})
_AROUND: Final = frozenset(
    {
        "el",
        "element",
        "target",
        "click",
        "clicked",
        "event",
        "node",
        "attr",
        "inner",
        "outer",
        "own",
        "amplitude",
        "mp",
        "dom",
    }
)
_MOST_NESTED_EVENTS: Final = 3
_MOST_ROWS: Final = 200
_RECORDS: Final = frozenset({"json", "ndjson", "message", "openreplay", "clarity"})
# A small record that holds one of these beside other texts tells of a person: they are traits (`{email, note}`).
_PERSON: Final = Phrases(
    tuple(
        """email|e mail|email address|phone|phone number|telephone|first name|last name|full name|date of birth|birth date
        |birthdate|birthday|dob|social security number|ssn|national id|passport number|tax id|ahv|avs|bsn|cpf|nino|nir
        |pesel|personnummer""".replace("\n        ", "").split("|")
    ),
    anchored=True,
)
_LARGEST_PERSON: Final = 12
# words of keys beside them that tell of something else than the person
_THINGS: Final = frozenset(
    """order product item sku price currency total amount quantity status type event page path category action method
    version locale language country code coupon step source campaign brand variant size color colour shipping payment
    level message tag""".split()
)
# A record that names the page as well: a `title` in it is the page's, not the element's.
_PAGE: Final = frozenset(
    {"page_url", "pageUrl", "current_url", "currentUrl", "url", "uri", "pathname", "hostname", "page_path"}
)
_TITLES: Final = frozenset({"title", "page_title", "pageTitle"})
_TALKS: Final = frozenset({None, Category.EVENT_PROPERTIES, Category.DATA_LOGS})
# A record with both is one exchange of a page with a server; these keys of it hold what was sent or received.
_EXCHANGE: Final = (
    frozenset({"method", "verb", "http_method", "httpMethod"}),
    frozenset({"url", "uri", "href", "path"}),
)
_EXCHANGED: Final = {
    "request": "request body", "response": "response body", "body": "request body", "data": "request body",
    "payload": "request body", "headers": "request headers", "cookies": "request headers",
}  # fmt: skip
# A record that names the address of a web socket is of one message, or of what is seen of the connection.
_SOCKET: Final = (frozenset({"url", "uri", "href", "name", "address"}), ("ws://", "wss://"))
_MESSAGE: Final = dict.fromkeys(("message", "data", "payload", "body", "text", "content"), "request body")
_PARTED: Final = frozenset(
    {"headers", "body", "status", "status_code", "statusCode", "method", "url", "duration", "cookies"}
)
# A record whose kind is one of these tells who the visitor is; these keys of it hold what it tells.
_KINDS: Final = frozenset({"type", "action", "op", "command", "kind", "method"})
_TELLS_USER: Final = frozenset(
    {"identify", "identity", "setuser", "set_user", "user", "alias", "group", "person", "profile"}
)
_TOLD: Final = frozenset({"payload", "data", "traits", "params", "attributes", "info", "details", "args"})

_ATTRIBUTE: Final = re.compile(r"[a-z_$][a-z0-9_:-]{0,63}", re.IGNORECASE)

_URL_STARTS: Final = ("http", "/", "?")
_LONGEST_QUERY: Final = 4096
_MOST_PARAMETERS: Final = 64

# parts of a record that tell, as rows of keys and values, which session the rest of it belongs to
_TELLS_SESSION: Final = frozenset({"resource", "attributes"})

type Session = tuple[str, ...]
type Event = tuple[type[PageReader], Layer, Map, Place, dict[int, str]]
"""What reads a recorded event, where it stands, and the session keys that are told near it."""


def is_shown(key: str) -> bool:
    """Whether a key of an element's record names what the element shows or holds, not what it is."""
    rest = [word for word in words_of(key) if word not in _AROUND]
    return bool(rest) and all(word in descriptor.SHOWN for word in rest)


class Walk:
    """One request's walk. `claims` is its result; `keys` the map keys that are more than a name, `records` all maps.

    `lines` are texts of pages that are read as one.
    """

    def __init__(
        self,
        budget: Budget,
        session_ranks: int,
        attribute_names: set[str],
        open_chain: Callable[[Layer, Leaf], Layer | None],
        takes_whole: Callable[[Place, Category | None], bool],
        drops: Callable[[Place, Category | None], bool],
        marks_of: Callable[[Element], tuple[bool, frozenset[int]]],
        keeps_parameter: Callable[[str], bool],
    ) -> None:
        """`marks_of` judges an element; `takes_whole` says that values of a place go as a whole and are not entered."""
        self.claims: list[Claim] = []
        self.keys: list[tuple[Layer, Leaf, Place]] = []
        self.records: list[tuple[Layer, Map, Place]] = []
        self.sessions: dict[int, str] = {}
        self.lines: list[list[Part]] = []
        self.rows: list[tuple[list[Leaf], Place]] = []  # items of arrays that may be the pieces of one value
        self.sizes: list[tuple[Layer, Leaf]] = []  # numbers that say how long the body's content is
        self._budget = budget
        self._ranks = session_ranks
        self._names = attribute_names
        self._open_chain = open_chain
        self._takes_whole = takes_whole
        self._drops = drops
        self._marks_of = marks_of
        self._keeps_parameter = keeps_parameter
        self._events: list[Event] = []
        self._mirror: Mirror | None = None
        self._lines: dict[Mirror, Lines] = {}
        self._nested = 0
        self._seen = 0

    def read(self, layer: Layer, node: Node, place: Place) -> None:
        """Walks one document. Recorded events wait until `play`, since their session key may stand further on."""
        self._walk(layer, node, place, None, {})

    @property
    def pages(self) -> set[Session]:
        """The sessions and windows whose events were found."""
        return set(self._pages(self._events))

    @property
    def recorded(self) -> list[tuple[Session, Event]]:
        """The recorded events that were found, in their order, each with its session and window."""
        return list(zip(self._pages(self._events), self._events, strict=True))

    def play(self, mirror_of: Callable[[Session], Mirror]) -> None:
        """Reads the recorded events that were found, each in the mirror of its own session and window."""
        events, self._events = self._events, []
        opened: PageReader | None = None
        last: Mirror | None = None
        pages = self._pages(events)  # what an event's payload says of a session is the page's own
        for at, (page, (reader, layer, event, place, _)) in enumerate(zip(pages, events, strict=True)):
            if at % 32 == 0:
                self._budget.check_time()
            self._mirror = mirror_of(page)
            first = len(self.claims)
            if opened is None or not (
                reader is Reader is type(opened) and self._mirror is last
            ):  # it keeps nothing of its own
                opened, last = self._open(reader, self._mirror), self._mirror
            opened.read(layer, event, place)
            self._mark(first)
        for lines in self._lines.values():
            lines.flush()
        self._mirror = None

    def _mark(self, first: int) -> None:
        """Judges the elements of claims that were made since `first`, as they are now: the page goes on changing."""
        if compiled is not None:
            compiled.mark_claims(self.claims, first, self._marks_of, self._budget.check_time)
            return
        for at in range(first, len(self.claims)):
            if at % 512 == 0:
                self._budget.check_time()
            claim = self.claims[at]
            if claim.element is not None:
                claim.marks = self._marks_of(claim.element)

    def _pages(self, events: list[Event]) -> list[Session]:
        """The session and window of each event. Events that stand side by side share what is told near them."""
        pages: list[Session] = []
        page: Session = ()
        last: dict[int, str] | None = None
        for *_, near in events:
            if near is not last:
                last, page = near, self._session(near)
            pages.append(page)
        return pages

    def _session(self, near: dict[int, str]) -> Session:
        """The values that tell sessions and windows apart; one that stands in two places counts once."""
        told = {**self.sessions, **near}
        return tuple(dict.fromkeys(told[rank] for rank in sorted(told) if rank < self._ranks and told[rank]))

    def _open(self, reader: type[PageReader], mirror: Mirror) -> PageReader:
        if mirror not in self._lines:
            self._lines[mirror] = Lines(mirror, self.lines)
        return reader(self._scene(mirror, self._lines[mirror]))

    def _scene(self, mirror: Mirror, lines: Lines) -> Scene:
        return Scene(mirror, self.claims.append, self._payload, self._names, lines)

    def _reader(self) -> Reader:
        """For markup and element chains, which stand on no page."""
        mirror = Mirror()
        return Reader(self._scene(mirror, Lines(mirror, self.lines)))

    def _payload(self, layer: Layer, node: Node, place: object, category: Category | None) -> None:
        """The part of an event that is no page: walked like anything else. An event inside it meets an unknown page."""
        if not isinstance(place, Place):
            raise Refused(Reason.FAULT)
        self._nested += 1
        if self._nested > _MOST_NESTED_EVENTS:
            raise Refused(Reason.TOO_DEEP)
        self._walk(layer, node, place, category, {}, nested=True)
        self._nested -= 1

    def _walk(
        self,
        layer: Layer,
        node: Node,
        place: Place,
        category: Category | None,
        near: dict[int, str],
        *,
        nested: bool = False,
    ) -> None:
        # (layer, node, place, category forced from outside, session keys near, element, holder, index, key)
        pending: list[
            tuple[Layer, Node, Place, Category | None, dict[int, str], Element | None, Map | List | None, int, str]
        ] = [(layer, node, place, category, near, None, None, 0, "")]
        while pending:
            at, raw, here, forced, session, element, holder, index, key = pending.pop()
            self._seen += 1
            if self._seen % 512 == 0:
                self._budget.check_time()
            if (
                isinstance(raw, Leaf)
                and raw.child is not None
                and raw.child.name == "form"
                and at.name in _RECORDS
                and not _is_known(raw.child.root, here)
            ):
                raw.child = None  # a query told in a record (`?a=b`): its values go by the rules of URLs, not of fields
                forced = forced if forced in NEVER_TOUCHED else Category.URLS
                self.claims.append(Claim(at, raw, forced, here, element, holder, index, Form.PLAIN, key))
                continue
            inner, one = enter(at, raw)
            if isinstance(raw, Leaf) and (
                raw.child is None or isinstance(one, Leaf) or self._is_whole(raw, here, forced)
            ):
                if raw.child is not None and isinstance(one, Leaf) and not self._takes_whole(here, forced):
                    at, raw, holder = inner, one, None  # a coding around a text: the text is decided on
                chain = self._open_chain(at, raw) if here.elements and raw.child is None else None
                if chain is not None and isinstance(chain.root, List):
                    self._chain(chain, chain.root, here)
                    continue
                self.claims.append(self._claim(at, raw, here, forced, element, holder, index, key))
            elif isinstance(one, Map):
                reader = reader_of(one)
                if reader is not None:
                    if nested:
                        self._open(reader, Mirror()).read(inner, one, here)
                    else:
                        if tells_session(reader):
                            session = self._told_within(inner, one, here, session)
                        self._events.append((reader, inner, one, here, session))
                    continue
                self._map(inner, one, here, forced, session, element, key, pending)
            elif isinstance(one, List):
                if inner.name == "elements_chain":
                    self._chain(inner, one, here)
                    continue
                if inner.name == "html":
                    markup = self._reader()
                    for root in one.items:
                        markup.nodes(inner, root, element, here)
                    markup.lines.flush()
                    continue
                self.rows += ((leaves, here) for leaves in joins.runs(inner, one, here.words))
                owners = self._owners(inner, one, element)
                forced = (
                    Category.USER_TRAITS
                    if forced in _TALKS and here.effective in _TALKS and _are_person(one)
                    else forced
                )
                for position in range(len(one.items) - 1, -1, -1):
                    owner = owners[position] if owners else element
                    pending.append((inner, one.items[position], here, forced, session, owner, one, position, key))

    def _owners(self, layer: Layer, rows: List, element: Element | None) -> list[Element | None]:
        """A list of keys beside their values is one record; the element that it describes, for each row that shows it."""
        if not 2 <= len(rows.items) <= _MOST_ROWS or not isinstance(rows.items[0], Map):
            return []
        named: list[tuple[Leaf, Node]] = []
        for row in rows.items:
            found = _named_value(row) if isinstance(row, Map) and len(row.items) == 2 else None
            if found is None or not isinstance(row, Map):
                return []
            _, value = enter(layer, row.items[found[0]][1])
            while isinstance(value, Map) and len(value.items) == 1 and value.items[0][0].value in TYPED:
                _, value = enter(layer, value.items[0][1])
            named.append((found[1], value))
        described = descriptor.describe(Map(named, 0, 0), self._mirror, element)
        return [described if described is not None and is_shown(name.value) else None for name, _ in named]

    def _is_whole(self, leaf: Leaf, place: Place, forced: Category | None) -> bool:
        """Whether a text is replaced as it stands although it opened.

        JSON keeps its structure where a tracker file says what stands there, and where nobody can have typed it.
        """
        if leaf.child is None or not self._takes_whole(place, forced):
            return False
        is_typed = not place.fixed and Category.FORM_INPUTS in (place.effective, forced)
        return leaf.child.name not in ("json", "ndjson") or is_typed

    def _map(
        self,
        layer: Layer,
        record: Map,
        here: Place,
        forced: Category | None,
        session: dict[int, str],
        element: Element | None,
        key: str,
        pending: list[
            tuple[Layer, Node, Place, Category | None, dict[int, str], Element | None, Map | List | None, int, str]
        ],
    ) -> None:
        items = record.items
        names = [name.value for name, _ in items]
        self.records.append((layer, record, here))
        if len(names) == 1 and names[0] in TYPED:
            pending.append((layer, items[0][1], here, forced, session, element, record, 0, key))
            return
        wide = not names or len(names) > 3
        if not wide and "value" in names and set(names) <= _VALUE_AND_TYPE:
            for index in range(len(items) - 1, -1, -1):
                if names[index] == "value":
                    pending.append((layer, items[index][1], here, forced, session, element, record, index, key))
                elif names[index] not in ("type", "unit"):
                    pending.append(
                        (layer, items[index][1], here.child(names[index]), forced, session, None, record, index, key)
                    )
            return
        if not wide and len(names) == 2:
            named = _named_value(record)
            if named is not None:
                index, name_leaf = named
                there = here.child(name_leaf.value)
                pending.append(
                    (layer, items[index][1], there, forced, session, element, record, index, name_leaf.value)
                )
                if not PLAIN_KEY.fullmatch(name_leaf.value):
                    self.claims.append(self._claim(layer, name_leaf, here, forced, None, None, 0, names[1 - index]))
                return
        if (
            key in ("attributes", "attrs")
            and element is not None
            and element.tag
            and all(_is_attribute(*item) for item in items)
        ):
            self._reader().attributes(layer, record, element, here)
            return
        described = element if key in ("attributes", "attrs") else descriptor.describe(record, self._mirror, element)
        places = [here if name in TYPED else here.child(name) for name in names]
        for index, place in enumerate(places):
            if place.elements and described is None:
                described = self._chain_element(layer, items[index][1])
            if place.session >= 0:
                session = self._in_session(session, place, enter(layer, items[index][1])[1])
            elif place.decoded_size and isinstance(size := items[index][1], Leaf):
                self.sizes.append((layer, size))
            if names[index] in _TELLS_SESSION:
                session = self._told_session(layer, items[index][1], place, session)
        is_person = (
            forced in _TALKS
            and here.effective in _TALKS
            and not (here.fixed and here.category is Category.EVENT_PROPERTIES)
            and 2 <= len(items) <= _LARGEST_PERSON
            and any(_PERSON.longest_in(words_of(name)) for name in names)
            and all(isinstance(value, Leaf) for _, value in items)
        )
        keys = set(names)
        exchanged: Mapping[str, str] = {}
        if keys & _EXCHANGE[0] and keys & _EXCHANGE[1]:
            exchanged = _EXCHANGED
        elif not keys.isdisjoint(_MESSAGE) and _is_socket(record):
            exchanged = _MESSAGE
        tells_user = bool(keys & _KINDS) and any(
            name in _KINDS and isinstance(value, Leaf) and value.value.lower().lstrip("$") in _TELLS_USER
            for name, (_, value) in zip(names, items, strict=True)
        )
        parameters = self._parameters(items) if len(items) > 1 else {}
        for index in range(len(items) - 1, -1, -1):
            name_leaf, value = items[index]
            name = names[index]
            place = places[index]
            if name in parameters and isinstance(value, Leaf) and value.value == parameters[name] and not place.fixed:
                place = here.child("query params").child(name)  # a URL beside it has this parameter: told twice
            if name in exchanged and not (place.fixed or place.has_exact_below):
                if isinstance(value, Leaf) or _is_exchanged(name, enter(layer, value)[1]):
                    place = here.child(exchanged[name])
            elif tells_user and name in _TOLD and isinstance(value, (Map, List)) and forced is None:
                pending.append((layer, value, place, Category.USER_TRAITS, session, None, record, index, name))
                continue
            if (
                is_person
                and not _THINGS.intersection(words_of(name))
                and isinstance(value, Leaf)
                and value.kind is Kind.TEXT
                and name not in _KINDS
                and not place.fixed
                and place.effective in _TALKS
            ):
                self.claims.append(Claim(layer, value, Category.USER_TRAITS, place, None, record, index, key=name))
                continue
            if not PLAIN_KEY.fullmatch(name):
                self.keys.append((layer, name_leaf, here))
            if place.value is not None:
                _, switch = enter(layer, value)
                if isinstance(switch, Leaf) and switch.value != place.value:
                    layer.replace(value, place.value) if isinstance(value, Leaf) else None
                continue
            if place.own_rules and not place.has_exact_below and self._drops(place, forced) and not _is_empty(value):
                self.claims.append(
                    Claim(layer, _cover(value), place.effective or forced, place, None, record, index, key=name)
                )
                continue
            shown = described is not None and is_shown(name) and not (name in _TITLES and keys & _PAGE)
            owner = described if shown or name in ("attributes", "attrs") else None
            pending.append((layer, value, place, forced, session, owner, record, index, name))

    def _claim(
        self,
        layer: Layer,
        leaf: Leaf,
        place: Place,
        forced: Category | None,
        element: Element | None,
        holder: Map | List | None,
        index: int,
        key: str,
    ) -> Claim:
        category = place.effective if place.fixed or forced is None or forced not in NEVER_TOUCHED else forced
        if category is None:
            category = forced
        form = Form.PLAIN
        if element is not None and category not in NEVER_TOUCHED:
            if element.is_field:
                category = Category.FORM_INPUTS
            elif category is None:
                category = Category.PAGE_TEXT
        return Claim(layer, leaf, category, place, element, holder, index, form, key)

    def _parameters(self, items: list[tuple[Leaf, Node]]) -> dict[str, str]:
        """Parameters of a record's URLs whose values do not stay: SDKs copy them into keys of their own."""
        found: dict[str, str] = {}
        for _, value in items:
            if isinstance(value, Leaf) and "?" in value.value and value.value.startswith(_URL_STARTS):
                found.update(
                    (name, told) for name, told in _query_of(value.value).items() if not self._keeps_parameter(name)
                )
        return found

    # sessions

    def _in_session(self, near: dict[int, str], place: Place, value: Node) -> dict[int, str]:
        key = place.session_key(value.value) if isinstance(value, Leaf) else ""
        if not key:
            return near
        self.sessions.setdefault(place.session, key)
        return {**near, place.session: key}

    def _told_within(self, layer: Layer, record: Map, place: Place, near: dict[int, str]) -> dict[int, str]:
        """The session keys that a record holds itself, or a record in it (`session: {id}`)."""
        for key, value in record.items:
            there = place.child(key.value)
            inner, node = enter(layer, value)
            if there.session >= 0:
                near = self._in_session(near, there, node)
            elif isinstance(node, Map) and len(node.items) <= _LARGEST_PERSON:
                for name, part in node.items:
                    if (place_of_part := there.child(name.value)).session >= 0:
                        near = self._in_session(near, place_of_part, enter(inner, part)[1])
        return near

    def _told_session(self, layer: Layer, node: Node, place: Place, near: dict[int, str]) -> dict[int, str]:
        """The session keys that stand as keys beside their values, for what stands beside them (a resource's records)."""
        at, rows = enter(layer, node)
        if isinstance(rows, Map):
            held = pick(at, rows, "attributes")
            place = place.child("attributes")
            at, rows = held if held is not None else (at, rows)
        if not isinstance(rows, List):
            return near
        for row in rows.items[:_MOST_ROWS]:
            found = _named_value(row) if isinstance(row, Map) and len(row.items) == 2 else None
            if found is None or not isinstance(row, Map):
                continue
            there = place.child(found[1].value)
            if there.session >= 0:
                _, value = enter(at, row.items[found[0]][1])
                while isinstance(value, Map) and len(value.items) == 1 and value.items[0][0].value in TYPED:
                    _, value = enter(at, value.items[0][1])
                near = self._in_session(near, there, value)
        return near

    # element chains

    def _chain_element(self, layer: Layer, node: Node) -> Element | None:
        if isinstance(node, Leaf) and node.kind is Kind.TEXT:
            chain = self._open_chain(layer, node)
            if chain is not None and isinstance(chain.root, List):
                return descriptor.from_chain(chain.root)
        return None

    def _chain(self, layer: Layer, chain: List, place: Place) -> None:
        reader = self._reader()
        parent: Element | None = None
        for item in reversed(chain.items):
            inner, record = enter(layer, item)
            if not isinstance(record, Map):
                continue
            parent = descriptor.element_of_chain_item(record, parent)
            for key, value in record.items:
                at, node = enter(inner, value)
                if key.value == "attributes" and isinstance(node, Map):
                    reader.attributes(at, node, parent, place.child("attributes"), is_chain=True)


def _query_of(text: str) -> dict[str, str]:
    """The parameters of a URL's query, decoded; of a URL with an overlong query none."""
    query = text.partition("#")[0].partition("?")[2]
    if not query or len(query) > _LONGEST_QUERY:
        return {}
    pairs = (part.partition("=") for part in query.split("&")[:_MOST_PARAMETERS])
    return {unquote_plus(name): unquote_plus(value) for name, mark, value in pairs if mark and value}


def _are_person(rows: List) -> bool:
    """Whether a short list of keys beside their values tells of a person (`[{key: "email", value: …}, …]`)."""
    if not 1 <= len(rows.items) <= _LARGEST_PERSON:
        return False
    is_told = False
    for row in rows.items:
        found = _named_value(row) if isinstance(row, Map) and len(row.items) == 2 else None
        if found is None or not isinstance(row, Map) or not isinstance(row.items[found[0]][1], Leaf):
            return False
        is_told = is_told or bool(_PERSON.longest_in(words_of(found[1].value)))
    return is_told


def _is_attribute(name: Leaf, value: Node) -> bool:
    return isinstance(value, Leaf) and _ATTRIBUTE.fullmatch(name.value) is not None


def _is_socket(record: Map) -> bool:
    return any(
        key.value in _SOCKET[0] and isinstance(value, Leaf) and value.value.startswith(_SOCKET[1])
        for key, value in record.items
    )


def _is_exchanged(name: str, content: Node) -> bool:
    """Whether a container in an exchange is what was sent or received, and not a record of it (`{headers, body}`)."""
    if name in ("headers", "cookies", "body", "payload"):
        return isinstance(content, (Map, List))
    return isinstance(content, List) or (
        isinstance(content, Map) and bool(content.items) and _PARTED.isdisjoint(key.value for key, _ in content.items)
    )


def _is_known(query: Node, here: Place) -> bool:
    """Whether a query in a record has fields that the tracker's own file names: then it is a record (Matomo's bulk)."""
    return isinstance(query, Map) and any(here.child(name.value.lstrip("?")).fixed for name, _ in query.items[:32])


def _named_value(record: Map) -> tuple[int, Leaf] | None:
    """The index of the value and the leaf of the name, where a record is one key and its value: `{key, value}`."""
    name: Leaf | None = None
    value = -1
    for index, (key, node) in enumerate(record.items):
        if (
            key.value in ("key", "name", "k")
            and isinstance(node, Leaf)
            and node.kind is Kind.TEXT
            and node.child is None
        ):
            name = node
        elif key.value in ("value", "v", "val"):
            value = index
    return (value, name) if name is not None and value >= 0 and len(name.value) <= 128 else None


def _is_empty(node: Node) -> bool:
    return isinstance(node, (Map, List)) and not node.items


def _cover(node: Node) -> Leaf:
    """A leaf that stands for a whole container which goes: same span, no content."""
    return node if isinstance(node, Leaf) else Leaf("", node.start, node.end, Kind.WORD)
