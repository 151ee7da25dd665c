"""A visitor in Chromium, the published rrweb and posthog-js, HTTPS, and the gateway on a path of the page's own origin.

Set up as a site owner would: nginx serves the shop and passes `/t/` to `gateway run`, which trusts it and forwards to one
backend. What arrives there is opened by the judge's decoder. The same visit without the gateway shows that every secret would
arrive. Opted out, nothing may reach the backend, and the page may not notice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.judge.decoder import decode

from .backend import Backend
from .events import rrweb_events
from .processes import HERE, front, gateway, next_line, node, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.judge.recorded import Request

HOST = "shop.example.test"
TYPED = {
    "#name": "Ondrabel Tuvikson",
    "#email": "ondrabel.tuvikson@mail.test",
    "#password": "Vantor-Keppel-83!",
    "#card": "4012888888881881",
    "#note": "Xandermooi gate, ring twice",
    "#letter": "Mirandolf sends regards",
}
PARTING = {"#name": "Quintabellon"}
CHOSEN = {"#gift": "gift-zibbelkorn"}
TICKED = ("#club",)
SECRETS = {
    **TYPED,
    "typed when leaving": "Quintabellon",
    "textarea's own text": "Brockelmanns",
    "select's value": "gift-zibbelkorn",
    "select's text": "Zibbelkorn",
    "checkbox's value": "club-yantrapol",
    "hidden input": "cust-plimvardo-7781",
    "private text": "Tarquinelle",
    "private text that came later": "Rue Gannevoix 8",
    "token in the address": "tok-mirrobelle-55",
    "user's id": "user-quorvandis",
    "user's e-mail": "trait.person@mail.test",
}
SHORTEST_PREFIX, TELLING_PREFIX = 5, 8
THE_ORDER_IS_PAID = "The lamp is on its way"
KEPT = ("Your lamp is nearly yours", THE_ORDER_IS_PAID, "Thank you", "Checkout at the lamp shop", "lamp ordered")
RRWEB, POSTHOG_RECORDING = "/events", "/s/"


@dataclass(frozen=True, slots=True)
class Visit:
    """What the page showed, what the browser asked nginx for under `/t/`, and what arrived at the backend."""

    button: str
    errors: list[str]
    asked: list[str]
    arrived: list[Request]

    def events(self, path: str) -> list[Any]:
        return events(self.arrived, path)

    def texts(self) -> list[str]:
        """Every text that arrived: each leaf of each request, and each layer as a whole."""
        opened = [decode(request) for request in self.arrived]
        return [found.text for request in opened for found in (*request.leaves, *request.layers)]


def events(requests: list[Request], path: str) -> list[Any]:
    return rrweb_events(request.body for request in requests if request.target.startswith(path))


def posts_to(lines: list[str], prefix: str) -> int:
    return sum(line.startswith(f"POST {prefix}") for line in lines)


def has_all(requests: list[Request]) -> bool:
    """Whether both recordings show the paid order."""
    return all(THE_ORDER_IS_PAID in json.dumps(events(requests, path)) for path in (RRWEB, POSTHOG_RECORDING))


def has_left(requests: list[Request]) -> bool:
    return any(leaf.text == "$pageleave" for request in requests for leaf in decode(request).leaves)


def certify(home: Path) -> str:
    """A certificate for the shop by an authority of this test; gives what Chromium is told to trust: its key's digest."""
    leaf = trustme.CA().issue_cert(HOST)
    leaf.private_key_pem.write_to_path(home / "site.key")
    leaf.cert_chain_pems[0].write_to_path(home / "site.pem")
    key = x509.load_pem_x509_certificate((home / "site.pem").read_bytes()).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


