"""Who may do what: three roles, each may all that the one before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """viewer sees · editor changes rules and stops routes · admin keeps accounts and reads the audit log."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def told(self) -> str:
        """What it may, for people."""
        return _TOLD[self]

    def may(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return _ORDER[self] >= _ORDER[needed]


_ORDER = {role: number for number, role in enumerate(Role)}
_TOLD = {
    Role.VIEWER: "sees traffic, rules and health",
    Role.EDITOR: "also changes rules, stops routes, looks after the spool",
    Role.ADMIN: "also keeps accounts and reads the audit log",
}
