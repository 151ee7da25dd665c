"""A request as it came, and as it leaves: raw ordered header pairs, raw target, raw body.

Names are compared case-insensitively, kept as they came. Same-named fields keep their order and are never joined.
Strings are latin-1, the way bytes of HTTP fields map one to one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


class Headers:
    """Ordered (name, value) pairs, as RFC 9110 section 5.3 wants them kept."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs: tuple[tuple[str, str], ...] = tuple(pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self._pairs]})"  # names only: values do not belong in logs

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name`, or `default`."""
        name = name.lower()
        return next((value for key, value in self._pairs if key.lower() == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of `name`, in order."""
        name = name.lower()
        return [value for key, value in self._pairs if key.lower() == name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(key.lower() == name.lower() for key, _ in self._pairs)

    def without(self, *names: str) -> Headers:
        """A copy without any field of these names."""
        gone = {name.lower() for name in names}
        return Headers(pair for pair in self._pairs if pair[0].lower() not in gone)

    def replaced(self, name: str, value: str) -> Headers:
        """A copy in which `name` is there once, with `value`, at the place of its first field (or at the end)."""
        pairs: list[tuple[str, str]] = []
        done = False
        for pair in self._pairs:
            if pair[0].lower() != name.lower():
                pairs.append(pair)
            elif not done:
                pairs.append((pair[0], value))
                done = True
        if not done:
            pairs.append((name, value))
        return Headers(pairs)


@dataclass(frozen=True, slots=True)
class Inbound:
    """One request as the listener read it: nothing decoded, nothing trusted.

    `target` is the path and query after the route's prefix was taken off, percent-encoding untouched.
    `peer` is the address of the connection; `client` the visitor's address as trusted proxies told it (or the peer's).
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    host: str = ""
    peer: str = ""
    client: str = ""
    route: str = ""  # the route's name, for state keys and reports: never sent
    country: str = ""  # the visitor's, or the state (`DE`, `US-CA`), where rules ask for it: never sent
    consented: bool = True  # False: must be asked first, and has not answered: never sent

    @property
    def path(self) -> str:
        """The target's path, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target's query without the question mark, still percent-encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Outbound:
    """A request as it may leave: the content of a `Masked`."""

    method: str
    target: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)
