"""A secret found once is gone everywhere (promise 4): in the same request by its text, later in the session by fingerprint.

The rule, which docs/rules.md repeats: a value that was masked as a whole counts where it is telling: at least 6 characters
long, and it holds a digit, a sign between letters, a capital after its first letter or more than one word, or is at least
12 characters long. It is replaced where it stands as a whole, without a letter or digit next to it, in any case and any
notation, so that a typed "red" or "Berlin" masks no other text and "Anna" does not mask "Annabelle".

Between requests nothing is kept but keyed fingerprints (BLAKE2b, 16 bytes) of the words of such values, bounded in number
and in time. Without the key they tell nothing; with it a guess can be tested, as with every pseudonym.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import Final, Self

import msgspec

from gateway.core.reading import read
from gateway.native import compiled

_WORD: Final = re.compile(r"[^\W_]+")
_TELLING: Final = re.compile(r"\d|\w[^\w\s]\w|(?<=\w)[A-Z]|\w\s+\w")
SHORTEST: Final = 6  # characters of a value
LONGEST: Final = 1024
MOST: Final = 4000  # values of one request
PRINT_SIZE: Final = 16
FIRST_SIZE: Final = 4  # bytes of the fingerprint of a secret's first word
MOST_WORDS: Final = 8  # words of a value that is remembered between requests
_MOST_DULL: Final = 65_536  # words of one request that are known to begin no secret
_MARK: Final = re.compile(r"[%&\\]")  # begins every escape that `core.reading` resolves
_UNEVEN: Final = re.compile("[\u0130\u03a3]")  # their lower case is longer, or depends on what stands beside them
# What may read as something else than is written: a superset of what `core.reading` resolves
_UNREAD: Final = re.compile(r"[^\x00-\x7f]|%[0-9A-Fa-fu]|&[#A-Za-z]|\\[ux]")

type Found = tuple[int, int, str, str]
"""Start and end in the text as written, what replaces it, and the rule."""
type Row = tuple[tuple[str, ...], str]
"""The words of a secret, and the operator that masked it."""


def is_telling(value: str) -> bool:
    """Whether a value is telling enough to be masked wherever else it stands."""
    return (
        SHORTEST <= len(value) <= LONGEST
        and sum(map(str.isalnum, value)) >= 4
        and (len(value) >= 12 or _TELLING.search(value) is not None)
    )


class Secrets:
    """The secrets of one request. Closed before they are looked for, so that no result depends on an order."""

    def __init__(self) -> None:
        self._by_first: dict[str, list[tuple[int, str, str, str]]] = {}
        self._values: dict[str, str] = {}  # the value, folded → the operator that masked it
        self._kept: set[str] = set()
        self._least: list[str] = []  # those that no other one is the beginning of
        self._least_by_first: dict[str, list[str]] = {}
        self._holds_quote = False
        self._is_closed = False

    def __bool__(self) -> bool:
        return bool(self._values)

    def keep(self, value: str) -> None:
        """Says that a value stands where nothing is ever touched, so that it is no secret (a session id, a project key)."""
        if SHORTEST <= len(value) <= LONGEST and len(self._kept) < MOST:
            self._kept.add(value.strip().lower())

    def add(self, value: str, replacement: str, rule: str, operator: str) -> None:
        """Remembers a value that was masked, with what replaces it."""
        value = value.strip()
        if self._is_closed or len(self._values) >= MOST or value == replacement or not is_telling(value):
            return
        folded = value.lower()
        first = _WORD.search(folded)
        if first is None or folded in self._values or folded in self._kept:
            return
        self._values[folded] = operator
        self._by_first.setdefault(first[0], []).append((first.start(), folded, replacement, rule))

    def close(self) -> None:
        """No secret is added from here on; longer ones are looked for first."""
        self._is_closed = True
        for row in self._by_first.values():
            row.sort(key=lambda one: -len(one[1]))
        # what is typed is told by one event a keystroke: of the many that begin alike, one has to be looked for
        self._least = _beginnings(self._values)
        self._least_by_first = {
            first: _beginnings(secret for _, secret, *_ in row) for first, row in self._by_first.items()
        }
        self._holds_quote = any('"' in secret for secret in self._values)

    def find(self, text: str) -> list[Found]:
        """Where a secret stands in a text, in any case and notation."""
        if not self._values or len(text) < SHORTEST:
            return []
        assert self._is_closed
        reading = read(text)
        folded = reading.text.lower()
        if len(folded) != len(reading.text):
            folded = reading.text  # a letter whose lower case is longer: positions count more than case
        words = _WORD.findall(folded)
        least = self._least_by_first
        if least.keys().isdisjoint(words):
            return []
        firsts = {first for first in least.keys() & words if any(secret in folded for secret in least[first])}
        found: list[Found] = []
        end = 0
        for at, first in sorted((at, word) for word in firsts for at in _places(folded, word)):
            for offset, secret, replacement, rule in self._by_first[first]:
                start = at - offset
                stop = start + len(secret)
                if start >= end and folded.startswith(secret, start) and not _continues(folded, start, stop):
                    found.append((*reading.origin(start, stop), replacement, rule))
                    end = stop
                    break
        return found

    def begins(self, word: str) -> bool:
        """Whether a secret begins with this word, in lower case."""
        return word in self._by_first

    def left_in(self, text: str) -> set[str]:
        """The secrets, as written, that a whole layer holds: a quick look at it, then a close one at what may hold them."""
        standing = _standing(text, self._least)
        if not standing:
            return set()
        folded = text.lower()
        if len(folded) == len(text) and not self._holds_quote:
            text = _suspects(text, folded, standing)
        return {text[start:end] for start, end, *_ in self.find(text)}

    def rows(self) -> Iterable[Row]:
        """The words of each secret with the operator that masked it, for a session's memory."""
        for value, operator in self._values.items():
            yield tuple(_WORD.findall(value)), operator


