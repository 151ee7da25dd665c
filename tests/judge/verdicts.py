"""What a replayed run proves or refutes: is anything of the visitor's in what arrived, and is the rest still there.

Works on the judge's own decoding of both sides. A leak is looked for in every leaf and key, in the whole text of every layer
and in the raw bytes, in several readings of the text; a useful value is looked for at the place where it was recorded.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.judge.decoder import Decoded, Leaf, decode
from tests.judge.places import EXEMPT, classify, collapse, effective_names, is_device, words
from tests.judge.replay import PEER, SITE_SECRETS, VISITOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.judge.decoder import Place
    from tests.judge.recorded import Request
    from tests.judge.replay import Exchange

MUST_NOT_ARRIVE = words(
    "name email password card phone ssn address textarea_initial search select_value select_text checkbox_value radio_value"
    " contenteditable hidden programmatic_value private_text mutation_private text_email text_iban link_email url_token"
    " url_email url_fragment referrer fetch_url fetch_body fetch_header fetch_response xhr_body user_id user_email user_trait"
    " cookie"
    " birth_date text_phone tooltip_iban option_many file_name rich_text shadow_input iframe_input dialog_input"
    " private_sl private_ph private_sentry image_token style_token ws_body"
)
MUST_ARRIVE = words(
    "img_alt title_attr placeholder aria_label button_text svg_text shadow_text iframe_text page_title css_content"
    " mutation_text mutation_attr mutation_chardata event_property console_text error_message"
)
TYPED = ("name", "email", "password", "card", "phone", "ssn", "address", "search", "contenteditable")
SHORTEST_PREFIX = 5
BEGUN = 8  # characters of a planted value that a text holds while it is typed: what echoes them may be masked
MARK = "zyxca"  # how planted words begin
COMMON = "zyxcanary"  # what they all share, and what therefore tells nothing

OWN_COOKIES = re.compile(
    r"ph_.+_posthog|AMP_.+|ajs_.+|_sp_(?:id|ses)\..+|mp_.+_mixpanel|_pk_(?:id|ses|ref)\..+|_clck|_clsk|_dd_s.*|__rum_sid"
)
SESSION_COOKIES = frozenset({"_clsk"})  # begin with the id of a session, which tells no device
ASKS_FOR_ADDRESS = frozenset({("ip", "$remote"), ("ipaddress", "{{auto}}"), ("inferip", "auto"), ("ip", "1")})

# classes whose values may be missing: network bodies, switches that ask for the address, states such as `selected`
MAY_BE_DROPPED = frozenset({"network", "switch", "form"})

FORWARDED_SHARE = 0.99
TEXT_SHARE = 0.98


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that must not arrive, and did."""

    request: str
    kind: str  # planted, prefix, fragment, address, cookie, device id, digest, site secret, switch, opaque
    name: str
    place: Place
    excerpt: str


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs, or a place that is missing (no after) or new (no before)."""

    request: str
    kind: str
    place: Place
    before: str | None
    after: str | None


@dataclass(slots=True)
class Verdict:
    run: str
    sent: int = 0
    forwarded: int = 0
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    useful: dict[str, tuple[int, int]] = field(default_factory=dict)  # name → places recorded, places arrived
    lost: list[Change] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)  # class → values unchanged
    compared: Counter[str] = field(default_factory=Counter)
    changed: list[Change] = field(default_factory=list)
    structure: list[Change] = field(default_factory=list)

    @property
    def is_tight(self) -> bool:
        return not self.leaks

    @property
    def is_forwarded(self) -> bool:
        return self.forwarded >= self.sent * FORWARDED_SHARE and not self.twice

    @property
    def missing(self) -> list[str]:
        """The useful values that were recorded and arrived nowhere."""
        return sorted(name for name, (recorded, arrived) in self.useful.items() if recorded and not arrived)

    @property
    def is_shut(self) -> bool:
        """Nothing was forwarded at all."""
        return not self.forwarded

    @property
    def is_useful(self) -> bool:
        return not self.lost

    @property
    def is_unchanged(self) -> bool:
        texts, kept = self.compared["text"], self.same["text"]
        return not self.structure and self.compared["exact"] == self.same["exact"] and kept >= texts * TEXT_SHARE


def judge(run: str, exchanges: Iterable[Exchange], canaries: Mapping[str, str]) -> Verdict:
    """The verdict on one replayed run."""
    exchanges = list(exchanges)
    verdict = Verdict(run)
    sent = [decode(exchange.sent) for exchange in exchanges]
    search = Search(canaries, device_ids(sent, canaries))
    planted = Planted(canaries)
    for exchange, before in zip(exchanges, sent, strict=True):
        name = exchange.sent.name
        verdict.sent += 1
        if len(exchange.arrived) > 1:
            verdict.twice.append(name)
        if not exchange.arrived:
            verdict.refused.append((name, exchange.status, exchange.answer[:120].decode("latin-1")))
            _count_lost(verdict, name, before, None, canaries)
            continue
        verdict.forwarded += 1
        for arrived, head in zip(exchange.arrived, exchange.heads, strict=True):
            after = decode(arrived)
            verdict.leaks += search.leaks(name, arrived, head, after)
            _compare(verdict, name, before, after, planted)
            _count_lost(verdict, name, before, after, canaries)
    return verdict


# ---- leaks


def device_ids(run: Iterable[Decoded], canaries: Mapping[str, str]) -> dict[str, str]:
    """What tells this visitor's device across sessions, by value: from the fields and cookies that trackers keep it in."""
    known = [value.lower() for value in canaries.values()]
    found: dict[str, str] = {}
    for decoded in run:
        index = {leaf.place: leaf.text for leaf in decoded.values()}
        for leaf in decoded.leaves:
            if leaf.kind not in {"string", "number"}:
                continue
            names = effective_names(leaf, index)
            last = names[-1] if names else ""
            value = leaf.text
            if leaf.place[0] == "cookie" and len(leaf.place) == 2:
                value = re.split(r"[.^]", value)[0]
                is_id = OWN_COOKIES.fullmatch(leaf.place[1]) is not None and leaf.place[1] not in SESSION_COOKIES
            elif last == "userid":
                is_id = re.fullmatch(r"[0-9a-f-]{36}", value) is not None
            else:
                is_id = is_device(last, leaf.place)
            value = value.removeprefix("$device:").split("/")[0]
            if is_id and len(value) >= 6 and re.search(r"\d", value) and not any(k in value.lower() for k in known):
                found[value.lower()] = collapse(leaf.place)
    return found


