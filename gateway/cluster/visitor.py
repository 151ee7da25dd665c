"""What a cluster's servers hold of one visitor: records of the spool, and states of sessions; shown, and taken out.

A state holds no text and no id; whose it is, its fingerprints of secrets tell, since an id that was hashed is one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from gateway.cluster import sessions, spool
from gateway.cluster.setup import Cluster
from gateway.ruleset.secrets import Memories
from gateway.ruleset.state import unpack
from gateway.spool.visitor import Gathering, Held, Names, Search, at_of


async def search_records(cluster: Cluster, names: Names, lanes: Mapping[str, Collection[bytes]]) -> Search:
    """The records of a visitor on the routes of `lanes`, with the rest of their sessions."""
    found = Gathering(names, lanes)
    async for _, label, size, entry in cluster.store.records(tuple(lanes)):
        found.add(label, size, entry.masked.request if entry is not None else None)
    return found.search()


async def search_states(cluster: Cluster, memories: Memories, visitor: str) -> Search:
    """The sessions that keep this id secret. A state that does not open is nobody's: it is unknown to all gateways."""
    held = []
    async for number, state, at, size in cluster.sessions.states():
        if memories.knows(unpack(state)[1], visitor):
            held.append(Held(number, "session", at_of(at), size, named=True))
    return Search(tuple(held), 0)


async def wipe(cluster: Cluster, records: Sequence[Held], states: Sequence[Held]) -> int:
    """Takes them out; the servers overwrite what they delete."""
    for stream, held in ((spool.STREAM, records), (sessions.STREAM, states)):
        for one in held:
            await cluster.link.remove(stream, one.position)
    return len(records) + len(states)