def _beginnings(secrets: Iterable[str]) -> list[str]:
    """Those that no other one is the beginning of: a text without them holds none of the others either."""
    least: list[str] = []
    for secret in sorted(secrets):
        if not least or not secret.startswith(least[-1]):
            least.append(secret)
    return least


def standing_in_python(text: str, secrets: list[str]) -> list[str]:
    """Those of some secrets, in lower case, that stand in a text in any case."""
    folded = text.lower()
    return [secret for secret in secrets if secret in folded]


def standing_compiled(text: str, secrets: list[str]) -> list[str]:
    """The same, those of ASCII alone at once."""
    plain = [secret for secret in secrets if secret.isascii()]
    found: list[str] | None = compiled.standing(text, plain) if compiled is not None else None
    if found is None:
        return standing_in_python(text, secrets)
    others = [secret for secret in secrets if not secret.isascii()]
    return sorted([*found, *standing_in_python(text, others)]) if others else found


_standing = standing_in_python if compiled is None else standing_compiled


def _suspects(text: str, folded: str, standing: Iterable[str]) -> str:
    """The parts of a text, from one quotation mark to the next, that hold one of `standing` or must be read to be sure.

    No secret holds a quotation mark and none reads as one, so nothing that is looked for reaches over it.
    """

    def unread(at: int) -> int:
        sign = _UNREAD.search(text, at)
        return sign.start() if sign is not None else -1

    parts = set(_parts(text, unread))
    for secret in standing:
        parts.update(_parts(text, partial(folded.find, secret)))
    return '"'.join(text[left:right] for left, right in sorted(parts))


