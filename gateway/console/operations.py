"""The API: one table of operations. The OpenAPI document, the routes and the checks of every call are made of it.

A row: method, path below /api/v1, the least role, what it is for, the function, and the models of query, body and answer.
A function takes a `Call` and gives its answer's model (None: 204); it says no by `Problem` or `UserError`. Pages call the
same functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.console import explaining, health, live, people, recordings, routes, rules, shadow, spool, state, trying
from gateway.console.call import Call, Model
from gateway.console.role import Role

PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One row. `fails`: statuses that it may give besides those that every operation may give."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    role: Role
    told: str
    run: Callable[[Call], Awaitable[Any]]
    gives: type[Model] | None = None
    takes: type[Model] | None = None
    query: type[Model] | None = None
    status: int = 200
    fails: tuple[int, ...] = ()
    streams: bool = False  # its answer is a stream of server-sent events
    etag: bool = False  # its answer has an `etag`, which is its ETag
    matches: bool = False  # wants that in If-Match

    @property
    def name(self) -> str:
        """For clients that are made from the document."""
        return self.run.__name__


# fmt: off
OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("GET", "/me", Role.VIEWER, "Who calls.", people.me, people.Me),
    Operation("PUT", "/me/password", Role.VIEWER, "Change one's own password; all sessions end.", people.change_password,
              None, people.PasswordChange, status=204, fails=(403, 429)),
    Operation("GET", "/accounts", Role.ADMIN, "All accounts.", people.list_accounts, people.Accounts),
    Operation("POST", "/accounts", Role.ADMIN, "A new account.", people.add_account, people.AccountView, people.NewAccount,
              status=201),
    Operation("PATCH", "/accounts/{name}", Role.ADMIN, "Another role or password.", people.change_account, people.AccountView,
              people.AccountChange, fails=(404,)),
    Operation("DELETE", "/accounts/{name}", Role.ADMIN, "Remove an account.", people.remove_account, status=204, fails=(404,)),
    Operation("GET", "/tokens", Role.VIEWER, "One's own API tokens; an admin sees all.", people.list_tokens, people.TokenList),
    Operation("POST", "/tokens", Role.VIEWER, "A new API token, shown this once.", people.make_token, people.MadeToken,
              people.NewToken, status=201),
    Operation("DELETE", "/tokens/{id}", Role.VIEWER, "Revoke a token; others' for admins.", people.revoke_token, status=204,
              fails=(404,)),
    Operation("GET", "/audit", Role.ADMIN, "Who saw or changed what, newest first.", people.read_audit, people.AuditPage,
              query=people.AuditQuery),
    Operation("GET", "/recordings", Role.VIEWER, "Sessions whose masked requests are in memory.", recordings.list_recordings,
              recordings.Recordings),
    Operation("GET", "/recordings/{id}", Role.VIEWER, "A recorded page at a moment, with its elements and their selectors; the "
              "element `node`, and a rule that masks it.", recordings.read_page, recordings.RecordedPage,
              query=recordings.PageQuery, fails=(404,)),
    Operation("GET", "/rules", Role.VIEWER, "Effective rules in order, with hit counts.", rules.read_rules, rules.RulesView),
    Operation("GET", "/rules/files/{file}", Role.VIEWER, "A rule file's text.", rules.read_rule_file, rules.FileText,
              fails=(404,), etag=True),
    Operation("PUT", "/rules/files/{file}", Role.EDITOR, "Publish a new text: it is live when this answers.",
              rules.publish_rules, rules.Published, rules.Publication, fails=(404, 409), etag=True, matches=True),
    Operation("POST", "/rules/check", Role.EDITOR, "Check a new text, its own tests included; changes nothing.",
              rules.check_rules, rules.Checked, rules.Candidate, fails=(404, 503)),
    Operation("POST", "/rules/compare", Role.EDITOR, "What a new text would alter on recent or pasted requests.",
              rules.compare_rules, rules.ComparedRules, rules.Comparing, fails=(404, 409, 503)),
    Operation("GET", "/rules/history", Role.VIEWER, "Which rules were live when.", rules.read_history, rules.HistoryPage,
              query=rules.HistoryQuery),
    Operation("GET", "/rules/history/{number}", Role.VIEWER, "One line of it, with its text.", rules.read_edition,
              rules.EditionText, fails=(404,)),
    Operation("POST", "/rules/history/{number}/rollback", Role.EDITOR, "Publish that text again.", rules.roll_back,
              rules.Published, fails=(404, 409), etag=True, matches=True),
    Operation("GET", "/routes", Role.VIEWER, "All routes, and which are stopped.", routes.read_routes, routes.Routes),
    Operation("PUT", "/routes/{route}/stop", Role.EDITOR, "The emergency stop: nothing of a route is recorded, or it is again.",
              routes.stop_route, routes.RouteView, routes.Stop, fails=(404,)),
    Operation("GET", "/rules/shadow", Role.VIEWER, "What a text that is tried on a share of the traffic does.",
              shadow.read_shadow, shadow.ShadowView),
    Operation("PUT", "/rules/shadow", Role.EDITOR, "Try a text on a share of the traffic; its results are counted, never sent.",
              shadow.begin_shadow, shadow.ShadowView, shadow.Shadowing, fails=(404, 409, 503)),
    Operation("DELETE", "/rules/shadow", Role.EDITOR, "End the trial.", shadow.end_shadow, status=204),
    Operation("POST", "/rules/files/{file}/tests", Role.EDITOR, "Publish a text with a payload as one rule test more; made-up "
              "values only.", trying.keep_rule_test, rules.Published, trying.Keeping, fails=(404, 409, 503), etag=True,
              matches=True),
    Operation("POST", "/try", Role.VIEWER, "Before and after of a payload, by rules that are tried; nothing is kept.",
              trying.try_rules, trying.TriedView, trying.Trying, fails=(404, 503)),
    Operation("POST", "/explain", Role.VIEWER, "Why a value of pasted requests was or was not masked.", explaining.explain,
              explaining.Explanation, explaining.Asked, fails=(404,)),
    Operation("GET", "/spool", Role.VIEWER, "What waits for backends, and what could not be read.", spool.read_spool,
              spool.SpoolView, fails=(409,)),
    Operation("POST", "/spool/drop", Role.EDITOR, "Give up records that wait.", spool.drop_spool, spool.Dropped, spool.Drop,
              fails=(409,)),
    Operation("POST", "/spool/retry", Role.EDITOR, "Read again what was quarantined, under the rules as they are now.",
              spool.retry_spool, spool.Retried, fails=(409,)),
    Operation("GET", "/state", Role.VIEWER, "What is live, and what is wrong.", state.read_state, state.State),
    Operation("GET", "/traffic", Role.VIEWER, "The requests that passed lately, newest first.", live.list_traffic,
              live.TrafficPage, query=live.TrafficQuery),
    Operation("GET", "/traffic/stream", Role.VIEWER, "Requests as they pass, for so many seconds: server-sent events.",
              live.stream_traffic, query=live.StreamQuery, streams=True),
    Operation("GET", "/traffic/{number}", Role.VIEWER, "One request as it left, opened through all layers.",
              live.read_exchange, live.SightView, query=live.SightQuery, fails=(404,)),
    Operation("GET", "/traffic/{number}/comparison", Role.EDITOR, "One request before and after, in debug mode; audited.",
              live.compare_exchange, live.SightView, query=live.SightQuery, fails=(404, 409)),
    Operation("GET", "/health", Role.VIEWER, "The last hour in figures, and what the efficacy monitor found.", health.read_health,
              health.Health),
    Operation("GET", "/metrics", Role.VIEWER, "Every metric, as JSON.", state.read_metrics, state.Metrics),
)
# fmt: on
