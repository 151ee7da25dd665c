"""Opening: from a body, a query, a cookie field or a text to a `Document`, layer by layer.

One rule: what decodes, wholly, becomes a nested layer, within limits; what decodes in part stays text. Bytes are judged
by what they are, never by what the Content-Type says of them, but a claim that fails (JSON that doesn't parse, gzip
that doesn't inflate, an unknown charset) is a refusal. Opening is a loop over leaves, never a recursion, and changes
nothing: a document without edits closes to the very object it was opened from.

Codings and formats are handed in; this module knows them by name only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.core.document import Document, Kind, Layer, Leaf, List, Map, Node
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget
from gateway.core.plugin import Coding, Format

# CMF and FLG of RFC 1950 without preset dictionary
_ZLIB_HEADERS = "|".join(
    re.escape(chr(first) + chr(second))
    for first in range(0x08, 0x79, 0x10)
    for second in range(256)
    if (first << 8 | second) % 31 == 0 and not second & 0x20
)
# How a text that opens into something may begin. A superset test for each ordinary string: all else is decided later.
# (a sentence around a record is told by its bracket)
#   JSON · percent-encoded JSON or URL · markup · compressed bytes packed as latin-1 · base64 · a form
_CANDIDATE = re.compile(
    rf"[ \t\r\n]*+[{{\[\"<]|%|https?%|\x1f\x8b|{_ZLIB_HEADERS}"
    r"|[A-Za-z0-9+/_-]{16}|\??[\w.$\[\]%+-]{1,128}+=[^&]*+&|\?[\w.$\[\]%+-]{1,128}+=",
    re.ASCII,
)
_FIRST_MARK = re.compile(r"[ \t\r\n\ufeff]*+([{\[\"<]?)")
_UNFIT_FOR_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_JSON_TYPE = re.compile(r"\s*[\w.+/-]*[/+](?:json|x-ndjson|ndjson|jsonl)\b", re.IGNORECASE | re.ASCII)
_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|([^;\s]*))", re.IGNORECASE | re.ASCII)
_BOUNDARY = re.compile(
    r"\s*multipart/[^;]*;(?:.*;)?\s*boundary\s*=\s*(?:\"([^\"]*)\"|([^;\s]*))", re.IGNORECASE | re.ASCII | re.DOTALL
)
_GZIP_MAGIC = b"\x1f\x8b\x08"
_GZIP_AS_TEXT = ("\x1f\x8b\x08", "H4sI")  # packed as latin-1, as base64: unreadable if it does not inflate
_MAGIC_OF_COMPRESSION = ("gzip", "zstd", "zlib")
_BYTE_FORMATS = ("multipart", "envelope", "headed", "openreplay", "otlp")
_PROTOBUF_TYPE = re.compile(r"\s*application/(?:x-|vnd\.google\.)?protobuf\b", re.IGNORECASE | re.ASCII)
_BEL = re.compile(r"bel\.\d{1,3};", re.ASCII)
_UTF = ("utf-8", "utf8", "")

LEAVES_PER_CHECK = 512


class _CodedWriter:
    """Closes a coding's layer: the new content, encoded the way the original was."""

    __slots__ = ("_coding", "_original", "name")

    def __init__(self, coding: Coding, original: str | bytes) -> None:
        self.name = coding.name
        self._coding = coding
        self._original = original

    def write(self, leaf: Leaf, value: str | bytes) -> str | bytes:  # noqa: ARG002 - the one leaf is the whole
        return self._coding.encode(value, self._original)

    def finish(self, layer: Layer, source: str | bytes) -> str | bytes:  # noqa: ARG002 - nothing to mend
        return source


def _code(coding: Coding, source: str | bytes, content: str | bytes) -> Layer:
    size = len(source)
    root = Leaf(content, 0, size) if isinstance(content, str) else Leaf("", 0, size, Kind.BYTES, content)
    return Layer(coding.name, source, root, _CodedWriter(coding, source))


def leaves(root: Node) -> Iterator[Leaf]:
    """The values of one layer, in order; not its keys, and not what they opened into."""
    stack: list[Iterator[Node]] = [iter((root,))]
    while stack:
        for node in stack[-1]:
            if type(node) is Leaf:
                yield node
            elif type(node) is Map:
                stack.append(iter([value for _, value in node.items]))
                break
            elif type(node) is List:
                stack.append(iter(node.items))
                break
        else:
            stack.pop()


