"""Session state that several gateways share, as the maskers' front sees it. Without one, state stays where it is made.

A request's sessions are known once it is read. Their state is borrowed then, handed to the masker with the request, and
given back with what the masker made of it. Maskers never see a revision; who lends keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Loan(Protocol):
    """The state of one request's sessions, held for it alone in this process."""

    @property
    def state(self) -> Mapping[str, bytes]:
        """What is known, by key. A key that is missing is unknown, and unknown masks."""
        ...

    async def give_back(self, state: Mapping[str, bytes]) -> bool:
        """Stores what came of it; False where another gateway was first, so that the request is masked again."""
        ...


class SharedState(Protocol):
    """Lends the state of sessions, to one request at a time."""

    def borrow(self, keys: Sequence[str]) -> AbstractAsyncContextManager[Loan]:
        """Waits for whoever has one of `keys`, then loads. Raises OSError where the store can't be reached."""
        ...
