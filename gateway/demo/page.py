"""The page in the browser: one self-contained document. No address outside it is asked for, every value is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from string import Template
from typing import Final

from gateway import __version__
from gateway.demo.evidence import (
    Result,
    Sighting,
    Trail,
    Verdict,
    excerpt,
    pieces_of,
    tells_most,
)
from gateway.demo.rebuild import Node, play, show
from gateway.demo.recorded import TRACKERS, read_file
from gateway.demo.stage import RULES, Exchange
from gateway.demo.terminal import name_of_rule
from gateway.monitor.decoder import read

MOST_SIGHTINGS: Final = 3  # per fact; more fold away
MOST_CHANGES: Final = 40  # per request
MOST_RULES: Final = 8
_CUT: Final = 90
_SHOWN_BEGINNINGS: Final = 4

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CONFIGURATION: Final = """\
# gateway.yaml of the bakery
listen: 0.0.0.0:8443
routes:
{routes}
rules: [default, rules/bakery.yaml]
"""
_UPSTREAMS: Final = {"posthog": "eu.i.posthog.com", "sentry": "o1.ingest.sentry.io", "rrweb": "replay.bakery.example"}


class _Page(Template):
    delimiter = "@"  # CSS and JavaScript have their own use for $
    idpattern = r"(?!)"  # only @{name}: CSS has @media
    braceidpattern = r"[a-z]+"


def make_page(results: Sequence[Result], verdict: Verdict, nonce: str) -> str:
    """The whole document. `nonce` is what the policy lets its one script run by."""
    parts = {
        "title": f"{verdict.typed_arrived} of {verdict.typed} typed values reached the backend",
        "hero": _hero(results, verdict),
        "tabs": "".join(_tab(result) for result in results),
        "panels": "".join(_panel(result) for result in results),
        "rules": escape(read_file(RULES).partition("tests:")[0].rstrip()),
        "configuration": escape(configuration()),
        "version": escape(__version__),
        "nonce": escape(nonce),
    }
    # CSS has @media and @supports: only the placeholders are ours
    return _Page(read_file("page.html")).safe_substitute(parts)


def configuration() -> str:
    lines = [f"  - path: /{name}/\n    upstream: https://{_UPSTREAMS[name]}" for name in TRACKERS]
    return _CONFIGURATION.format(routes="\n".join(lines))


def _hero(results: Sequence[Result], verdict: Verdict) -> str:
    requests = sum(len(result.exchanges) for result in results)
    masked = sum(result.masked for result in results)
    values, kept = sum(result.values for result in results), sum(result.kept for result in results)
    seconds = sum(result.seconds for result in results)
    arrived = verdict.typed_arrived
    others = f"{verdict.known_arrived or 'none'} of {verdict.known} other things"
    figures = {
        "requests forwarded": f"{requests - verdict.refused} of {requests}",
        "values masked": f"{masked}",
        "values left as they were": f"{kept / max(values, 1):.0%}",
        "milliseconds of masking": f"{seconds * 1000:.0f}",
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())
    return (
        f"<h1{'' if verdict.holds else ' class=leaks'}><em>{arrived} of {verdict.typed}</em> things she typed "
        "reached the backend.</h1>"
        f'<p class="lead">Mara ordered six cardamom buns, and {_list([result.title for result in results])} recorded '
        "it. A moment ago, everything that they sent went through a real gateway on this machine. "
        f"{others.capitalize()} that her page, her browser and her network knew came out either, and the recording "
        "still plays.</p>"
        f'<dl class="figures">{told}</dl>'
    )


def _list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _tab(result: Result) -> str:
    name = escape(result.name)
    return (
        f'<button role="tab" type="button" id="tab-{name}" data-name="{name}" aria-controls="panel-{name}">'
        f"{escape(result.title)}</button>"
    )


def _panel(result: Result) -> str:
    name = escape(result.name)
    sent, got = result.sizes
    chain = " › ".join(f"<b>{escape(layer)}</b>" for layer in result.chain)
    before, after = play(result.events[0]), play(result.events[1])
    frames = "".join(
        f'<figure><figcaption><i></i>{escape(caption)}</figcaption><iframe sandbox loading="lazy" '
        f'title="{escape(caption)}" srcdoc="{escape(show(one, other, side))}"></iframe></figure>'
        for caption, one, other, side in (
            (f"What {result.title} recorded", before, after, "sent"),
            ("What the backend can replay", after, before, "got"),
        )
    )
    return f"""<section role="tabpanel" id="panel-{name}" aria-labelledby="tab-{name}" tabindex="0">
