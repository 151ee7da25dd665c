"""The page view: the sessions in memory, and a recorded page with its elements. The page itself stands in a frame.

The frame may not run scripts (`sandbox`, and its own policy), and has this origin, so that the script of the page around it
can ask which element stands under a click. docs/page-view.md says why that is safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import ValidationError

from gateway.console import recordings
from gateway.console.call import Call, Problem
from gateway.console.recordings import PageQuery, RecordedPage
from gateway.console.role import Role
from gateway.console.rules import live_files
from gateway.core.errors import UserError
from gateway.insight.markup import HEADERS

_NO_PAGE = "<!doctype html><title>No page</title>"


async def show_all(call: Call) -> Mapping[str, Any]:
    """The sessions in memory."""
    return {"recordings": (await recordings.list_recordings(call)).recordings}


async def show_one(call: Call) -> Mapping[str, Any]:
    """A page at a moment; where the rule to try is wrong, that is told beside the page as it left."""
    asked, name = _asked(call), call.path["id"]
    told = ""
    try:
        shown, recording = await recordings.shown_page(call, name, asked)
    except UserError as error:
        if not asked.rule:
            raise
        told = f"{error.where}: {error.message}" if error.where else error.message
        shown, recording = await recordings.shown_page(call, name, asked.model_copy(update={"rule": ""}))
    page = recordings.page_of(shown)
    named = page.windows[page.window].title if page.windows else ""
    return {
        "recording": recording,
        "view": page,
        "chosen": page.chosen,
        "suggestion": asked.rule if told else page.suggestion,
        "rule": "" if told else asked.rule,  # a wrong one stays in its form, and nothing is shown under it
        "told": told,
        "files": await _files(call) if call.actor.role.may(Role.EDITOR) else (),
        "to": partial(_address, page),
        "title_of_page": named or "A recorded page",
    }


async def show_frame(call: Call) -> web.Response:
    """The page's own document."""
    shown, _ = await recordings.shown_page(call, call.path["id"], _asked(call), is_noted=False)
    return web.Response(
        text=shown.view.html or _NO_PAGE, content_type="text/html", headers={**HEADERS, "X-Frame-Options": "SAMEORIGIN"}
    )


async def _files(call: Call) -> list[str]:
    """The rule files that can be changed from here, the last one, which outweighs the others, first."""
    found = live_files(call.desk)
    return await call.desk.run(lambda: [one.name for one in reversed(found) if not one.why_not])


def _address(page: RecordedPage, *, node: int | None = None, rule: str = "") -> str:
    """The query of this page's own address, with another element or rule."""
    told: dict[str, object] = {"window": page.window, "moment": page.moment}
    if node is not None:
        told["node"] = node
    return f"?{urlencode({**told, 'rule': rule} if rule else told)}"


def _asked(call: Call) -> PageQuery:
    told = {name: value for name, value in call.query.items() if value and name != "file"}  # `file`: for another button
    try:
        return PageQuery.model_validate_strings(told)
    except ValidationError as error:
        each = [(str(one["loc"][0])[:80], one["msg"]) for one in error.errors(include_url=False, include_input=False)]
        raise Problem(422, "something in this address is wrong", each) from None
