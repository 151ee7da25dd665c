"""What a page or an operation is called with, and how it says no.

Desk     everything that the console works with; one for all calls
Actor    who calls: an account, by a log-in or by an API token
Call     one call: desk, actor, path parameters, query and body as their models
Problem  no, with a status and one line (RFC 9457)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from gateway.config import Configuration, ConsoleSettings
from gateway.console.accounts import Accounts
from gateway.console.context import Context
from gateway.console.database import Database
from gateway.console.history import History
from gateway.console.hour import Hour
from gateway.console.metrics import Exposition
from gateway.console.problem import Problem
from gateway.console.role import Role
from gateway.console.throttle import Throttle
from gateway.console.tokens import Tokens
from gateway.console.trail import Act, Trail
from gateway.console.trial import Trials
from gateway.console.visits import Visits
from gateway.console.workshop import Workshop
from gateway.core.message import Inbound
from gateway.core.outcome import Outcome
from gateway.keyring import KeyRing
from gateway.maskers.shadow import Shadow
from gateway.status import Source
from gateway.traffic import Traffic

__all__ = ["Actor", "Call", "Control", "Desk", "Model", "Problem", "open_desk"]


class Model(BaseModel):
    """What goes into an operation or comes out of it: closed, frozen, never lax about types."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(Protocol):
    """What the served gateway lets the console do. Called on the event loop."""

    @property
    def configuration(self) -> Configuration:
        """What is live now."""
        ...

    @property
    def digests(self) -> Sequence[str]:
        """The digests of the programs that are live now."""
        ...

    def blueprint(self, digest: str = "") -> bytes:
        """What programs are made of (`maskers.blueprint`): of those that had this digest, where they are still known."""
        ...

    @property
    def context(self) -> Context:
        """What candidates are tried beside."""
        ...

    async def reload(self) -> None:
        """Takes the files as they are now; `UserError`, and the old ones stay, where something is wrong with them."""
        ...

    async def mask(self, inbound: Inbound) -> Outcome:
        """What may become of a request, by the rules that are live."""
        ...

    def shadow(self, shadow: Shadow | None) -> None:
        """To whom requests and what became of them are offered from now on."""
        ...

    def hold(self, routes: Mapping[str, float]) -> None:
        """Which routes the emergency stop holds from now on, by label, and since when."""
        ...


@dataclass(frozen=True)
class Desk:
    """Everything that the console works with."""

    settings: ConsoleSettings
    database: Database
    accounts: Accounts
    visits: Visits
    tokens: Tokens
    trail: Trail
    history: History
    throttle: Throttle
    sources: Sequence[Source]
    exposition: Exposition
    hour: Hour
    traffic: Traffic
    control: Control
    workshop: Workshop
    trials: Trials = field(default_factory=Trials)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))  # bcrypt takes a core each
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one publishes at a time

    async def run[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs what reads or writes the database, or hashes, in a thread: never on the front's event loop."""
        return await asyncio.to_thread(work, *args, **kwargs)


def open_desk(
    settings: ConsoleSettings, ring: KeyRing, sources: Sequence[Source], traffic: Traffic, control: Control
) -> Desk:
    """The desk of a gateway with accounts. Raises `UserError` where its file can't be used."""
    database = Database(settings.path, ring)
    accounts = Accounts(database)
    return Desk(
        settings,
        database,
        accounts,
        Visits(database, accounts, idle=settings.idle, longest=settings.longest),
        Tokens(database, accounts),
        Trail(database),
        History(database),
        Throttle(),
        sources,
        Exposition(sources),
        Hour(sources),
        traffic,
        control,
        Workshop(),
    )


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls. `by`: `log-in`, or the name of a token. `proof` is what forms of this session carry."""

    name: str
    role: Role
    by: str
    proof: str = ""
    session: str = field(default="", repr=False)
    until: float | None = None  # when the token that calls ends


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `query` and `body` are of the models that the operation names, or a page's query and form as texts."""

    desk: Desk
    actor: Actor
    path: Mapping[str, str] = field(default_factory=dict)
    query: Any = None
    body: Any = None
    match: str = ""  # of If-Match, without its quotes

    async def note(self, act: Act, about: str = "") -> None:
        """A line in the audit log."""
        await self.desk.run(self.desk.trail.write, self.actor.name, self.actor.by, act, about)
