"""One rule file: read, and for editors changed. What was written stays in the form whatever comes of it; nothing is lost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from gateway.console import rules, shadow
from gateway.console.adding import added
from gateway.console.call import Call, Problem
from gateway.console.pages.page import Redirect
from gateway.console.role import Role
from gateway.core.errors import UserError

_DONE = {
    "published": "Published: the next request is masked by it.",
    "back": "Rolled back: the next request is masked by it.",
}
_ADDED = "The rule is at the end of `mask:` below. Nothing is published yet."
_NOT_ADDED = "this rule can't be put in line by line: copy it into the list of rules by hand"


async def show(call: Call) -> Mapping[str, Any]:
    """The file's text as it is."""
    found = await rules.read_rule_file(_of(call, call.query.get("file", "")))
    page = _page(call, found, found.text) | {"good": _DONE.get(call.query.get("done", ""), "")}
    if rule := call.query.get("rule", "").replace("\r\n", "\n"):  # from the page view
        text = added(found.text, rule)
        page |= {"told": _NOT_ADDED} if text is None else {"text": text, "good": _ADDED}
    return page


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Checks, compares or publishes what was written."""
    form: dict[str, str] = call.body
    name = form.get("file", "")
    text = form.get("text", "").replace("\r\n", "\n")
    named = _of(call, name)
    found = await rules.read_rule_file(named)
    page = _page(call, found, text) | {"note": form.get("note", "")[:200], "capture": form.get("capture", "")}
    page["etag"] = form.get("etag", "")
    candidate = rules.Candidate.model_construct(file=name, text=text)
    if len(text) > rules.SIZE:
        return page | {"told": "this is too long: split the file", "status": 422}
    try:
        match form.get("do"):
            case "check":
                return page | {"checked": await rules.check_rules(replace(call, body=candidate))}
            case "compare":
                asked = rules.Comparing(file=name, text=text, capture=form.get("capture", ""))
                return page | {"compared": await rules.compare_rules(replace(call, body=asked))}
            case "shadow":
                share = form.get("share", "")
                part = int(share) / 100 if share in {"1", "10", "50", "100"} else 0.1
                trying = shadow.Shadowing(file=name, text=text, share=part)
                await shadow.begin_shadow(replace(call, body=trying))
                return Redirect("/rules#shadow")
            case "publish":
                asked_to = rules.Publication(text=text, note=form.get("note", "")[:200])
                await rules.publish_rules(replace(named, body=asked_to, match=form.get("etag", "")))
                return Redirect(f"/rules/edit?{urlencode({'file': name, 'done': 'published'})}")
            case _:
                return page | {"told": "this form can't be read", "status": 400}
    except Problem as problem:
        page |= {"told": problem.told, "mistakes": problem.errors, "status": problem.status}
        if problem.status == 412:
            page |= {"theirs": _unified(found.text, text), "etag": found.etag}
        return page
    except UserError as error:
        each = getattr(error, "each", (error,))
        return page | {
            "told": "there are mistakes",
            "mistakes": [(one.where, one.message) for one in each],
            "status": 422,
        }


def _of(call: Call, name: str) -> Call:
    return replace(call, path={"file": name})


def _page(call: Call, found: rules.FileText, text: str) -> dict[str, Any]:
    return {
        "file": found,
        "text": text,
        "etag": found.etag,
        "may": call.actor.role.may(Role.EDITOR) and not found.why_not,
        "debug": call.desk.traffic.debug,
        "good": "", "told": "", "mistakes": (), "note": "", "capture": "", "checked": None, "compared": None, "theirs": None,
    }  # fmt: skip


def _unified(old: str, new: str) -> list[tuple[str, str]]:
    """Lines of a diff, each with its kind: added, removed, place or plain."""
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))[2:]
    return [(kinds.get(line[:1], "plain"), line) for line in lines]