@lru_cache(maxsize=50_000)
def readings(text: str) -> tuple[str, ...]:
    """The ways a text may be read: as it is, unescaped, and without what people put between digits; all in lower case."""
    lower = text.lower()
    folded = lower
    for _ in range(4):
        before = folded
        if "%" in folded:
            folded = unquote(folded)
        if "&" in folded:
            folded = html.unescape(folded)
        if "\\" in folded:
            folded = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), folded)
            folded = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), folded)
            folded = re.sub(r"\\+([\"'/@])", r"\1", folded)
        if not folded.isascii():
            folded = unicodedata.normalize("NFKC", folded).lower()
            folded = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Mn"})
        if folded == before:
            break
    ways = [lower]
    if folded != lower:
        ways.append(folded)
    if "+" in folded:
        ways.append(folded.replace("+", " "))
    if re.search(r"\d.*\d.*\d.*\d.*\d.*\d", folded):
        ways.append(re.sub(r"[\s()+._/-]", "", folded))
    return tuple(ways)


class Search:
    """Finds what must not arrive."""

    def __init__(self, canaries: Mapping[str, str], devices: Mapping[str, str]) -> None:
        self.forbidden = {name: canaries[name] for name in MUST_NOT_ARRIVE if name in canaries}
        self.allowed = tuple(value.lower() for name, value in canaries.items() if name not in self.forbidden)
        self.needles: dict[str, tuple[str, str]] = {}
        for name, value in self.forbidden.items():
            self.needles[value.lower()] = ("planted", name)
            bare = re.sub(r"[\s()+-]", "", value.lower())
            if re.search(r"\d{6}", bare):
                self.needles[bare] = ("planted", name)
            for way in {value, value.lower()}:
                for digest in ("md5", "sha1", "sha256"):
                    self.needles[hashlib.new(digest, way.encode()).hexdigest()] = ("digest", name)
                self.needles[way.encode().hex()] = ("planted", name)
        for form in (VISITOR, VISITOR.replace(".", "-"), VISITOR.replace(".", ""), "cb00714d", "3405803853"):
            self.needles[form] = ("address", "visitor")
        if PEER != "127.0.0.1":
            self.needles[PEER] = ("address", "connection")
        for secret in SITE_SECRETS:
            self.needles[secret.lower()] = ("site secret", secret)
        for value, source in devices.items():
            self.needles[value] = ("device id", source)
            if len(value) == 36:
                self.needles[value.replace("-", "")] = ("device id", source)
        self.any = re.compile("|".join(re.escape(needle) for needle in sorted(self.needles, key=len, reverse=True)))
        self.encoded = {code: name for name, value in self.forbidden.items() for code in in_base64(value)}
        self.any_encoded = re.compile("|".join(re.escape(code) for code in self.encoded))
        self.known: dict[tuple[str, bool], tuple[tuple[str, str, str], ...]] = {}
        self.typed = {name: self.forbidden[name].lower() for name in TYPED if name in self.forbidden}

    def leaks(self, request: str, arrived: Request, head: bytes, after: Decoded) -> list[Leak]:
        """All that must not arrive in one request that did, each once per place."""
        found: list[Leak] = []
        for leaf in after.leaves:
            found += (Leak(request, k, n, leaf.place, e) for k, n, e in self.in_text(leaf.text))
            found += self.in_leaf(request, leaf)
        covered = {(leak.kind, leak.name) for leak in found}
        wholes = [(layer.place, layer.text) for layer in after.layers]
        wholes += [(("raw", "head"), head.decode("latin-1")), (("raw", "body"), arrived.body.decode("latin-1"))]
        for place, text in wholes:
            for kind, name, excerpt in self.in_text(text, whole=True):
                if (kind, name) not in covered:
                    covered.add((kind, name))
                    found.append(Leak(request, kind, name, (*place, "<between leaves>"), excerpt))
        found += self.in_cookies(request, arrived)
        return list(dict.fromkeys(found))

    def in_text(self, text: str, *, whole: bool = False) -> tuple[tuple[str, str, str], ...]:
        """Kind, name and excerpt of what is in a text. Trackers repeat themselves, so each text is read once."""
        found = self.known.get((text, whole))
        if found is None:
            found = self.known[text, whole] = tuple(self._in_text(text, whole=whole))
        return found

    def _in_text(self, text: str, *, whole: bool) -> Iterator[tuple[str, str, str]]:
        seen: set[tuple[str, str]] = set()
        for way in readings(text):
            for match in self.any.finditer(way):
                kind, name = self.needles[match[0]]
                digits = match[0].isdigit() and (
                    way[match.start() - 1 : match.start()].isdigit() or way[match.end() : match.end() + 1].isdigit()
                )
                if (kind, name) not in seen and not digits:
                    seen.add((kind, name))
                    yield kind, name, excerpt(way, match.start(), match.end())
            for start in positions(way, MARK):
                word = re.match(r"[a-z0-9]+", way[start:])
                run = word[0] if word else ""
                if not any(run.startswith(needle) for needle in self.needles) and not self.is_allowed(run):
                    key = ("fragment", run[:40])
                    if key not in seen:
                        seen.add(key)
                        yield *key, excerpt(way, start, start + len(run))
        if whole:
            for match in self.any_encoded.finditer(text):
                yield "planted", self.encoded[match[0]], excerpt(text, match.start(), match.end())

    def is_allowed(self, run: str) -> bool:
        """A word that may stand there: a planted value that is allowed, or a cut one that can be no forbidden one."""
        if any(run.startswith(value) for value in self.allowed):
            return True
        cut = len(run) > len(COMMON) and any(value.startswith(run) for value in self.allowed)
        return cut and not any(value.lower().startswith(run) for value in self.forbidden.values())

    def in_leaf(self, request: str, leaf: Leaf) -> Iterator[Leak]:
        text = leaf.text.strip().lower()
        if leaf.kind in {"string", "key"} and len(text) >= SHORTEST_PREFIX:
            for name, value in self.typed.items():
                if value.startswith(text):
                    yield Leak(request, "prefix", name, leaf.place, leaf.text)
                    break
        if leaf.kind == "binary" and "<data>" not in leaf.place:  # pictures inside the page are another matter
            yield Leak(request, "opaque", f"{len(leaf.text)} bytes", leaf.place, repr(leaf.text[:24]))
        names = effective_names(leaf, {})
        if leaf.kind in {"string", "number"} and names and (names[-1], text) in ASKS_FOR_ADDRESS:
            yield Leak(request, "switch", f"{names[-1]}={leaf.text}", leaf.place, leaf.text)

    @staticmethod
    def in_cookies(request: str, arrived: Request) -> Iterator[Leak]:
        for name, value in arrived.headers:
            if name.lower() != "cookie":
                continue
            for pair in value.split(";"):
                cookie = pair.strip().partition("=")[0]
                if cookie and not OWN_COOKIES.fullmatch(cookie):
                    yield Leak(request, "cookie", cookie, ("cookie", cookie), pair.strip()[:60])


