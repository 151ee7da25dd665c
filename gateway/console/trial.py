"""The one trial of rules that runs, if one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.maskers.shadow import Shadow


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial: which text, by whom, since when (seconds since 1970)."""

    shadow: Shadow
    file: str
    etag: str
    who: str
    since: float


class Trials:
    """Holds it."""

    def __init__(self) -> None:
        self.current: Trial | None = None

    async def take(self, trial: Trial | None, serve: Callable[[Shadow | None], None]) -> None:
        """Runs this one from now on, or none; the former one ends. `serve` tells whoever serves."""
        former, self.current = self.current, trial
        serve(trial.shadow if trial is not None else None)
        if former is not None:
            await former.shadow.end()
