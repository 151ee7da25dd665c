"""Takes URLs apart and finds them in text: RFC 3986 with the leniency of browsers (WHATWG URL), never raising.

Owns where the parts stand; says nothing of what they mean and changes nothing. Spans are [start, end) in the text that
was handed in, percent-escapes untouched. Every character belongs to at most one part, and where two readings are
possible, the one that calls more of it a value wins: `/checkout#frag?token=x` ends in one fragment. A fragment that is
a route (`#/orders/list?x=1`, `#!/…`) is path and query, unless its path holds a `=`. All scans are linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

Span = tuple[int, int]


class Pair(NamedTuple):
    """One piece of a query. Without a `=`, there is no value, and the key has to be judged as one."""

    key: Span
    value: Span | None


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of one URL. `scheme` is in lower case, and "" for a relative reference."""

    start: int
    end: int
    scheme: str = ""
    user_info: Span | None = None
    host: Span | None = None  # with the brackets of an IPv6 address
    port: Span | None = None
    path: tuple[Span, ...] = ()  # segments that aren't empty, those of a route-like fragment at the end
    query: tuple[Pair, ...] = ()  # path parameters (`;jsessionid=x`) too, in order of place
    fragment: Span | None = None
    opaque: Span | None = None  # what follows the colon of data:, blob:, javascript:, mailto:, tel: …
    position: Span | None = None  # `:line:column` of a stack frame, colons included


# schemes without an authority → whether a query and fragment may follow what they name
OPAQUE_SCHEMES = {
    "data": False,
    "blob": False,  # what it holds is a URL of its own: split it from `opaque`
    "javascript": False,
    "filesystem": False,
    "view-source": False,
    "about": True,
    "mailto": True,
    "tel": True,
    "sms": True,
    "callto": True,
    "geo": True,
    "urn": True,
}
_SPECIAL_SCHEMES = frozenset({"http", "https", "ws", "wss", "ftp"})  # browsers read `https:/host` as `https://host`

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}):")
_AUTHORITY_END = re.compile(r"[/\\?#]")
_SEGMENT_END = re.compile(r"[/\\?#;]")
_ROUTE_END = re.compile(r"[?#=]")
_OPAQUE_END = re.compile(r"[?#]")
_VALUES_BEGIN = re.compile(r"[?#;]")
_PAIR_END = re.compile(r"[&;]")
_POSITION = re.compile(r"(?::[0-9]{1,6}){1,2}\Z")
_TWO_NUMBERS = re.compile(r":[0-9]{1,6}:[0-9]{1,6}\Z")
_POSITION_LENGTH = 14
_PORT = re.compile(r":([0-9]*)\Z")