class Opener:
    """Opens what a request is made of. One for each set of plug-ins; stateless."""

    def __init__(
        self,
        codings: Iterable[Coding],
        formats: Iterable[Format],
        by_content_coding: Mapping[str, Coding],
        by_charset: Mapping[str, Coding],
    ) -> None:
        self._codings = {coding.name: coding for coding in codings}
        self._formats = {form.name: form for form in formats}
        self._by_content_coding = by_content_coding
        self._by_charset = by_charset

    # what a request is made of

    def open_body(self, body: bytes, content_type: str, content_encodings: Sequence[str], budget: Budget) -> Document:
        """The body's document; without layers where it is empty.

        `content_encodings` are the values of all Content-Encoding fields, in order. Raises `Refused` for what may not
        leave as it is: unknown or broken codings, broken formats, bytes that are no text, anything over a limit.
        """
        document = Document(body)
        if not body:
            return document
        source: str | bytes = body
        parent: tuple[Layer, Leaf] | None = None
        names = [name.strip().lower() for value in content_encodings for name in value.split(",")]
        for depth, name in enumerate(reversed([name for name in names if name and name != "identity"]), 1):
            coding = self._by_content_coding.get(name)
            if coding is None:
                raise Refused(Reason.UNKNOWN_CODING)
            if depth > budget.limits.layers:
                raise Refused(Reason.TOO_DEEP)
            layer = _code(coding, source, coding.decode(source, budget))
            document.add(layer, parent)
            parent = (layer, _only_leaf(layer))
            source = parent[1].data
        claims = _Claims(content_type)
        while True:  # compressed bytes that no header speaks of
            budget.check_time()
            if not source:
                return document
            chain = self._open_bytes(source if isinstance(source, bytes) else b"", budget, claims)
            if chain is None:
                raise Refused(Reason.OPAQUE)
            for layer in chain:
                document.add(layer, parent)
                parent = (layer, layer.root) if isinstance(layer.root, Leaf) else None
            if parent is None or parent[1].kind != Kind.BYTES:
                break
            if len(document.layers) > budget.limits.layers:
                raise Refused(Reason.TOO_DEEP)
            source = parent[1].data
        self._open_leaves(document, budget, [(document.layers[-1], len(document.layers))])
        return document

    def open_text(self, value: str, budget: Budget) -> Document:
        """A text from anywhere else: a header, a path segment."""
        return self._open_whole("text", value, budget)

    def open_query(self, query: str, budget: Budget) -> Document:
        """A URL's query, without the question mark."""
        return self._open_whole("query", query, budget)

    def open_cookies(self, value: str, budget: Budget) -> Document:
        """The value of a Cookie field."""
        return self._open_whole("cookies", value, budget)

    def open_leaf(self, document: Document, layer: Layer, leaf: Leaf, format_name: str, budget: Budget) -> bool:
        """Opens `leaf` of `layer` by a format that is only taken on demand, and what is in it; whether it was one."""
        source = leaf.data if leaf.kind == Kind.BYTES else leaf.value
        opened = self._formats[format_name].parse(source, budget)
        if opened is None:
            return False
        depth = 1
        above = layer
        while above.parent is not None:
            above = above.parent[0]
            depth += 1
        document.add(opened, (layer, leaf))
        document.opaque = [entry for entry in document.opaque if entry[1] is not leaf]
        self._open_leaves(document, budget, [(opened, depth + 1)])
        return True

    # the loop

    def _open_whole(self, format_name: str, source: str, budget: Budget) -> Document:
        document = Document(source)
        layer = self._formats[format_name].parse(source, budget)
        if layer is not None:
            document.add(layer, None)
            self._open_leaves(document, budget, [(layer, 1)])
        return document

    def _open_leaves(self, document: Document, budget: Budget, queue: list[tuple[Layer, int]]) -> None:
        """Opens what the leaves of the queued layers hold, and so on. A layer comes with its depth in its chain."""
        candidate = _CANDIDATE.match
        most = budget.limits.layers
        text, binary = Kind.TEXT, Kind.BYTES
        countdown = LEAVES_PER_CHECK
        while queue:
            layer, depth = queue.pop()
            for leaf in leaves(layer.root) if layer.openable is None else layer.openable:
                countdown -= 1
                if not countdown:
                    countdown = LEAVES_PER_CHECK
                    budget.check_time()
                if leaf.kind == text:
                    if leaf.child is not None or not (candidate(leaf.value) or "{" in leaf.value):
                        continue
                    chain = self._open_string(leaf.value, budget)
                    if chain is None:
                        if leaf.value.startswith(_GZIP_AS_TEXT) and self._is_cut_gzip(leaf.value):
                            document.opaque.append((layer, leaf))
                        continue
                elif leaf.kind == binary and leaf.data and leaf.child is None:
                    found = self._open_part(leaf.data, budget)
                    if found is None:
                        document.opaque.append((layer, leaf))
                        continue
                    chain = found
                else:
                    continue
                if depth + len(chain) > most:
                    raise Refused(Reason.TOO_DEEP)
                parent = (layer, leaf)
                for inner in chain:
                    document.add(inner, parent)
                    if isinstance(inner.root, Leaf):
                        parent = (inner, inner.root)
                queue.append((chain[-1], depth + len(chain)))

    def _open_part(self, data: bytes, budget: Budget) -> list[Layer] | None:
        """Bytes inside of a document: as a body, but what would be refused there is opaque here."""
        try:
            return self._open_bytes(data, budget, None)
        except Refused as refused:
            if refused.reason in {Reason.BROKEN_CODING, Reason.BROKEN_FORMAT}:
                return None
            raise

    def _open_bytes(self, data: bytes, budget: Budget, claims: _Claims | None) -> list[Layer] | None:
        """One step into bytes: the layers, outermost first, or None where they are opaque."""
        for name in _MAGIC_OF_COMPRESSION:
            coding = self._codings[name]
            if not coding.sniff(data):
                continue
            try:
                return [_code(coding, data, coding.decode(data, budget))]
            except Refused as refused:
                if refused.reason is not Reason.BROKEN_CODING or name != "zlib":
                    raise  # two bytes may be a coincidence, three or four are a claim
        charset = self._charset(data, claims)
        if charset is None:
            for name in _BYTE_FORMATS:
                form = self._formats[name]
                if not form.sniff(data):
                    continue
                layer = form.parse(data, budget)
                if layer is not None:
                    if claims is not None:
                        claims.check_boundary(data)
                    return [layer]
                if name == "multipart" and claims is not None and claims.boundary is not None:
                    raise Refused(Reason.BROKEN_FORMAT)
            if claims is not None:
                claims.check_boundary(data)
                if claims.protobuf:
                    raise Refused(Reason.BROKEN_FORMAT)
        try:
            coding = charset or self._codings["utf8"]
            text = coding.decode(data, budget)
        except Refused as refused:
            if charset is not None or refused.reason is not Reason.BROKEN_CODING:
                raise
            return None
        return self._open_decoded(_code(coding, data, text), str(text), budget, claims)

    def _open_decoded(self, layer: Layer, text: str, budget: Budget, claims: _Claims | None) -> list[Layer] | None:
        """What a decoded body reads as. A JSON claim, by its first mark or its type, must hold."""
        mark = _FIRST_MARK.match(text)
        first = mark[1] if mark else ""
        says_json = claims is not None and claims.json
        if first in {"{", "["} or (says_json and text.strip()):
            found = self._parse(("clarity", "json", "ndjson"), text, budget)
            if found is not None:
                return [layer, found]
            if claims is not None:
                raise Refused(Reason.BROKEN_FORMAT)
        if _BEL.match(text):  # a claim as well: its numbers stand for texts that only a whole reading tells
            found = self._parse(("bel",), text, budget)
            if found is None:
                raise Refused(Reason.BROKEN_FORMAT)
            return [layer, found]
        if _UNFIT_FOR_TEXT.search(text) and not text.startswith(_GZIP_AS_TEXT[0]):
            return None
        found = self._parse(("json", "ndjson"), text, budget)
        if found is None and (packed := self._open_base64(text, budget)):
            return [layer, *packed]  # before forms: padding looks like a name without a value
        found = found or self._parse(("form", "html"), text, budget)
        return [layer] if found is None else [layer, found]

    def _charset(self, data: bytes, claims: _Claims | None) -> Coding | None:
        """The coding of a charset other than UTF-8; None for UTF-8.

        Bytes that are UTF-8 are read so, even where the label says latin-1: backends do, and a label must not put text
        out of sight.
        """
        utf16 = self._codings["utf16"]
        if utf16.sniff(data):
            return utf16
        label = claims.charset if claims is not None else ""
        if label in _UTF:
            return None
        coding = self._by_charset.get(label)
        if coding is None:
            raise Refused(Reason.UNKNOWN_CODING)
        if label.startswith("utf"):
            return coding
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return coding
        return None

    def _parse(self, names: Iterable[str], text: str, budget: Budget) -> Layer | None:
        for name in names:
            form = self._formats[name]
            if form.sniff(text):
                layer = form.parse(text, budget)
                if layer is not None:
                    return layer
        return None

    # strings

    def _open_string(self, value: str, budget: Budget) -> list[Layer] | None:
        """One step into a string: the layers, outermost first, or None where it is plain text."""
        mark = _FIRST_MARK.match(value)
        first = mark[1] if mark else ""
        if first in {"{", "[", '"'}:
            layer = self._parse(("json", "ndjson", "message"), value, budget)
            return None if layer is None else [layer]
        if first == "<":
            layer = self._parse(("html",), value, budget)
            return None if layer is None else [layer]
        return (
            self._open_packed(value, budget)
            or self._open_base64(value, budget)
            or self._open_escaped(value, budget)
            or self._open_message(value, budget)
        )

    def _open_message(self, value: str, budget: Budget) -> list[Layer] | None:
        layer = self._parse(("message",), value, budget)
        return None if layer is None else [layer]

    def _open_packed(self, value: str, budget: Budget) -> list[Layer] | None:
        packing = self._codings["latin1"]
        if not packing.sniff(value):
            return None
        try:
            data = packing.decode(value, budget)
            inflated = self._inflate(data, budget)
        except Refused as refused:
            if refused.reason is not Reason.BROKEN_CODING:
                raise
            return None
        return [_code(packing, value, data), inflated] if inflated else None

    def _open_base64(self, value: str, budget: Budget) -> list[Layer] | None:
        """Base64, also written backwards, is told by its content: compressed bytes, or text that can be read."""
        for name in ("base64-reversed", "base64"):
            packing = self._codings.get(name)
            if (
                packing is not None
                and packing.sniff(value)
                and (layers := self._open_base64_by(packing, value, budget))
            ):
                return layers
        return None

    def _open_base64_by(self, packing: Coding, value: str, budget: Budget) -> list[Layer] | None:
        try:
            data = packing.decode(value, budget)
            assert isinstance(data, bytes)
            layer = _code(packing, value, data)
            try:
                if inflated := self._inflate(data, budget):
                    return [layer, inflated]
            except Refused as refused:
                if refused.reason is not Reason.BROKEN_CODING:
                    raise
            utf8 = self._codings["utf8"]
            text = utf8.decode(data, budget)
        except Refused as refused:
            if refused.reason is not Reason.BROKEN_CODING:
                raise
            return None
        if not str(text).translate(_PRINTABLE_SPACE).isprintable():
            return None
        return [layer, _code(utf8, data, text)]

    def _open_escaped(self, value: str, budget: Budget) -> list[Layer] | None:
        percent = self._codings["percent"]
        if percent.sniff(value):
            try:
                return [_code(percent, value, percent.decode(value, budget))]
            except Refused as refused:
                if refused.reason is not Reason.BROKEN_CODING:
                    raise
        if "&" in value or value.startswith("?"):
            layer = self._parse(("form",), value, budget)
            return None if layer is None else [layer]
        return None

    def _inflate(self, data: str | bytes, budget: Budget) -> Layer | None:
        for name in _MAGIC_OF_COMPRESSION:
            coding = self._codings[name]
            if coding.sniff(data):
                return _code(coding, data, coding.decode(data, budget))
        return None

    def _is_cut_gzip(self, value: str) -> bool:
        """Whether a text is gzip, packed, that does not inflate: personal data that nobody here can read."""
        if value.startswith(_GZIP_AS_TEXT[0]):
            return True
        return len(value) >= 16 and _CUT_BASE64.fullmatch(value) is not None


_PRINTABLE_SPACE = {9: 32, 10: 32, 13: 32}
_CUT_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}(?:\W.{0,64})?", re.ASCII | re.DOTALL)


def _only_leaf(layer: Layer) -> Leaf:
    assert isinstance(layer.root, Leaf)
    return layer.root


class _Claims:
    """What a Content-Type says, as far as it matters."""

    __slots__ = ("boundary", "charset", "json", "protobuf")

    def __init__(self, content_type: str) -> None:
        charset = _CHARSET.search(content_type)
        boundary = _BOUNDARY.match(content_type)
        self.charset = (charset[1] or charset[2] or "").strip().lower() if charset else ""
        self.boundary = (boundary[1] or boundary[2] or "") if boundary else None
        self.json = _JSON_TYPE.match(content_type) is not None
        self.protobuf = _PROTOBUF_TYPE.match(content_type) is not None

    def check_boundary(self, data: bytes) -> None:
        """A backend would split at the boundary that the Content-Type names: the first line must be that one."""
        if self.boundary is None:
            return
        line = b"--" + self.boundary.encode("latin-1", "replace")
        if not data.startswith((line + b"\r", line + b"\n")):
            raise Refused(Reason.BROKEN_FORMAT)
