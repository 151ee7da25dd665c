"""The health page and its operation: what the sources say, as pictures that need no eyes, and nothing that a page could run."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

from gateway.core.masked import seal
from gateway.core.message import Headers, Outbound
from gateway.core.outcome import Send
from gateway.core.report import Finding, Report
from gateway.monitor import wire
from gateway.monitor.drift import Client
from gateway.monitor.monitor import Knowledge, Monitor
from tests.console.serving import served
from tests.subject import default_rules, trackers

SENT = Send(
    seal(Outbound("POST", "/e/", Headers([]), b"{}"), "program"),
    Report("posthog", findings=Counter({Finding("cards", "mask", "a"): 1})),
)


def monitor():
    knowledge = Knowledge.of(default_rules(), trackers(), ["shop"], ["program"])
    return Monitor(0.01, 3600.0, knowledge, lambda *_, **__: None)


def test_the_page_and_the_api_tell_the_same(tmp_path, monkeypatch):
    async def story():
        async with served(tmp_path, monkeypatch) as console:
            watch = monitor()
            found = wire.Told([("properties.title", "email", 2)], [["body", "event"]])
            watch._note(Client("shop", "posthog"), SENT, found)
            console.desk.sources.append(watch)
            console.desk.hour.take()
            console.desk.hour.take()
            token = await console.token()
            status, told, _ = await console.api("GET", "/health", token)
            assert status == 200
            (residue,) = told["monitor"]["residues"]
            assert (residue["route"], residue["place"], residue["detector"], residue["count"]) == (
                "shop",
                "properties.title",
                "email",
                2,
            )
            assert {"reason": "residue_found", "about": "shop"} in told["reasons"]
            assert told["ready"] is True
            assert len(told["times"]) >= 2
            await console.log_in("vic")
            async with console.client.get(console.url + "/health") as answer:
                page = await answer.text()
                assert answer.status == 200
            assert "properties.title" in page
            assert 'role="img"' in page
            assert re.search(r"<title[^>]*>Residues found by the second reading\. email: ", page)
            assert not re.search(r"<script(?! src)| style=| on\w+=", page)
            async with console.client.get(console.url + "/health?again=on") as answer:
                assert '<meta http-equiv="refresh" content="30">' in await answer.text()

    asyncio.run(story())


def test_without_a_monitor_it_says_how_to_get_one(tmp_path, monkeypatch):
    async def story():
        async with served(tmp_path, monkeypatch) as console:
            status, told, _ = await console.api("GET", "/health", await console.token())
            assert (status, told["monitor"]) == (200, None)
            await console.log_in("vic")
            async with console.client.get(console.url + "/health") as answer:
                assert "monitor: on" in await answer.text()

    asyncio.run(story())
