"""A configuration's `cluster:` as what runs: where accepted events wait, and what is lent of sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway import secret
from gateway.cluster.link import Link, Servers
from gateway.cluster.sessions import STATES, ClusterSessions
from gateway.cluster.spool import ClusterStore
from gateway.config import ClusterSettings, Settings
from gateway.keyring import KeyRing
from gateway.spool.seal import RECORDS, Sealer


@dataclass(frozen=True, slots=True)
class Cluster:
    """Both, over one connection. The store closes it."""

    link: Link
    store: ClusterStore
    sessions: ClusterSessions

    async def open(self) -> None:
        """Makes all streams at once, so that a first start waits for one election. Raises `UserError`."""
        async with self.link.opening():
            await self.link.ensure(*self.sessions.streams(), *self.store.streams())
            await self.sessions.open()

    def use(self, ring: KeyRing, *, limit: int, keep: float) -> None:
        """Takes up other keys and bounds (a reload)."""
        self.store.use(Sealer(ring, RECORDS), limit=limit, keep=keep)
        self.sessions.use(Sealer(ring, STATES))


def make_cluster(settings: Settings, ring: KeyRing, masking_key: bytes) -> Cluster | None:
    """None where the configuration names no cluster. Raises `UserError`."""
    if settings.cluster is None or settings.spool is None:
        return None
    link = Link(servers_of(settings.cluster))
    store = ClusterStore(
        link,
        Sealer(ring, RECORDS),
        limit=settings.spool.limit,
        keep=settings.spool.keep,
        largest=settings.limits.body,
    )
    sessions = ClusterSessions(link, Sealer(ring, STATES), masking_key, settings.sessions.idle)
    return Cluster(link, store, sessions)


def servers_of(settings: ClusterSettings, environ: Mapping[str, str] | None = None) -> Servers:
    """Where the servers are, with the login that gateway.yaml names."""
    told = settings.login
    login = secret.read(told, "cluster.login", environ, settings.where).strip() if told is not None else ""
    return Servers(
        settings.servers, settings.replicas, login, settings.ca, settings.certificate, settings.key, settings.where
    )