def _parts(text: str, following: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """What stands between quotation marks around each place that `following` names, given where to look on."""
    at = 0
    while (found := following(at)) >= 0:
        left = max(text.rfind('"', at, found) + 1, at)
        right = text.find('"', found)
        right = len(text) if right < 0 else right
        yield left, right
        at = right + 1


def _places(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text."""
    at = text.find(word)
    while at >= 0:
        stop = at + len(word)
        if not _continues(text, at, stop):
            yield at
        at = text.find(word, stop)


def _continues(text: str, start: int, stop: int) -> bool:
    """Whether a letter or digit stands right before or behind a span."""
    return (start > 0 and text[start - 1].isalnum()) or (stop < len(text) and text[stop].isalnum())


class _Told(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    period: str
    operators: list[str]
    prints: bytes  # one after the other
    operator_of: list[int]  # of each
    firsts: bytes
    lengths: list[int]


class Memory:
    """What one session is known to keep secret: fingerprints of rows of words."""

    __slots__ = ("_firsts", "_key", "_keyed", "_lengths", "_prints", "period", "used")

    def __init__(self, key: bytes, period: str = "") -> None:
        self._key = key
        self._keyed = blake2b(key=key, digest_size=PRINT_SIZE)  # the key's own block, worked in once
        self.period = period  # of pseudonyms, in which the session began
        self._prints: dict[bytes, str] = {}
        self._firsts: dict[bytes, int] = {}  # a first word's print → the lengths of the rows that it begins, a bit each
        self._lengths: set[int] = set()
        self.used = 0.0

    def __len__(self) -> int:
        return len(self._prints)

    def write(self) -> bytes:
        """Everything that it holds: fingerprints, and the period."""
        operators = {name: number for number, name in enumerate(sorted(set(self._prints.values())))}
        prints = sorted(self._prints.items())
        told = _Told(
            self.period,
            list(operators),
            b"".join(one for one, _ in prints),
            [operators[operator] for _, operator in prints],
            b"".join(sorted(self._firsts)),
            sorted(self._lengths),
        )
        return msgspec.msgpack.encode(told)

    @classmethod
    def read(cls, key: bytes, data: bytes) -> Self | None:
        """What `write` wrote, under the same key; None where it is nothing like that."""
        try:
            told = msgspec.msgpack.decode(data, type=_Told)
            prints = [told.prints[at : at + PRINT_SIZE] for at in range(0, len(told.prints), PRINT_SIZE)]
            rows = dict(zip(prints, [told.operators[number] for number in told.operator_of], strict=True))
        except (msgspec.MsgspecError, ValueError, IndexError):
            return None
        memory = cls(key, told.period)
        memory._prints = rows if len(rows) <= MOST else {}
        memory._lengths = {length for length in told.lengths if 0 < length <= MOST_WORDS}
        any_length = sum(1 << length for length in memory._lengths)
        firsts = (told.firsts[at : at + FIRST_SIZE] for at in range(0, len(told.firsts), FIRST_SIZE))
        memory._firsts = dict.fromkeys(firsts, any_length)
        return memory

    def holds(self, words: tuple[str, ...]) -> bool:
        """Whether these words are one of its secrets."""
        return self._print(words) in self._prints

    def learn(self, rows: Iterable[Row]) -> None:
        """Takes over the secrets of a request, up to the bound."""
        for words, operator in rows:
            if 0 < len(words) <= MOST_WORDS and len(self._prints) < MOST:
                self._prints[self._print(words)] = operator
                first = self._print(words[:1])[:FIRST_SIZE]
                self._firsts[first] = self._firsts.get(first, 0) | 1 << len(words)
                self._lengths.add(len(words))

    def is_part_of(self, other: Memory) -> bool:
        """Whether another one, of the same key, remembers all that this one does."""
        return self._key == other._key and self._prints.items() <= other._prints.items()

    def begins(self, word: str) -> bool:
        """Whether a secret of the session may begin with this word, in lower case."""
        return self._print((word,))[:FIRST_SIZE] in self._firsts

    def find(self, text: str, replace: Callable[[str, str], str], dull: Container[str] = frozenset()) -> list[Found]:
        """Where a secret of the session stands in a text. `replace` is given the text as read and the operator.

        `dull` are words, as written, of which it is known that they begin none.
        """
        if not self._prints or len(text) < SHORTEST:
            return []
        reading = read(text)
        words = [(word[0].lower(), word.start(), word.end()) for word in _WORD.finditer(reading.text)]
        found: list[Found] = []
        end = 0
        begun: dict[str, int] = {}  # the same words come again and again
        for at, (word, start, behind) in enumerate(words):
            if start < end or reading.text[start:behind] in dull:
                continue
            lengths = begun.get(word)
            if lengths is None:
                lengths = begun[word] = self._firsts.get(self._print((word,))[:FIRST_SIZE], 0)
            for length in range(MOST_WORDS, 0, -1) if lengths else ():
                if not lengths >> length & 1:
                    continue
                row = words[at : at + length]
                operator = self._prints.get(self._print(tuple(one[0] for one in row))) if len(row) == length else None
                if operator is not None:
                    stop = row[-1][2]
                    told = replace(reading.text[start:stop], operator)
                    found.append((*reading.origin(start, stop), told, "secret of the session"))
                    end = stop
                    break
        return found

    def _print(self, words: tuple[str, ...]) -> bytes:
        state = self._keyed.copy()
        state.update("\0".join(words).encode("utf-8", "surrogatepass"))
        return state.digest()


class Search:
    """What the texts of one request are searched for: its own secrets, and those that its sessions remember.

    Most texts are made of words that begin none of them, and the same words come again and again: each is asked for once.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._memories: list[tuple[Memory, Callable[[str, str], str]]] = []
        self._dull: set[str] = set() if compiled is None else compiled.Words()  # words that begin no secret

    def add(self, memory: Memory, replace: Callable[[str, str], str]) -> None:
        """Takes up what a session remembers, unless another one remembers it all (a visit, and the visitor)."""
        if not any(memory.is_part_of(other) for other, _ in self._memories):
            self._memories.append((memory, replace))
            self._dull.clear()

    def __bool__(self) -> bool:
        return bool(self._secrets or self._memories)

    def find(self, text: str) -> list[Found]:
        """Where secrets stand in a text, those of the request first. They are closed by now."""
        if len(text) < SHORTEST or not self or self._is_dull(text):
            return []
        found = self._secrets.find(text)
        for memory, replace in self._memories:
            found += memory.find(text, replace, self._dull)
        return found

    def _is_dull(self, text: str) -> bool:
        if compiled is not None:
            missing = self._dull.missing(text)  # type: ignore[attr-defined]  # the compiled set's
            if missing is not None:
                return not missing or self._are_dull(missing)
        if not text.isascii() or _MARK.search(text):
            text = read(text).text
        missing = {word for word in _WORD.findall(text) if word not in self._dull}
        return not missing or (_UNEVEN.search(text) is None and self._are_dull(missing))

    def _are_dull(self, words: Iterable[str]) -> bool:
        dull = self._dull
        for word in words:
            folded = word.lower()
            if self._secrets.begins(folded) or any(memory.begins(folded) for memory, _ in self._memories):
                return False
            if len(dull) < _MOST_DULL:
                dull.add(word)
        return True


class Memories:
    """The memories of all sessions, bounded in number, in fingerprints and in idle time; the least recently used goes first."""

    def __init__(self, key: bytes, most: int = 20_000, prints: int = 2_000_000, idle: float = 3600.0) -> None:
        self.most = most
        self.prints = prints
        self.idle = idle
        self._key = blake2b(b"session memory", key=key, digest_size=32).digest()
        self._memories: dict[str, Memory] = {}
        self._held = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._memories)

    @property
    def held(self) -> int:
        """How many fingerprints there are."""
        return self._held

    def known(self, name: str) -> Memory | None:
        """The memory of a session, where there is one."""
        return self._memories.get(name)

    def knows(self, data: bytes, value: str) -> bool:
        """Whether a session whose memory was written so keeps this value secret: by its fingerprint."""
        memory = Memory.read(self._key, data)
        return memory is not None and memory.holds(tuple(_WORD.findall(value.lower())))

    def touch(self, name: str, now: float) -> bool:
        """Whether there is a memory; it is in use then."""
        with self._lock:
            memory = self._memories.pop(name, None)
            if memory is not None:
                memory.used = now
                self._memories[name] = memory  # the one that was used last stands last
        return memory is not None

    def replace(self, name: str, data: bytes, now: float) -> None:
        """Puts what `Memory.write` wrote in the place of what was known; what is none: nothing is known any more."""
        memory = Memory.read(self._key, data) if data else None
        with self._lock:
            self._held -= len(self._memories.pop(name, ()))
            if memory is not None:
                memory.used = now
                self._memories[name] = memory
                self._held += len(memory)
                self._settle(now)

    def begin(self, names: Iterable[str], period: str, now: float) -> str:
        """The period in which these sessions began: the one they are known by, or this one from now on."""
        with self._lock:
            for name in names:
                memory = self._memories.get(name)
                if memory is not None and now - memory.used <= self.idle:
                    period = memory.period
                    break
            for name in names:
                self._use(name, period, now)
            self._settle(now)
        return period

    def recall(self, names: Iterable[str], now: float) -> list[Memory]:
        """What is known of these sessions. `now` is in seconds of any monotonic clock."""
        with self._lock:
            return [self._use(name, "", now) for name in self._live(names, now)]

    def learn(self, names: Iterable[str], rows: Iterable[Row], now: float) -> None:
        """Adds a request's secrets to its sessions."""
        told = list(rows)
        if not told:
            return
        with self._lock:
            for name in names:
                memory = self._use(name, "", now)
                before = len(memory)
                memory.learn(told)
                self._held += len(memory) - before
            self._settle(now)

    def _live(self, names: Iterable[str], now: float) -> list[str]:
        return [name for name in names if name in self._memories and now - self._memories[name].used <= self.idle]

    def _use(self, name: str, period: str, now: float) -> Memory:
        """The memory of a session, now the most recently used one; a new one where there is none or it was idle."""
        memory = self._memories.pop(name, None)
        if memory is None or now - memory.used > self.idle:
            self._held -= len(memory or ())
            memory = Memory(self._key, period)
        memory.used = now
        self._memories[name] = memory
        return memory

    def _settle(self, now: float) -> None:
        while self._memories:
            name, oldest = next(iter(self._memories.items()))
            if len(self._memories) <= self.most and self._held <= self.prints and now - oldest.used <= self.idle:
                return
            del self._memories[name]
            self._held -= len(oldest)
