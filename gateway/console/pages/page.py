"""What a page is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.console.call import Call
from gateway.console.role import Role


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes on (303), so that a reload sends no form twice. A path of the console."""

    location: str


Shown = Mapping[str, Any] | Redirect | web.StreamResponse


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path (`{name}` is a parameter), the least role to see it and to act on it, and what it does.

    `listed`: in the navigation. What a template is filled with may hold `status`, the answer's.
    """

    path: str
    title: str
    role: Role
    template: str
    show: Callable[[Call], Awaitable[Shown]]
    act: Callable[[Call], Awaitable[Shown]] | None = None
    acts: Role = Role.VIEWER
    listed: bool = True