def walk(
    home: Path,
    backend: Backend,
    behind: Mapping[str, str],
    *,
    cookies: Mapping[str, str],
    gpc: bool,
    recorded: bool,
) -> tuple[str, list[str], list[str]]:
    """One visit of the shop, with `behind` answering below `/t/`: the button's text, the errors, what nginx was asked for."""
    site = home / "site"
    shutil.copytree(HERE / "site", site)
    spki = certify(home)

    def asked() -> list[str]:
        lines = (home / "access.log").read_text().splitlines()
        return [line for line in lines if line.split()[1].startswith("/t/")]

    with front(home, site, HOST, behind) as port:
        job = {
            "host": HOST, "spki": spki, "origin": f"https://{HOST}:{port}", "site": str(site),
            "typed": TYPED, "chosen": CHOSEN, "ticked": TICKED, "parting": PARTING,
            "cookies": cookies, "gpc": gpc, "recorded": recorded, "screenshot": str(home / "page.png"),
        }  # fmt: skip
        with node("live.mjs", home, job) as visitor:
            paid = next_line(visitor, home / "live.mjs.log")
            if recorded:
                backend.wait_until(has_all, "both recordings of the paid order")
            visitor.stdin.write("go on\n")
            visitor.stdin.flush()
            left = next_line(visitor, home / "live.mjs.log")
            if recorded:
                backend.wait_until(has_left, "the end of the visit")
            wait_until(lambda: posts_to(asked(), "/t/rr/") >= left["posted"], "not every batch of rrweb was posted")
    return paid["button"], left["errors"], asked()


def behind_nginx(backend: Backend) -> dict[str, Any]:
    """What gateway.yaml says: two routes to one backend, behind the shop's own nginx."""
    upstream = f"http://127.0.0.1:{backend.port}"
    return {
        "tls": {"mode": "behind_proxy"},
        "trusted_proxies": ["127.0.0.0/8"],
        "routes": [
            {"path": "/t/rr/", "tracker": "rrweb", "upstream": upstream},
            {"path": "/t/ph/", "tracker": "posthog", "upstream": upstream},
        ],
    }


def visit(
    home: Path,
    *,
    cookies: Mapping[str, str] | None = None,
    gpc: bool = False,
    recorded: bool = True,
) -> Visit:
    with Backend() as backend, gateway(home, behind_nginx(backend)) as port:
        behind = {"/t/": f"http://127.0.0.1:{port}"}
        seen = walk(home, backend, behind, cookies=cookies or {}, gpc=gpc, recorded=recorded)
    return Visit(*seen, backend.requests)


@pytest.fixture(scope="module")
def recorded(packages, tmp_path_factory) -> Visit:
    return visit(tmp_path_factory.mktemp("recorded"))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_does_not_arrive(recorded, secret):
    prefixes = {secret[:end].lower() for end in range(SHORTEST_PREFIX, TELLING_PREFIX)}
    telling = secret[:TELLING_PREFIX].lower()
    assert [text for text in map(str.lower, recorded.texts()) if text in prefixes or telling in text] == []


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_arrives(recorded, text):
    assert any(text in arrived for arrived in recorded.texts())


def test_the_page_works_and_shows_no_error(recorded):
    assert recorded.button == "Thank you"
    assert recorded.errors == []
    assert {line.split()[-1] for line in recorded.asked} == {"200"}


def test_the_recordings_play(recorded, play):
    """With the whole form in the tree that the player builds, and nothing to complain of."""
    played = play({"live-rrweb": recorded.events(RRWEB), "live-posthog": recorded.events(POSTHOG_RECORDING)})
    for recording in played.values():
        assert recording["complaints"] == []
        names = {line.split()[-1] for line in recording["outlines"]["played"]}
        assert names >= {"FORM", "INPUT", "TEXTAREA", "SELECT", "OPTION", "BUTTON", "DIV", "B"}


@pytest.mark.parametrize(
    "signal", [{"cookies": {"gateway_opt_out": "1"}}, {"gpc": True}], ids=["opt-out cookie", "Sec-GPC"]
)
def test_nothing_of_an_opted_out_visitor_reaches_the_backend_and_the_page_does_not_notice(packages, tmp_path, signal):
    seen = visit(tmp_path, **signal, recorded=False)
    assert posts_to(seen.asked, "/t/rr/") > 2
    assert posts_to(seen.asked, "/t/ph/") > 0
    assert seen.arrived == []
    assert seen.button == "Thank you"
    assert seen.errors == []


def test_without_the_gateway_every_secret_would_arrive(packages, tmp_path):
    """The check of the check: rrweb straight to the backend, through the same nginx, browser and decoder."""
    with Backend() as backend:
        behind = dict.fromkeys(("/t/rr/", "/t/ph/"), f"http://127.0.0.1:{backend.port}/")
        walk(tmp_path, backend, behind, cookies={}, gpc=False, recorded=True)
    texts = [leaf.text for request in backend.requests for leaf in decode(request).leaves]
    assert [name for name, secret in SECRETS.items() if not any(secret in text for text in texts)] == []