<div class="layers">recognised as {escape(_recognised(result))}, opened {chain} and closed again the same way · \
{len(result.exchanges)} requests · {sent / 1000:.1f} kB sent, {got / 1000:.1f} kB got · \
{result.seconds * 1000:.0f} ms</div>
<h2>The same visit, replayed</h2>
<p>Rebuilt from the recordings: {_nodes(before, result.events[0])} were sent, \
{_nodes(after, result.events[1])} arrived.</p>
<div class="replays">{frames}</div>
<h2>Typed, sent, got</h2>
<p>Where {escape(result.title)} put what it learned, and what stood in the same place when it arrived.</p>
<div class="three"><div class="row head"><div>What the visitor typed</div><div class="pair">\
<div>What the tracker sent</div><div>What the backend got</div></div></div>{"".join(_rows(result))}</div>
<h2>By rule</h2>
<p>How many values each rule changed in these {len(result.exchanges)} requests.</p>
<ul class="bars">{"".join(_bars(result))}</ul>
<h2>Request by request</h2>
<p>Open one to see what changed in it.</p>
<div class="requests">{"".join(_request(number, one) for number, one in enumerate(result.exchanges, 1))}</div>
</section>"""


def _recognised(result: Result) -> str:
    return " and ".join(sorted({exchange.note.tracker or "no known tracker" for exchange in result.exchanges}))


def _nodes(page: dict[int, Node], events: Sequence[object]) -> str:
    return f"{len(page)} nodes and {len(events)} events"


def _rows(result: Result) -> Iterator[str]:
    sent = [trail for trail in result.trails if trail.sent or trail.beginnings or trail.got]
    for trail in sent:
        if trail.fact.is_typed:
            yield _row(trail)
    known = [trail for trail in sent if not trail.fact.is_typed]
    if known:
        yield '<div class="row"><div class="between">and what page, browser and network knew</div></div>'
    for trail in known:
        yield _row(trail)


def _row(trail: Trail) -> str:
    pairs = [_pair(sighting, is_leak=trail.got > 0) for sighting in sorted(trail.sightings, key=tells_most)]
    if trail.beginnings:
        pairs.insert(min(1, len(pairs)), _beginnings(trail))
    rest = pairs[MOST_SIGHTINGS:]
    more = (
        f'<details class="more"><summary>{len(rest)} more places</summary>{"".join(rest)}</details>'
        if len(rest) > 1
        else "".join(rest)
    )
    typed = f", {len(trail.beginnings)} times as it was typed" if trail.beginnings else ""
    return (
        f'<div class="row"><div class="who"><small>{escape(trail.fact.label)}</small>'
        f"<strong>{escape(trail.fact.value)}</strong><span>sent {trail.sent} times{typed}; got {trail.got}</span></div>"
        f'<div class="pairs">{"".join(pairs[:MOST_SIGHTINGS])}{more}</div></div>'
    )


def _pair(sighting: Sighting, *, is_leak: bool) -> str:
    times = f" · {sighting.times}×" if sighting.times > 1 else ""
    if sighting.after is None:
        after = '<span class="gone">gone</span>'
    elif sighting.after == sighting.before:
        kind = ' class="leak"' if is_leak else ""
        after = f"<mark{kind}>{escape(sighting.after[:_CUT])}</mark>"
    else:
        after = "".join(
            f"<mark>{escape(text)}</mark>" if is_new else escape(text)
            for text, is_new in pieces_of(sighting.before, sighting.after)
        )
    rule = f"{name_of_rule(sighting.rule)}: {sighting.operator}" if sighting.rule else ""
    return _as_pair(sighting.place + times, _marked(sighting.before, sighting.start, sighting.end), after, rule)


def _beginnings(trail: Trail) -> str:
    """What was sent key by key."""
    shown = trail.beginnings[:_SHOWN_BEGINNINGS]
    dots = " · …" if len(trail.beginnings) > len(shown) else ""
    before = " · ".join(f"<mark>{escape(text)}</mark>" for text, _ in shown) + dots
    after = " · ".join(
        '<span class="gone">gone</span>' if text is None else f"<mark>{escape(text)}</mark>" for _, text in shown
    )
    return _as_pair(f"key by key · {len(trail.beginnings)}×", before, after + dots, "form inputs: mask")


def _as_pair(place: str, before: str, after: str, rule: str) -> str:
    return (
        f'<div class="pair"><div class="sent"><small>{escape(place)}</small> {before}</div>'
        f'<div class="got" tabindex="0">{after} <small class="rule">{escape(rule)}</small></div></div>'
    )


def _marked(text: str, start: int, end: int) -> str:
    head, middle, tail = excerpt(text, start, end)
    return f"{escape(head)}<mark>{escape(middle)}</mark>{escape(tail)}" if middle else escape(head + tail)


def _bars(result: Result) -> Iterator[str]:
    most = max(result.rules.values(), default=1)
    for rule, count in result.rules.most_common(MOST_RULES):
        name = escape(name_of_rule(rule))
        yield (
            f'<li><span>{name}</span><meter min="0" max="{most}" value="{count}" aria-label="{name}">{count}</meter>'
            f"<span>{count}</span></li>"
        )


def _request(number: int, exchange: Exchange) -> str:
    note, sent, got = exchange.note, exchange.sent, exchange.got
    chain = " › ".join(read(sent.target, (), sent.body).chain) or "no body"
    size = f"{len(sent.body) / 1000:.1f} → {len(got.body) / 1000:.1f} kB" if got is not None else "refused"
    rows = "".join(
        f"<tr><td>{escape(change.place)}</td><td>{escape(_cut(change.before))}</td>"
        f"<td>{escape(_cut(change.after) or 'gone')}</td>"
        f"<td>{escape(name_of_rule(change.rule))}: {escape(change.operator)}</td></tr>"
        for change in note.changes[:MOST_CHANGES]
    )
    left = len(note.changes) - MOST_CHANGES
    more = f'<p class="note">and {left} more</p>' if left > 0 else ""
    path = escape(sent.target.partition("?")[0])
    return (
        f"<details><summary><span>{number}</span><code>{escape(sent.method)} {path}</code><span>{escape(chain)}</span>"
        f"<span>{size}</span><span>{len(note.changes)} masked</span><span>{note.seconds * 1000:.0f} ms</span></summary>"
        f'<table class="changes"><tbody>{rows}</tbody></table>{more}</details>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"
