"""The pages: one table. A page is a module here with its template beside it; docs/architecture.md says how to add one.

`show` gives what its template is filled with; `act` takes its form (as `call.body`, its proof already checked) and gives a
`Redirect`, or what the template shows of a mistake. Both work by the functions of the operations.
"""

from __future__ import annotations

from typing import Final

from gateway.console.pages import (
    account,
    accounts,
    audit,
    edit,
    health,
    history,
    live,
    playground,
    recordings,
    routes,
    rules,
)
from gateway.console.pages.page import Page, Redirect
from gateway.console.role import Role

__all__ = ["PAGES", "Page", "Redirect"]

# fmt: off
# in the order of the navigation; the first is the home page
PAGES: Final[tuple[Page, ...]] = (
    Page("/traffic", "Live", Role.VIEWER, "live.html", live.show),
    Page("/traffic/rows", "Live", Role.VIEWER, "live_row.html", live.rows, listed=False),
    Page("/traffic/{number}", "Request", Role.VIEWER, "exchange.html", live.show_one, listed=False),
    Page("/recordings", "Recorded pages", Role.VIEWER, "recordings.html", recordings.show_all),
    Page("/recordings/{id}", "Recorded page", Role.VIEWER, "recording.html", recordings.show_one, listed=False),
    Page("/recordings/{id}/frame", "Recorded page", Role.VIEWER, "", recordings.show_frame, listed=False),
    Page("/rules", "Rules", Role.VIEWER, "rules.html", rules.show, rules.act, acts=Role.EDITOR),
    Page("/rules/edit", "Rule file", Role.VIEWER, "edit.html", edit.show, edit.act, acts=Role.EDITOR, listed=False),
    Page("/playground", "Playground", Role.VIEWER, "playground.html", playground.show, playground.act),
    Page("/rules/history", "History of rules", Role.VIEWER, "history.html", history.show, history.act, acts=Role.EDITOR,
         listed=False),
    Page("/routes", "Routes", Role.VIEWER, "routes.html", routes.show, routes.act, acts=Role.EDITOR),
    Page("/health", "Health", Role.VIEWER, "health.html", health.show),
    Page("/accounts", "Accounts", Role.ADMIN, "accounts.html", accounts.show, accounts.act, acts=Role.ADMIN),
    Page("/audit", "Audit log", Role.ADMIN, "audit.html", audit.show),
    Page("/account", "My account", Role.VIEWER, "account.html", account.show, account.act, listed=False),
)
# fmt: on
