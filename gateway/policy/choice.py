"""The visitor's own choice: a page under every route that shows whether visits are recorded, and switches it both ways.

    GET  /opt-out        the page (works without script, by keyboard, in the visitor's language)
    POST /opt-out        record=no | record=yes, from the page's own form
    GET, POST /opt-out.json   {"recorded": …, "why": …}; {"record": false}: for a page of the site's own, which may add
                              "sessions": ids of the visitor's sessions, so that what waits of them is dropped

The choice is a cookie of the host, sent with every request on the site's own origin. Only a page of the same origin can
make it: a form on another site must not say yes in the visitor's name. Nothing here reaches a backend.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Response
from gateway.policy.answers import line
from gateway.policy.decision import Objection
from gateway.policy.signals import OptOut

PAGE: Final = "/opt-out"
DATA: Final = "/opt-out.json"
BODY_SIZE: Final = 4096
SECONDS: Final = 400 * 24 * 3600  # the longest that browsers keep a cookie (RFC 6265bis section 5.5)
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.ASCII)
_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)

Texts = Mapping[str, Mapping[str, str]]
"""Language → the words of the page by their names; the first language is for all who ask for another."""


class Choice:
    """A page with its words, ready to answer. ValueError where the template is wrong, with the reason."""

    def __init__(self, template: str, texts: Texts, opt_out: OptOut) -> None:
        environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
        self._texts = texts
        self.opt_out = opt_out
        try:
            self._template = environment.from_string(template)
            for why in ("", *Objection):  # what can't be shown is known now, not when a visitor asks
                self._show(why, next(iter(texts)))
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise ValueError(f"{f'line {line}: ' if line else ''}{error.message or 'can not be rendered'}") from None

    def is_asked(self, inbound: Inbound) -> bool:
        """Whether a request is for the page or its data, and not for the backend."""
        return bool(self.opt_out.cookies) and inbound.path in {PAGE, DATA}

    @staticmethod
    def is_refused_by(inbound: Inbound) -> bool:
        """Whether a request is the visitor's own no."""
        return inbound.method == "POST" and _chosen(inbound) is False and _is_own_page(inbound)

    def answer(self, inbound: Inbound, objection: Objection | None, *, secure: bool) -> Response:
        """The page, the data, or what the choice does. `secure`: whether the visitor came by HTTPS."""
        if inbound.method in {"GET", "HEAD"}:
            return self._data(objection) if inbound.path == DATA else self._page(inbound, objection)
        if inbound.method != "POST":
            return line(405, "Ask with GET, or choose with POST.", ("Allow", "GET, HEAD, POST"))
        chosen = _chosen(inbound)
        if chosen is None:
            return line(400, "Say record=yes or record=no.")
        if not _is_own_page(inbound):
            return line(403, "This choice can be made on the site's own page only.")
        cookies = [("Set-Cookie", cookie) for cookie in self._cookies(secure=secure, record=chosen)]
        if inbound.path == DATA:
            return Response(204, Headers([*cookies, ("Cache-Control", "no-store")]))
        return line(303, "Chosen.", ("Location", PAGE[1:]), *cookies)

    def _cookies(self, *, secure: bool, record: bool) -> list[str]:
        rest = f"Path=/; SameSite=Lax{'; Secure' if secure else ''}"
        if not record:
            return [f"{self.opt_out.cookies[0]}=1; Max-Age={SECONDS}; {rest}"]
        return [f"{name}=; Max-Age=0; {rest}" for name in self.opt_out.cookies]

    def _data(self, objection: Objection | None) -> Response:
        told = json.dumps({"recorded": objection is None, "why": objection or ""}).encode()
        return Response(200, Headers([("Content-Type", "application/json"), ("Cache-Control", "no-store")]), told)

    def _page(self, inbound: Inbound, objection: Objection | None) -> Response:
        language = self._language(inbound.headers.get("Accept-Language"))
        fields = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Language", language),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", _POLICY),
            ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        return Response(200, Headers(fields), self._show(objection or "", language).encode())

    def _show(self, why: str, language: str) -> str:
        return self._template.render(
            language=language,
            texts=self._texts[language],
            recorded=not why,
            why=why,
            can_switch=why in {"", Objection.COOKIE},
        )

    def _language(self, accepted: str) -> str:
        """The page's language that the visitor likes best (RFC 9110 section 12.5.4)."""
        liked: list[tuple[float, str]] = []
        for part in accepted.split(",")[:32]:
            match = _RANGE.fullmatch(part)
            if match is not None and match[1].lower() in self._texts:
                liked.append((-float(match[2] or 1), match[1].lower()))
        best = min(liked, key=lambda one: one[0], default=(0.0, ""))
        return best[1] if best[0] < 0 else next(iter(self._texts))


def _chosen(inbound: Inbound) -> bool | None:
    """Whether the visitor may be recorded, as the request says; None where it says neither."""
    try:
        if inbound.path == DATA:
            told = json.loads(inbound.body)
            return told["record"] if isinstance(told, dict) and isinstance(told.get("record"), bool) else None
        words = parse_qs(inbound.body.decode("ascii"), max_num_fields=8).get("record", [])
    except (ValueError, RecursionError):
        return None
    return {"yes": True, "no": False}.get(words[0]) if len(words) == 1 else None


def _is_own_page(inbound: Inbound) -> bool:
    """Whether the request comes from a page of this very origin, as the browser says; what says nothing does not count."""
    site = inbound.headers.get("Sec-Fetch-Site")
    if site:
        return site == "same-origin"
    _, separator, authority = inbound.headers.get("Origin").partition("://")
    return bool(separator) and bool(inbound.host) and authority.lower() == inbound.host.lower()
