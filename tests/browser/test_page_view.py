"""From a page to a rule: posthog-js records a shop, the console shows the page, an element is clicked, its rule tried and published,
and the visitor's next page leaves masked by it.

Everything is what runs in production: nginx, `gateway run` with its console, an account, Chromium for the visitor and for the editor.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys

from tests.judge.decoder import decode

from .backend import Backend
from .processes import HERE, free_port, front, gateway, next_line, node
from .test_live import HOST, behind_nginx, certify

SHOWN = "One brass desk lamp, 39.90"
TYPED = "Ondrabel Tuvikson"
PRIVATE = [TYPED, "Tarquinelle", "Brockelmanns", "cust-plimvardo-7781"]
PASSWORD = "correct horse battery"


def holding(requests, text):
    """How many requests hold a text, in any layer."""
    return sum(any(text in found.text for found in decode(one).leaves) for one in requests)


def of_page(requests):
    return [one for one in requests if one.target.startswith("/s/")]


def test_an_element_that_is_clicked_is_masked_from_the_next_page_on(packages, tmp_path, monkeypatch):
    monkeypatch.setenv("CONSOLE_KEY", secrets.token_hex(32))
    console = free_port()
    shutil.copytree(HERE / "site", tmp_path / "site")
    spki = certify(tmp_path)
    with Backend() as backend:
        settings = {**behind_nginx(backend), "console": {"listen": f"127.0.0.1:{console}", "key": "env:CONSOLE_KEY"}}
        with (
            gateway(tmp_path, settings) as port,
            front(tmp_path, tmp_path / "site", HOST, {"/t/": f"http://127.0.0.1:{port}"}) as shop,
        ):
            command = [sys.executable, "-m", "gateway", "users", "add", "ed", "--role", "editor"]
            subprocess.run(
                command, cwd=tmp_path, input=f"{PASSWORD}\n", text=True, check=True, timeout=60, capture_output=True
            )
            job = {
                "host": HOST, "spki": spki, "origin": f"https://{HOST}:{shop}", "site": str(tmp_path / "site"), "typed": TYPED,
                "console": f"http://127.0.0.1:{console}", "name": "ed", "password": PASSWORD, "shown": SHOWN, "file": "rules.yaml",
                "private": PRIVATE, "screenshots": str(tmp_path),
            }  # fmt: skip
            with node("page_view.mjs", tmp_path, job) as people:
                told = next_line(people, tmp_path / "page_view.mjs.log")
                before = len(backend.requests)
                people.stdin.write("go on\n")
                people.stdin.flush()
                next_line(people, tmp_path / "page_view.mjs.log")
                backend.wait_until(
                    lambda found: holding(of_page(found[before:]), "Your lamp is nearly yours"), "the second page"
                )
    assert told["errors"] == []
    assert told["leaked"] == []
    assert told["keyboard"]
    assert SHOWN not in told["tried"]
    assert "***" in told["tried"]
    assert json.dumps(told["selector"]) in told["rule"]
    written = (tmp_path / "rules.yaml").read_text()
    assert told["selector"] in written
    assert "private parts of our pages" in written
    assert holding(of_page(backend.requests[:before]), SHOWN)
    assert holding(of_page(backend.requests[before:]), SHOWN) == 0
