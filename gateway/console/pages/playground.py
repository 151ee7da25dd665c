"""The playground: a payload, a rule file's text, and at once what these rules make of it and why; kept as a rule test.

Without script a button does what the script does at each pause in typing. Payloads come by pasting or upload, from the
shipped examples, or for editors in debug mode from a request that passed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import ValidationError

from gateway import config
from gateway.codings import BY_CONTENT_CODING
from gateway.console import rules, trying
from gateway.console.call import Call, Problem
from gateway.console.live import ChangeView, ExchangeView, view
from gateway.console.pages.page import Redirect
from gateway.console.role import Role
from gateway.console.trail import Act
from gateway.core.errors import Refused, UserError
from gateway.core.limits import Budget, Limits
from gateway.core.message import Headers, Inbound

RECENT: Final = 30
_SAVED: Final = "Kept: the rule file has one test more, and is live."


async def show(call: Call) -> Mapping[str, Any]:
    """The form, with a payload where one was chosen."""
    asked = call.query
    form = {"file": asked.get("file", ""), "tracker": asked.get("tracker", "")[:100]}
    if name := asked.get("example", ""):
        form |= {"capture": await call.desk.run(_example, name), "tracker": name}
    elif number := asked.get("request", ""):
        form["capture"] = await _request(call, number)
    page = await _page(call, form)
    page["good"] = _SAVED if asked.get("done") else ""
    return await _tried(call, page) if page["capture"] else page


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Tries what was written, or keeps it."""
    form: dict[str, str] = call.body
    page = await _page(call, form)
    if form.get("do") != "keep":
        return await _tried(call, page)
    if not call.actor.role.may(Role.EDITOR):
        raise Problem(403, f"you are {call.actor.role}: this is for editors")
    try:
        body = _kept(form, page)
        await trying.keep_rule_test(replace(call, path={"file": page["file"]}, body=body, match=form.get("etag", "")))
    except (Problem, UserError) as error:
        return (await _tried(call, page)) | _mistakes(error)
    return Redirect(f"/playground?{urlencode({'file': page['file'], 'tracker': page['tracker'], 'done': 'kept'})}")


def _kept(form: Mapping[str, str], page: Mapping[str, Any]) -> trying.Keeping:
    if form.get("made_up") != "yes":
        raise Problem(422, "say that the payload is made up: a rule test is read by many")
    if not form.get("name", "").strip():
        raise Problem(422, "give the test a name: what it shows")
    told = {name: page[name] for name in ("text", "capture", "tracker", "path")}
    return _model(trying.Keeping, **told, name=form["name"].strip(), made_up=True)


async def _tried(call: Call, page: dict[str, Any]) -> dict[str, Any]:
    """The page with what becomes of its payload."""
    if not page["capture"].strip():
        return page | {"told": "paste a payload, or choose one", "status": 422}
    candidate = {"file": page["file"], "text": page["text"]} if page["file"] else None
    try:
        asked = _model(
            trying.Trying,
            capture=page["capture"], tracker=page["tracker"], path=page["path"], value=page["value"], candidate=candidate,
        )  # fmt: skip
        return page | {"tried": await trying.try_rules(replace(call, body=asked))}
    except (Problem, UserError) as error:
        return page | _mistakes(error)


def _model[T: (trying.Trying, trying.Keeping)](model: type[T], **told: Any) -> T:
    try:
        return model.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(422, f"{first['loc'][-1] if first['loc'] else 'form'}: {first['msg'].lower()}") from None


def _mistakes(error: Problem | UserError) -> dict[str, Any]:
    if isinstance(error, Problem):
        return {"told": error.told, "mistakes": error.errors, "status": error.status}
    each = getattr(error, "each", (error,))
    return {"told": "", "mistakes": [(one.where, one.message) for one in each], "status": 422}


async def _page(call: Call, form: Mapping[str, str]) -> dict[str, Any]:
    desk = call.desk
    own = [one.name for one in (await rules.read_rules(call)).files if not one.built_in]
    file = form.get("file", "") or (own[-1] if own else "")
    text, etag, why_not = "", "", ""
    if file:
        found = await rules.read_rule_file(replace(call, path={"file": file}))
        text, etag, why_not = found.text, found.etag, found.why_not
    may_keep = call.actor.role.may(Role.EDITOR) and bool(file) and not why_not
    return {
        "file": file,
        "files": own,
        "text": form["text"].replace("\r\n", "\n") if "text" in form else text,
        "etag": form.get("etag", "") or etag,
        "why_not": why_not,
        "capture": form.get("capture", ""),
        "tracker": form.get("tracker", ""),
        "path": form.get("path", "") or "/",
        "value": form.get("value", ""),
        "name": form.get("name", ""),
        "made_up": form.get("made_up") == "yes",
        "trackers": sorted(name for name in desk.control.configuration.trackers if not name.startswith("_")),
        "examples": await desk.run(_examples),
        "first": desk.control.configuration.settings.routes[0].tracker[0],
        "recent": _recent(call),
        "debug": desk.traffic.debug,
        "may_keep": may_keep,
        "numbered": numbered,
        "good": "", "told": "", "mistakes": (), "tried": None,
    }  # fmt: skip


def numbered(changes: Sequence[ChangeView]) -> dict[int, ChangeView]:
    """Changes by their numbers."""
    return {change.number: change for change in changes}


def _examples() -> list[str]:
    """Trackers of which a made-up payload is shipped."""
    return sorted(path.parent.name for path in (config.rules_directory() / "examples").glob("*/before.*"))


def _example(name: str) -> str:
    if name not in _examples():
        raise Problem(404, "no example has this name")
    (path,) = (config.rules_directory() / "examples" / name).glob("before.*")
    return path.read_text(encoding="utf-8")


def _recent(call: Call) -> list[ExchangeView]:
    """Requests that may be looked at as they came."""
    if not call.actor.role.may(Role.EDITOR):
        return []
    found = [view(one) for one in call.desk.traffic if one.before is not None]
    return found[:RECENT]


async def _request(call: Call, told: str) -> str:
    """A request that passed, as a captured one; that it was seen stands in the audit log."""
    if not call.actor.role.may(Role.EDITOR):
        raise Problem(403, f"you are {call.actor.role}: what came is for editors")
    number = int(told) if told.isascii() and told.isdecimal() and len(told) < 17 else 0
    exchange = call.desk.traffic.get(number)
    if exchange is None or exchange.before is None:
        raise Problem(404, "this request is not kept as it came, or no longer")
    await call.note(Act.BEFORE_SEEN, f"request {number}, in the playground")
    return await call.desk.run(written, exchange.before)


def written(inbound: Inbound) -> str:
    """A captured request, its body as text where it is any: codings that a header names are taken off."""
    body, headers = inbound.body, inbound.headers
    names = [one.strip().lower() for value in headers.all("content-encoding") for one in value.split(",")]
    budget = Budget(Limits(), lambda: 0.0)
    try:
        for name in reversed([one for one in names if one and one != "identity"]):
            decoded = BY_CONTENT_CODING[name].decode(body, budget)
            body = decoded if isinstance(decoded, bytes) else decoded.encode("utf-8", "surrogatepass")
        text = body.decode()
    except (KeyError, Refused, UnicodeDecodeError):
        kept = {"body_b64": base64.b64encode(inbound.body).decode()}
    else:
        headers, kept = headers.without("content-encoding", "content-length"), {"body": text}
    pairs = [list(pair) for pair in Headers(headers)]
    return json.dumps({"method": inbound.method, "path": inbound.target, "headers": pairs, **kept}, indent=1)