class _Parts:
    """What has been found so far, in order of place."""

    __slots__ = ("fragment", "path", "query", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.path: list[Span] = []
        self.query: list[Pair] = []
        self.fragment: Span | None = None

    def find(self, pattern: re.Pattern[str], at: int, end: int) -> int:
        found = pattern.search(self.text, at, end)
        return found.start() if found else end

    def read_path(self, at: int, end: int) -> int:
        """Segments and their parameters up to `?`, `#` or the end; returns where that is."""
        while at < end and self.text[at] not in "?#":
            stop = self.find(_SEGMENT_END, at, end)
            if stop > at:
                self.path.append((at, stop))
            at = stop
            if at < end and self.text[at] == ";":
                stop = self.find(_AUTHORITY_END, at, end)
                self.read_pairs(at + 1, stop)
                at = stop
            if at < end and self.text[at] in "/\\":
                at += 1
        return at

    def read_pairs(self, at: int, end: int) -> None:
        while at < end:
            stop = self.find(_PAIR_END, at, end)
            equals = self.text.find("=", at, stop)
            if equals >= 0:
                self.query.append(Pair((at, equals), (equals + 1, stop)))
            elif stop > at:
                self.query.append(Pair((at, stop), None))
            at = stop + 1

    def read_query(self, at: int, end: int) -> int:
        """`?…` where there is one; returns where it ends."""
        if at >= end or self.text[at] != "?":
            return at
        stop = self.text.find("#", at, end)
        if stop < 0:
            stop = end
        self.read_pairs(at + 1, stop)
        return stop

    def read_fragment(self, at: int, end: int) -> None:
        """`#…` where there is one: a route's path and query, or a fragment."""
        if at >= end or self.text[at] != "#":
            return
        at += 1
        route = at + 1 if self.text.startswith("!/", at, end) else at
        if self.text.startswith("/", route, end):
            stop = self.find(_ROUTE_END, route, end)
            if stop >= end or self.text[stop] != "=":
                at = self.read_query(self.read_path(route, end), end)
                if at < end:  # a fragment of the fragment
                    at += 1
                    self.fragment = (at, end) if at < end else None
                return
        if at < end:
            self.fragment = (at, end)


def split(text: str, start: int = 0, end: int | None = None) -> Url | None:
    """The parts of the URL that is `text[start:end]`, with spans in `text`.

    Reads absolute URLs, `//host/…`, `/a?b=c#d`, `?a=b`, `#frag` and relative references such as `cart?id=1`. None where
    there is nothing, or words that are no reference at all.
    """
    end = len(text) if end is None else min(end, len(text))
    start = max(start, 0)
    if start >= end:
        return None
    scheme, at = _read_scheme(text, start, end)
    if scheme in OPAQUE_SCHEMES:
        return _split_opaque(text, start, at, end, scheme)
    authority = _authority_start(text, at, end, scheme)
    if (
        not scheme
        and authority is None
        and text[start] not in "/?#"
        and any(char.isspace() for char in text[start:end])
    ):
        return None
    user_info = host = port = None
    if authority is not None:
        stop = _AUTHORITY_END.search(text, authority, end)
        at = stop.start() if stop else end
        user_info, host, port = _split_authority(text, authority, at)
    position = _read_position(text, at, end)
    last = position[0] if position else end
    parts = _Parts(text)
    parts.read_fragment(parts.read_query(parts.read_path(at, last), last), last)
    return Url(
        start=start,
        end=end,
        scheme=scheme,
        user_info=user_info,
        host=host,
        port=port,
        path=tuple(parts.path),
        query=tuple(parts.query),
        fragment=parts.fragment,
        position=position,
    )


def _read_scheme(text: str, start: int, end: int) -> tuple[str, int]:
    """The scheme and where it ends. `localhost:80` and `Note: x` have none: only known ones do without a `//`."""
    found = _SCHEME.match(text, start, end)
    if found is None:
        return "", start
    scheme = found[1].lower()
    at = found.end()
    if scheme in OPAQUE_SCHEMES or text.startswith("//", at, end):
        return scheme, at
    if scheme in _SPECIAL_SCHEMES and at < end and (text[at] in "/\\" or not text[at].isspace()):
        return scheme, at
    return "", start


def _authority_start(text: str, at: int, end: int, scheme: str) -> int | None:
    """Where user-info and host begin, or None where there is no authority."""
    if scheme in _SPECIAL_SCHEMES:
        while at < end and text[at] in "/\\":
            at += 1
        return at
    if text.startswith("//", at, end) or (not scheme and text.startswith(("\\\\", "/\\"), at, end)):
        return at + 2
    return None


def _split_authority(text: str, start: int, end: int) -> tuple[Span | None, Span | None, Span | None]:
    at_sign = text.rfind("@", start, end)
    user_info = (start, at_sign) if at_sign >= 0 else None
    host_start = at_sign + 1 if at_sign >= 0 else start
    port = _PORT.search(text[max(host_start, end - 8) : end])
    host_end = end - len(port[0]) if port else end
    return (
        user_info if user_info and user_info[0] < user_info[1] else None,
        (host_start, host_end) if host_start < host_end else None,
        (host_end + 1, end) if port and port[1] else None,
    )


def _read_position(text: str, at: int, end: int) -> Span | None:
    """`:line:column` at the end; `:line` alone only behind a path, since `?at=12:30` is a value."""
    begin = max(at, end - _POSITION_LENGTH)
    window = text[begin:end]
    found = (_TWO_NUMBERS if _VALUES_BEGIN.search(text, at, end) else _POSITION).search(window)
    if found is None or begin + found.start() == at:
        return None
    return begin + found.start(), end


def _split_opaque(text: str, start: int, at: int, end: int, scheme: str) -> Url:
    if not OPAQUE_SCHEMES[scheme]:
        return Url(start=start, end=end, scheme=scheme, opaque=(at, end) if at < end else None)
    found = _OPAQUE_END.search(text, at, end)
    stop = found.start() if found else end
    parts = _Parts(text)
    parts.read_fragment(parts.read_query(stop, end), end)
    return Url(
        start=start,
        end=end,
        scheme=scheme,
        opaque=(at, stop) if at < stop else None,
        path=tuple(parts.path),
        query=tuple(parts.query),
        fragment=parts.fragment,
    )


_BLANK = re.compile(r"\s")
_PLAIN_PATH = re.compile(r"/[^\s/\\][^\s]*")
_NAMED_HOST = re.compile(r"//(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:]*[^\W_])(?::\d*)?(?:[/?#]\S*)?")
_QUERY_ONLY = re.compile(r"\?[^\s=&]+=\S*")
_ROUTE_ONLY = re.compile(r"#!?/\S*")


def looks_like_url(text: str) -> bool:
    """Whether the whole of `text` is a URL: with a scheme, `//host…`, `/path…`, `?k=v` or `#/route`.

    Relative references without a leading slash look like words; where a field's name says that it holds a URL, `split`
    reads them.
    """
    if not text or (text[0] not in "/?#" and ":" not in text) or _BLANK.search(text):
        return False
    match text[0]:
        case "/":
            return bool((_NAMED_HOST if text.startswith("//") else _PLAIN_PATH).fullmatch(text))
        case "?":
            return bool(_QUERY_ONLY.fullmatch(text))
        case "#":
            return bool(_ROUTE_ONLY.fullmatch(text))
        case _:
            scheme, at = _read_scheme(text, 0, len(text))
            return bool(scheme) and at < len(text) and (scheme in OPAQUE_SCHEMES or "/" in text[at : at + 1])


_BEGIN = re.compile(r"://|:\\/\\/|\b(?:mailto|tel):(?=[^\s:/])", re.IGNORECASE)
_SCHEME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_SCHEME_LENGTH = 32
_END = re.compile(r"[\s\"<>`\x00-\x1f\x7f]")
_NEXT = re.compile(r",(?=[A-Za-z][A-Za-z0-9+.-]{0,31}://)|[?#]")  # srcset: `https://x/a.png,https://x/b.png`
_CLOSERS = {"(": ")", "[": "]", "{": "}", "'": "'"}  # what stands before a URL → what ends it
_ENCLOSURES = {opener: re.compile(f"[{re.escape(opener + closer)}]") for opener, closer in _CLOSERS.items()}
_OPENERS = {")": "(", "]": "[", "}": "{"}
_TRAILING = frozenset(".,;:!?'*_~\\。，、！？；：）」』”’»…")


def find(text: str) -> Iterator[Span]:
    """Where URLs stand in free text: console lines, stack traces, CSS `url(…)`, srcset. In order, never overlapping."""
    at = stop = 0
    while True:
        found = _BEGIN.search(text, at)
        if found is None:
            return
        at = found.end()
        if stop < at:
            ending = _END.search(text, at)
            stop = ending.start() if ending else len(text)
        start = found.start()
        if found[0][0] == ":":
            scheme = _SCHEME_BEFORE.search(text[max(start - _SCHEME_LENGTH, 0) : start])
            if scheme is None:
                continue
            start -= len(scheme[0])
        end = _trim(text, start, _extent(text, start, at, stop))
        if end > at:
            yield start, end
            at = end


def _extent(text: str, start: int, at: int, end: int) -> int:
    """Where a URL stops at the latest: the bracket or quote around it, or the next URL of a list."""
    before = text[start - 1] if start else ""
    closer = _CLOSERS.get(before)
    if closer is not None:
        depth = 0
        for found in _ENCLOSURES[before].finditer(text, at, end):
            if found[0] != closer:
                depth += 1
            elif depth:
                depth -= 1
            else:
                end = found.start()
                break
    following = _NEXT.search(text, at, end)
    return following.start() if following is not None and following[0] == "," else end


def _trim(text: str, start: int, end: int) -> int:
    """The end without punctuation that belongs to the sentence: brackets stay where the URL opened them."""
    surplus: dict[str, int] = {}
    while end > start:
        char = text[end - 1]
        if char in _OPENERS:
            if char not in surplus:
                surplus[char] = text.count(char, start, end) - text.count(_OPENERS[char], start, end)
            if surplus[char] <= 0:
                break
            surplus[char] -= 1
        elif char not in _TRAILING:
            break
        end -= 1
    return end
