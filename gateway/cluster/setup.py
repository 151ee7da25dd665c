"""A configuration's `cluster:` as what runs: where accepted events wait, and what is lent of sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.cluster.link import Link, Servers
from gateway.cluster.sessions import STATES, ClusterSessions
from gateway.cluster.spool import ClusterStore
from gateway.config import ClusterSettings, Secret, Settings, read_text
from gateway.core.errors import UserError
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
    login = _text(settings.login, os.environ if environ is None else environ, settings.where) if settings.login else ""
    return Servers(
        settings.servers, settings.replicas, login, settings.ca, settings.certificate, settings.key, settings.where
    )


def _text(secret: Secret, environ: Mapping[str, str], where: str) -> str:
    if secret.file is not None:
        return read_text(secret.file).strip()
    if not (text := environ.get(secret.variable)):
        raise UserError(f"cluster.login: the environment variable {secret.variable} is not set", where)
    return text
