"""`gateway forget` on a real cluster: a visitor's records and states are found and taken out, everybody else's stay."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from gateway import config
from gateway.cli.app import gateway
from gateway.cluster.setup import make_cluster
from gateway.core.pipeline import mask
from gateway.maskers.setup import blueprint_of
from gateway.spool.keys import spool_ring
from gateway.spool.store import Entry
from tests.cli.test_forget import ANNA, BERT, event, nameless

CONFIGURATION = """\
cluster: "{url}"
spool: {{key: file:ring.json, limit: 64MiB}}
limits: {{body: 512KiB}}
routes: [{{name: t, path: /t/, tracker: posthog, upstream: 'https://eu.i.posthog.com'}}]
"""


def test_a_visitor_is_wiped_from_the_servers_and_the_others_stay(mortal, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(CONFIGURATION.format(url=mortal.url))

    def call(*words):
        result = CliRunner().invoke(gateway, list(words))
        assert result.exit_code == 0, result.output
        return result.stdout

    call("keys", "create", "--of", "spool")
    loaded = config.load(Path("gateway.yaml"))
    (program,) = blueprint_of(loaded, config.masking_keys(loaded.settings)).programs().values()

    async def fill():
        cluster = make_cluster(loaded.settings, spool_ring(loaded.settings.spool), program.keys.master)
        await cluster.open()
        for visitor, session in ((ANNA, "session-of-anna-1"), (BERT, "session-of-bert-1")):
            for inbound in (event(visitor, session), nameless(session)):
                sent = mask(inbound, program, program.clock)
                assert await cluster.store.append(Entry(sent.masked, "t", sent.session, "posthog"))
            name = f"t\0posthog\0{session}"
            async with cluster.sessions.borrow([name]) as loan:
                state = program.export_state([name])
                assert state[name]
                assert await loan.give_back(state)
        await cluster.store.close()

    run(fill())
    told = json.loads(call("forget", ANNA, "--show", "--json"))
    assert [one["named"] for one in told["held"]["spool"]] == [True, False]
    assert len(told["held"]["sessions"]) == 1
    assert json.loads(call("forget", ANNA, "--yes", "--json"))["wiped"] == {"spool": 2, "sessions": 1}
    assert json.loads(call("forget", ANNA, "--show", "--json"))["held"] == {"spool": [], "sessions": []}
    told = json.loads(call("forget", BERT, "--show", "--json"))
    assert (len(told["held"]["spool"]), len(told["held"]["sessions"])) == (2, 1)

    async def opt_out():
        cluster = make_cluster(loaded.settings, spool_ring(loaded.settings.spool), program.keys.master)
        await cluster.open()
        gone = await cluster.store.forget({"t": {program.keys.session("t", "posthog", "session-of-bert-1")}})
        await cluster.store.close()
        return gone

    assert run(opt_out()) == 2
    assert json.loads(call("forget", BERT, "--show", "--json"))["held"]["spool"] == []
