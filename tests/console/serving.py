"""A console over sockets, with accounts, in one process: what runs behind it is a stand-in that says what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from gateway import config
from gateway.config import Address, ConsoleSettings, ConsoleTls
from gateway.console import passwords
from gateway.console.call import Desk, open_desk
from gateway.console.context import context_of
from gateway.console.role import Role
from gateway.console.server import Console
from gateway.keyring import ring_of
from gateway.maskers.blueprint import Blueprint
from gateway.maskers.setup import blueprint_of
from gateway.proxy.masking import Programs
from gateway.secret import Secret
from gateway.traffic import Traffic

PASSWORD = "correct horse battery"
KEY = "a" * 64
CONFIGURATION = """
tls: {mode: off}
listen: 127.0.0.1:0
routes:
  - {name: shop, path: /t/, tracker: posthog, upstream: 'http://127.0.0.1:9'}
  - {name: errors, path: /s/, tracker: sentry, upstream: 'http://127.0.0.1:9'}
rules: [default, rules/my-shop.yaml]
masking_key: file:masking.key
"""
RULES = """extends: default
mask:
  - name: order notes
    fields: ["**.order.note"]
    with: drop
tests:
  - name: an order's note is dropped
    tracker: posthog
    input: {event: x, properties: {order: {note: "by the door"}}}
    expect: {event: x, properties: {order: {}}}
"""


@dataclass
class Running:
    """What `Control` promises, of one configuration file."""

    path: Path
    digests: tuple[str, ...] = ("d" * 64,)
    held: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        self.configuration = config.load(self.path)

    def blueprint(self, digest=""):
        assert isinstance(digest, str)
        return blueprint_of(self.configuration, config.masking_keys(self.configuration.settings)).packed()

    @property
    def context(self):
        return context_of(self.configuration, self.blueprint(), self.path.parent)

    async def reload(self):
        self.configuration = await asyncio.to_thread(config.load, self.path)

    async def mask(self, inbound):
        return Programs(Blueprint.unpacked(self.blueprint()).programs()).mask(inbound)

    def shadow(self, shadow):
        self.tried = shadow

    def hold(self, routes):
        self.held = dict(routes)


@dataclass
class Served:
    desk: Desk
    running: Running
    url: str
    client: aiohttp.ClientSession

    def programs(self):
        """The pipeline of the live rules."""
        return Programs(Blueprint.unpacked(self.running.blueprint()).programs())

    async def token(self, role=Role.ADMIN, name="ann"):
        account = self.desk.accounts.get(name)
        text, _ = self.desk.tokens.make(account, "test", role, 3600.0, time.time())
        return text

    async def api(self, method, path, token, body=None, **headers):
        """Status, answer and headers of one call."""
        fields = {"Authorization": f"Bearer {token}"} if token else {}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, f"{self.url}/api/v1{path}", headers=fields, json=body) as answer:
            told = await answer.json(content_type=None) if answer.status != 204 else None
            return answer.status, told, answer.headers

    async def log_in(self, name="ann", password=PASSWORD, **headers):
        fields = {"Origin": self.url} | {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.client.post(
            f"{self.url}/login", data={"name": name, "password": password}, headers=fields, allow_redirects=False
        )


@contextlib.asynccontextmanager
async def served(folder, monkeypatch, tls=None, **more):
    """With `tls` (a trustme authority) as for other machines; else for this one.

    A console with the admin ann, the editor ed and the viewer vic. Hashing is quick here; how slow it is, is tested elsewhere."""
    monkeypatch.setattr(passwords, "ROUNDS", 4)
    (folder / "rules").mkdir()
    (folder / "gateway.yaml").write_text(CONFIGURATION)
    (folder / "rules" / "my-shop.yaml").write_text(RULES)
    context = trusting = None
    if tls is not None:
        more |= {"tls": ConsoleTls(certificate=folder / "c.pem", key=folder / "c.key"), "hosts": ("gateway.example",)}
        context, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
        tls.issue_cert("127.0.0.1").configure_cert(context)
        tls.configure_trust(trusting)
    listen = Address("127.0.0.1" if tls is None else "0.0.0.0", 0)
    settings = ConsoleSettings(listen=listen, path=folder / "console.db", key=Secret(variable="X"), **more)
    running = Running(folder / "gateway.yaml")
    desk = open_desk(settings, ring_of(KEY, "test"), [], Traffic(keep=True, debug=True), running)
    for name, role in (("ann", Role.ADMIN), ("ed", Role.EDITOR), ("vic", Role.VIEWER)):
        desk.accounts.add(name, role, PASSWORD, time.time() - 60)
    console = Console([], desk, settings.hosts)
    await console.start(socket.create_server(("127.0.0.1", 0)), context)
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(ssl=trusting if trusting is not None else True)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as client:
        try:
            scheme = "http" if tls is None else "https"
            yield Served(desk, running, f"{scheme}://127.0.0.1:{console.address[1]}", client)
        finally:
            await console.close()