def in_base64(value: str) -> set[str]:
    """How a value looks inside a longer text that was encoded: at each of the three alignments, without its uncertain ends."""
    ways = set()
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + value.encode()).decode()
        core = code[(0, 2, 3)[shift] : (shift + len(value.encode())) * 8 // 6]
        if len(core) >= 10:
            ways |= {core, core.replace("+", "-").replace("/", "_")}
    return ways


def positions(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def excerpt(text: str, start: int, end: int) -> str:
    return ("…" if start > 24 else "") + text[max(0, start - 24) : end + 24].replace("\n", " ")


# ---- still useful, unchanged


def is_content(place: Place) -> bool:
    return place[0] in {"body", "query", "path"}


class Planted:
    """Tells whether a value is, holds, or is the beginning of something planted."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        values = [value.lower() for value in canaries.values()]
        begun = [value[:BEGUN] for value in values if len(value) > BEGUN]
        self.any = re.compile("|".join(map(re.escape, [MARK[:4], *values, *begun])))
        starts = {value[:length] for value in values for length in range(1, len(value))}
        self.starts = {start for start in starts if len(start) >= 3 or start.isalpha() or start == "+"}

    def is_in(self, text: str) -> bool:
        return any(way in self.starts or self.any.search(way) for way in readings(text))


def _compare(verdict: Verdict, request: str, before: Decoded, after: Decoded, planted: Planted) -> None:
    sent = [leaf for leaf in before.values() if is_content(leaf.place) and leaf.kind != "key"]
    got = {leaf.place: leaf for leaf in after.values() if is_content(leaf.place) and leaf.kind != "key"}
    index = {leaf.place: leaf.text for leaf in sent}
    order: list[Place] = []
    for leaf in sent:
        kind = classify(leaf, index)
        mate = got.get(leaf.place)
        if mate is None:
            if kind not in MAY_BE_DROPPED:
                verdict.structure.append(Change(request, f"missing {kind}", leaf.place, leaf.text, None))
            continue
        order.append(leaf.place)
        if mate.kind != leaf.kind and "null" not in {mate.kind, leaf.kind} and kind != "network":
            verdict.structure.append(
                Change(request, f"{leaf.kind} became {mate.kind}", leaf.place, leaf.text, mate.text)
            )
        if kind in EXEMPT or planted.is_in(leaf.text):
            continue
        verdict.compared[kind] += 1
        before_text, after_text = (leaf.text, mate.text) if kind != "url" else (front(leaf.text), front(mate.text))
        if before_text == after_text and leaf.kind == mate.kind:
            verdict.same[kind] += 1
        else:
            verdict.changed.append(Change(request, kind, leaf.place, leaf.text, mate.text))
    known = {leaf.place for leaf in sent}
    # where a whole layer was replaced by a value of its own (a dropped body), the new place is the layer's
    heads = {place[:depth] for place in known for depth in range(1, len(place))}
    for place, leaf in got.items():
        if place not in known and not (place in heads and classify(leaf, index) == "network"):
            verdict.structure.append(Change(request, "new", place, None, leaf.text))
    common = set(order)
    if [place for place in got if place in common] != order:
        verdict.structure.append(Change(request, "reordered", ("body",), None, None))


def front(address: str) -> str:
    """What stays of a URL: scheme, host and path."""
    return re.split(r"[?#]", address, maxsplit=1)[0]


def _count_lost(
    verdict: Verdict, request: str, before: Decoded, after: Decoded | None, canaries: Mapping[str, str]
) -> None:
    index = {leaf.place: leaf.text for leaf in before.values()}
    got = {leaf.place: leaf.text.lower() for leaf in after.values()} if after else {}
    for name in MUST_ARRIVE:
        value = canaries.get(name, "").lower()
        if not value:
            continue
        for leaf in before.values():
            if value not in leaf.text.lower() or not is_content(leaf.place) or leaf.kind == "key":
                continue
            if classify(leaf, index) in EXEMPT:
                continue
            recorded, arrived = verdict.useful.get(name, (0, 0))
            is_there = value in got.get(leaf.place, "")
            verdict.useful[name] = (recorded + 1, arrived + is_there)
            if not is_there:
                verdict.lost.append(Change(request, name, leaf.place, leaf.text, got.get(leaf.place)))
