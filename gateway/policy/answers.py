"""What a browser gets when nothing is forwarded: the answer its backend would give, CORS fields included.

Preflights are answered here always: they carry neither cookies nor Sec-GPC, so forwarding one would contact the backend
for a visitor who opted out. Nothing of a request is echoed but its Origin and the method and field names it asked for,
and these only where they are what the Fetch standard allows them to be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Response
from gateway.trackers.schema import OptedOut

_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]{0,31}://[A-Za-z0-9._~%\[\]:-]{1,255}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_NAMES_AT_MOST = 64
_PREFLIGHT_SECONDS = "600"

_NO_STORE = ("Cache-Control", "no-store")

# Whatever a page reads of it, calls, awaits or makes anew is it again; a question (`isFeatureEnabled`) is answered with no,
# and where a page has a queue of its own in that name's place, it stays and nobody works it off.
_STUB = """\
(function () {
  var no = function () { return false; };
  var stub = new Proxy(function () {}, {
    get: function (_, key) {
      if (key === "then") return undefined;
      if (key === Symbol.toPrimitive) return function () { return ""; };
      return /^(is|has)[A-Z]/.test(String(key)) ? no : stub;
    },
    set: function () { return true; },
    apply: function () { return stub; },
    construct: function () { return stub; }
  });
  NAMES.forEach(function (name) { if (window[name] === undefined) window[name] = stub; });
})();
"""


def line(status: int, text: str, *more: tuple[str, str]) -> Response:
    """An answer of one plain line."""
    fields = Headers([("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), *more])
    return Response(status, fields, f"{text}\n".encode())


def is_preflight(inbound: Inbound) -> bool:
    """Whether a browser asks before it sends (Fetch standard, section 3.2.2)."""
    return inbound.method == "OPTIONS" and "Access-Control-Request-Method" in inbound.headers


def preflight_answer(inbound: Inbound) -> Response:
    """204 that allows what was asked for, as far as it is well formed."""
    headers = [("Access-Control-Max-Age", _PREFLIGHT_SECONDS)]
    method = inbound.headers.get("Access-Control-Request-Method")
    if _TOKEN.fullmatch(method):
        headers.append(("Access-Control-Allow-Methods", method))
    asked = [name.strip() for name in inbound.headers.get("Access-Control-Request-Headers").split(",")]
    names = [name for name in asked[:_NAMES_AT_MOST] if _TOKEN.fullmatch(name)]
    if names:
        headers.append(("Access-Control-Allow-Headers", ", ".join(names)))
    return with_cors(Response(204, Headers(headers)), inbound)


def with_cors(response: Response, inbound: Inbound) -> Response:
    """The answer with the fields that let the page that asked read its status; unchanged where no page asked."""
    origin = inbound.headers.get("Origin")
    if not _ORIGIN.fullmatch(origin):
        return response
    headers = response.headers.without("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")
    vary = [name for name in headers.all("Vary") if name.lower() != "origin"]
    return Response(
        response.status,
        Headers(
            [
                *headers.without("Vary"),
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", "true"),
                ("Vary", ", ".join([*vary, "Origin"])),
            ]
        ),
        response.body,
    )


def opted_out_answer(inbound: Inbound, canned: Iterable[OptedOut] = ()) -> Response:
    """What the backend would answer: the first of the tracker file's `opted_out` whose path fits, else a guess."""
    for answer in canned:
        if any(fnmatchcase(inbound.path, glob) for glob in answer.path):
            if answer.defines:
                return with_cors(_script(answer.defines), inbound)
            fields = Headers([*answer.headers.items(), _NO_STORE])
            return with_cors(Response(answer.status, fields, answer.body.encode()), inbound)
    return with_cors(_usual_answer(inbound), inbound)


def _script(names: Iterable[str]) -> Response:
    """A script in an SDK's place: the names that a page calls, and no more."""
    told = _STUB.replace("NAMES", json.dumps(list(names)))
    return Response(200, Headers([("Content-Type", "text/javascript; charset=utf-8"), _NO_STORE]), told.encode())


def accepted_answer(inbound: Inbound, canned: Iterable[OptedOut] = ()) -> Response:
    """What the backend says to events that it takes: the first of the tracker file's `accepted` whose path fits, else 202."""
    answer = next((one for one in canned if any(fnmatchcase(inbound.path, glob) for glob in one.path)), None)
    if answer is None:
        return with_cors(Response(202, Headers([_NO_STORE])), inbound)
    return with_cors(
        Response(answer.status, Headers([*answer.headers.items(), _NO_STORE]), answer.body.encode()), inbound
    )


def _usual_answer(inbound: Inbound) -> Response:
    """An empty script for a script, `{}` for a POST (SDKs parse it and are content), else 204."""
    ending = inbound.path.rpartition(".")[2].lower()
    if inbound.method in {"GET", "HEAD"}:
        if ending == "js":
            return Response(200, Headers([("Content-Type", "text/javascript; charset=utf-8"), _NO_STORE]))
        if ending == "json":
            return Response(200, Headers([("Content-Type", "application/json"), _NO_STORE]), b"{}")
        return Response(204, Headers([_NO_STORE]))
    if inbound.method == "POST":
        return Response(200, Headers([("Content-Type", "application/json"), _NO_STORE]), b"{}")
    return Response(204, Headers([_NO_STORE]))
